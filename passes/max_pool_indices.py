"""# max-pool-indices

## What it does
Drops the `Indices` output of a `MaxPool` where nothing reads it; where something does, computes them beside the pool:
each place of the window is compared with the largest value.

## Why
No version has a MaxPool with two outputs: up to 9.0 the counts of outputs disagree, from 9.1 on the parser says "This
version of TensorRT doesn't support mode than 1 outputs for MaxPool nodes!", read or not. `storage_order` says how
indices count, and goes with them.

## Safety
Exact. Of equal values the first one counts.

## When it refuses
When the indices are read, and the shape is not fixed, the values are no floats, the window has more than 64 places, or
`ceil_mode` gives a window that starts in the padding.

## How to avoid it when exporting
`return_indices=False`, the default of PyTorch's MaxPool; `Upsample` instead of `MaxUnpool`.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused
from trtconv.passes.core.pooling import Pooling

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
MAX_CELLS = 64


class MaxPoolIndices(Pass):
    """A second output of MaxPool."""

    ops = ("MaxPool",)
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,4,6] y) {
                    y, indices = MaxPool <kernel_shape=[2,2], storage_order=1> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,4,6] y) { y = MaxPool <kernel_shape=[2,2]> (x) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="indices that are read",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,1,4] x) => (float[1,1,2] y, int64[1,1,2] indices) {
                    y, indices = MaxPool <kernel_shape=[2], strides=[2]> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,1,4] x) => (float[1,1,2] y, int64[1,1,2] indices)
                <int64[1] s0 = {1}, int64[1] e0 = {4}, int64[1] s1 = {0}, int64[1] e1 = {3}, int64[1] a = {2},
                 int64[1] t = {2}, int64[1,1,2] i0 = {0, 2}, int64[1,1,2] i1 = {1, 3}, int64[1,1,2] none = {0, 0},
                 bool[2] inside = {1, 1}, int64[1,1,1] first = {0}> {
                    y = MaxPool <kernel_shape=[2], strides=[2]> (x)
                    second = Slice(x, s0, e0, a, t)
                    second_is = Equal(second, y)
                    second_hits = And(second_is, inside)
                    index = Where(second_hits, i1, none)
                    former = Slice(x, s1, e1, a, t)
                    former_is = Equal(former, y)
                    former_hits = And(former_is, inside)
                    place = Where(former_hits, i0, index)
                    indices = Add(place, first)
                }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="of unknown size",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,4,6] y, int64[N,2,4,6] indices) {
                    y, indices = MaxPool <kernel_shape=[2,2]> (x) }""",
            refusal="the indices are read, and the shape is not fixed",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="one output",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,4,6] y) { y = MaxPool <kernel_shape=[2,2]> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any second output, read or not."""
        return refused("MaxPool has one output in every version, and no Indices") if node.has_output(1) else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same MaxPool with one output, and the places of its values."""
        r = Replacement(graph, node)
        values = r.clone(node, node.inputs, [node.outputs[0] or None], ("storage_order",))[0]
        if graph.consumers(node.outputs[1]) or graph.is_output(node.outputs[1]):
            _compute(r, values)
        return r


def _compute(r: Replacement, values: str) -> None:
    graph, node = r.graph, r.node
    shape, windows = graph.shape(node.input(0)), Pooling.of(node, graph)
    if shape is None or windows is None or not all(isinstance(d, int) for d in shape):
        raise Refused("the indices are read, and the shape is not fixed")
    if graph.dtype(node.input(0)) not in FLOATS or graph.opset < 10 or windows.cells > MAX_CELLS:
        raise Refused(f"the indices are read, and the values are no floats, or more than {MAX_CELLS} to a window")
    if windows.ceil and any(a.may_drop for a in windows.axes):
        raise Refused("the indices are read, and runtimes disagree on how many windows ceil_mode gives here")
    windows = windows.explicit().floored()
    batch, channels, *sizes = [d for d in shape if isinstance(d, int)]
    x = _padded(r, windows)
    strides = _strides(sizes, by_column=node.attr_int("storage_order", 0) != 0)
    counts = [a.windows(ceil=False) for a in windows.axes]
    index = r.constant(np.zeros((1, 1, *counts), np.int64))
    for cell in reversed(list(itertools.product(*(range(a.kernel) for a in windows.axes)))):
        starts = [c * a.dilation for c, a in zip(cell, windows.axes, strict=True)]
        ends = [s + (n - 1) * a.stride + 1 for s, n, a in zip(starts, counts, windows.axes, strict=True)]
        axes = [i + 2 for i in range(len(sizes))]
        value = r.slice(x, starts, ends, axes, windows.column("stride"))
        place, inside = _places(windows, starts, counts, sizes, strides)
        hit = r.op("And", r.op("Equal", value, values), r.constant(inside))
        index = r.op("Where", hit, r.constant(place), index)
    first = np.arange(batch * channels).reshape(batch, channels, *[1] * len(sizes)) * math.prod(sizes)
    r.op("Add", index, r.constant(first, np.int64), into=node.outputs[1])


def _padded(r: Replacement, windows: Pooling) -> str:
    """The input with as much around it as windows reach; what it holds is never chosen."""
    begins, ends = [a.begin for a in windows.axes], [a.end for a in windows.axes]
    return r.pad(r.node.input(0), [0, 0, *begins, 0, 0, *ends]) if any((*begins, *ends)) else r.node.input(0)


def _strides(sizes: list[int], *, by_column: bool) -> list[int]:
    """How far apart two places are that follow each other along an axis."""
    if by_column:
        return [math.prod(sizes[:i]) for i in range(len(sizes))]
    return [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]


def _places(
    windows: Pooling, starts: list[int], counts: list[int], sizes: list[int], strides: list[int]
) -> tuple[Array, Array]:
    """For one cell of every window: its place in the image, INT64, and whether it lies inside, BOOL."""
    place, inside = np.zeros(counts, np.int64), np.ones(counts, np.bool_)
    for axis, (start, count, size) in enumerate(zip(starts, counts, sizes, strict=True)):
        along = start - windows.axes[axis].begin + np.arange(count) * windows.axes[axis].stride
        along = along.reshape([-1 if i == axis else 1 for i in range(len(counts))])
        place += along * strides[axis]
        inside &= (along >= 0) & (along < size)
    return place[None, None], inside
