"""# auto-pad-with-pads

## What it does
Removes `pads` from a convolution or pool whose `auto_pad` decides about padding.

## Why
ONNX forbids the two together, and ONNX Runtime then follows `auto_pad`. TensorRT 10 refuses SAME_UPPER and
SAME_LOWER with any `pads`, zeros included ("Pads attribute should not be specified with SAME_LOWER or SAME_UPPER
auto padding!"); with VALID it silently pads (both measured with the TensorRT-RTX 1.7 parser).

## Safety
Exact: ONNX Runtime does not read `pads` there.

## When it refuses
Never.

## How to avoid it when exporting
Write one of the two attributes.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused, silent


class AutoPadWithPads(Pass):
    """auto_pad other than NOTSET beside pads."""

    ops = ("AveragePool", "Conv", "LpPool", "MaxPool")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,3,4] y) {
                    y = MaxPool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER", pads=[0,0,0,0]> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,3,4] y) {
                    y = MaxPool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER"> (x) }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="SAME with pads is taken before 10.0, VALID with zeros always",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,3,5] z) {
                    y = MaxPool <kernel_shape=[3,3], auto_pad="SAME_UPPER", pads=[0,0,0,0]> (x)
                    z = AveragePool <kernel_shape=[3,3], auto_pad="VALID", pads=[0,0,0,0]> (y) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """SAME_* with pads from 10.0 on; VALID with pads that are not all zero."""
        auto_pad, pads = node.attr_string("auto_pad", ""), node.attr_ints("pads")
        if pads is None:
            return None
        if auto_pad.startswith("SAME") and not target.before(10, 0):
            return refused(f"pads beside auto_pad={auto_pad} are refused from 10.0 on")
        if auto_pad == "VALID" and any(pads):
            return silent("the target pads in spite of auto_pad=VALID")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same node without pads."""
        r = Replacement(graph, node)
        r.clone(node, node.inputs, without=("pads",))
        return r
