"""# pad-before-average-pool

## What it does
Folds a zero `Pad` of the spatial axes into the `AveragePool` that reads it, with `count_include_pad=1`.

## Why
Older PyTorch exporters write AvgPool2d(padding=1) as a Pad and an AveragePool without pads. TensorRT builds a layer of
its own for the Pad, and for opset 11 and later the Pad is what 7.x parsers stop at.

## Safety
Exact: `count_include_pad=1` divides by the whole window, as the pool over the padded tensor did.

## When it refuses
Never: a Pad that is read elsewhere, negative, as wide as the window, of another mode or value, before a pool with
`ceil_mode` or one whose own pads do not count, stays. So does one whose pads would be unequal before TensorRT 8.5,
which refuses these in AveragePool.

## How to avoid it when exporting
Export with a current PyTorch at opset 10 or later.
"""

from __future__ import annotations

from dataclasses import replace

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, padding, slow
from trtconv.passes.core.pooling import Pooling


class PadBeforeAveragePool(Pass):
    """A zero Pad whose only reader is an AveragePool."""

    ops = ("AveragePool",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,2,5,7] x) => (float[N,2,3,4] y) <int64[8] pads={0,0,1,1,0,0,1,1}> { padded = Pad(x, pads)
                    y = AveragePool <kernel_shape=[3,3], strides=[2,2], pads=[0,0,0,0]> (padded) }""",
            after="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,2,5,7] x) => (float[N,2,3,4] y) {
                    y = AveragePool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1> (x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="ceil_mode counts other windows",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,2,5,7] x) => (float[N,2,3,4] y) <int64[8] pads={0,0,1,1,0,0,1,1}> { padded = Pad(x, pads)
                    y = AveragePool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (padded) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="unequal pads, refused in AveragePool before 8.5",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,2,5,7] x) => (float[N,2,2,3] y) <int64[8] pads={0,0,1,1,0,0,0,0}> { padded = Pad(x, pads)
                    y = AveragePool <kernel_shape=[3,3], strides=[2,2]> (padded) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A constant zero Pad of spatial axes, read by this pool only, that the pool's pads can hold."""
        windows = _folded(node, graph)
        if windows is None or (target.before(8, 5) and any(a.end - a.begin not in (0, 1) for a in windows.axes[:2])):
            return None
        return slow("the Pad in front is a layer of its own; AveragePool pads by itself")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """AveragePool of what the Pad read."""
        windows, pad = _folded(node, graph), graph.producer(node.input(0))
        assert windows is not None
        assert pad is not None
        r = Replacement(graph, node)
        r.clone(node, [pad.input(0)], without=("auto_pad",), pads=windows.pads, count_include_pad=1)
        r.remove(pad)
        return r


def _folded(node: Node, graph: Graph) -> Pooling | None:
    """The pool's windows with the pads of the Pad in front added, where that is exact."""
    pooling, pad = Pooling.of(node, graph), graph.producer(node.input(0))
    if graph.opset < 7:  # no count_include_pad
        return None
    if pooling is None or pooling.ceil or pooling.is_same or pad is None or pad.op_type != "Pad" or pad.domain:
        return None
    own_count = not any(pooling.pads) or node.attr_int("count_include_pad", 0)
    if not own_count or graph.only_consumer(node.input(0)) is not node:
        return None
    pads = padding.read(pad, graph)
    if pads is None or pads.has_crop or not padding.is_zero_constant(pad, graph) or not _is_spatial(pads, pooling):
        return None
    columns = zip(pooling.axes, pads.begins[2:], pads.ends[2:], strict=True)
    axes = tuple(replace(a, begin=a.begin + begin, end=a.end + end) for a, begin, end in columns)
    return replace(pooling, axes=axes) if all(max(a.begin, a.end) < a.kernel for a in axes) else None


def _is_spatial(pads: padding.Pads, pooling: Pooling) -> bool:
    return pads.rank == len(pooling.axes) + 2 and min(pads.axes, default=0) >= 2
