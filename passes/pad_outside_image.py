"""# pad-outside-image

## What it does
Pads axes that the old padding layer cannot reach by `Concat` with zeros, and splits a `Pad` of more than two axes.

## Why
TensorRT's padding layer works on the last two axes. TensorRT 7 refuses anything else ("only supports padding on the
outer two dimensions"), 7.0 also any rank but 4; 8.0 takes any axes, but two at a time ("TensorRT only supports 2D
padding!"). 8.2 pads by slicing, without a limit.

## Safety
Exact.

## When it refuses
When the pads are computed at run time or negative on such an axis.

## How to avoid it when exporting
Pad channels with `torch.cat` and zeros; keep images in NCHW.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, padding, refused
from trtconv.passes.core.padding import Pads


class PadOutsideImage(Pass):
    """Zero padding of axes, or of more axes, than the padding layer before 8.2 takes."""

    ops = ("Pad",)
    after = ("computed-pads", "refused-pad-value", "pad-before-convolution")
    examples = (
        Example(
            target="tensorrt-7.2",
            before="""<ir_version: 8, opset_import: ["": 9]>
                g (float[1,2,3,4] x) => (float[1,4,5,4] y) { y = Pad <pads=[0, 1, 1, 0, 0, 1, 1, 0]> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 9]>
                g (float[1,2,3,4] x) => (float[1,4,5,4] y)
                <float[1,1,3,4] b = {0,0,0,0,0,0,0,0,0,0,0,0}> {
                    h = Concat <axis=1> (b, x, b)
                    y = Pad <pads=[0, 0, 1, 0, 0, 0, 1, 0]> (h)
                }""",
        ),
        Example(
            target="tensorrt-8.0",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,2,3,4] x) => (float[N,4,5,6] y) <int64[8] p = {0, 1, 1, 1, 0, 1, 1, 1}> { y = Pad(x, p) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,2,3,4] x) => (float[N,4,5,6] y)
                <int64[8] p = {0, 1, 1, 0, 0, 1, 1, 0}, int64[8] q = {0, 0, 0, 1, 0, 0, 0, 1}> {
                    h = Pad(x, p)
                    y = Pad(h, q)
                }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="no limit since 8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,2,3,4] x) => (float[N,4,5,6] y) <int64[8] p = {0, 1, 1, 1, 0, 1, 1, 1}> { y = Pad(x, p) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Axes before the last two on 7.x, ranks but 4 on 7.0, more than two axes on 8.0."""
        if not target.before(8, 2) or not padding.is_zero_constant(node, graph):
            return None
        pads = padding.read(node, graph)
        if pads is None or not pads.axes:
            return None
        if target.before(8, 0) and pads.axes[0] < pads.rank - 2:
            return refused(f"{target.title} pads the last two axes only, not axis {pads.axes[0]}")
        if target.before(7, 1) and pads.rank != 4:
            return refused(f"{target.title} pads tensors of rank 4 only, not {pads.rank}")
        if not target.before(8, 0) and len(pads.axes) > 2:
            return refused(f"{target.title} pads two axes at a time, not {len(pads.axes)}")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Pads of two axes each in series, or blocks of zeros around the outer axes."""
        pads, filling = padding.read(node, graph), padding.value(node, graph)
        if pads is None:
            raise Refused("the pads are computed at run time")
        r = Replacement(graph, node)
        if not target.before(8, 0):
            _in_series(r, node, pads)
            return r
        inner = [] if target.before(7, 1) and pads.rank != 4 else [a for a in pads.axes if a >= pads.rank - 2]
        outer = pads.only([a for a in pads.axes if a not in inner])
        x = padding.without_pad(r, node.input(0), outer, filling, "constant", None if inner else node.outputs[0])
        if inner:
            r.pad(x, pads.only(inner).flat, into=node.outputs[0])
        return r


def _in_series(r: Replacement, node: Node, pads: Pads) -> None:
    x = node.input(0)
    for start in range(0, len(pads.axes), 2):
        axes = pads.axes[start : start + 2]
        into = node.outputs[0] if axes[-1] == pads.axes[-1] else None
        x = r.pad(x, pads.only(axes).flat, into=into)
