"""Edits that trade a refusal for a wrong result: better the refusal, which everybody hears of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trtconv.passes.core import Effect
from trtconv.passes.core.base import Evidence

if TYPE_CHECKING:
    from trtconv.findings import Finding
    from trtconv.passes.core import Edit


def bad_bargains(edits: Sequence[Edit], left: Iterable[Finding]) -> list[Edit]:
    """Edits of what the target refuses that end in what it gets wrong and no pass can mend; why, in the evidence."""
    found: dict[tuple[str, str], Edit] = {}
    for finding in left:
        if finding.effect != Effect.SILENT or not finding.refusal:
            continue
        origin = _origin(finding.node, edits)
        if origin is not None and origin.effect is Effect.REFUSED:
            why = f"{finding.op_type} at {finding.node}, {finding.why}; {finding.refusal}"
            found[origin.pass_name, origin.node] = replace(origin, evidence=Evidence("misread", why=why))
    return list(found.values())


def _origin(node: str, edits: Sequence[Edit]) -> Edit | None:
    """The first of the edits that a node of this name came of, one after the other."""
    origin = None
    for edit in reversed(edits):
        if any(n.label == node for n in edit.after):
            origin, node = edit, edit.node
    return origin
