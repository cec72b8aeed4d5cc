"""Where Resize reads along one axis: coordinates, nearest indices and interpolation matrices, as the standard has them.

Coordinates are computed in float32, as ONNX Runtime does: in float64, ties of the nearest modes would fall differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Indices = NDArray[np.int64]

F32 = np.float32
TIE = 1e-6
"""ONNX Runtime takes a coordinate this close to a half for a half (found by trial, sizes up to 1500)."""


@dataclass(frozen=True)
class Sampling:
    """The attributes of a Resize that say what it computes."""

    mode: str = "nearest"
    coordinates: str = "half_pixel"
    rounding: str = "round_prefer_floor"
    """`nearest_mode`; `simple` stands for opsets below 11, which name none: down when enlarging, up when reducing."""
    cubic_a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False
    extrapolation: float = 0.0


@dataclass(frozen=True)
class Grid:
    """One axis: `size` elements become `out`, with the scale that the coordinates use."""

    size: int
    out: int
    scale: float
    roi: tuple[float, float] = (0.0, 1.0)

    @property
    def changes(self) -> bool:
        """Whether the axis is more than copied."""
        return self.size != self.out or self.scale != 1.0 or self.roi != (0.0, 1.0)


def positions(grid: Grid, coordinates: str) -> Floats:
    """Coordinate in the input of every output element, float32 [out]."""
    i, scale, size, out = np.arange(grid.out, dtype=F32), F32(grid.scale), F32(grid.size), F32(grid.out)
    half = (i + F32(0.5)) / scale - F32(0.5)
    if coordinates == "half_pixel":
        found = half
    elif coordinates == "pytorch_half_pixel":
        found = half if grid.out > 1 else np.zeros_like(i)
    elif coordinates == "asymmetric":
        found = i / scale
    elif coordinates == "tf_half_pixel_for_nn":
        found = (i + F32(0.5)) / scale
    elif coordinates == "align_corners":
        found = i * (size - 1) / (out - 1) if grid.out > 1 else np.zeros_like(i)
    elif coordinates == "half_pixel_symmetric":
        found = (size / 2 * (1 - out / (scale * size)) + (i + F32(0.5)) / scale) - F32(0.5)
    elif coordinates == "tf_crop_and_resize":
        found = _cropped(grid, i)
    else:
        raise ValueError(f"unknown coordinate mode {coordinates}")
    return np.asarray(found, F32)


def _cropped(grid: Grid, i: Floats) -> Any:
    start, end, last = F32(grid.roi[0]), F32(grid.roi[1]), F32(grid.size - 1)
    if grid.out > 1:
        return start * last + i * (end - start) * last / F32(grid.out - 1)
    return F32(0.5) * (start + end) * last + np.zeros_like(i)


def outside(grid: Grid, sampling: Sampling) -> NDArray[np.bool_]:
    """Which output elements take the extrapolation value, bool [out]: tf_crop_and_resize only."""
    if sampling.coordinates != "tf_crop_and_resize":
        return np.zeros(grid.out, bool)
    x = positions(grid, sampling.coordinates)
    return np.asarray((x < 0) | (x > grid.size - 1))


def nearest(grid: Grid, sampling: Sampling) -> Indices:
    """Index of the element that each output element copies, int64 [out]. ONNX Runtime copies an axis of scale 1."""
    if grid.scale == 1 and grid.roi == (0.0, 1.0):
        return np.arange(grid.out)
    x = positions(grid, sampling.coordinates)
    rounding = sampling.rounding
    if rounding == "simple":
        rounding = "ceil" if grid.scale < 1 else "floor"
    if rounding == "floor":
        index = np.floor(x)
    elif rounding == "ceil":
        index = np.ceil(x)
    elif rounding == "round_prefer_ceil":
        index = np.floor(x.astype(np.float64) + (0.5 + TIE))
    else:
        index = np.ceil(x.astype(np.float64) - (0.5 + TIE))
    return np.clip(index.astype(np.int64), 0, grid.size - 1)


def matrix(grid: Grid, sampling: Sampling) -> Floats:
    """Weights of linear or cubic interpolation, float32 [out, size]; rows of zeros outside."""
    x = positions(grid, sampling.coordinates).astype(np.float64)
    if sampling.antialias and grid.scale < 1:
        taps, weights = _filtered_taps(x, grid, sampling)
    elif sampling.mode == "linear":
        taps, weights = _linear_taps(x, grid.size)
    else:
        taps, weights = _cubic_taps(x, sampling.cubic_a)
    if sampling.exclude_outside and sampling.mode == "cubic":
        weights = np.where((taps < 0) | (taps >= grid.size), 0, weights)
        weights = weights / weights.sum(1, keepdims=True)
    out: NDArray[np.float64] = np.zeros((grid.out, grid.size))
    rows = np.broadcast_to(np.arange(grid.out)[:, None], taps.shape)
    np.add.at(out, (rows, np.clip(taps, 0, grid.size - 1)), weights)
    out[outside(grid, sampling)] = 0
    return out.astype(F32)


def _linear_taps(x: Any, size: int) -> tuple[Any, Any]:
    x = np.clip(x, 0, size - 1)
    low = np.floor(x)
    taps = np.stack([low, low + 1], 1).astype(np.int64)
    return taps, np.stack([1 - (x - low), x - low], 1)


def _cubic_taps(x: Any, a: float) -> tuple[Any, Any]:
    low = np.floor(x)
    taps = np.stack([low + d for d in (-1, 0, 1, 2)], 1).astype(np.int64)
    return taps, cubic(np.abs(x[:, None] - taps).astype(F32), F32(a))


def _filtered_taps(x: Any, grid: Grid, sampling: Sampling) -> tuple[Any, Any]:
    """The kernel stretched by the reduction, so that every input element counts; weights sum to one."""
    stretch = 1 / grid.scale
    support = stretch * (1 if sampling.mode == "linear" else 2)
    first = np.floor(x - support + 1).astype(np.int64)
    count = int(np.max(np.floor(x + support + 1).astype(np.int64) - first))
    taps = first[:, None] + np.arange(count)
    distance = np.abs(taps - x[:, None]) / stretch
    weights = np.maximum(0, 1 - distance) if sampling.mode == "linear" else cubic(distance, sampling.cubic_a)
    if sampling.exclude_outside:
        weights = np.where((taps < 0) | (taps >= grid.size), 0, weights)
    return taps, weights / weights.sum(1, keepdims=True)


def cubic(distance: Any, a: float | np.float32) -> Any:
    """Keys' cubic convolution kernel at absolute distances; in float32 when given such, as ONNX Runtime has it."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


def same(grid: Grid, one: Sampling, other_grid: Grid, other: Sampling) -> bool:
    """Whether both read the same elements with the same weights along an axis."""
    if grid.out != other_grid.out or outside(grid, one).any() or outside(other_grid, other).any():
        return False
    if one.mode == "nearest":
        return np.array_equal(nearest(grid, one), nearest(other_grid, other))
    return np.allclose(matrix(grid, one), matrix(other_grid, other), rtol=0, atol=1e-7)
