"""Passes and parser side by side: what the real parser says of a linted model, and where the two disagree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trtconv.errors import BadInput, NativeFailure, Unavailable
from trtconv.findings import PARSER, Finding

if TYPE_CHECKING:
    from trtconv.parser.parsing import ParserVerdict, Source
    from trtconv.passes.core import Model, Node, Target
    from trtconv.runtimes.network import ParserError


@dataclass(frozen=True)
class Disagreement:
    """A node of which the passes and the parser of the target say different things."""

    node: str
    op_type: str
    passes: str
    parser: str

    def __str__(self) -> str:
        return f"{self.node or 'the graph'}: {self.passes}, but {self.parser}"

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return dict(vars(self))


def ask(source: Source, target: Target, parser: bool | None) -> tuple[ParserVerdict | None, str]:
    """The verdict of the installed parser, or None, and why there is none where a reader would expect one.

    With `parser` None, it is asked where the product is installed in the target's version and works on this machine.
    True raises Unavailable where that is not so; False asks nothing.
    """
    from trtconv.parser.parsing import parse_with
    from trtconv.runtimes.choice import product_for

    if parser is False:
        return None, ""
    try:
        product = product_for(str(target))
        return parse_with(product.name, source), ""
    except NativeFailure as error:
        return _crash(target, product.version or "", error), ""
    except (Unavailable, BadInput) as error:
        if parser:
            raise
        return None, f"the parser was not asked: {error.what}" if isinstance(error, BadInput) else ""


def _crash(target: Target, version: str, error: NativeFailure) -> ParserVerdict:
    from trtconv.parser.parsing import ParserVerdict
    from trtconv.runtimes.network import ParserError

    seen = re.search(r"last seen at node (.*) \((\w+)\)$", error.what, re.DOTALL)
    node, op_type = seen.groups() if seen else ("", "")
    return ParserVerdict(target.product, version, False, (ParserError(node, op_type, error.what, "CRASHED"),))


def compare(
    findings: Sequence[Finding], verdict: ParserVerdict, model: Model
) -> tuple[tuple[Finding, ...], tuple[Disagreement, ...]]:
    """The findings with those added that no pass foresaw, and where passes and parser disagree.

    A parser that refuses may have stopped there: only one that accepts says something of every node.
    """
    from trtconv.runtimes.products import product_named

    name = f"{product_named(verdict.product).title} {verdict.version}"
    if verdict.accepted:
        return tuple(findings), tuple(_accepted(f, name) for f in findings if f.effect == "refused")
    foreseen = {f.node for f in findings if f.effect == "refused"}
    nodes = {node.label: node for graph in model.graphs() for node in graph.nodes}
    added: list[Finding] = []
    seen: set[str] = set()
    for error in verdict.errors:
        if error.node not in foreseen | seen or not error.node:
            seen.add(error.node)
            where = f" (in {' > '.join(error.functions)})" if error.functions else ""
            added.append(_finding(error, error.message + where, nodes.get(error.node)))
    refuses = f"the parser of {name} refuses it"
    return (*findings, *added), tuple(Disagreement(f.node, f.op_type, "no pass foresees it", refuses) for f in added)


def _finding(error: ParserError, why: str, node: Node | None) -> Finding:
    from trtconv.parser.explaining import explain_error

    meaning = "; ".join(f"{e.means}" for e in explain_error(error.text).explanations)
    found = Finding(PARSER, "refused", error.node, error.op_type, f"{why} ({meaning})" if meaning else why)
    return found if node is None else replace(found, **Finding.place(node))


def _accepted(finding: Finding, name: str) -> Disagreement:
    says = f"{finding.pass_name} says refused"
    return Disagreement(
        finding.node, finding.op_type, says, f"the parser of {name} accepts it (its builder may still refuse)"
    )
