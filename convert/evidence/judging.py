"""What the answers of an edit's two graphs say: equal, close, different, or nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import onnx

from trtconv.comparison.metrics import EXACT, Difference, Tolerance, compare, is_float, largest_finite
from trtconv.comparison.tolerances import reassociated
from trtconv.passes.core.base import Evidence, Safety
from trtconv.passes.core.types import tensor_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trtconv.evidence.running import Answer, Answers, TrialRuns
    from trtconv.evidence.trials import Trial
    from trtconv.passes.core import TensorType
    from trtconv.runtimes.running import Array, Feed

NEAR = 4.0
"""How many times further from the float64 result than before re-associated arithmetic may be, where terms cancel."""

TIES = 0.02
"""Share of quantized values that may come out one step apart."""

WEIGHTED = frozenset({"Attention", "Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul", "Resize", "Upsample"})
"""Operators that sum with weights: a weight of zero, or one that underflows, makes NaN of infinity."""


@dataclass
class Verdict:
    """Judges the answers of one trial. Any case may show a difference; some say nothing."""

    outputs: Sequence[str]
    """What the outputs are called in the network."""
    trial: Trial
    safety: Safety
    """What the pass promises."""
    runs: TrialRuns
    """Asked for a second opinion on what differs."""
    furthest: int = 0
    idle: str = "it has no inputs that fit"
    apart: dict[str, None] = field(default_factory=dict)
    """Inputs at which the outputs part, about which the pass promises nothing."""
    appealed: str = ""

    def on(self, answers: Answers) -> Evidence:
        """The evidence that `answers`, one pair a case, are."""
        counted = 0
        for case, (before, after) in enumerate(answers):
            name, feed = self.trial.cases[case]
            if isinstance(before, str):
                self.idle = before
            elif isinstance(after, str):
                if all(value.size for value in feed.values()):
                    return Evidence("differs", counted, why=f"afterwards it does not run: {after}")
                self.apart["an empty input, on which it does not run afterwards"] = None
            elif not self._says_nothing(feed, before, after):
                counted += 1
                why = self._difference_in(case, name, before, after)
                if why:
                    return Evidence("differs", counted, why=why)
        if not counted:
            return Evidence("not checkable", why=self.idle)
        apart = ", ".join(self.apart)
        return Evidence("close" if self.furthest else "bit-equal", counted, self.furthest, self.appealed, apart)

    def _difference_in(self, case: int, name: str, before: Sequence[Array], after: Sequence[Array]) -> str:
        """Which output differs, and how far; empty where none does."""
        for index, (want, got) in enumerate(zip(before, after, strict=True)):
            found = _difference(np.asarray(want), np.asarray(got), self.safety)
            if found.passed:
                self.furthest = max(self.furthest, units(np.asarray(want), found))
            elif self.safety is not Safety.EXACT and _is_a_step_apart(np.asarray(want), np.asarray(got)):
                self.apart["quantized values one step from a tie"] = None
            elif excuse := self._unpromised(name, found, _smallest_normal(np.asarray(want).dtype)):
                self.apart[excuse] = None
            elif not self._upheld(case, index, np.asarray(want), np.asarray(got)):
                return f"{self.outputs[index]}, case {name!r}: {found}"
        return ""

    # --- cases that say nothing -------------------------------------------------------------------

    def _says_nothing(self, feed: Feed, before: Sequence[Array], after: Sequence[Array]) -> bool:
        """Whether the network would never see this, or ONNX Runtime departs from the standard on it."""
        for index, (want, got) in enumerate(zip(before, after, strict=True)):
            want_shape = np.shape(want)
            if index < len(self.trial.declared) and _contradicts(self.trial.declared[index], want_shape):
                self.idle = f"made-up inputs give {self.outputs[index]!r} another shape than the file says"
                return True
            if want_shape != np.shape(got) and self._is_void(feed, index, want_shape):
                self.idle = "nothing is left of inputs that small"
                return True
        return False

    def _is_void(self, feed: Feed, index: int, shape: tuple[int, ...]) -> bool:
        """Whether an output has a shape that the standard does not give it, or none of the input is left in it."""
        if all(value.size for value in feed.values()):
            return 0 in shape
        return _contradicts(self._inferred(feed, index), shape)

    def _inferred(self, feed: Feed, index: int) -> TensorType | None:
        graph = onnx.GraphProto()
        graph.CopyFrom(self.trial.before)
        for value in graph.input:
            if value.name in feed:
                shape = feed[value.name].shape
                value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, value.type.tensor_type.elem_type, shape))
        try:
            inferred = onnx.shape_inference.infer_shapes(self.runs.model_of(graph), data_prop=True)
        except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
            return None
        return tensor_type(inferred.graph.output[index].type)

    # --- differences that stand -------------------------------------------------------------------

    def _unpromised(self, case: str, found: Difference, smallest: float) -> str:
        """Where arithmetic in another order may overflow, underflow, or multiply zero and infinity, and the other not.

        `smallest` is the number below which a product in another order may lose all its digits.
        """
        misplaced = found.nan_mismatches + found.inf_mismatches
        if self.safety is Safety.EXACT:
            return ""
        if not misplaced:
            return "values that underflow" if 0 < found.max_abs < smallest else ""
        if case == "largest":  # what is left finite may hang on what overflowed, as in a Softmax
            return "values that overflow"
        if found.wrong > misplaced:
            return ""
        operators = {node.op_type for graph in self.trial.graphs for node in graph.node}
        return "NaN and infinity" if case == "special" and not operators.isdisjoint(WEIGHTED) else ""

    def _upheld(self, case: int, index: int, want: Array, got: Array) -> bool:
        """Whether the reference evaluator agrees with what the graph gives after the edit."""
        truths = self.runs.second_opinion(self.trial, case)
        if truths is None or want.dtype != got.dtype or truths[index].shape != got.shape:
            return False
        truth = truths[index]
        if self.safety is Safety.EXACT or not is_float(got.dtype):
            with np.errstate(all="ignore"):
                same = np.array_equal(truth.astype(got.dtype), got, equal_nan=is_float(got.dtype))
            self.appealed = "as the ONNX reference evaluator has it, from which ONNX Runtime departs" if same else ""
            return same
        return self._is_near(truth, want, got)

    def _is_near(self, truth: Array, want: Array, got: Array) -> bool:
        """Whether `got` is as near to the float64 result as rounding lets any order of the arithmetic be."""
        unit = reassociated(got.dtype)
        with np.errstate(all="ignore"):
            nearness, origin = (compare(truth.astype(np.float64), x.astype(np.float64), EXACT) for x in (got, want))
        if nearness.nan_mismatches or nearness.inf_mismatches or nearness.shape != got.shape:
            return False
        scale = largest_finite(truth)
        if nearness.max_abs <= unit * scale:
            self.appealed = "as the ONNX reference evaluator has it, from which ONNX Runtime departs"
            return True
        # Values of the order of one are fed, so that terms are, too; what is left of them may cancel to much less.
        if origin.max_abs > unit * max(scale, 1.0) or nearness.max_abs > NEAR * origin.max_abs:
            return False
        self.furthest = max(self.furthest, units(want, compare(want, got, EXACT)))
        self.appealed = "as far from the float64 result as before, since terms cancel"
        return True


def same(one: Answer, other: Answer) -> bool:
    """Whether two answers of one graph are equal, or both graphs failed."""
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) == isinstance(other, str)
    return all(_difference(np.asarray(a), np.asarray(b), Safety.EXACT).passed for a, b in zip(one, other, strict=True))


def _contradicts(found: TensorType | None, shape: tuple[int, ...]) -> bool:
    """Whether a shape is none that a type allows."""
    if found is None or found.shape is None:
        return False
    fixed = [d if isinstance(d, int) and d >= 0 else None for d in found.shape]
    return len(fixed) != len(shape) or any(d is not None and d != s for d, s in zip(fixed, shape, strict=True))


def _is_a_step_apart(want: Array, got: Array) -> bool:
    """Whether quantized values differ by one at most, and few of them: a sum in another order meets other ties."""
    if want.dtype != got.dtype or want.dtype not in (np.uint8, np.int8) or want.shape != got.shape:
        return False
    steps = np.abs(want.astype(np.int16) - got)
    return bool(steps.max(initial=0) <= 1 and np.count_nonzero(steps) <= max(1, want.size * TIES))


def units(want: Array, difference: Difference) -> int:
    """The largest error in units in the last place of the largest output; 1 at least where not all bits are equal."""
    if not difference.max_ulp:
        return 0
    largest = np.asarray(largest_finite(want), want.dtype)
    unit = float(np.spacing(np.nextafter(largest, np.zeros_like(largest))))  # that of the largest number overflows
    return max(1, math.ceil(difference.max_abs / unit)) if unit > 0 else difference.max_ulp


def _difference(want: Array, got: Array, safety: Safety) -> Difference:
    if want.dtype != got.dtype:
        return compare(want, np.zeros((0,), want.dtype), EXACT)
    return compare(want, got, _tolerance(want.dtype, safety))


def _tolerance(dtype: np.dtype[Any], safety: Safety) -> Tolerance:
    if safety is Safety.EXACT or not is_float(dtype):
        return EXACT
    unit = reassociated(dtype) if safety is Safety.ROUNDING else 1e-2
    return Tolerance(unit, unit, of_range=True)


def _smallest_normal(dtype: np.dtype[Any]) -> float:
    return float(ml_dtypes.finfo(dtype).tiny) if is_float(dtype) else 0.0  # type: ignore[no-untyped-call]
