"""A model that the target's parser or builder refuses: which nodes, why, and which pass would mend them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.errors import TrtconvError
from trtconv.parser.parsing import error_text, named

if TYPE_CHECKING:
    from trtconv.findings import Finding
    from trtconv.runtimes.engine import Built
    from trtconv.runtimes.network import ParserError
    from trtconv.runtimes.products import Product

SHOWN = 10
"""Errors that the message lists; `errors` has them all."""


class BuildRefused(TrtconvError):
    """The parser or the builder refuses the model (exit code 1): a finding about the model, not a failure of ours."""

    exit_code = 1
    errors: tuple[ParserError, ...] = ()
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, object]:
        """As of any error, with the parser's errors and what passes say of their nodes."""
        errors, findings = [e.to_json() for e in self.errors], [f.to_json() for f in self.findings]
        return {**super().to_json(), "parser_errors": errors, "findings": findings}


def refusal(built: Built, path: Path, product: Product) -> BuildRefused:
    """The error for what `built` could not be, with a word on the passes that would help."""
    from trtconv.runtimes.network import ParserError
    from trtconv.storage.files import open_model

    errors = named(built.errors, open_model(path))
    if not errors:
        errors = tuple(ParserError(node, "", built.failure, "BUILDER") for node in _nodes_in(built.failure) or [""])
    findings = _findings(path, product, built.version, {error.node for error in errors})
    title = f"{product.title} {built.version}"
    if built.errors:
        what = f"{title} refuses {path.name}: its parser rejects {_count(errors)}"
        where = "\n         ".join(map(error_text, errors[:SHOWN]))
    else:
        what, where = f"{title} refuses {path.name}: its parser takes it, its builder does not", built.failure
    refused = BuildRefused(what, where=where, do=_advice(findings, path, errors))
    refused.errors, refused.findings = errors, findings
    return refused


def _count(errors: Sequence[ParserError]) -> str:
    nodes = {error.node for error in errors}
    shown = f", of which {SHOWN} are shown" if len(errors) > SHOWN else ""
    return ("1 node" if len(nodes) == 1 else f"{len(nodes)} nodes") + shown


def _nodes_in(failure: str) -> list[str]:
    """Names of the nodes in the builder's `{ForeignNode[first...last]}`, or none."""
    match = re.search(r"\{ForeignNode\[(.*?)(?:\.\.\.(.*?))?\]\}", failure)
    return [name for name in match.groups() if name] if match else []


def _findings(path: Path, product: Product, version: str, nodes: set[str]) -> tuple[Finding, ...]:
    """What the passes say of `nodes`, or of all where no node is named, for the version that refused them."""
    from trtconv.linting import find_all
    from trtconv.passes.core import Target
    from trtconv.passes.core.catalogue import catalogue
    from trtconv.passes.core.target import parse_version
    from trtconv.storage.loading import load

    target = Target(product.name, parse_version(version)[:2])
    found = find_all(load(path), target, catalogue().values(), [], refusals=True)
    return tuple(f for f in found if f.is_fatal and (f.node in nodes or nodes == {""}))


def _advice(findings: Sequence[Finding], path: Path, errors: Sequence[ParserError]) -> str:
    mends = [f"{f.pass_name} at {f.node}" for f in findings if not f.refusal]
    cannot = [f"{f.pass_name} cannot mend {f.node}: {f.refusal}" for f in findings if f.refusal]
    if mends:
        return "; ".join([f"`trtconv fix {path.name}` mends it ({', '.join(mends[:SHOWN])})", *cannot[:SHOWN]])
    if cannot:
        return "; ".join(cannot[:SHOWN])
    return _meaning(errors) or (
        f"try `trtconv fix {path.name}`, which may do away with it by folding constants; no pass is about it, so else "
        "change the export so that it is not made"
    )


def _meaning(errors: Sequence[ParserError]) -> str:
    """What the product's own words mean and call for; empty where nothing is known of them."""
    from trtconv.parser.explaining import explain_error

    found = explain_error("\n".join(error.text for error in errors)).explanations
    return "; ".join(dict.fromkeys(f"{e.means}: {e.do}" for e in found))
