"""How two outputs are compared: elementwise within a tolerance, and what is said about the distance.

An element passes when |actual - expected| <= atol + rtol * |expected|. NaN and infinity pass only where the
reference has the same; integers, booleans and strings only when equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trtconv.comparison.scores import argmax_agreement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

BLOCK = 1 << 18
"""Elements compared at a time: a few megabytes of float64, whatever the size of the output."""


@dataclass(frozen=True)
class Tolerance:
    """`atol` is a fraction of the largest finite |expected| of the output where `of_range` is set, else absolute."""

    rtol: float
    atol: float
    of_range: bool = False

    def absolute(self, scale: float) -> float:
        """The absolute tolerance for an output whose largest finite magnitude is `scale`."""
        return self.atol * scale if self.of_range else self.atol


EXACT = Tolerance(0.0, 0.0)


@dataclass(frozen=True)
class Difference:
    """How far `actual` is from `expected`, over the elements that are finite in both unless said otherwise."""

    dtype: str
    shape: tuple[int, ...]
    passed: bool
    why: str = ""
    """What is wrong, empty when it passed."""
    wrong: int = 0
    """Elements outside the tolerance, misplaced NaN and infinity included."""
    max_abs: float = 0.0
    max_rel: float = 0.0
    """Largest |actual - expected| / |expected| where expected is not zero."""
    max_ulp: int | None = None
    """Largest distance in units in the last place of the output's type; None for integers."""
    cosine: float | None = None
    argmax: float | None = None
    """Fraction of rows whose largest element is at the same place; None where the output has no class axis."""
    nan_mismatches: int = 0
    inf_mismatches: int = 0
    not_finite: int = 0
    """Elements that are NaN or infinite on both sides: about these, being equal says little."""
    worst: tuple[int, ...] | None = None
    """Index of the element furthest outside its tolerance, or closest to it."""
    expected: float | str | None = None
    actual: float | str | None = None
    rtol: float = 0.0
    atol: float = 0.0
    metric: str = "elementwise"
    """What decides whether it passed."""
    score: float | None = None
    """What that metric gives, where it is not elementwise, and the least it has to be."""
    at_least: float | None = None

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return asdict(self)

    def __str__(self) -> str:
        parts = [f"max abs {self.max_abs:.3g}, max rel {self.max_rel:.3g}"]
        if self.max_ulp is not None:
            parts.append(f"{self.max_ulp} ULP")
        if self.cosine is not None:
            parts.append(f"cosine {self.cosine:.9f}")
        if self.argmax is not None:
            parts.append(f"argmax agrees on {self.argmax:.2%}")
        if self.score is not None:
            parts.append(f"{self.metric} {self.score:.6f} (at least {self.at_least:g})")
        if self.worst is not None and (self.wrong or self.max_abs):
            parts.append(f"worst at {list(self.worst)}: {self.expected} expected, {self.actual} found")
        if self.not_finite:
            parts.append(self.left_out)
        return ", ".join(parts) + (f": {self.why}" if self.why else "")

    @property
    def left_out(self) -> str:
        """How many elements are NaN or infinite on both sides."""
        return f"{self.not_finite} of {math.prod(self.shape)} elements are NaN or infinite on both sides"


def compare(expected: Array, actual: Array, tolerance: Tolerance) -> Difference:
    """Compare an output with its reference of the same shape; element types may differ, the coarser one counts."""
    dtype, shape = str(expected.dtype), tuple(expected.shape)
    if expected.shape != actual.shape:
        why = f"shape {list(actual.shape)} instead of {list(expected.shape)}"
        return Difference(dtype, shape, passed=False, why=why, wrong=expected.size)
    if expected.dtype == actual.dtype and expected.dtype.kind != "O" and expected.tobytes() == actual.tobytes():
        return _identical(expected, tolerance)
    if is_float(expected.dtype) or is_float(actual.dtype):
        return _compare_floats(expected, actual, tolerance)
    return _compare_exactly(expected, actual)


def _identical(expected: Array, tolerance: Tolerance) -> Difference:
    """The difference of an output whose every bit is equal."""
    dtype, shape = str(expected.dtype), tuple(expected.shape)
    if not is_float(expected.dtype):
        return Difference(dtype, shape, passed=True)
    classes = argmax_agreement(expected, expected)
    atol, not_finite = tolerance.absolute(largest_finite(expected)), _count_not_finite(expected)
    return Difference(
        dtype,
        shape,
        passed=True,
        max_ulp=0,
        cosine=1.0,
        argmax=classes,
        not_finite=not_finite,
        rtol=tolerance.rtol,
        atol=atol,
    )


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether `dtype` is a float; bfloat16 and the 8-bit floats are numpy extension types."""
    return dtype.kind == "f" or (dtype.kind == "V" and "float" in dtype.name)


# --- floats --------------------------------------------------------------------------------------


@dataclass
class _Totals:
    """What the blocks of an output add up to."""

    wrong: int = 0
    nan_mismatches: int = 0
    inf_mismatches: int = 0
    not_finite: int = 0
    max_abs: float = 0.0
    max_rel: float = 0.0
    max_ulp: int = 0
    dot: float = 0.0
    norm_expected: float = 0.0
    norm_actual: float = 0.0
    worst: int = 0
    excess: float = -1.0


def _compare_floats(expected: Array, actual: Array, tolerance: Tolerance) -> Difference:
    scale = largest_finite(expected)
    atol, rtol = tolerance.absolute(scale), tolerance.rtol
    totals, coarse = _Totals(), _coarser(expected.dtype, actual.dtype)
    for start, want, got in _blocks(expected, actual):
        _add_block(totals, start, want, got, scale, atol, rtol)
        totals.max_ulp = max(totals.max_ulp, _largest_ulp(want.astype(coarse), got.astype(coarse)))
    place = tuple(int(i) for i in np.unravel_index(totals.worst, expected.shape)) if expected.size else None
    return Difference(
        str(expected.dtype),
        tuple(expected.shape),
        passed=not totals.wrong,
        why=_why(totals, expected.size, rtol, atol),
        wrong=totals.wrong,
        max_abs=totals.max_abs,
        max_rel=totals.max_rel,
        max_ulp=totals.max_ulp,
        cosine=_cosine(totals),
        argmax=argmax_agreement(expected, actual),
        nan_mismatches=totals.nan_mismatches,
        inf_mismatches=totals.inf_mismatches,
        not_finite=totals.not_finite,
        worst=place,
        expected=float(expected[place]) if place is not None else None,
        actual=float(actual[place]) if place is not None else None,
        rtol=rtol,
        atol=atol,
    )


def _blocks(expected: Array, actual: Array) -> Iterator[tuple[int, Array, Array]]:
    want, got = expected.reshape(-1), actual.reshape(-1)
    for start in range(0, want.size, BLOCK):
        yield start, want[start : start + BLOCK], got[start : start + BLOCK]


def largest_finite(values: Array) -> float:
    """Largest finite magnitude; 0 for an empty array or one without a finite element."""
    largest = 0.0
    for _, block, _ in _blocks(values, values):
        wide = np.abs(block.astype(np.float64))
        largest = max(largest, float(np.max(wide, where=np.isfinite(wide), initial=0.0)))
    return largest


def _count_not_finite(values: Array) -> int:
    blocks = (block.astype(np.float64) for _, block, _ in _blocks(values, values))
    return sum(int(np.count_nonzero(~np.isfinite(block))) for block in blocks)


def _add_block(totals: _Totals, start: int, want: Array, got: Array, scale: float, atol: float, rtol: float) -> None:
    want, got = want.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(want) & np.isfinite(got)
    misplaced_nan = np.isnan(want) != np.isnan(got)
    misplaced_inf = ~finite & ~misplaced_nan & ~np.isnan(want) & (want != got)
    with np.errstate(all="ignore"):
        error = np.where(finite, np.abs(got - want), 0.0)
        allowed = np.where(finite, atol + rtol * np.abs(want), np.inf)
        relative = np.where(finite & (want != 0), error / np.abs(want), 0.0)
        excess = error if atol == rtol == 0 else np.nan_to_num(error / allowed, nan=0.0, posinf=np.inf)
    excess = np.where(misplaced_nan | misplaced_inf, np.inf, excess)
    totals.wrong += int(np.count_nonzero((error > allowed) | misplaced_nan | misplaced_inf))
    totals.nan_mismatches += int(np.count_nonzero(misplaced_nan))
    totals.inf_mismatches += int(np.count_nonzero(misplaced_inf))
    totals.not_finite += int(np.count_nonzero(~np.isfinite(want) & ~np.isfinite(got)))
    totals.max_abs = max(totals.max_abs, float(error.max(initial=0.0)))
    totals.max_rel = max(totals.max_rel, float(relative.max(initial=0.0)))
    place = int(excess.argmax())
    if excess[place] > totals.excess:
        totals.excess, totals.worst = float(excess[place]), start + place
    unit = scale or 1.0
    want, got = np.where(finite, want / unit, 0.0), np.where(finite, got / unit, 0.0)
    totals.dot += float(want @ got)
    totals.norm_expected += float(want @ want)
    totals.norm_actual += float(got @ got)


def _cosine(totals: _Totals) -> float:
    """Cosine of the angle between both outputs; 1 for two zero vectors, 0 for one."""
    norms = math.sqrt(totals.norm_expected) * math.sqrt(totals.norm_actual)
    if norms == 0:
        return 1.0 if totals.norm_expected == totals.norm_actual else 0.0
    return max(-1.0, min(1.0, totals.dot / norms))


def _why(totals: _Totals, size: int, rtol: float, atol: float) -> str:
    if not totals.wrong:
        return ""
    limits = f"outside the tolerance of rtol {rtol:g} and atol {atol:.3g}" if rtol or atol else "differ"
    reasons = [f"{totals.wrong} of {size} elements {limits}"]
    if totals.nan_mismatches:
        reasons.append(f"{totals.nan_mismatches} with NaN on one side only")
    if totals.inf_mismatches:
        reasons.append(f"{totals.inf_mismatches} with infinity on one side only")
    return ", ".join(reasons)


def _coarser(one: np.dtype[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    floats = [d for d in (one, other) if is_float(d)]
    return min(floats, key=lambda d: d.itemsize)


def _largest_ulp(expected: Array, actual: Array) -> int:
    finite = np.isfinite(expected.astype(np.float64)) & np.isfinite(actual.astype(np.float64))
    return int(ulp_distance(expected[finite], actual[finite]).max(initial=0))


def ulp_distance(expected: Array, actual: Array) -> NDArray[np.uint64]:
    """How many representable numbers apart two arrays of the same float type are, element by element.

    +0 and -0 are the same number. Meaningless for NaN.
    """
    bits = expected.dtype.itemsize * 8
    sign = np.uint64(1 << (bits - 1))
    raw = [a.view(np.dtype(f"u{bits // 8}")).astype(np.uint64) for a in (expected, actual)]
    (low, high), negative = [r & ~sign for r in raw], [(r & sign) != 0 for r in raw]
    apart = np.where(low > high, low - high, high - low)
    return np.where(negative[0] == negative[1], apart, low + high).astype(np.uint64)


# --- everything else -----------------------------------------------------------------------------


def _compare_exactly(expected: Array, actual: Array) -> Difference:
    unequal = expected != actual
    wrong = int(np.count_nonzero(unequal))
    largest, place = 0.0, None
    if wrong and expected.dtype.kind in "iub":
        apart = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        largest, first = float(apart.max()), int(apart.argmax())
        place = tuple(int(i) for i in np.unravel_index(first, expected.shape))
    elif wrong:
        place = tuple(int(i) for i in np.argwhere(unequal)[0])
    return Difference(
        str(expected.dtype),
        tuple(expected.shape),
        passed=not wrong,
        why=f"{wrong} of {expected.size} elements differ" if wrong else "",
        wrong=wrong,
        max_abs=largest,
        worst=place,
        expected=None if place is None else _scalar(expected[place]),
        actual=None if place is None else _scalar(actual[place]),
    )


def _scalar(value: Any) -> float | str:
    return str(value) if isinstance(value, (str, bytes)) else float(value)
