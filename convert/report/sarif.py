"""What lint found as SARIF 2.1.0, which code scanning reads: an alert a finding, the same from run to run.

The format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

from trtconv import __version__
from trtconv.config import relative
from trtconv.errors import Failed
from trtconv.findings import PARSER

if TYPE_CHECKING:
    from trtconv.findings import Finding
    from trtconv.linting import Lint
    from trtconv.report.json import Result

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVEL = {"refused": "error", "silent": "error", "slow": "warning", "note": "note"}

Object: TypeAlias = dict[str, Any]


def document(results: Sequence[tuple[str, Result]]) -> str:
    """One run a target, with the findings in all models that were looked at for it; ignored ones are suppressed.

    A model that could not be read is a notification of a run of its own.
    """
    from trtconv.linting import Lint

    runs: dict[str, list[tuple[str, Lint]]] = {}
    failed = [(model, result) for model, result in results if isinstance(result, Failed)]
    for model, result in results:
        if isinstance(result, Lint):
            runs.setdefault(result.target, []).append((model, result))
    listed = [_run(target, lints) for target, lints in runs.items()]
    if failed:
        listed.append(_run_of_failures(failed))
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": listed}, indent=2) + "\n"


def _run(target: str, lints: Sequence[tuple[str, Lint]]) -> Object:
    found = [(m, f, False) for m, lint in lints for f in lint.findings]
    found += [(m, f, True) for m, lint in lints for f in lint.ignored]
    rules = {name: index for index, name in enumerate(dict.fromkeys(f.pass_name for _, f, _ in found))}
    notes = [f"{model}: {crash}" for model, lint in lints for crash in lint.crashes]
    return {
        "tool": _tool(rules),
        "automationDetails": {"id": f"trtconv/{target}/"},
        "invocations": [_invocation(notes)],
        "results": [_result(*one, rules) for one in found],
    }


def _run_of_failures(failed: Sequence[tuple[str, Failed]]) -> Object:
    notes = [f"{model}: {result.error.what}" for model, result in failed]
    return {
        "tool": _tool(()),
        "automationDetails": {"id": "trtconv/"},
        "invocations": [_invocation(notes)],
        "results": [],
    }


def _tool(passes: Iterable[str]) -> Object:
    return {"driver": {"name": "trtconv", "version": __version__, "rules": [_rule(name) for name in passes]}}


def _invocation(notes: Sequence[str]) -> Object:
    """How the tool ran, and what went wrong inside it or with a model."""
    told = [{"level": "error", "message": {"text": note}} for note in notes]
    return {"executionSuccessful": not told, "toolExecutionNotifications": told}


def _rule(name: str) -> Object:
    """What a pass, or the parser itself, has to say in general."""
    from trtconv.passes.core.catalogue import catalogue

    if name == PARSER:
        return {"id": name, "shortDescription": {"text": "The parser of the product refuses what no pass foresaw."}}
    one = catalogue()[name]
    text = f"`trtconv explain {name}` prints the page of this pass."
    return {"id": name, "shortDescription": {"text": one.summary()}, "help": {"text": text, "markdown": one.page()}}


def _result(model: str, finding: Finding, ignored: bool, rules: dict[str, int]) -> Object:
    place, *others = _places(model, finding)
    result: Object = {
        "ruleId": finding.pass_name,
        "ruleIndex": rules[finding.pass_name],
        "level": LEVEL[finding.effect],
        "message": {"text": f"{finding.node} ({finding.op_type}): {finding.why}"},
        "locations": [{**place, "logicalLocations": _nodes(finding)}],
        "partialFingerprints": {"primaryLocationLineHash": f"{finding.fingerprint}:1"},
        "properties": {"effect": finding.effect, "tensors": list(finding.tensors)},
    }
    if others:
        result["relatedLocations"] = others
    if ignored:
        result["suppressions"] = [{"kind": "external", "justification": "ignored in the configuration of trtconv"}]
    return result


def _places(model: str, finding: Finding) -> list[Object]:
    """The model's file and the line of Python that made the node, as far as it is known; that where the alert is first.

    Code scanning shows what lies in the repository: a line of PyTorch's own is not a place for an alert.
    """
    if not finding.source:
        return [_physical(model)]
    file, _, line = finding.source.rpartition(":")
    places = [_physical(model), _physical(file, int(line))]
    return places if relative(Path(file)).is_absolute() else places[::-1]


def _nodes(finding: Finding) -> list[Object]:
    """The node, and the nn.Module that it belongs to where that is known."""
    nodes = [{"name": finding.node, "fullyQualifiedName": finding.node, "kind": "node"}]
    return [*nodes, {"fullyQualifiedName": finding.module, "kind": "module"}] if finding.module else nodes


def _physical(file: str, line: int = 1) -> Object:
    """A file as a URI relative to the working folder, which CI has at the root of the repository, where it is below.

    A model has no lines, but code scanning wants one of every alert.
    """
    path = relative(Path(file))
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
