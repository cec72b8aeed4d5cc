"""# pad-before-convolution

## What it does
Folds a `Pad` with zeros into the padding of the `Conv` that reads it.

## Why
A Pad layer of its own reads and writes the whole feature map. TensorRT 7.0 refuses it from opset 11 on. DeepLab's
separable convolutions (`fixed_padding`) and every TensorFlow export have one in front of each strided convolution.

## Safety
Rounding: the same products are summed. The Pad is folded into the convolution that reads it, be it 1x1, and never
moved past one: behind a bias the border would no longer be zero.

## When it refuses
Never. A Pad is left alone that pads batch or channels, that is negative, computed or not zero, that somebody else
reads too, that feeds the weights, or whose convolution pads by itself (`auto_pad` SAME).

## How to avoid it when exporting
Write `nn.Conv2d(..., padding=p)` instead of `F.pad`.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, padding, refused, slow
from trtconv.passes.core.padding import Pads


class PadBeforeConvolution(Pass):
    """A zero Pad that the convolution behind it could do itself."""

    ops = ("Conv",)
    safety = Safety.ROUNDING
    after = ("pad-with-axes", "negative-pads", "zero-pads")
    examples = (
        Example(
            target="tensorrt-7.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,5,7] x) => (float[N,1,4,4] y)
                <int64[8] p = {0, 0, 1, 0, 0, 0, 2, 1}, float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
                { h = Pad(x, p) y = Conv <strides=[2, 2], pads=[1, 1, 0, 1]> (h, w) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,5,7] x) => (float[N,1,4,4] y) <float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
                { y = Conv <strides=[2, 2], pads=[2, 1, 2, 2]> (x, w) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="folds into a 1x1 convolution, and not past it",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,1,5,7] x) => (float[N,1,5,7] y)
                <int64[4] p = {1, 1, 1, 1}, int64[2] a = {2, 3}, float[1,1,1,1] v = {2}, float[1] b = {3},
                 float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
                { h = Pad(x, p, , a) m = Conv(h, v, b) y = Conv(m, w) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,1,5,7] x) => (float[N,1,5,7] y)
                <float[1,1,1,1] v = {2}, float[1] b = {3}, float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
                { m = Conv <pads=[1, 1, 1, 1]> (x, v, b) y = Conv(m, w) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="not zero",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,5,7] x) => (float[N,1,5,7] y)
                <int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}, float c = {1}, float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
                { h = Pad(x, p, c) y = Conv(h, w) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="channels, and a second reader",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,3,3] x) => (float[N,1,5,5] y, float[N,2,3,3] z)
                <int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}, int64[8] q = {0, 1, 0, 0, 0, 0, 0, 0},
                 float[1,1,1,1] v = {2}, float[2,2,1,1] w = {1, 2, 3, 4}> {
                    h = Pad(x, p)
                    c = Conv(h, v)
                    y = Add(c, h)
                    i = Pad(x, q)
                    z = Conv(i, w)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A Conv that alone reads a Pad with zeros on spatial axes."""
        found = _foldable(node, graph)
        if found is None:
            return None
        if target.before(7, 1) and padding.pads_in(graph) == "input":
            return refused(f"{target.title} cannot read the Pad in front, which this Conv could do itself")
        return slow("the Pad in front is a layer of its own, which this Conv could do itself")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One Conv with the sum of both pads."""
        r, found = Replacement(graph, node), _foldable(node, graph)
        assert found is not None
        pad, pads = found
        spatial = [*pads.begins[2:], *pads.ends[2:]]
        own = node.attr_ints("pads") or [0] * len(spatial)
        total = [a + b for a, b in zip(own, spatial, strict=True)]
        r.remove(pad)
        r.clone(node, [pad.input(0), *node.inputs[1:]], without=("auto_pad",), pads=total)
        return r


def _foldable(node: Node, graph: Graph) -> tuple[Node, Pads] | None:
    pad = graph.producer(node.input(0))
    if (
        pad is None
        or pad.op_type != "Pad"
        or pad.domain
        or node.attr_string("auto_pad", "NOTSET") not in ("NOTSET", "VALID")
    ):
        return None
    if graph.only_consumer(pad.outputs[0]) is not node or node.inputs.count(pad.outputs[0]) != 1:
        return None
    pads = padding.read(pad, graph)
    if pads is None or pads.has_crop or not pads.axes or pads.axes[0] < 2 or not padding.is_zero_constant(pad, graph):
        return None
    return pad, pads
