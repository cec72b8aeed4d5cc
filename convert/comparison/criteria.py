"""How outputs are judged: what the caller said about tolerances and metrics, else the default of their precision."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from trtconv.by_name import ALL, check_names
from trtconv.comparison.metrics import Difference, Tolerance, compare, is_float
from trtconv.comparison.scores import NotApplicable, mean_iou, top1
from trtconv.comparison.sets import compare_sets
from trtconv.comparison.tolerances import coarser, default_tolerance, precisions
from trtconv.errors import BadInput

if TYPE_CHECKING:
    from trtconv.passes.core import Graph
    from trtconv.runtimes.running import Array

AT_LEAST = {"cosine": 0.9999, "top-1": 0.99, "miou": 0.99}
"""Metrics with a score, and what it has to be unless told otherwise. A cosine of 0.9999 is a relative RMS error of
1.4 %; one class in a hundred, or one hundredth of the area, may differ."""

METRICS = ("elementwise", *AT_LEAST, "set")


@dataclass(frozen=True)
class Metric:
    """What decides whether an output passes."""

    name: str
    at_least: float | None = None
    axis: int | None = None
    """Of a set: the axis that its elements lie along, None where the graph tells."""

    @classmethod
    def read(cls, value: object) -> Metric:
        """Metric of `cosine`, `top-1=0.98`, `set=1`; raises ValueError for what is none."""
        if isinstance(value, Metric):
            return value
        name, _, number = str(value).partition("=")
        if name not in METRICS:
            raise ValueError(f"metrics are {', '.join(METRICS)}")
        if name == "set":
            return cls(name, axis=int(number) if number else None)
        if name == "elementwise":
            if number:
                raise ValueError("elementwise takes its limits from --rtol and --atol")
            return cls(name)
        at_least = float(number) if number else AT_LEAST[name]
        if not 0 < at_least <= 1:
            raise ValueError("the least score is above 0 and at most 1")
        return cls(name, at_least)


def read_tolerance(value: object) -> float:
    """A tolerance; raises ValueError for what is none."""
    number = float(value)  # type: ignore[arg-type]  # what is no number raises
    if not 0 <= number < float("inf"):
        raise ValueError("a tolerance is zero or more")
    return number


@dataclass(frozen=True)
class Criteria:
    """How every output of one comparison is judged; each setting by output, the empty name stands for all others."""

    rtol: Mapping[str, float] = field(default_factory=dict)
    atol: Mapping[str, float] = field(default_factory=dict)
    metric: Mapping[str, Metric] = field(default_factory=dict)
    tf32: bool = False
    precision: Mapping[str, str] = field(default_factory=dict)
    """The coarsest precision that each output is computed in, on either side."""
    set_axes: Mapping[str, int] = field(default_factory=dict)
    """The axis of unknown size of each output."""

    def of(self, *graphs: Graph) -> Criteria:
        """The same, knowing the graphs that are compared. Raises BadInput for an output that none of them has."""
        outputs = list(dict.fromkeys(name for graph in graphs for name in graph.outputs))
        for settings, option in ((self.rtol, "--rtol"), (self.atol, "--atol"), (self.metric, "--metric")):
            check_names(settings, outputs, "output", option)
        precision: dict[str, str] = {}
        for graph in graphs:
            for name, found in precisions(graph).items():
                precision[name] = coarser(precision.get(name, ""), found)
        axes = {name: axis for name in outputs if (axis := _free_axis(name, graphs[0])) is not None}
        return replace(self, precision=precision, set_axes=axes)

    def judge(self, name: str, expected: Array, actual: Array) -> Difference:
        """The difference of one output, and whether it passes.

        Where the metric of all outputs says nothing of it, it is judged elementwise; raises BadInput where that metric
        was named for it.
        """
        name = re.sub(r"(\[[^]]*\])+$", "", name) if name not in self.precision else name
        metric = self._metric(name, is_float(expected.dtype))
        tolerance = self.tolerance(name, expected, actual)
        if metric.name == "set":
            axis = self.set_axes.get(name, 0) if metric.axis is None else metric.axis
            if expected.ndim and not -expected.ndim <= axis < expected.ndim:
                raise BadInput(f"output {name!r} has no axis {axis}", where="--metric")
            return compare_sets(expected, actual, tolerance, axis)
        found = compare(expected, actual, tolerance)
        if metric.name == "elementwise":
            return found
        try:
            return _scored(metric, found, expected, actual)
        except NotApplicable as error:
            if name not in self.metric:
                return found
            what = f"the metric {metric.name} says nothing of output {name!r}: {error}"
            raise BadInput(what, where="--metric") from error

    def tolerance(self, name: str, expected: Array, actual: Array) -> Tolerance:
        """Tolerance for one output: of the coarsest precision it is computed in, or stored in, on either side."""
        floats = [a.dtype.name for a in (expected, actual) if is_float(a.dtype)]
        if not floats:
            return Tolerance(0.0, 0.0)
        precision = self.precision.get(name, "")
        for one in floats:
            precision = coarser(precision, "float8" if one.startswith("float8") else one)
        if self.tf32:
            precision = coarser(precision, "tf32")
        default = default_tolerance(precision)
        rtol, atol = _setting(self.rtol, name), _setting(self.atol, name)
        if rtol is not None:
            default = replace(default, rtol=rtol)
        return default if atol is None else replace(default, atol=atol, of_range=False)

    def is_default(self, name: str) -> bool:
        """Whether nothing was said of the tolerance of an output."""
        return all(_setting(given, name) is None for given in (self.rtol, self.atol))

    def _metric(self, name: str, has_tolerance: bool) -> Metric:
        """--rtol and --atol win over a metric, unless the metric alone names the output."""
        named = self.metric.get(name)
        if has_tolerance and (name in self.rtol or name in self.atol):
            return _ELEMENTWISE
        if named is not None:
            return named
        if has_tolerance and (ALL in self.rtol or ALL in self.atol):
            return _ELEMENTWISE
        return self.metric.get(ALL, _ELEMENTWISE)


_ELEMENTWISE = Metric("elementwise")


def _setting(settings: Mapping[str, float], name: str) -> float | None:
    return settings.get(name, settings.get(ALL))


def _free_axis(name: str, graph: Graph) -> int | None:
    """The first axis, behind the batch or not, whose size the graph does not know."""
    shape = graph.shape(name) or ()
    return next((axis for axis, dim in enumerate(shape) if not isinstance(dim, int)), None)


def _scored(metric: Metric, found: Difference, expected: Array, actual: Array) -> Difference:
    """The difference, judged by a score; NaN or infinity on one side only, and another shape, fail all the same."""
    if expected.shape != actual.shape:
        return replace(found, metric=metric.name)
    score = _score(metric.name, found, expected, actual)
    reasons = [f"{metric.name} is below {metric.at_least:g}"] if score < (metric.at_least or 0.0) else []
    for count, what in ((found.nan_mismatches, "NaN"), (found.inf_mismatches, "infinity")):
        reasons += [f"{count} elements with {what} on one side only"] if count else []
    why = ", ".join(reasons)
    return replace(found, passed=not why, why=why, metric=metric.name, score=score, at_least=metric.at_least)


def _score(metric: str, found: Difference, expected: Array, actual: Array) -> float:
    if metric == "top-1":
        return top1(expected, actual)
    if metric == "miou":
        return mean_iou(expected, actual)
    if found.cosine is None:
        raise NotApplicable("it holds no floats")
    return found.cosine
