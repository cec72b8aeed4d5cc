"""GridSample as arithmetic on coordinates and one Gather for each neighbour of a sampled place."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.decompositions.pixels import Pixels, bounded
from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

FLOAT = TensorProto.FLOAT
CUBIC_A = -0.75
MODES = {"bilinear": "linear", "bicubic": "cubic"}
"""Names of opset 16 for those of opset 20."""


@dataclass(frozen=True)
class Tap:
    """One neighbour along one axis, FLOAT tensors over all places: its index, and its weight (empty: 1)."""

    index: str
    weight: str = ""


def grid_sample(node: Node, graph: Graph) -> Replacement:
    """GridSample of fixed size, over any number of axes."""
    x, grid = node.inputs
    shape, places = graph.shape(x), graph.shape(grid)
    if shape is None or places is None or not all(isinstance(d, int) for d in (*shape, *places)):
        raise Refused("the shapes of its input and its grid are not fixed")
    batch, channels, *sizes = [d for d in shape if isinstance(d, int)]
    outer = [d for d in places if isinstance(d, int)][1:-1]
    count = int(np.prod(outer))
    mode = MODES.get(node.attr_string("mode", "linear"), node.attr_string("mode", "linear"))
    padding, align = node.attr_string("padding_mode", "zeros"), node.attr_int("align_corners", 0) != 0
    r, dtype = Replacement(graph, node), graph.dtype(x)
    wide = x if dtype == FLOAT else r.cast(x, FLOAT)
    flat = r.reshape(grid if graph.dtype(grid) == FLOAT else r.cast(grid, FLOAT), [batch, count, len(sizes)])
    pixels = Pixels(r, r.transpose(wide, [0, *range(2, len(sizes) + 2), 1]), channels, sizes)
    image = r.constant(np.arange(batch).reshape(-1, 1), np.int64)
    taps = [
        _taps(r, _coordinate(r, flat, len(sizes) - 1 - axis, size, align), size, mode, padding, align)
        for axis, size in enumerate(sizes)
    ]
    total = _weighted(r, pixels, image, taps, inside_only=padding == "zeros")
    result = r.transpose(r.reshape(total, [batch, *outer, channels]), [0, len(sizes) + 1, *range(1, len(sizes) + 1)])
    if dtype == FLOAT:
        r.op("Identity", result, into=node.outputs[0])
    else:
        r.cast(result, dtype or FLOAT, into=node.outputs[0])
    return r


def _weighted(r: Replacement, pixels: Pixels, image: str, taps: Sequence[Sequence[Tap]], *, inside_only: bool) -> str:
    """Sum of the rows at every combination of taps, times the product of their weights."""
    total = ""
    for chosen in itertools.product(*taps):
        value, weight = pixels.at(image, [tap.index for tap in chosen], inside_only=inside_only), ""
        for tap in chosen:
            weight = r.op("Mul", weight, tap.weight) if weight and tap.weight else weight or tap.weight
        term = r.op("Mul", value, r.unsqueeze(weight, [2])) if weight else value
        total = r.op("Add", total, term) if total else term
    return total


def _coordinate(r: Replacement, grid: str, column: int, size: int, align: bool) -> str:
    """Place on an axis in pixels, [N, places], from what the grid says between -1 and 1."""
    g = r.op("Gather", grid, r.constant(column, np.int64), axis=2)
    moved = r.op("Add", bounded(r, g), r.constant(1, np.float32))
    if align:
        return r.op("Mul", moved, r.constant((size - 1) / 2, np.float32))
    half = r.op("Mul", moved, r.constant(size / 2, np.float32))
    return r.op("Sub", half, r.constant(0.5, np.float32))


def _taps(r: Replacement, x: str, size: int, mode: str, padding: str, align: bool) -> list[Tap]:
    """Neighbours that count, along one axis."""
    if mode == "nearest":
        return [Tap(_inside(r, r.op("Round", x), size, padding, align))]
    if mode == "linear" or padding == "reflection":  # the border of a cubic kernel is that of its neighbours alone
        x = _inside(r, x, size, padding, align)
    low = r.op("Floor", x)
    part = r.op("Sub", x, low)
    if mode == "linear":
        one = r.constant(1, np.float32)
        return [Tap(low, r.op("Sub", one, part)), Tap(r.op("Add", low, one), part)]
    taps = []
    for offset in (-1, 0, 1, 2):
        index = r.op("Add", low, r.constant(offset, np.float32))
        distance = r.op("Abs", r.op("Sub", part, r.constant(offset, np.float32)))
        taps.append(Tap(_inside(r, index, size, padding, align), _cubic(r, distance, near=offset in (0, 1))))
    return taps


def _inside(r: Replacement, x: str, size: int, padding: str, align: bool) -> str:
    """`x` reflected or clamped into the axis, as `padding` says; zeros leave it alone."""
    if padding == "border":
        low, high = r.constant(0, np.float32), r.constant(size - 1, np.float32)
        return r.op("Min", r.op("Max", x, low), high)
    if padding != "reflection":
        return x
    start, length = (0.0, size - 1.0) if align else (-0.5, float(size))
    if not length:
        return r.op("Mul", x, r.constant(0, np.float32))
    first, around = r.constant(start, np.float32), r.constant(2 * length, np.float32)
    distance = r.op("Abs", r.op("Sub", x, first))
    turns = r.op("Floor", r.op("Div", distance, around))
    rest = r.op("Sub", distance, r.op("Mul", turns, around))
    return r.op("Add", r.op("Min", rest, r.op("Sub", around, rest)), first)


def _cubic(r: Replacement, distance: str, *, near: bool) -> str:
    """Keys' kernel at distances up to 1 (near), or between 1 and 2."""
    a = CUBIC_A
    coefficients = (a + 2, -(a + 3), 0.0, 1.0) if near else (a, -5 * a, 8 * a, -4 * a)
    value = r.constant(coefficients[0], np.float32)
    for coefficient in coefficients[1:]:
        value = r.op("Add", r.op("Mul", value, distance), r.constant(coefficient, np.float32))
    return value
