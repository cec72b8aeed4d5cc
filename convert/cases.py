"""Which inputs a model is run on: the corners of its profiles, the user's own, or small guesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trtconv.guessing import guessed_shapes, is_dynamic
from trtconv.inputs import Case, Given, describe_roles, given_cases, seeded_case

if TYPE_CHECKING:
    from trtconv.passes.core import Graph
    from trtconv.shapes import ShapeProfile

    ShapesGiven = str | Iterable[str] | Sequence[ShapeProfile]


@dataclass(frozen=True)
class Cases:
    """What is fed, case by case, and whether the shapes are guesses, some of which may not fit the model."""

    all: Iterable[Case]
    guessed: bool = False


@dataclass(frozen=True)
class Feeding:
    """What the caller said about inputs: shapes to make them up for, or the inputs themselves."""

    shapes: ShapesGiven | None = None
    inputs: Given | None = None
    seed: int = 0

    def cases(self, graph: Graph) -> Cases:
        """The cases for a graph. Raises BadInput for shapes or inputs that contradict it."""
        from trtconv.profiles import profiles_for

        if self.inputs is not None:
            return Cases(given_cases(graph, self.inputs))
        if self.shapes:
            return Cases(_corners(graph, profiles_for(graph.inputs, self.shapes), self.seed))
        return Cases(_guesses(graph, self.seed), guessed=True)

    def notes(self, graph: Graph, ran: Iterable[Case], guessed: bool) -> Iterator[str]:
        """What a reader should know of the inputs that were made up."""
        if self.inputs is not None:
            return
        yield from describe_roles(graph)
        if guessed and any(is_dynamic(found) for found in graph.inputs.values()):
            for case in ran:
                shapes = ", ".join(f"{name}:{'x'.join(map(str, v.shape))}" for name, v in case.feed.items())
                yield f"no shapes were given: {case.name!r} is {shapes}"


def _corners(graph: Graph, profiles: Sequence[ShapeProfile], seed: int) -> Iterator[Case]:
    """Min, opt and max of each profile, those that are the same only once."""
    from trtconv.shapes import POINTS

    for number, profile in enumerate(profiles, 1):
        prefix = f"profile {number} " if len(profiles) > 1 else ""
        seen = []
        for point in POINTS:
            corner = profile.at(point), profile.values_at(point)
            if corner not in seen:
                seen.append(corner)
                values = {name: _shaped(v, corner[0][name]) for name, v in corner[1].items()}
                yield replace(seeded_case(graph, prefix + point, corner[0], seed, values), profile=number - 1)


def _shaped(values: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.asarray(values, np.int64).reshape(shape)


def _guesses(graph: Graph, seed: int) -> Iterator[Case]:
    for name, shapes in guessed_shapes(graph.inputs):
        yield seeded_case(graph, name, shapes, seed)
