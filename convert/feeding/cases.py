"""Which inputs a model is run on: the corners of its profiles, the user's own, or small guesses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from trtconv.by_name import check_names
from trtconv.errors import BadInput
from trtconv.feeding.given import Given, given_cases
from trtconv.feeding.guessing import guessed_shapes, is_dynamic
from trtconv.feeding.inputs import Case, describe_roles, seeded_case

if TYPE_CHECKING:
    from trtconv.feeding.inputs import Ranges, Shapes
    from trtconv.passes.core import Graph, Model
    from trtconv.shapes import ShapeProfile

    ShapesGiven = str | Iterable[str] | Sequence[ShapeProfile]


ENOUGH_GUESSES = 3
"""Guessed shapes that are run; later guesses are for models that cannot do with the earlier ones."""


@dataclass(frozen=True)
class Cases:
    """What is fed, case by case."""

    all: Iterable[Case]
    guessed: bool = False
    """Whether the shapes are guesses, some of which may not fit the model."""
    enough: int | None = None
    """How many cases that ran are enough; None for all."""


@dataclass(frozen=True)
class Feeding:
    """What the caller said about inputs: shapes and values to make them up for, or the inputs themselves."""

    shapes: ShapesGiven | None = None
    inputs: Given | None = None
    seed: int = 0
    batches: int = 1
    """Different sets of values for each of the shapes."""
    ranges: Ranges = field(default_factory=dict)
    """Lowest and highest value by input; the empty name stands for all plain data."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise BadInput(f"a seed is 0 or more, not {self.seed}", where="--seed")
        if self.inputs is not None:
            self._check_nothing_made_up("inputs that are given are fed as they are")

    def cases(self, model: Model) -> Cases:
        """The cases for a model. Raises BadInput for shapes or inputs that contradict it."""
        from trtconv.profiles import profiles_for

        graph = model.main
        check_names(self.ranges, graph.inputs, "input", "--range")
        if self.inputs is not None:
            return Cases(given_cases(model, self.inputs))
        if self.shapes:
            return Cases(self._corners(graph, profiles_for(graph.inputs, self.shapes)))
        return Cases(self._guesses(graph), guessed=True, enough=ENOUGH_GUESSES * self.batches)

    def check_nothing_asked(self, why: str) -> None:
        """Raise BadInput where the caller said what to feed although something else says it."""
        if self.inputs is not None:
            raise BadInput(why, do="leave out --inputs")
        self._check_nothing_made_up(why)

    def _check_nothing_made_up(self, why: str) -> None:
        if self.ranges or self.batches > 1 or self.seed:
            raise BadInput(why, do="leave out --range, --batches and --seed, which are for inputs that are made up")

    def notes(self, graph: Graph, ran: Sequence[Case], guessed: bool) -> Iterator[str]:
        """What a reader should know of the inputs that were made up."""
        if self.inputs is not None:
            return
        yield from describe_roles(graph, self.ranges)
        if ran and guessed and any(is_dynamic(found) for found in graph.inputs.values()):
            yield f"no shapes were given, and small ones fed: {'; '.join(map(shapes_of, ran))}"

    def _corners(self, graph: Graph, profiles: Sequence[ShapeProfile]) -> Iterator[Case]:
        """Min, opt and max of each profile, those that are the same only once."""
        from trtconv.shapes import POINTS

        for number, profile in enumerate(profiles, 1):
            prefix = f"profile {number} " if len(profiles) > 1 else ""
            seen = []
            for point in POINTS:
                corner = profile.at(point), profile.values_at(point)
                if corner not in seen:
                    seen.append(corner)
                    for case in self._made_up(graph, prefix + point, *corner):
                        yield replace(case, profile=number - 1)

    def _guesses(self, graph: Graph) -> Iterator[Case]:
        for name, shapes in guessed_shapes(graph.inputs):
            yield from self._made_up(graph, name, shapes, {})

    def _made_up(
        self, graph: Graph, name: str, shapes: Shapes, values: Mapping[str, tuple[int, ...]]
    ) -> Iterator[Case]:
        """One case for each batch; the first keeps the name of the shapes."""
        fixed = {key: np.asarray(v, np.int64).reshape(shapes[key]) for key, v in values.items()}
        for batch in range(self.batches):
            label = f"{name} ({batch + 1})" if batch else name
            yield seeded_case(graph, label, shapes, self.seed, fixed, self.ranges)


def shapes_of(case: Case) -> str:
    """Name of a case and the shapes of its inputs, as a reader is told them."""
    shapes = (f"{name}:{'x'.join(map(str, value.shape))}" for name, value in case.feed.items())
    return f"{case.name} {', '.join(shapes)}"


def read_range(value: object) -> tuple[float, float]:
    """Lowest and highest value of `0-1`, `-1-1` or a pair; raises ValueError for what is no range."""
    if isinstance(value, str):
        match = re.fullmatch(rf"({NUMBER})-({NUMBER})", value.strip())
        if match is None:
            raise ValueError("write the lowest and the highest value, as in 0-1 or -1-1")
        value = match.groups()
    low, high = map(float, value)  # type: ignore[call-overload]  # what is no pair raises
    if not low <= high or np.isinf([low, high]).any():
        raise ValueError("the lowest value comes first, and both are finite")
    return low, high


NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
