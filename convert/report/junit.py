"""The gate as JUnit XML, which CI systems show test by test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from trtconv.gating import Gate, Step

KIND = {"failed": "failure", "error": "error", "not run": "skipped"}


def document(gates: Sequence[Gate]) -> str:
    """One suite a model, one case a step."""
    steps = [s for g in gates for s in g.steps]
    root = ElementTree.Element("testsuites", {"name": "trtconv", **_counts(steps)})
    for one in gates:
        suite = ElementTree.SubElement(root, "testsuite", {"name": one.model, **_counts(one.steps)})
        for step in one.steps:
            _case(suite, one, step)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _counts(steps: Sequence[Step]) -> dict[str, str]:
    def count(status: str) -> str:
        return str(sum(s.status == status for s in steps))

    return {
        "tests": str(len(steps)),
        "failures": count("failed"),
        "errors": count("error"),
        "skipped": count("not run"),
        "time": f"{sum(s.seconds for s in steps):.3f}",
    }


def _case(suite: ElementTree.Element, one: Gate, step: Step) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=one.model, name=f"{step.name} ({one.target})", time=f"{step.seconds:.3f}"
    )
    if step.status in KIND:
        result = ElementTree.SubElement(case, KIND[step.status], message=step.summary)
        result.text = "\n".join(f"{f.pass_name} at {f.node} ({f.op_type}): {f.why}" for f in step.findings) or None
