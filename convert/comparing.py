"""Run the expected side and the actual sides case by case, and keep what differs, never the outputs themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trtconv.errors import BadInput
from trtconv.metrics import Difference, Tolerance, compare, default_tolerance, is_float
from trtconv.parity import Leg, OutputParity
from trtconv.runtimes.onnxruntime import infer

if TYPE_CHECKING:
    from trtconv.inputs import Case
    from trtconv.runtimes.running import Array, Feed, Running


@dataclass(frozen=True)
class Limits:
    """What the caller said about tolerances; None stands for the default of the output's element type."""

    rtol: float | None = None
    atol: float | None = None
    tf32: bool = False

    def tolerance(self, expected: Array, actual: Array) -> Tolerance:
        """Tolerance for one output: of the coarser of both element types."""
        floats = [a.dtype for a in (expected, actual) if is_float(a.dtype)]
        if not floats:
            return Tolerance(0.0, 0.0)
        default = default_tolerance(min(floats, key=lambda d: d.itemsize), tf32=self.tf32)
        if self.rtol is not None:
            default = replace(default, rtol=self.rtol)
        return default if self.atol is None else replace(default, atol=self.atol, of_range=False)


@dataclass
class Side:
    """The actual side of one comparison, and what came of it so far."""

    runtime: str
    title: str
    running: Running | None = None
    failure: str = ""
    outputs: list[OutputParity] = field(default_factory=list)

    def check(self, case: Case, expected: Feed, limits: Limits) -> None:
        """Run one case and compare it; a model that does not run where the original does has failed."""
        if self.running is None:
            return
        try:
            actual = infer(self.running, case.feed, what=self.title)
        except BadInput as error:
            self.failure = self.failure or f"case {case.name!r}: {error.what}"
            return
        self.outputs.extend(compare_outputs(case.name, expected, actual, limits))

    def leg(self, expected: str) -> Leg:
        """The comparison as it is reported."""
        return Leg(self.runtime, expected, self.title, tuple(self.outputs), failure=self.failure)


ENOUGH_GUESSES = 3
"""Cases of guessed shapes that are run; later guesses are for models that cannot do with the earlier ones."""


def compare_cases(
    expected: Running, sides: Sequence[Side], cases: Iterable[Case], limits: Limits, *, what: str, guessed: bool
) -> tuple[list[Case], list[str]]:
    """Run `cases` on all sides; returns those that ran, and notes on those that did not.

    A case on which the expected side fails is an error (BadInput) unless its shapes are `guessed` and others fit.
    """
    ran: list[Case] = []
    notes: list[str] = []
    for case in cases:
        try:
            outputs = infer(expected, case.feed, what=what)
        except BadInput as error:
            if not guessed:
                raise
            notes.append(f"case {case.name!r} left out: {error.what}")
            continue
        ran.append(case)
        for side in sides:
            side.check(case, outputs, limits)
        if guessed and len(ran) == ENOUGH_GUESSES:
            break
    if not ran:
        raise BadInput(
            f"{what} runs at none of the shapes tried", where=notes[-1] if notes else "", do="give its --shapes"
        )
    return ran, notes


def compare_outputs(case: str, expected: Feed, actual: Feed, limits: Limits) -> Iterator[OutputParity]:
    """Every output of the expected side with the actual one of the same name."""
    found = dict(_tensors(actual))
    for name, want in _tensors(expected):
        if name not in found:
            missing = Difference(
                str(want.dtype), want.shape, passed=False, why="the output is missing", wrong=want.size
            )
            yield OutputParity(name, case, missing)
            continue
        got = found[name]
        note = "" if got.dtype == want.dtype else f"{want.dtype} in the original, {got.dtype} here"
        yield OutputParity(name, case, compare(want, got, limits.tolerance(want, got)), note)


def _tensors(outputs: Feed) -> Iterator[tuple[str, Array]]:
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
