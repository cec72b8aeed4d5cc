"""The noise floor: how far a model is from itself, computed another way. An error below it says nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trtconv.comparison.comparing import tensors
from trtconv.comparison.metrics import EXACT, compare, is_float, largest_finite
from trtconv.comparison.tolerances import default_tolerance, precisions
from trtconv.errors import BadInput, TrtconvError
from trtconv.feeding.rows import rows_of
from trtconv.runtimes.onnxruntime import EvaluationFailed, failures, infer, open_session, reason, run_evaluator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto

    from trtconv.comparison.criteria import Criteria
    from trtconv.feeding.inputs import Case
    from trtconv.parity import Leg, OutputParity
    from trtconv.passes.core import Model
    from trtconv.runtimes.running import Feed, Running

Level = Literal["off", "quick", "float64"]

LEVELS: tuple[Level, ...] = ("off", "quick", "float64")

FUSED, DOUBLE = "all optimisations on one thread", "float64"

EVALUATION_SECONDS = 120.0
"""What ONNX's own evaluator, which is Python, may take for a float64 run where ONNX Runtime lacks a kernel."""


@dataclass(frozen=True)
class Noise:
    """Largest difference between a model's outputs and its outputs when they are computed another way."""

    what: str
    """`the original`, or the model: where there is none, or where both gave the same."""
    case: str
    """What was fed: the smallest case, its first row alone where the batch is free."""
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By way of computing and by output, for floats: the largest absolute difference."""
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Why a way was not gone."""
    ranges: Mapping[str, float] = field(default_factory=dict)
    """Largest magnitude of each output on that case."""

    def of(self, output: str) -> float | None:
        """The floor of an output: the largest of its differences; None where there is none."""
        return max((found[output] for found in self.spread.values() if output in found), default=None)

    @property
    def warnings(self) -> list[str]:
        """Outputs whose noise is large beside what they hold: a comparison says little of them."""
        shares = {name: (self.of(name) or 0.0) / size for name, size in self.ranges.items() if size}
        return [
            f"rounding alone moves {name} by {share:.0%} of its range on {self.case}: its comparison says little, "
            "unless it is fed what it is made for (--inputs, --range)"
            for name, share in shares.items()
            if share > LOUD
        ]

    def to_json(self) -> dict[str, object]:
        """`{"what", "case", "spread": {way: {output: difference}}, "unavailable": {way: why}}`."""
        spread = {way: dict(found) for way, found in self.spread.items()}
        return {"what": self.what, "case": self.case, "spread": spread, "unavailable": dict(self.unavailable)}

    def __str__(self) -> str:
        ways = [f"{way} {max(found.values(), default=0.0):.2g}" for way, found in self.spread.items()]
        missing = [f"{way} not available: {why}" for way, why in self.unavailable.items()]
        return f"noise floor, {self.what} against itself on {self.case}: {'; '.join([*ways, *missing])}"


ROOM = 2.0
"""Times the floor that an error may be and still count as noise: both sides have some."""

LOUD = 0.01
"""Share of an output's range from which on its noise is worth a note, and excuses nothing: whatever is wrong with such
an output would drown in it."""


def weigh(leg: Leg, noise: Noise | None, criteria: Criteria) -> Leg:
    """The same with the floor beside each error; what is noise alone passes, unless a tolerance was given."""
    if noise is None:
        return leg
    return replace(leg, outputs=tuple(_weighed(one, noise, criteria) for one in leg.outputs))


def _weighed(one: OutputParity, noise: Noise, criteria: Criteria) -> OutputParity:
    found, floor = one.difference, noise.of(one.name)
    is_noise = (
        floor is not None
        and floor <= LOUD * noise.ranges.get(one.name, 0.0)
        and not (found.passed or found.nan_mismatches or found.inf_mismatches)
        and found.metric == "elementwise"
        and found.worst is not None
        and found.max_abs <= ROOM * floor
        and criteria.is_default(one.name)
    )
    if is_noise:
        found = replace(found, passed=True, why="within the noise floor")
    return replace(one, noise=floor, difference=found)


def measure(
    model: Model, running: Running, cases: Sequence[Case], level: Level, what: str, *, every_row: bool = False
) -> Noise | None:
    """The noise of a model that is `running`, on the smallest of `cases`; None where none was asked for.

    On its first row, unless `every_row` is wanted, as where rows are compared with each other.
    """
    if level == "off" or not cases:
        return None
    smallest = min(cases, key=_size)
    case = replace(smallest, name=f"case {smallest.name!r}") if every_row else _first_row(model, smallest)
    ways = {FUSED: _fused, **({DOUBLE: _double} if level == "float64" else {})}
    try:
        usual = dict(tensors(infer(running, case.feed)))
    except BadInput:
        return None
    spread: dict[str, dict[str, float]] = {}
    unavailable: dict[str, str] = {}
    for way, run in ways.items():
        try:
            spread[way] = dict(_differences(usual, run(model, case.feed)))
        except (_NotAvailable, TrtconvError) as error:
            unavailable[way] = str(error)
        except failures() as error:
            unavailable[way] = reason(error)
    ranges = {name: largest_finite(value) for name, value in usual.items() if is_float(value.dtype)}
    return Noise(what, case.name, spread, unavailable, ranges)


class _NotAvailable(Exception):
    """Why a way of computing cannot be gone."""


def _size(case: Case) -> int:
    return sum(value.size for value in case.feed.values())


def _first_row(model: Model, case: Case) -> Case:
    """One row of the case where the graph takes any number: rounding is the same in every row."""
    rows = rows_of(model.main)
    if rows is None or rows.fixed or rows.count(case.feed) < 2:
        return replace(case, name=f"case {case.name!r}")
    return replace(case, name=f"the first row of case {case.name!r}", feed=rows.take(case.feed, [0]))


def _named(model: Model, outputs: Sequence[Any]) -> Feed:
    return dict(tensors(dict(zip(model.main.outputs, outputs, strict=True))))


def _differences(usual: Feed, other: Feed) -> Iterator[tuple[str, float]]:
    for name, want in usual.items():
        if is_float(want.dtype) and name in other and other[name].shape == want.shape:
            yield name, compare(want, other[name].astype(np.float64), EXACT).max_abs


# --- ways ----------------------------------------------------------------------------------------


def _fused(model: Model, feed: Feed) -> Feed:
    return _named(model, open_session(model.proto, model.file, fused=True, threads=1).run(None, _fed(model, feed)))


def _double(model: Model, feed: Feed) -> Feed:
    """In ONNX Runtime where it has every kernel for float64, else in ONNX's evaluator, for as long as it may take."""
    from trtconv.isolate import Limits, isolated
    from trtconv.runtimes.doubled import NotDoubled, doubled
    from trtconv.runtimes.mapped import with_weights

    try:
        proto = doubled(with_weights(model.proto, model.file))
    except NotDoubled as error:
        raise _NotAvailable(str(error)) from error
    wide = {name: v.astype(np.float64) if is_float(v.dtype) else v for name, v in _fed(model, feed).items()}
    try:
        return _named(model, open_session(proto).run(None, wide))
    except failures() as error:
        if "NOT_IMPLEMENTED" not in str(error):
            raise
    outputs = isolated(_evaluate, proto, wide, what="a float64 run", limits=Limits(EVALUATION_SECONDS))
    return _trusted(model, _named(model, outputs), feed)


def _fed(model: Model, feed: Feed) -> Feed:
    return {name: feed[name] for name in model.main.inputs}


def _evaluate(proto: ModelProto, feed: Feed) -> list[Any]:
    try:
        return run_evaluator(proto, feed)
    except EvaluationFailed as error:
        raise TrtconvError(f"ONNX Runtime lacks kernels, and ONNX's evaluator fails: {error}") from error


def _trusted(model: Model, wide: Feed, feed: Feed) -> Feed:
    """What ONNX's evaluator gave, unless it differs by more than rounding: some operators it computes otherwise."""
    usual = _named(model, open_session(model.proto, model.file).run(None, _fed(model, feed)))
    known = precisions(model.main)
    for name, value in usual.items():
        tolerance = default_tolerance(known.get(name, value.dtype.name))
        if is_float(value.dtype) and not compare(value, wide[name], tolerance).passed:
            raise _NotAvailable(f"ONNX's evaluator does not compute {name} as ONNX Runtime does")
    return wide
