"""Run the expected side and the actual sides case by case, and keep what differs, never the outputs themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trtconv.comparison.metrics import Difference
from trtconv.errors import BadInput
from trtconv.parity import Leg, OutputParity
from trtconv.runtimes.onnxruntime import infer

if TYPE_CHECKING:
    from trtconv.comparison.criteria import Criteria
    from trtconv.feeding.cases import Cases
    from trtconv.feeding.inputs import Case
    from trtconv.runtimes.running import Array, Feed, Running


class Expected(Protocol):
    """What outputs should be."""

    @property
    def title(self) -> str:
        """What a report calls it: `ONNX Runtime 1.31.1 on the original`."""

    def outputs(self, case: Case) -> Feed:
        """Outputs of a case by name; raises BadInput where there are none."""


@dataclass(frozen=True)
class Live:
    """A model that is run: the original, or the model itself where it is compared with an engine."""

    running: Running
    what: str

    @property
    def title(self) -> str:
        """Product, version and model."""
        return f"{self.running.title} on {self.what}"

    def outputs(self, case: Case) -> Feed:
        """What the model gives; raises BadInput where it does not run."""
        return infer(self.running, case.feed, what=self.what)


@dataclass
class Side:
    """The actual side of one comparison, and what came of it so far."""

    runtime: str
    what: str
    open: Callable[[], Running]
    is_large: bool = False
    """Whether what it is compared with should be done before it is opened."""
    title: str = "ONNX Runtime on the model"
    """With its version as soon as it is open."""
    failure: str = ""
    outputs: list[OutputParity] = field(default_factory=list)
    extra: dict[str, None] = field(default_factory=dict)

    @cached_property
    def running(self) -> Running | None:
        """The model, opened; None where it cannot be, which is a failure."""
        try:
            running = self.open()
        except BadInput as error:
            self.failure = error.what
            return None
        self.title = f"{running.title} on {self.what}"
        return running

    def check(self, case: Case, expected: Feed, criteria: Criteria) -> None:
        """Run one case and compare it; a model that does not run where the original does has failed."""
        if self.running is None:
            return
        try:
            actual = infer(self.running, case.feed, what=self.title)
        except BadInput as error:
            self.failure = self.failure or f"case {case.name!r}: {error.what}"
            return
        self.outputs.extend(compare_outputs(case.name, expected, actual, criteria))
        self.extra |= dict.fromkeys(extra_outputs(expected, actual))

    def leg(self, expected: str) -> Leg:
        """The comparison as it is reported."""
        return Leg(self.runtime, expected, self.title, tuple(self.outputs), failure=self.failure, extra=(*self.extra,))


def compare_cases(
    expected: Expected, sides: Sequence[Side], cases: Cases, criteria: Criteria
) -> tuple[list[Case], list[str]]:
    """Run the cases on all sides; returns those that ran, and notes on those that did not.

    A case on which the expected side fails is an error (BadInput) unless its shapes are guessed and others fit.
    """
    ran: list[Case] = []
    notes: list[str] = []
    answered = _answered(expected, cases, notes)
    for case, outputs in list(answered) if any(side.is_large for side in sides) else answered:
        ran.append(case)
        for side in sides:
            side.check(case, outputs, criteria)
    if not ran:
        where = notes[-1] if notes else ""
        raise BadInput(f"{expected.title} runs at none of the shapes tried", where=where, do="give its --shapes")
    return ran, notes


def _answered(expected: Expected, cases: Cases, notes: list[str]) -> Iterator[tuple[Case, Feed]]:
    """As many cases as are enough, with what is expected; appends to `notes` why guessed ones do not run."""
    count = 0
    for case in cases.all:
        try:
            outputs = expected.outputs(case)
        except BadInput as error:
            if not cases.guessed:
                raise
            notes.append(f"case {case.name!r} left out: {error.what}")
            continue
        yield case, outputs
        count += 1
        if count == cases.enough:
            break


def compare_outputs(case: str, expected: Feed, actual: Feed, criteria: Criteria) -> Iterator[OutputParity]:
    """Every output of the expected side with the actual one of the same name."""
    found = dict(tensors(actual))
    for name, want in tensors(expected):
        if name not in found:
            missing = Difference(
                str(want.dtype), want.shape, passed=False, why="the output is missing", wrong=want.size
            )
            yield OutputParity(name, case, missing)
            continue
        got = found[name]
        note = "" if got.dtype == want.dtype else f"{want.dtype} in the original, {got.dtype} here"
        yield OutputParity(name, case, _with_values(criteria.judge(name, want, got)), note)


def _with_values(found: Difference) -> Difference:
    """The difference; it does not pass where there was no number to compare."""
    size = math.prod(found.shape)
    if not found.passed or not size or found.not_finite < size:
        return found
    return replace(found, passed=False, why="every element is NaN or infinite on both sides: nothing was compared")


def extra_outputs(expected: Feed, actual: Feed) -> Iterable[str]:
    """Outputs that the actual side alone has: nothing says what they should be."""
    known = dict(tensors(expected))
    return (name for name, _ in tensors(actual) if name not in known)


def tensors(outputs: Feed) -> Iterator[tuple[str, Array]]:
    """Name and value of each tensor; the elements of a sequence are numbered, an absent optional is left out."""
    for name, value in outputs.items():
        yield from _elements(name, value)


def _elements(name: str, value: Any) -> Iterator[tuple[str, Array]]:
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from _elements(f"{name}[{index}]", element)
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from _elements(f"{name}[{key}]", element)
    elif value is not None:
        yield name, np.asarray(value)
