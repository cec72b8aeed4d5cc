"""What is looked into inside two models: where they part, and how the error grows from tensor to tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtconv.divergence.bisect import Parting
    from trtconv.divergence.error_curve import ErrorCurve
    from trtconv.feeding.inputs import Case
    from trtconv.parity import Leg
    from trtconv.passes.core import Edit, Model


WRONG = ("onnxruntime", "parity", "failed")


@dataclass(frozen=True)
class Tracing:
    """What the caller wants to know of a difference, and the edits that may have made it."""

    bisect: bool = False
    edits: Sequence[Edit] = ()
    curve: bool = False

    def parting(
        self, original: Model, model: Model, legs: Sequence[Leg], cases: Sequence[Case], notes: list[str]
    ) -> Parting | None:
        """Where the first case that differs parts; None where nothing was asked or differs, with a note otherwise."""
        from trtconv.divergence.bisect import find_parting
        from trtconv.runtimes.onnxruntime import failures, reason

        if not self.bisect or not _failed(legs):
            return None
        case = _case(legs, cases)
        try:
            found = find_parting(original, model, case, self.edits)
        except failures() as error:
            notes.append(f"where they part cannot be told: {reason(error)}")
            return None
        if found is None:
            notes.append("they part nowhere at once: the error grows from node to node")
        return found

    def error_curve(
        self, original: Model, model: Model, legs: Sequence[Leg], cases: Sequence[Case], notes: list[str]
    ) -> ErrorCurve | None:
        """The error of every tensor in the first case that differs, else in the first; None, with a note, without."""
        from trtconv.divergence.error_curve import measure_curve
        from trtconv.runtimes.onnxruntime import failures, reason

        if not self.curve or not cases:
            return None
        try:
            return measure_curve(original, model, _case(legs, cases), self.edits)
        except failures() as error:
            notes.append(f"there is no error curve: {reason(error)}")
            return None


def _failed(legs: Sequence[Leg]) -> list[Leg]:
    return [leg for leg in legs if (leg.runtime, leg.kind, leg.status) == WRONG]


def _case(legs: Sequence[Leg], cases: Sequence[Case]) -> Case:
    """The first case that differs, else the first."""
    differing = {o.case for leg in _failed(legs) for o in leg.outputs if not o.passed}
    return next((c for c in cases if c.name in differing), cases[0])
