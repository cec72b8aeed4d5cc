"""What is looked into inside a comparison: where both sides part, and how the error grows from tensor to tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from trtconv.errors import TrtconvError

if TYPE_CHECKING:
    from trtconv.divergence.bisect import Parting
    from trtconv.divergence.error_curve import ErrorCurve
    from trtconv.feeding.inputs import Case
    from trtconv.parity import Leg
    from trtconv.passes.core import Edit, Model

OF_WHAT = "of two models only, which --reference gives, or of an engine that runs"
CREEPS = "they part nowhere at once: the error grows from node to node"


class Inside(Protocol):
    """The inside of a comparison, at one case at a time. Raises one of `failures()` and any TrtconvError."""

    def parting(self, case: Case, edits: Sequence[Edit]) -> Parting | str:
        """Where both sides part, or why that cannot be told."""

    def curve(self, case: Case, edits: Sequence[Edit]) -> ErrorCurve:
        """The error of every tensor."""


@dataclass(frozen=True)
class TwoModels:
    """Two models, both in ONNX Runtime."""

    original: Model
    model: Model

    def parting(self, case: Case, edits: Sequence[Edit]) -> Parting | str:
        """The first tensor that differs."""
        from trtconv.divergence.bisect import find_parting

        return find_parting(self.original, self.model, case, edits) or CREEPS

    def curve(self, case: Case, edits: Sequence[Edit]) -> ErrorCurve:
        """The error of every tensor that both have."""
        from trtconv.divergence.error_curve import measure_curve

        return measure_curve(self.original, self.model, case, edits)


@dataclass(frozen=True)
class Tracing:
    """What the caller wants to know of a difference, and the edits that may have made it."""

    bisect: bool = False
    edits: Sequence[Edit] = ()
    curve: bool = False

    @property
    def asked(self) -> str:
        """The options that ask for it; empty where none does."""
        options = {"--bisect": self.bisect, "--error-curve": self.curve}
        return ", ".join(option for option, is_given in options.items() if is_given)

    def look(
        self, comparisons: Sequence[tuple[Leg, Inside]], cases: Sequence[Case], notes: list[str]
    ) -> tuple[Parting | None, ErrorCurve | None]:
        """Where the first comparison that failed parts, and its curve; where none failed, the curve of the last.

        At its first case that differs. What cannot be told is said in a note.
        """
        if not cases or not self.asked:
            return None, None
        if not comparisons:
            notes.append(f"where errors arise can be told {OF_WHAT}")
            return None, None
        leg, inside = next((one for one in comparisons if one[0].status == "failed"), comparisons[-1])
        case = _case(leg, cases)
        parting = self._parting(inside, case, notes) if self.bisect and leg.status == "failed" else None
        return parting, self._curve(inside, case, notes) if self.curve else None

    def _parting(self, inside: Inside, case: Case, notes: list[str]) -> Parting | None:
        from trtconv.runtimes.onnxruntime import reason

        try:
            found = inside.parting(case, self.edits)
        except _failures() as error:
            found = f"where they part cannot be told: {reason(error)}"
        if isinstance(found, str):
            notes.append(found)
            return None
        return found

    def _curve(self, inside: Inside, case: Case, notes: list[str]) -> ErrorCurve | None:
        from trtconv.runtimes.onnxruntime import reason

        try:
            return inside.curve(case, self.edits)
        except _failures() as error:
            notes.append(f"there is no error curve: {reason(error)}")
            return None


def _case(leg: Leg, cases: Sequence[Case]) -> Case:
    """The first case that differs, else the first."""
    differing = {o.case for o in leg.outputs if not o.passed}
    return next((c for c in cases if c.name in differing), cases[0])


def _failures() -> tuple[type[Exception], ...]:
    from trtconv.runtimes.onnxruntime import failures

    return (TrtconvError, *failures())
