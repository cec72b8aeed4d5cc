"""`verify`: does the model compute what the original computes, in ONNX Runtime and in an engine?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trtconv.comparing import Limits
from trtconv.errors import BadInput
from trtconv.parity import Leg, Parity

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.bisect import Parting
    from trtconv.cases import ShapesGiven
    from trtconv.comparing import Side
    from trtconv.inputs import Case, Given
    from trtconv.passes.core import Edit, Model
    from trtconv.runtimes.running import Running

    Source = str | os.PathLike[str] | ModelProto

RUNTIMES = ("onnxruntime", "tensorrt", "tensorrt-rtx")


def verify(
    source: Source,
    *,
    reference: Source | None = None,
    shapes: ShapesGiven | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    runtimes: Iterable[str] | None = None,
    inputs: Given | None = None,
    seed: int = 0,
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

    `shapes` is a `--shapes` text or profiles: every input is fed at min, opt and max; without it, small shapes
    are tried, and said. `inputs` is an .npz file, a folder of them, or arrays by input name. `rtol` and `atol` replace
    the defaults of `trtconv.metrics`. With `bisect`, outputs that differ from the reference in ONNX Runtime are
    followed to the first tensor that does, and to the one of `edits` (those of a Fix) that wrote it.

    With `time_limit` (seconds) or `memory_limit` (bytes, or 8G), all of it runs in a child process. Raises BadInput for
    models, shapes and inputs that cannot be used, NativeFailure beyond a limit.
    """
    from trtconv.sizes import parse_size

    memory = parse_size(memory_limit) if isinstance(memory_limit, str) else memory_limit
    job = _Job(
        source, reference, shapes, rtol, atol, runtimes, inputs, seed, tf32, bisect, tuple(edits), time_limit, memory
    )
    if time_limit is None and memory is None:
        return job.run()
    from trtconv import isolate

    return isolate.isolated(job.run, what="running the model", limits=isolate.Limits(time_limit, memory))


@dataclass(frozen=True)
class _Job:
    """The arguments of `verify`."""

    source: Source
    reference: Source | None
    shapes: ShapesGiven | None
    rtol: float | None
    atol: float | None
    runtimes: Iterable[str] | None
    inputs: Given | None
    seed: int
    tf32: bool
    bisect: bool
    edits: Sequence[Edit]
    time_limit: float | None
    memory_limit: int | None

    def run(self) -> Parity:
        from trtconv.cases import choose_cases
        from trtconv.comparing import compare_cases
        from trtconv.loading import load
        from trtconv.runtimes.onnxruntime import open_model

        chosen = _chosen(self.runtimes, self.reference is not None)
        model = load(self.source)
        original = load(self.reference) if self.reference is not None else model
        model.file = model.file or original.file
        what = "the original" if self.reference is not None else "the model"
        expected = open_model(original, what=what)
        sides = [_side(model)] if "onnxruntime" in chosen else []
        cases, guessed = choose_cases(original.main, self.shapes, self.inputs, self.seed)
        limits = Limits(self.rtol, self.atol)
        ran, left_out = compare_cases(expected, sides, cases, limits, what=what, guessed=guessed)
        legs = [side.leg(f"{expected.title} on {what}") for side in sides]
        legs += self._engine_legs([r for r in chosen if r != "onnxruntime"], expected, ran, what)
        notes = [*_runtime_notes(expected, sides, what), *_input_notes(original, ran, guessed, self.inputs), *left_out]
        parting = self._parting(original, model, legs, ran, notes) if self.bisect else None
        return Parity(tuple(legs), tuple(ran), self.seed, tuple(notes), parting)

    def _parting(
        self, original: Model, model: Model, legs: Sequence[Leg], cases: Sequence[Case], notes: list[str]
    ) -> Parting | None:
        """Where the first case that differs parts, or a note on why that cannot be told."""
        from trtconv.bisect import find_parting
        from trtconv.runtimes.onnxruntime import failures, reason

        failed = [leg for leg in legs if leg.runtime == "onnxruntime" and leg.status == "failed"]
        if not failed:
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

    def _engine_legs(
        self, runtimes: Iterable[str], expected: Running, cases: Sequence[Case], what: str
    ) -> Iterator[Leg]:
        from trtconv.engine_leg import EngineRequest, engine_leg

        limits = Limits(self.rtol, self.atol, self.tf32)
        for runtime in runtimes:
            request = EngineRequest(self.source, runtime, self.shapes, limits, self.time_limit, self.memory_limit)
            yield engine_leg(request, expected, cases, what)


def _chosen(runtimes: Iterable[str] | None, has_reference: bool) -> list[str]:
    """Runtimes to compare: those named, else ONNX Runtime where there is a reference, and the installed engine."""
    if runtimes is None:
        from trtconv.passes.core import Target

        return [*(["onnxruntime"] if has_reference else []), Target.auto().product]
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
    return named


def _side(model: Model) -> Side:
    from trtconv.comparing import Side
    from trtconv.runtimes.onnxruntime import open_model

    try:
        running = open_model(model)
    except BadInput as error:
        return Side("onnxruntime", "ONNX Runtime on the model", failure=error.what)
    return Side("onnxruntime", f"{running.title} on the model", running)


def _runtime_notes(expected: Running, sides: Iterable[Side], what: str) -> Iterator[str]:
    from trtconv.runtimes.onnxruntime import OPTIMIZATION

    yield f"ONNX Runtime optimises graphs at the level {OPTIMIZATION!r}"
    for title, running in [(what, expected), *(("the model", side.running) for side in sides)]:
        if running is not None and running.note:
            yield f"{title}: {running.note}"


def _input_notes(model: Model, cases: Iterable[Case], guessed: bool, inputs: Given | None) -> Iterator[str]:
    from trtconv.guessing import is_dynamic
    from trtconv.inputs import describe_roles

    if inputs is not None:
        return
    yield from describe_roles(model.main)
    if guessed and any(is_dynamic(found) for found in model.main.inputs.values()):
        for case in cases:
            shapes = ", ".join(f"{name}:{'x'.join(map(str, v.shape))}" for name, v in case.feed.items())
            yield f"no shapes were given: {case.name!r} is {shapes}"
