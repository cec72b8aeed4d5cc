"""# asymmetric-average-pool

## What it does
Moves unequal begin and end pads of an `AveragePool` into a `Pad`, and corrects the divisor where pads do not count.

## Why
TensorRT 7.0 to 8.4 takes pads of AveragePool only where the end pad equals the begin pad, or is one more
(`supported_form_of_asymmetric_padding_for_AveragePool`; 8.0 says "This version of TensorRT does not support the form
of the attribute pads."). 8.5 pads natively.

## Safety
Sums run over the same cells. With `count_include_pad=0` the mean over the whole window is multiplied by window size
over counted cells: a constant where the spatial sizes are known, else pooled from ones at run time. Equal within
rounding. A zero pad is no trouble for NaN and infinities: no cell is multiplied
by 0.

## When it refuses
Spatial sizes known at run time only, in a model below opset 9, which has no ConstantOfShape.

## How to avoid it when exporting
Pad symmetrically, or export for TensorRT 8.5 or later.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.pooling import Pooling, mean_of_counted


class AsymmetricAveragePool(Pass):
    """Pads of AveragePool in a form that parsers before 8.5 refuse."""

    ops = ("AveragePool",)
    safety = Safety.ROUNDING
    after = ("pool-ceil-mode",)
    examples = (
        Example(
            target="tensorrt-8.2",
            title="pads that count",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,1,5,7] x) => (float[N,1,4,7] y) {
                    y = AveragePool <kernel_shape=[3,3], pads=[1,0,0,2], count_include_pad=1> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,1,5,7] x) => (float[N,1,4,7] y) <int64[8] pads={0,0,1,0,0,0,0,2}> { padded = Pad(x, pads)
                    y = AveragePool <kernel_shape=[3,3], count_include_pad=1> (padded) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="pads that do not count",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,1,4,4] x) => (float[N,1,2,4] y) {
                    y = AveragePool <kernel_shape=[3,1], pads=[1,0,0,0], strides=[2,1]> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,1,4,4] x) => (float[N,1,2,4] y)
                <int64[8] pads={0,0,1,0,0,0,0,0}, float[1,1,2,1] divisor={1.5,1}> { padded = Pad(x, pads)
                    mean = AveragePool <kernel_shape=[3,1], strides=[2,1]> (padded) y = Mul(mean, divisor) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="one more at the end is taken",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,1,5,7] x) => (float[N,1,3,4] y) {
                    y = AveragePool <kernel_shape=[2,2], pads=[0,0,1,1], strides=[2,2]> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Before 8.5: pads of the first two spatial axes other than (n, n) or (n, n + 1)."""
        pooling = Pooling.of(node, graph)
        if pooling is None or not target.before(8, 5) or accepts_pads(pooling):
            return None
        if any(a.dilation != 1 for a in pooling.axes):
            return None  # no pool at all, whatever its pads: dilated-average-pool
        return refused(f"{target.title} takes only end pads that equal the begin pads or are one more")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Pad, AveragePool without pads, and the divisor where pads do not count."""
        pooling = Pooling.of(node, graph)
        assert pooling is not None
        r = Replacement(graph, node)
        include_pad = bool(node.attr_int("count_include_pad", 0))
        mean_of_counted(r, node.input(0), pooling, _padded_mean, include_pad=include_pad, into=node.outputs[0])
        return r


def accepts_pads(pooling: Pooling) -> bool:
    """Whether parsers before 8.5 take the pads of an AveragePool."""
    return all(a.end - a.begin in (0, 1) for a in pooling.axes[:2])


def _padded_mean(r: Replacement, x: str, windows: Pooling, into: str | None) -> str:
    rank, pads = len(windows.axes), windows.pads
    padded = r.pad(x, [0, 0, *pads[:rank], 0, 0, *pads[rank:]]) if any(pads) else x
    return r.clone(r.node, [padded], [into], ("pads", "ceil_mode", "auto_pad"))[0]
