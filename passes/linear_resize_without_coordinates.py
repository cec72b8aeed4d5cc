"""# linear-resize-without-coordinates

## What it does
Warns of a linear `Upsample`, or a linear `Resize` of opset 10: the file cannot say which pixels its author meant.

## Why
Before opset 11 the operators have no coordinate mode, and mean asymmetric. PyTorch's exporter writes them for
`F.interpolate(..., mode="bilinear", align_corners=False)` all the same, which is half_pixel: the exported file
differs from the network it came from, in ONNX Runtime as in TensorRT. Nobody can see that in the file.

## Safety
Nothing is rewritten: the file is computed as it says.

## When it refuses
Always, since only the author knows. Compare the file with the network it came from (`trtconv verify --reference`),
or export again.

## How to avoid it when exporting
Export with opset 11 or later.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, note


class LinearResizeWithoutCoordinates(Pass):
    """Linear interpolation from before coordinate modes existed."""

    ops = ("Resize", "Upsample")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 10]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="linear"> (x, s) }""",
            refusal="only the author knows",
        ),
        Example(
            target="tensorrt-10.3",
            title="nearest means the same in both",
            before="""<ir_version: 8, opset_import: ["": 10]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="nearest"> (x, s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Linear before opset 11, whatever the target."""
        if graph.opset >= 11 or node.attr_string("mode", "nearest") not in ("linear", "bilinear"):
            return None
        return note("linear means asymmetric before opset 11, and PyTorch's align_corners=False does not: compare both")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """None is possible."""
        raise Refused("only the author knows which pixels were meant")
