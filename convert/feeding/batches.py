"""Batches to check a model's consistency with: from its profiles, from the user's inputs, or from small guesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from trtconv.feeding.guessing import guessed_shapes
from trtconv.feeding.inputs import Case, seeded_case
from trtconv.feeding.rows import rows_of

if TYPE_CHECKING:
    from trtconv.feeding.cases import Feeding
    from trtconv.feeding.inputs import Shapes
    from trtconv.feeding.rows import Rows
    from trtconv.passes.core import Model
    from trtconv.shapes import ShapeProfile, Span

ALONE = 8
"""Rows of a batch that are fed alone, the first and the last among them."""

GUESSED = (1, 2, 3, 4)
"""Numbers of rows for a model that nobody gave shapes for."""

MANY = 16
"""Rows of a batch that is put together from cases of one row."""


@dataclass(frozen=True)
class Probe:
    """Rows of a batch in other company: `rows` are their places in it."""

    kind: str
    """What is tried: `each row alone`."""
    name: str
    """Which one: `row 2 alone`."""
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """A batch, and ways to feed its rows otherwise."""

    case: Case
    made_of: Rows
    probes: tuple[Probe, ...]
    guessed: bool = False
    """Whether its sizes are guesses, which may not fit the model."""

    @property
    def count(self) -> int:
        """How many rows it has."""
        return self.made_of.count(self.case.feed)

    def fed(self, probe: Probe) -> Case:
        """What is fed for a probe."""
        feed = self.made_of.take(self.case.feed, probe.rows)
        return replace(self.case, name=f"{self.case.name}: {probe.name}", feed=feed)

    @property
    def cases(self) -> list[Case]:
        """The batch, then its probes."""
        return [self.case, *map(self.fed, self.probes)]


def batch_of(case: Case, rows: Rows, sizes: Iterable[int]) -> Batch:
    """Probes for a batch: all rows in reverse, and for each of `sizes` (numbers of rows) some of them.

    Where `sizes` are empty, the number of rows is fixed: each row is fed in place of all.
    """
    count = rows.count(case.feed)
    everything = tuple(range(count))
    some = sorted({int(i) for i in np.linspace(0, count - 1, min(count, ALONE))})
    found = [Probe("rows in reverse", "rows in reverse", everything[::-1])]
    sizes = sorted(set(sizes) - {count})
    for size in sizes:
        if size == 1:
            found += [Probe("each row alone", f"row {row} alone", (row,)) for row in some]
        else:
            found += [Probe(f"{size} rows", f"the first {size} rows", everything[:size])]
            found += [Probe(f"{size} rows", f"the last {size} rows", everything[-size:])]
    if not sizes:
        found += [Probe("a row repeated", f"row {row}, {count} times", (row,) * count) for row in some]
    return Batch(case, rows, tuple(found))


class NothingToCheck(Exception):
    """Why there is no batch whose rows could be fed otherwise."""


def batches(model: Model, feeding: Feeding) -> Iterator[Batch]:
    """Batches for a model, for the shapes and inputs that the caller gave.

    Raises NothingToCheck where there are none, BadInput for shapes and inputs that contradict the graph.
    """
    rows = rows_of(model.main)
    if rows is None:
        raise NothingToCheck("axis 0 of the inputs is no batch")
    nothing = True
    for batch in _made(model, feeding, rows):
        nothing = False
        yield batch
    if nothing:
        raise NothingToCheck("the batch is fixed to one row" if rows.fixed else "no more than one row is fed at once")


def _made(model: Model, feeding: Feeding, rows: Rows) -> Iterator[Batch]:
    from trtconv.profiles import profiles_for

    if feeding.inputs is not None:
        yield from _given(list(feeding.cases(model).all), rows)
    elif feeding.shapes:
        profiles = profiles_for(model.main.inputs, feeding.shapes)
        for number, profile in enumerate(profiles):
            prefix = f"profile {number + 1} " if len(profiles) > 1 else ""
            for case, sizes in _of_profile(model, feeding, rows, profile, prefix):
                yield batch_of(replace(case, profile=number), rows, sizes)
    else:
        yield from _guessed(model, feeding, rows)


def _given(cases: Sequence[Case], rows: Rows) -> Iterator[Batch]:
    """Batches of the user's own rows; cases of one row each, of the same shape, become one batch."""
    single = [case for case in cases if rows.count(case.feed) == 1]
    shapes = {tuple(value.shape for value in case.feed.values()) for case in single}
    if len(single) > 1 and len(shapes) == 1 and not rows.fixed:
        feeds = [case.feed for case in single[:MANY]]
        joined = {
            name: np.concatenate([feed[name] for feed in feeds]) if name in rows.inputs else value
            for name, value in feeds[0].items()
        }
        yield batch_of(Case(f"{len(feeds)} cases together", joined), rows, [1, 2])
    for case in cases:
        if rows.count(case.feed) > 1:
            yield batch_of(case, rows, [] if rows.fixed else [1])


def _of_profile(
    model: Model, feeding: Feeding, rows: Rows, profile: ShapeProfile, prefix: str
) -> Iterator[tuple[Case, list[int]]]:
    """The largest batch of a profile at its least, best, largest and odd sizes, and the numbers of rows to try."""
    batch = profile.shapes[rows.inputs[0]][0]
    if batch.max < 2:
        return
    seen: list[Shapes] = []
    for point in ("min", "opt", "max", "odd"):
        shapes = {
            name: tuple(
                batch.max if axis == 0 and name in rows.inputs else _size(span, point)
                for axis, span in enumerate(profile.shapes[name])
            )
            for name in model.main.inputs
        }
        if shapes in seen:
            continue
        seen.append(shapes)
        values = profile.values_at("opt" if point == "odd" else point)  # type: ignore[arg-type]  # one of the others
        fixed = {key: np.asarray(v, np.int64).reshape(shapes[key]) for key, v in values.items()}
        case = seeded_case(model.main, f"{prefix}{point} sizes", shapes, feeding.seed, fixed, feeding.ranges)
        sizes = [] if batch.min == batch.max else [batch.min, odd(batch, step=1), batch.opt]
        yield case, sizes


def _size(span: Span, point: str) -> int:
    return odd(span) if point == "odd" else int(getattr(span, point))


def odd(span: Span, step: int | None = None) -> int:
    """A size inside a span that is none of its three, an odd number of steps where there is one; `opt` without any.

    The steps are those that the three sizes have in common: sides of 224, 320 and 512 are multiples of 32.
    """
    step = step or gcd(*span) or 1
    inside = [size for size in range(span.min + step, span.max, step) if size != span.opt]
    uneven = [size for size in inside if size // step % 2]
    chosen = uneven or inside
    return chosen[len(chosen) // 2] if chosen else span.opt


def _guessed(model: Model, feeding: Feeding, rows: Rows) -> Iterator[Batch]:
    """Small batches; sizes for a graph that leaves them open."""
    seen: list[Shapes] = []
    for name, shapes in guessed_shapes(model.main.inputs):
        if not rows.fixed:
            shapes |= {key: (max(GUESSED), *shapes[key][1:]) for key in rows.inputs}
        if shapes in seen or shapes[rows.inputs[0]][0] < 2:
            continue
        seen.append(shapes)
        case = seeded_case(model.main, name, shapes, feeding.seed, None, feeding.ranges)
        yield replace(batch_of(case, rows, [] if rows.fixed else GUESSED), guessed=True)
