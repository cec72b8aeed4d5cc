"""# pool-ceil-mode

## What it does
Replaces `ceil_mode=1` of a pool by floor mode with the end padding that gives the same windows.

## Why
TensorRT 7.0 computes one output size formula for the whole network and refuses dynamic spatial sizes. From 7.1 on
the output size is `ceil((size + pads - kernel) / stride) + 1`: a last window that starts in the end padding is kept,
where ONNX, PyTorch and ONNX Runtime drop it, so the output is one row or column larger, or refused where its divisor
would be 0 (seen with the TensorRT-RTX 1.7 parser). The divisor of a window that reaches beyond the declared padding,
with `count_include_pad=1`, is the cells within the padding in ONNX, and nowhere defined in TensorRT.

## Safety
The windows and divisors are the same, for sizes known at run time only as well: bit-equal, but for averages with
`count_include_pad=1`, where a Pad adds the declared zeros and the pool counts what is inside; a runtime may then add
in another order, within rounding.

## When it refuses
Never.

## How to avoid it when exporting
Build the network with `ceil_mode=False`, or with padding that makes the sizes come out even.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused, silent
from trtconv.passes.core.pooling import Pooling, pad_declared


class PoolCeilMode(Pass):
    """ceil_mode where the target refuses it or computes other windows or divisors."""

    ops = ("AveragePool", "MaxPool")
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            title="a last window that starts in the padding",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,5] x) => (float[N,2,2,2] y) {
                    y = MaxPool <kernel_shape=[2,2], strides=[3,3], pads=[1,1,1,1], ceil_mode=1> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,5] x) => (float[N,2,2,2] y) {
                    y = MaxPool <kernel_shape=[2,2], strides=[3,3], pads=[1,1,1,1]> (x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="the divisor beyond the declared padding, at sizes known at run time",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,H,W] x) => (float[N,2,A,B] y) { y = AveragePool <kernel_shape=[3,3], strides=[2,2],
                    pads=[1,1,1,1], ceil_mode=1, count_include_pad=1> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,H,W] x) => (float[N,2,A,B] y) <int64[8] pads={0,0,1,1,0,0,1,1}> { padded = Pad(x, pads)
                    y = AveragePool <kernel_shape=[3,3], strides=[2,2], pads=[0,0,1,1]> (padded) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="no window can start in the padding",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,H,W] x) => (float[N,2,A,B] y) {
                    y = MaxPool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Every ceil_mode on 7.0; from 7.1 on, windows to be dropped, and divisors beyond the declared padding."""
        pooling = Pooling.of(node, graph)
        if pooling is None or not pooling.ceil or pooling.is_same:
            return None
        if target.before(7, 1):
            return refused("TensorRT 7.0 has one output size formula for the whole network, and none for dynamic sizes")
        if any(a.may_drop for a in pooling.axes):
            return silent("with ceil_mode=1 the target keeps a last window that starts in the end padding")
        if counts_pads(node) and pooling.overhangs:
            return silent("with ceil_mode=1 and count_include_pad=1 the target's divisor at the end is undefined")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Floor mode; declared zeros that count come from a Pad where windows reach beyond them."""
        pooling = Pooling.of(node, graph)
        assert pooling is not None
        r, x, windows = Replacement(graph, node), node.input(0), pooling.floored()
        without = ["ceil_mode", "auto_pad"]
        if counts_pads(node) and pooling.overhangs:
            if any(pooling.pads):
                x, windows = pad_declared(r, x, pooling)
            without.append("count_include_pad")
        r.clone(node, [x], without=without, pads=windows.pads)
        return r


def counts_pads(node: Node) -> bool:
    """Whether pads count as cells in the mean."""
    return node.op_type == "AveragePool" and bool(node.attr_int("count_include_pad", 0))
