"""Where an engine parts from ONNX Runtime: its inner tensors, marked as outputs.

A marked tensor has to be written out, so an engine with marks fuses less and is not the engine that was compared. What
is found with many tensors marked is therefore looked at once more with that one alone; and where a difference goes away
with many marked, tensors are marked one at a time, which leaves nearly everything fused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from trtconv.comparison.tolerances import coarser, default_tolerance, inner_precisions
from trtconv.divergence.bisect import Search
from trtconv.divergence.error_curve import ErrorCurve, layers_of
from trtconv.divergence.tapping import InOnnxRuntime, Tap, pairs_of
from trtconv.divergence.tracing import CREEPS

if TYPE_CHECKING:
    from trtconv.comparison.criteria import Criteria
    from trtconv.divergence.bisect import Floor, Parting
    from trtconv.feeding.inputs import Case
    from trtconv.passes.core import Edit, Model
    from trtconv.runtimes.running import Array, Feed

CONFIRMED = "the same where that tensor alone is marked as an output"
ONE_BY_ONE = "found with one tensor marked as output at a time: with many the engine fuses less, and this goes away"
FUSED = "where they part cannot be told: with tensors marked as outputs the engine fuses less, and they part no more"


class Engine(Tap, Protocol):
    """A model in an engine, fed one case, that is built anew for each set of tensors asked for."""

    @property
    def outputs(self) -> Feed:
        """What the network's own outputs were in the engine asked last."""

    def markable(self) -> Sequence[str]:
        """Names of the inner tensors that it can hand out."""


@dataclass(frozen=True)
class OneEngine:
    """A model in an engine, beside what it should equal in ONNX Runtime: its original, or itself."""

    original: Model
    model: Model
    title: str
    """Product and version of the engine."""
    criteria: Criteria
    open: Callable[[Case], Engine]

    def parting(self, case: Case, edits: Sequence[Edit]) -> Parting | str:
        """The first tensor that differs by more than the tolerance of its precision, or why there is none."""
        engine = self.open(case)
        pairs = self._pairs(engine, edits)
        found = self._first(pairs, engine, case, edits)
        if found is None and self._differs(engine, case):
            return CREEPS
        if found is not None and self._first({found.tensor: pairs[found.tensor]}, engine, case, edits):
            return replace(found, remark=CONFIRMED)
        found = self._first(pairs, engine, case, edits, per_run=1)
        return FUSED if found is None else replace(found, remark=ONE_BY_ONE)

    def curve(self, case: Case, edits: Sequence[Edit]) -> ErrorCurve:
        """The error of every tensor that the engine can hand out."""
        engine = self.open(case)
        pairs, expected = self._pairs(engine, edits), InOnnxRuntime(self.original, case.feed)
        layers = tuple(layers_of(self.model.main, pairs, expected, engine, case, edits, self._floor()))
        outputs = "differ" if self._differs(engine, case) else "agree"
        remark = f"measured with tensors marked as outputs, so that the engine fuses less; its outputs {outputs} there"
        return ErrorCurve(case.name, layers, self.title, remark)

    def _first(
        self, pairs: dict[str, str], engine: Engine, case: Case, edits: Sequence[Edit], per_run: int | None = None
    ) -> Parting | None:
        expected = InOnnxRuntime(self.original, case.feed)
        return Search(self.model.main, expected, case, edits, self.title, self._floor(), per_run).among(pairs, engine)

    def _pairs(self, engine: Engine, edits: Sequence[Edit]) -> dict[str, str]:
        names = set(engine.markable())
        pairs = pairs_of(self.original.main, self.model.main, edits if self.original is not self.model else ())
        return {name: twin for name, twin in pairs.items() if name in names}

    def _differs(self, engine: Engine, case: Case) -> bool:
        """Whether the outputs differ in the engine asked last, for all its marks."""
        known = [name for name in self.original.main.outputs if name in engine.outputs]
        expected = InOnnxRuntime(self.original, case.feed).values(known)
        return not all(self.criteria.judge(name, want, engine.outputs[name]).passed for name, want in expected.items())

    def _floor(self) -> Floor:
        """What the tolerance of its precision allows each tensor, relative to its range."""
        inner = inner_precisions(self.model.main)

        def floor(name: str, want: Array) -> float:
            precision = coarser(inner.get(name, ""), want.dtype.name)
            return default_tolerance(coarser(precision, "tf32") if self.criteria.tf32 else precision).atol

        return floor
