"""# dilated-average-pool

## What it does
Turns an `AveragePool` with dilations into a depthwise `Conv` with a constant kernel.

## Why
No version of TensorRT or TensorRT-RTX pools with dilations: "This version of TensorRT does not support dilations
other than 1." Every version convolves with them.

## Safety
A mean is a convolution with weights 1/n; where pads do not count, a divisor corrects it (a constant where the
spatial sizes are known, else convolved from ones at run time). Equal within rounding. A sum that overflows in the
pool does not in the convolution, which adds values that are divided already.

## When it refuses
The number of channels is unknown; sizes are known at run time only and `auto_pad` is SAME_UPPER or SAME_LOWER.

## How to avoid it when exporting
PyTorch's AvgPool has no dilation: it comes from other frameworks or from hand-made graphs.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.pooling import Pooling, depthwise, known_channels, mean_of_counted


class DilatedAveragePool(Pass):
    """AveragePool with dilations other than 1."""

    ops = ("AveragePool",)
    safety = Safety.ROUNDING
    after = ("pool-ceil-mode",)
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 9, opset_import: ["": 19]>
                g (float[N,2,5,7] x) => (float[N,2,3,5] y) {
                    y = AveragePool <kernel_shape=[2,2], dilations=[2,2]> (x) }""",
            after="""<ir_version: 9, opset_import: ["": 19]>
                g (float[N,2,5,7] x) => (float[N,2,3,5] y)
                <float[2,1,2,2] w={0.25,0.25,0.25,0.25,0.25,0.25,0.25,0.25}> {
                    y = Conv <group=2, kernel_shape=[2,2], dilations=[2,2]> (x, w) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="channels known at run time only",
            before="""<ir_version: 9, opset_import: ["": 19]>
                g (float[N,C,5,7] x) => (float[N,C,3,5] y) {
                    y = AveragePool <kernel_shape=[2,2], dilations=[2,2]> (x) }""",
            refusal="number of channels",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 9, opset_import: ["": 19]>
                g (float[N,2,5,7] x) => (float[N,2,4,6] y) {
                    y = AveragePool <kernel_shape=[2,2], dilations=[1,1]> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any dilation other than 1, of a kernel of size 1 too: every version refuses it."""
        pooling = Pooling.of(node, graph)
        if pooling is None or all(a.dilation == 1 for a in pooling.axes):
            return None
        return refused("pooling with dilations is refused by every version")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Depthwise Conv with weights 1/n, and a divisor where pads do not count."""
        pooling = Pooling.of(node, graph)
        assert pooling is not None
        r, x = Replacement(graph, node), node.input(0)
        if all(a.dilation == 1 or a.kernel == 1 for a in pooling.axes):
            r.clone(node, [x], without=("dilations",))
            return r
        include_pad = bool(node.attr_int("count_include_pad", 0))
        mean_of_counted(r, x, pooling.explicit(), _mean, include_pad=include_pad, into=node.outputs[0])
        return r


def _mean(r: Replacement, x: str, windows: Pooling, into: str | None) -> str:
    """Means over whole windows of the node's own channels, or of ones, which have a single channel."""
    is_ones = any(x in n.outputs and n.op_type == "ConstantOfShape" for n in r.nodes)
    channels = 1 if is_ones else known_channels(r)
    return depthwise(r, x, windows, 1 / windows.cells, channels=channels, into=into)
