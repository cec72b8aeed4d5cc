"""# pool-of-many-axes

## What it does
Splits a pool over four or five spatial axes into a pool over the last three and one over the others.

## Why
Every version pools over two or three axes (one is brought to two): "The attribute kernel_shape misaligns with the shape
of the input tensor." (measured with the TensorRT-RTX 1.7 parser).

## Safety
A maximum of maxima is the maximum of all; a mean of means over windows of one size is the mean of all, within rounding.

## When it refuses
Spatial sizes are known at run time only; pads of an average do not count, so that windows differ in size; `Indices`
are read; there are more than five axes.

## How to avoid it when exporting
Pool over fewer axes: mainstream frameworks have no such layer.
"""

from __future__ import annotations

import math

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.pooling import PoolAxis, Pooling


class PoolOfManyAxes(Pass):
    """AveragePool or MaxPool over more than three spatial axes."""

    ops = ("AveragePool", "MaxPool")
    safety = Safety.ROUNDING
    after = ("dilated-average-pool", "dilated-max-pool", "pool-ceil-mode")
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,3,4,3,5] x) => (float[N,2,2,2,2,3] y) {
                    y = AveragePool <kernel_shape=[2,2,2,3], strides=[1,2,1,1]> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,3,4,3,5] x) => (float[N,2,2,2,2,3] y)
                <int64[5] inner={0,-1,4,3,5}, int64[4] outer={0,-1,3,12}, int64[6] whole={0,-1,2,2,2,3}> {
                    a = Reshape(x, inner) b = AveragePool <kernel_shape=[2,2,3], strides=[2,1,1]> (a)
                    c = Reshape(b, outer) d = AveragePool <kernel_shape=[2,1]> (c) y = Reshape(d, whole) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,3,4,3,5] x) => (float[N,2,2,3,2,5] y) {
                    y = AveragePool <kernel_shape=[2,2,2,2], pads=[0,0,0,1,0,0,0,0]> (x) }""",
            refusal="differ in size",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="three axes are taken",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,4,3,5] x) => (float[N,2,3,2,3] y) { y = MaxPool <kernel_shape=[2,2,3]> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """More than three spatial axes."""
        pooling = Pooling.of(node, graph)
        if pooling is None or len(pooling.axes) <= 3:
            return None
        return refused(f"every version pools over three spatial axes at most, not over {len(pooling.axes)}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """A pool over the last three axes, the others among the channels; then one over the others."""
        pooling = Pooling.of(node, graph)
        assert pooling is not None
        pooling = _splittable(pooling.explicit(), node, graph)
        r, outer, inner = Replacement(graph, node), pooling.axes[:-3], pooling.axes[-3:]
        x = _pool(r, node.input(0), [a.size or 0 for a in inner], inner)
        flat = PoolAxis(math.prod(a.windows(ceil=False) for a in inner), 1, 1, 1, 0, 0)
        x = _pool(r, x, [*(a.size or 0 for a in outer), flat.size or 0], (*outer, flat))
        r.reshape(x, [0, -1, *(a.windows(ceil=False) for a in pooling.axes)], into=node.outputs[0])
        return r


def _splittable(pooling: Pooling, node: Node, graph: Graph) -> Pooling:
    if len(pooling.axes) > 5:
        raise Refused("there are more than five spatial axes")
    if not pooling.is_static:
        raise Refused("the spatial sizes are known at run time only")
    if any(graph.consumers(o) or graph.is_output(o) for o in node.outputs[1:]):
        raise Refused("the indices are read")
    counts = not any(pooling.pads) or node.attr_int("count_include_pad", 0)
    if node.op_type == "AveragePool" and (pooling.overhangs or not counts):
        raise Refused("pads do not count, so that the windows differ in size")
    if any(a.dilation != 1 for a in pooling.axes):
        raise Refused("it has dilations")
    return pooling.floored()


def _pool(r: Replacement, x: str, sizes: list[int], axes: tuple[PoolAxis, ...]) -> str:
    """Reshape to batch, channels and `sizes`, and pool these."""
    windows = Pooling(axes, ceil=False, auto_pad="NOTSET")
    shaped = r.reshape(x, [0, -1, *sizes])
    changed = {"kernel_shape": windows.column("kernel"), "strides": windows.column("stride"), "pads": windows.pads}
    gone = ("dilations", "ceil_mode", "auto_pad", "storage_order")
    return r.clone(r.node, [shaped], [None], gone, **changed)[0]
