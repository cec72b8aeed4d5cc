"""`verify`: does the model compute what the original computes, in ONNX Runtime and in an engine?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trtconv.by_name import by_name
from trtconv.cases import Feeding, read_range
from trtconv.criteria import Criteria, Metric, read_tolerance
from trtconv.errors import BadInput
from trtconv.isolate import Limits, isolated
from trtconv.parity import Leg, Parity
from trtconv.tracing import Tracing

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.by_name import ByName
    from trtconv.cases import ShapesGiven
    from trtconv.comparing import Expected, Live, Side
    from trtconv.given import Given
    from trtconv.inputs import Case
    from trtconv.passes.core import Edit, Model

    Source = str | os.PathLike[str] | ModelProto

RUNTIMES = ("onnxruntime", "tensorrt", "tensorrt-rtx")


def verify(
    source: Source,
    *,
    reference: Source | None = None,
    shapes: ShapesGiven | None = None,
    rtol: ByName[float] | None = None,
    atol: ByName[float] | None = None,
    metric: ByName[Metric] | None = None,
    runtimes: Iterable[str] | None = None,
    inputs: Given | None = None,
    seed: int = 0,
    batches: int = 1,
    ranges: ByName[tuple[float, float]] | None = None,
    tf32: bool = False,
    bisect: bool = False,
    edits: Sequence[Edit] = (),
    time_limit: float | None = None,
    memory_limit: str | int | None = None,
) -> Parity:
    """Run the model and what it should equal on the same inputs, and compare every output.

    With a `reference`, ONNX Runtime on the reference against ONNX Runtime on the model. Unless `runtimes` says
    otherwise, also ONNX Runtime against the installed TensorRT or TensorRT-RTX; where that cannot run, the
    comparison is reported as not run, and the exit code is 3.

    Inputs: `shapes` is a `--shapes` text or profiles: every input is fed at min, opt and max; without it, small shapes
    are tried, and said. `batches` is how many sets of values are made up for each, from `seed`, inside `ranges`:
    {"image": (0, 1)} or "image:0-1". Or `inputs`: an .npz file, JSON of Polygraphy, a folder of .npz files or of
    pictures, or arrays by input name.

    Judgement: `rtol` and `atol` replace the defaults of `trtconv.tolerances`, and `metric` is elementwise, cosine,
    top-1, miou or set, with the least score behind it: "cosine=0.999". Each is a value, or one by output name
    ({"logits": 1e-2} or "logits:1e-2").

    With `bisect`, outputs that differ from the reference in ONNX Runtime are followed to the first tensor that does,
    and to the one of `edits` (those of a Fix) that wrote it.

    With `time_limit` (seconds) or `memory_limit` (bytes, or 8G), all of it runs in a child process. Raises BadInput for
    models, shapes and inputs that cannot be used, NativeFailure beyond a limit.
    """
    from trtconv.sizes import parse_size

    memory = parse_size(memory_limit) if isinstance(memory_limit, str) else memory_limit
    limits = Limits(time_limit, memory)
    job = _Verification(
        source,
        reference,
        Feeding(shapes, inputs, seed, batches, by_name(ranges, read_range, "--range")),
        Criteria(
            by_name(rtol, read_tolerance, "--rtol"),
            by_name(atol, read_tolerance, "--atol"),
            by_name(metric, Metric.read, "--metric"),
        ),
        Runs(_chosen(runtimes, reference is not None), tf32, limits),
        Tracing(bisect, tuple(edits)),
    )
    if limits == Limits():
        return job.run()
    return isolated(job.run, what="running the model", limits=limits)


@dataclass(frozen=True)
class Runs:
    """Where the model is run: runtimes, what engines may do, and what running may take."""

    runtimes: tuple[str, ...]
    tf32: bool
    limits: Limits

    @property
    def engines(self) -> tuple[str, ...]:
        """The runtimes that need an engine to be built."""
        return tuple(r for r in self.runtimes if r != "onnxruntime")


@dataclass(frozen=True)
class _Verification:
    """The arguments of `verify`, each concern in a value of its own."""

    source: Source
    reference: Source | None
    feeding: Feeding
    criteria: Criteria
    runs: Runs
    tracing: Tracing

    def run(self) -> Parity:
        from trtconv.comparing import Live, compare_cases
        from trtconv.loading import load
        from trtconv.runtimes.onnxruntime import open_model

        model = load(self.source)
        original = load(self.reference) if self.reference is not None else model
        model.file = model.file or original.file
        what = "the original" if self.reference is not None else "the model"
        expected = Live(open_model(original, what=what), what)
        sides = [_side(model)] if "onnxruntime" in self.runs.runtimes else []
        cases = self.feeding.cases(original)
        criteria = self.criteria.of(original.main, model.main)
        ran, left_out = compare_cases(expected, sides, cases, criteria)
        legs = [*(side.leg(expected.title) for side in sides), *self._engine_legs(criteria, expected, ran)]
        notes = [
            *_runtime_notes(expected, sides),
            *self.feeding.notes(original.main, ran, cases.guessed),
            *left_out,
            *_extra_notes(legs),
        ]
        parting = self.tracing.parting(original, model, legs, ran, notes)
        return Parity(tuple(legs), tuple(ran), self.feeding.seed, tuple(notes), parting)

    def _engine_legs(self, criteria: Criteria, expected: Expected, cases: Sequence[Case]) -> Iterator[Leg]:
        from trtconv.engine_leg import EngineRequest, engine_leg

        criteria = replace(criteria, tf32=self.runs.tf32)
        for runtime in self.runs.engines:
            request = EngineRequest(self.source, runtime, self.feeding.shapes, criteria, self.runs.limits)
            yield engine_leg(request, expected, cases)


def _chosen(runtimes: Iterable[str] | None, has_reference: bool) -> tuple[str, ...]:
    """Runtimes to compare: those named, else ONNX Runtime where there is a reference, and the installed engine."""
    if runtimes is None:
        from trtconv.passes.core import Target

        return (*(["onnxruntime"] if has_reference else []), Target.auto().product)
    named = list(dict.fromkeys(runtimes))
    for name in named:
        if name not in RUNTIMES:
            raise BadInput(f"there is no runtime {name!r}", do=f"known are {', '.join(RUNTIMES)}")
    if not named:
        raise BadInput("no runtime was named", do=f"known are {', '.join(RUNTIMES)}")
    if "onnxruntime" in named and not has_reference:
        if len(named) == 1:
            raise BadInput(
                "there is nothing to compare the model with in ONNX Runtime",
                do="name the model it was made from: --reference ORIGINAL",
            )
        named.remove("onnxruntime")
    return tuple(named)


def _side(model: Model) -> Side:
    from trtconv.comparing import Side
    from trtconv.runtimes.onnxruntime import open_model

    try:
        running = open_model(model)
    except BadInput as error:
        return Side("onnxruntime", "ONNX Runtime on the model", failure=error.what)
    return Side("onnxruntime", f"{running.title} on the model", running)


def _runtime_notes(expected: Live, sides: Iterable[Side]) -> Iterator[str]:
    from trtconv.runtimes.onnxruntime import OPTIMIZATION

    yield f"ONNX Runtime optimises graphs at the level {OPTIMIZATION!r}"
    for title, running in [(expected.what, expected.running), *(("the model", side.running) for side in sides)]:
        if running is not None and running.note:
            yield f"{title}: {running.note}"


def _extra_notes(legs: Iterable[Leg]) -> Iterator[str]:
    for leg in legs:
        if leg.extra:
            yield f"{leg.actual} has outputs that the other side lacks, compared with nothing: {', '.join(leg.extra)}"
