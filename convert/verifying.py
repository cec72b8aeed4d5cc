"""`verify`: does the model compute what the original computes, in ONNX Runtime and in an engine?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.by_name import by_name
from trtconv.cases import Cases, Feeding, read_range
from trtconv.comparing import Live
from trtconv.criteria import Criteria, Metric, read_tolerance
from trtconv.errors import BadInput
from trtconv.golden import Golden
from trtconv.isolate import Limits, isolated
from trtconv.parity import Leg, Parity
from trtconv.tracing import Tracing

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.by_name import ByName
    from trtconv.cases import ShapesGiven
    from trtconv.comparing import Expected, Side
    from trtconv.given import Given
    from trtconv.inputs import Case
    from trtconv.noise import Level, Noise
    from trtconv.passes.core import Edit, Model

    Source = str | os.PathLike[str] | ModelProto

RUNTIMES = ("onnxruntime", "tensorrt", "tensorrt-rtx")


def verify(
    source: Source,
    *,
    reference: Source | None = None,
    golden: str | os.PathLike[str] | None = None,
    save_golden: str | os.PathLike[str] | None = None,
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
    noise: Level = "quick",
    bisect: bool = False,
    edits: Sequence[Edit] = (),
    time_limit: float | None = None,
    memory_limit: str | int | None = None,
) -> Parity:
    """Run the model and what it should equal on the same inputs, and compare every output.

    With a `reference`, ONNX Runtime on the reference against ONNX Runtime on the model. Unless `runtimes` says
    otherwise, also ONNX Runtime against the installed TensorRT or TensorRT-RTX; where that cannot run, the
    comparison is reported as not run, and the exit code is 3. A file that `save_golden` wrote can stand where the
    reference would: `golden` brings inputs and what they gave; what is saved is the expected side of this run.

    Inputs: `shapes` is a `--shapes` text or profiles: every input is fed at min, opt and max; without it, small shapes
    are tried, and said. `batches` is how many sets of values are made up for each, from `seed`, inside `ranges`:
    {"image": (0, 1)} or "image:0-1". Or `inputs`: an .npz file, JSON of Polygraphy, a folder of .npz files or of
    pictures, or arrays by input name.

    Judgement: `rtol` and `atol` replace the defaults of `trtconv.tolerances`, and `metric` is elementwise, cosine,
    top-1, miou or set, with the least score behind it: "cosine=0.999". Each is a value, or one by output name
    ({"logits": 1e-2} or "logits:1e-2").

    `noise` is how the noise floor is measured, which stands beside each error: quick (the expected side against itself
    with all optimisations, on one thread, on one row of the smallest case), float64 (and computed in float64), or off.
    With `bisect`, outputs that differ from the reference in ONNX Runtime are followed to the first tensor that does,
    and to the one of `edits` (those of a Fix) that wrote it.

    With `time_limit` (seconds) or `memory_limit` (bytes, or 8G), all of it runs in a child process. Raises BadInput for
    models, shapes and inputs that cannot be used, NativeFailure beyond a limit.
    """
    from trtconv.sizes import parse_size

    memory = parse_size(memory_limit) if isinstance(memory_limit, str) else memory_limit
    limits = Limits(time_limit, memory)
    subject = Subject(source, reference, golden, save_golden)
    job = _Verification(
        subject,
        Feeding(shapes, inputs, seed, batches, by_name(ranges, read_range, "--range")),
        Criteria(
            by_name(rtol, read_tolerance, "--rtol"),
            by_name(atol, read_tolerance, "--atol"),
            by_name(metric, Metric.read, "--metric"),
        ),
        Runs(_chosen(runtimes, subject), tf32, noise, limits),
        Tracing(bisect, tuple(edits)),
    )
    if limits == Limits():
        return job.run()
    return isolated(job.run, what="running the model", limits=limits)


@dataclass(frozen=True)
class Subject:
    """The model, and what it should equal: another model, or a golden file."""

    source: Source
    reference: Source | None = None
    golden: str | os.PathLike[str] | None = None
    save_golden: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.reference is not None and self.golden is not None:
            raise BadInput(
                "a reference and a golden file are two different things to compare with", do="give one of them"
            )

    @property
    def has_expected(self) -> bool:
        """Whether something but the model itself says what its outputs should be."""
        return self.reference is not None or self.golden is not None


@dataclass(frozen=True)
class Runs:
    """Where the model is run: runtimes, what engines may do, and what running may take."""

    runtimes: tuple[str, ...]
    tf32: bool
    noise: Level
    limits: Limits

    @property
    def engines(self) -> tuple[str, ...]:
        """The runtimes that need an engine to be built."""
        return tuple(r for r in self.runtimes if r != "onnxruntime")


@dataclass(frozen=True)
class _Verification:
    """The arguments of `verify`, each concern in a value of its own."""

    subject: Subject
    feeding: Feeding
    criteria: Criteria
    runs: Runs
    tracing: Tracing

    def run(self) -> Parity:
        from trtconv.comparing import compare_cases
        from trtconv.golden import recording
        from trtconv.loading import load

        model = load(self.subject.source)
        original = load(self.subject.reference) if self.subject.reference is not None else model
        model.file = model.file or original.file
        criteria = self.criteria.of(original.main, model.main)
        expected, cases = self._expected(original)
        sides = [_side(model)] if "onnxruntime" in self.runs.runtimes else []
        saved = self.subject.save_golden
        with recording(saved, expected, original) if saved is not None else nullcontext(expected) as asked:
            ran, left_out = compare_cases(asked, sides, cases, criteria)
        noise = self._noise(original, expected, sides, ran)
        legs = [*(side.leg(expected.title) for side in sides), *self._engine_legs(criteria, expected, ran)]
        legs = [leg.beside(noise) for leg in legs]
        notes = [
            *_runtime_notes(expected, sides),
            *(self.feeding.notes(original.main, ran, cases.guessed) if isinstance(expected, Live) else ()),
            *left_out,
            *_extra_notes(legs),
        ]
        parting = None
        if original is not model:
            parting = self.tracing.parting(original, model, legs, ran, notes)
        elif self.tracing.bisect:
            notes.append("where they part can be told of two models only, which --reference gives")
        return Parity(
            tuple(legs), tuple(ran), self.feeding.seed, tuple(notes), parting, Path(saved) if saved else None, noise
        )

    def _expected(self, original: Model) -> tuple[Live | Golden, Cases]:
        """What outputs should be, and the cases to ask it for."""
        from trtconv.golden import read_golden
        from trtconv.runtimes.onnxruntime import open_model

        if self.subject.golden is not None:
            self.feeding.check_nothing_asked("a golden file brings its own inputs")
            golden = read_golden(self.subject.golden)
            return golden, Cases(golden.cases(original))
        what = "the original" if self.subject.reference is not None else "the model"
        return Live(open_model(original, what=what), what), self.feeding.cases(original)

    def _noise(
        self, original: Model, expected: Live | Golden, sides: Sequence[Side], cases: Sequence[Case]
    ) -> Noise | None:
        """Of what is expected, or of the model where that is a file."""
        from trtconv.noise import measure

        running = expected.running if isinstance(expected, Live) else next((side.running for side in sides), None)
        what = expected.what if isinstance(expected, Live) else "the model"
        return None if running is None else measure(original, running, cases, self.runs.noise, what)

    def _engine_legs(self, criteria: Criteria, expected: Expected, cases: Sequence[Case]) -> Iterator[Leg]:
        from trtconv.engine_leg import EngineRequest, engine_leg

        criteria = replace(criteria, tf32=self.runs.tf32)
        for runtime in self.runs.engines:
            request = EngineRequest(self.subject.source, runtime, self.feeding.shapes, criteria, self.runs.limits)
            yield engine_leg(request, expected, cases)


def _chosen(runtimes: Iterable[str] | None, subject: Subject) -> tuple[str, ...]:
    """Runtimes to compare: those named, else ONNX Runtime where there is something to equal, and the installed engine.

    Where a golden file is to be written and nothing was named, nothing has to be compared.
    """
    if runtimes is None:
        from trtconv.passes.core import Target

        if subject.save_golden is not None and not subject.has_expected:
            return ()
        return (*(["onnxruntime"] if subject.has_expected else []), Target.auto().product)
    named = list(dict.fromkeys(runtimes))
    for name in named:
        if name not in RUNTIMES:
            raise BadInput(f"there is no runtime {name!r}", do=f"known are {', '.join(RUNTIMES)}")
    if not named:
        raise BadInput("no runtime was named", do=f"known are {', '.join(RUNTIMES)}")
    if "onnxruntime" in named and not subject.has_expected:
        if len(named) == 1 and subject.save_golden is None:
            raise BadInput(
                "there is nothing to compare the model with in ONNX Runtime",
                do="name the model it was made from, --reference ORIGINAL, or a golden file, --golden FILE",
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


def _runtime_notes(expected: Live | Golden, sides: Iterable[Side]) -> Iterator[str]:
    from trtconv.runtimes.onnxruntime import OPTIMIZATION

    yield f"ONNX Runtime optimises graphs at the level {OPTIMIZATION!r}"
    yield from ([expected.note] if isinstance(expected, Golden) else [])
    running = [(expected.what, expected.running)] if isinstance(expected, Live) else []
    for title, one in [*running, *(("the model", side.running) for side in sides)]:
        if one is not None and one.note:
            yield f"{title}: {one.note}"


def _extra_notes(legs: Iterable[Leg]) -> Iterator[str]:
    for leg in legs:
        if leg.extra:
            yield f"{leg.actual} has outputs that the other side lacks, compared with nothing: {', '.join(leg.extra)}"
