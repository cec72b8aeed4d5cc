"""What is looked into when outputs differ in ONNX Runtime: where the two models part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtconv.bisect import Parting
    from trtconv.inputs import Case
    from trtconv.parity import Leg
    from trtconv.passes.core import Edit, Model


WRONG = ("onnxruntime", "parity", "failed")


@dataclass(frozen=True)
class Tracing:
    """What the caller wants to know of a difference, and the edits that may have made it."""

    bisect: bool = False
    edits: Sequence[Edit] = ()

    def parting(
        self, original: Model, model: Model, legs: Sequence[Leg], cases: Sequence[Case], notes: list[str]
    ) -> Parting | None:
        """Where the first case that differs parts; None where nothing was asked or differs, with a note otherwise."""
        from trtconv.bisect import find_parting
        from trtconv.runtimes.onnxruntime import failures, reason

        failed = [leg for leg in legs if (leg.runtime, leg.kind, leg.status) == WRONG]
        if not self.bisect or not failed:
            return None
        differing = {o.case for o in failed[0].outputs if not o.passed}
        case = next((c for c in cases if c.name in differing), cases[0])
        try:
            found = find_parting(original, model, case, self.edits)
        except failures() as error:
            notes.append(f"where they part cannot be told: {reason(error)}")
            return None
        if found is None:
            notes.append("they part nowhere at once: the error grows from node to node")
        return found
