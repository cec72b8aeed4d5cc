"""# unsupported-lp-pool

## What it does
Takes an `LpPool` apart, where the target lacks it or refuses its form: powers, `AveragePool` (`Conv` with dilations),
root.

## Why
Before 7.2.2 there is no importer. Later ones take p = 1 and 2 only ("Only L1 and L2 normalization are supported."),
FLOAT and HALF, no dilations, and no 1-D pool (measured with the TensorRT-RTX 1.7 parser: "(windowSize).nbDims == 2 ||
(windowSize).nbDims == 3"). `ceil_mode` is read from 10.0 on; there, as in every pool, a last window that starts in the
end padding is kept, which ONNX Runtime drops.

## Safety
The sum over a window is its mean, padding included, times the number of its cells; equal within rounding.

## When it refuses
With dilations: the number of channels is unknown, or sizes are known at run time only and `auto_pad` is SAME_UPPER or
SAME_LOWER. Below opset 7, where AveragePool cannot count its padding.

## How to avoid it when exporting
PyTorch's exporters write powers and AveragePool by themselves.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import (
    Example,
    Graph,
    Node,
    Pass,
    Refused,
    Replacement,
    Safety,
    Target,
    Trouble,
    refused,
    silent,
)
from trtconv.passes.core.pooling import Pooling, depthwise, known_channels


class UnsupportedLpPool(Pass):
    """LpPool where the target has none, or not with this p, rank, element type, dilation or ceil_mode."""

    ops = ("LpPool",)
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,2,5,7] x) => (float[N,2,2,3] y) {
                    y = LpPool <kernel_shape=[3,3], strides=[2,2], p=3> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,2,5,7] x) => (float[N,2,2,3] y) <float p={3}, float n={9}, float root={0.33333334}> {
                    a = Abs(x) b = Pow(a, p)
                    c = AveragePool <kernel_shape=[3,3], strides=[2,2], count_include_pad=1> (b)
                    d = Mul(c, n) y = Pow(d, root) }""",
        ),
        Example(
            target="tensorrt-7.1",
            title="no importer before 7.2.2",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,2,5,7] x) => (float[N,2,2,3] y) { y = LpPool <kernel_shape=[3,3], strides=[2,2]> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,2,5,7] x) => (float[N,2,2,3] y) <float n={9}> { b = Mul(x, x)
                    c = AveragePool <kernel_shape=[3,3], strides=[2,2], count_include_pad=1> (b)
                    d = Mul(c, n) y = Sqrt(d) }""",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,2,5,7] x) => (float[N,2,2,3] y) { y = LpPool <kernel_shape=[3,3], strides=[2,2]> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """No importer; p, rank, element type or dilations it refuses; ceil_mode it ignores or reads otherwise."""
        pooling = Pooling.of(node, graph)
        if pooling is None:
            return None
        why = _refusal(node, graph, target, pooling)
        if why:
            return refused(why)
        if target.before(10, 0) and pooling.overhangs:
            return silent("ceil_mode of LpPool is not read before 10.0")
        if pooling.ceil and not pooling.is_same and any(a.may_drop for a in pooling.axes):
            return silent("with ceil_mode=1 the target keeps a last window that starts in the end padding")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Root of the sum of powers."""
        pooling = Pooling.of(node, graph)
        assert pooling is not None
        if graph.opset < 7:
            raise Refused("AveragePool has no count_include_pad before opset 7")
        r, x, output = Replacement(graph, node), node.input(0), node.outputs[0]
        p = node.attr_int("p", 2)
        last = output if p == 1 else None
        powers = _powers(r, x, p)
        if all(a.dilation == 1 for a in pooling.axes):
            total = _sum(r, powers, pooling.floored(), last)
        else:
            windows = pooling.explicit().floored()
            total = depthwise(r, powers, windows, 1, channels=known_channels(r), into=last)
        if p == 2:
            r.op("Sqrt", total, into=output)
        elif p > 2:
            r.op("Pow", total, r.scalar(1 / p, x), into=output)
        return r


def _refusal(node: Node, graph: Graph, target: Target, pooling: Pooling) -> str:
    dtype, p = graph.dtype(node.input(0)), node.attr_int("p", 2)
    if not target.has("LpPool"):
        return f"{target.title} has no importer for LpPool"
    if p not in (1, 2):
        return f"LpPool takes p = 1 and 2 only, not {p}"
    if len(pooling.axes) == 1:
        return "LpPool is not taken for 3-D tensors"
    if dtype == TensorProto.BFLOAT16:
        return "LpPool takes FLOAT and HALF only, not BFLOAT16"
    if any(a.dilation != 1 for a in pooling.axes):
        return "pooling with dilations is refused by every version"
    return ""


def _powers(r: Replacement, x: str, p: int) -> str:
    if p == 2:
        return r.op("Mul", x, x)
    size = r.op("Abs", x)
    return size if p == 1 else r.op("Pow", size, r.scalar(p, x))


def _sum(r: Replacement, powers: str, windows: Pooling, into: str | None) -> str:
    """Mean of whole windows, zeros of the padding included, times their cells."""
    same = windows.auto_pad if windows.is_same else None
    mean = r.op(
        "AveragePool",
        powers,
        kernel_shape=windows.column("kernel"),
        strides=windows.column("stride"),
        pads=None if same else windows.pads,
        auto_pad=same,
        count_include_pad=1,
    )
    return r.op("Mul", mean, r.scalar(windows.cells, r.node.input(0)), into=into)
