"""Which inputs a model is run on: the corners of its profiles, the user's own, or small guesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trtconv.guessing import guessed_shapes
from trtconv.inputs import Case, Given, given_cases, seeded_case

if TYPE_CHECKING:
    from trtconv.passes.core import Graph
    from trtconv.shapes import ShapeProfile

    ShapesGiven = str | Iterable[str] | Sequence[ShapeProfile]


def choose_cases(
    graph: Graph, shapes: ShapesGiven | None, inputs: Given | None, seed: int
) -> tuple[Iterable[Case], bool]:
    """The cases, and whether their shapes are guesses, some of which may not fit the model.

    Raises BadInput for shapes or inputs that contradict the graph.
    """
    from trtconv.profiles import profiles_for

    if inputs is not None:
        return given_cases(graph, inputs), False
    if shapes:
        return _corners(graph, profiles_for(graph.inputs, shapes), seed), False
    return _guesses(graph, seed), True


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
