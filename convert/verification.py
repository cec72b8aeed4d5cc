"""The work of `verify`: run the expected side and the actual ones, compare, and say what a reader should know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.comparison.comparing import Live, Side, compare_cases
from trtconv.comparison.consistency import Consistency, check_consistency
from trtconv.comparison.criteria import Criteria
from trtconv.comparison.golden import Golden, read_golden, recording
from trtconv.comparison.noise import measure, weigh
from trtconv.divergence.tracing import OF_WHAT, Inside, Tracing, TwoModels
from trtconv.errors import BadInput
from trtconv.feeding.cases import Cases, Feeding
from trtconv.parity import Leg, Parity
from trtconv.runtimes.onnxruntime import OPTIMIZATION, is_large, open_model
from trtconv.storage.loading import load
from trtconv.subject import Runs, Subject

if TYPE_CHECKING:
    from trtconv.comparison.comparing import Expected
    from trtconv.comparison.consistency import Agreement
    from trtconv.comparison.noise import Noise
    from trtconv.engine_leg import EngineRequest
    from trtconv.feeding.batches import Batch
    from trtconv.feeding.inputs import Case
    from trtconv.passes.core import Model
    from trtconv.runtimes.running import Running


@dataclass(frozen=True)
class Verification:
    """The arguments of `verify`, each concern in a value of its own."""

    subject: Subject
    feeding: Feeding
    criteria: Criteria
    runs: Runs
    consistency: Consistency
    tracing: Tracing

    def __post_init__(self) -> None:
        """Raise BadInput for what would change nothing."""
        if self.runs.engines:
            return
        if self.tracing.asked and self.subject.reference is None:
            raise BadInput(
                f"where errors arise can be told {OF_WHAT}",
                where=self.tracing.asked,
                do="name the original, --reference ORIGINAL, or an engine, --runtimes onnxruntime,tensorrt-rtx; "
                "where the rows of a batch meet, --consistency says by itself",
            )
        if self.subject.golden is not None and self.feeding.shapes and not self.consistency.asked:
            raise BadInput(
                "a golden file brings its own inputs, and shapes are for engines and for --consistency",
                where="--shapes",
                do="leave out --shapes, or name an engine: --runtimes onnxruntime,tensorrt-rtx",
            )

    def run(self) -> Parity:
        """Compare what is to be compared, and check the model against itself where that was asked for."""
        model = load(self.subject.source)
        original = load(self.subject.reference) if self.subject.reference is not None else model
        model.file = model.file or original.file
        criteria = self.criteria.of(original.main, model.main)
        expected, cases = self._expected(original)
        sides = [_side(model)] if "onnxruntime" in self.runs.compared else []
        ran, left_out = self._compare(original, expected, sides, cases, criteria)
        legs = [side.leg(expected.title) for side in sides]
        agreement, checked = self._check_consistency(model, expected, sides, criteria, legs)
        noise = self._noise(
            _noise_source(original, model, expected, sides, legs), ran or [batch.case for batch in checked]
        )
        legs += self._engine_legs(criteria, expected, ran, agreement, checked)
        legs = [weigh(leg, noise, criteria) for leg in legs]
        notes = [
            *_runtime_notes(expected, sides),
            *(self.feeding.notes(original.main, ran, cases.guessed) if isinstance(expected, Live) else ()),
            *left_out,
            *_extra_notes(legs),
            *agreement.notes,
            *(noise.warnings if noise is not None else ()),
        ]
        parting, curve = self.tracing.look(list(self._insides(original, model, legs, ran, criteria)), ran, notes)
        saved = Path(self.subject.save_golden) if self.subject.save_golden is not None else None
        return Parity(tuple(legs), tuple(ran), self.feeding.seed, tuple(notes), parting, saved, noise, curve)

    def _compare(
        self, original: Model, expected: Live | Golden, sides: Sequence[Side], cases: Cases, criteria: Criteria
    ) -> tuple[list[Case], list[str]]:
        """The cases that ran, and notes on the others; with nothing to compare or to keep, none has to run."""
        saved = self.subject.save_golden
        if not self.runs.compared and saved is None:
            return [], []
        with recording(saved, expected, original) if saved is not None else nullcontext(expected) as asked:
            return compare_cases(asked, sides, cases, criteria)

    def _check_consistency(
        self, model: Model, expected: Live | Golden, sides: Sequence[Side], criteria: Criteria, legs: list[Leg]
    ) -> tuple[Agreement, list[Batch]]:
        """What came of the model against itself in ONNX Runtime, appended to `legs`, and the batches that ran."""
        agreement = self.consistency.agreement(model.main, criteria)
        if not self.consistency.asked:
            return agreement, []
        running = next((side.running for side in sides), None)
        if running is None:
            is_model = isinstance(expected, Live) and self.subject.reference is None
            running = expected.running if is_model else open_model(model)  # type: ignore[union-attr]  # then it is Live
        leg, checked = check_consistency(agreement, model, running, self.feeding)
        if "onnxruntime" in self.runs.checked or leg.not_run:
            legs.append(leg)
        return agreement, checked

    def _expected(self, original: Model) -> tuple[Live | Golden, Cases]:
        """What outputs should be, and the cases to ask it for."""
        if self.subject.golden is not None:
            self.feeding.check_nothing_asked("a golden file brings its own inputs")
            golden = read_golden(self.subject.golden)
            return golden, Cases(golden.cases(original))
        what = "the original" if self.subject.reference is not None else "the model"
        return Live(open_model(original, what=what), what), self.feeding.cases(original)

    def _noise(self, source: tuple[Model, Running, str] | None, cases: Sequence[Case]) -> Noise | None:
        if source is None or not (self.runs.compared or self.runs.checked):
            return None
        model, running, what = source
        return measure(model, running, cases, self.runs.noise, what, every_row=self.consistency.asked)

    def _engine_legs(
        self,
        criteria: Criteria,
        expected: Expected,
        cases: Sequence[Case],
        agreement: Agreement,
        checked: Sequence[Batch],
    ) -> Iterator[Leg]:
        from trtconv.engine_leg import engine_legs

        for runtime in self.runs.engines:
            compared = cases if runtime in self.runs.compared else ()
            batches = checked if runtime in self.runs.checked else ()
            yield from engine_legs(self._request(runtime, criteria), expected, compared, agreement, batches)

    def _request(self, runtime: str, criteria: Criteria) -> EngineRequest:
        from trtconv.engine_leg import EngineRequest

        criteria = replace(criteria, tf32=self.runs.tf32)
        return EngineRequest(self.subject.source, runtime, self.feeding.shapes, criteria, self.runs.limits)

    def _insides(
        self, original: Model, model: Model, legs: Sequence[Leg], cases: Sequence[Case], criteria: Criteria
    ) -> Iterator[tuple[Leg, Inside]]:
        """The comparisons of two models and with engines that can be looked into."""
        from trtconv.divergence.marking import OneEngine
        from trtconv.engine_tap import InEngine

        twin = original
        for leg in legs:
            if leg.kind != "parity" or leg.status == "not run":
                continue
            if leg.runtime == "onnxruntime":
                if original is not model:
                    yield leg, TwoModels(original, model)
                if leg.status == "passed":
                    twin = model  # which is as good, and has every tensor that the engine has
            elif not leg.failure:
                request = self._request(leg.runtime, criteria).covering(cases)
                yield leg, OneEngine(twin, model, request.title, request.criteria, partial(InEngine, request))


def _noise_source(
    original: Model, model: Model, expected: Live | Golden, sides: Iterable[Side], legs: Iterable[Leg]
) -> tuple[Model, Running, str] | None:
    """Whose noise is that of what is expected: the model's, where it gave the same numbers, since it is folded and
    opens sooner, or where what is expected is a file.
    """
    side = next((side.running for side in sides if side.running is not None), None)
    if isinstance(expected, Golden):
        return (model, side, "the model") if side is not None else None
    if side is not None and any(leg.is_exact for leg in legs):
        return model, side, f"the model (equal to {expected.what})"
    return original, expected.running, expected.what


def _side(model: Model) -> Side:
    return Side("onnxruntime", "the model", partial(open_model, model), is_large(model.proto))


def _runtime_notes(expected: Live | Golden, sides: Iterable[Side]) -> Iterator[str]:
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
