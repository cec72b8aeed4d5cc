"""Outputs whose elements come in no order, and may be more on one side: what NonMaxSuppression or NonZero found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trtconv.comparison.metrics import Difference, Tolerance, compare, is_float, largest_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def compare_sets(expected: Array, actual: Array, tolerance: Tolerance, axis: int = 0) -> Difference:
    """Compare two outputs as sets of slices along `axis`, each of one side with one of the other within the tolerance.

    Passes when every slice has a partner. The numbers of the difference are those of the partners.
    """
    dtype, shape = str(expected.dtype), tuple(expected.shape)
    want, got = _slices(expected, axis), _slices(actual, axis)
    if want.shape[1:] != got.shape[1:]:
        why = f"elements of shape {list(actual.shape)} along axis {axis} instead of {list(expected.shape)}"
        return Difference(dtype, shape, passed=False, why=why, wrong=want.shape[0], metric="set")
    partners = _partners(want, got, tolerance.rtol, tolerance.absolute(largest_finite(expected)))
    found = compare(want[list(partners)], got[list(partners.values())], tolerance)
    missing, extra = len(want) - len(partners), len(got) - len(partners)
    limits = f" within rtol {found.rtol:g} and atol {found.atol:.3g}" if found.rtol or found.atol else ""
    why = f"{missing} of {len(want)} elements have no partner{limits}, and {extra} of {len(got)} found ones"
    return replace(
        found,
        shape=shape,
        passed=not missing + extra,
        why=why if missing + extra else "",
        wrong=missing + extra,
        argmax=None,
        worst=None,
        metric="set",
    )


def _slices(values: Array, axis: int) -> Array:
    if not values.ndim:
        return values.reshape(1, 1)
    moved = np.moveaxis(values, axis, 0)
    return moved.reshape(len(moved), -1) if moved.size else moved.reshape(len(moved), int(np.prod(moved.shape[1:])))


def _partners(want: Array, got: Array, rtol: float, atol: float) -> dict[int, int]:
    """A largest set of pairs of equal rows, by the place on either side (augmenting paths)."""
    taken: dict[int, int] = {}
    candidates = [_equal_rows(row, got, rtol, atol) for row in want]
    for start in range(len(want)):
        _augment(start, candidates, taken)
    return dict(sorted((row, place) for place, row in taken.items()))


def _equal_rows(row: Array, got: Array, rtol: float, atol: float) -> list[int]:
    """Places of the rows that equal `row`, the closest first."""
    if not is_float(row.dtype):
        return [int(i) for i in np.flatnonzero((got == row).all(axis=1))]
    wide, others = row.astype(np.float64), got.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.abs(others - wide)
        same = (apart <= atol + rtol * np.abs(wide)) & np.isfinite(apart)
    same |= (others == wide) | (np.isnan(others) & np.isnan(wide))
    places = np.flatnonzero(same.all(axis=1))
    total = np.nan_to_num(apart[places]).sum(axis=1)
    return [int(i) for i in places[np.argsort(total, kind="stable")]]


def _augment(start: int, candidates: list[list[int]], taken: dict[int, int]) -> None:
    """Find a partner for `start`, where need be by giving others another one."""
    came_from: dict[int, int] = {}
    waiting = [start]
    while waiting:
        row = waiting.pop()
        for place in candidates[row]:
            if place in came_from:
                continue
            came_from[place] = row
            if place not in taken:
                _hand_over(place, came_from, taken, start)
                return
            waiting.append(taken[place])


def _hand_over(place: int, came_from: dict[int, int], taken: dict[int, int], start: int) -> None:
    """Give the free `place` to the row that found it, that row's former place to the one before, up to `start`."""
    former = {row: at for at, row in taken.items()}
    while True:
        row = came_from[place]
        taken[place] = row
        if row == start:
            return
        place = former[row]
