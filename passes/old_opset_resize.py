"""# old-opset-resize

## What it does
Writes a `Resize` of opset 10 or an `Upsample`, which name no coordinates, as constants where the target samples
elsewhere: one Gather (nearest) or one MatMul (linear) per axis.

## Why
Both operators mean asymmetric coordinates. TensorRT 7.0 refuses a linear Upsample of a batch of images (`(nbDims >=
1) && (nbDims <= 3)`) and computes a linear Resize as half_pixel; 7.1 and 7.2 compute a linear Upsample as
half_pixel; 8.0.1 computes nearest with aligned corners. All silently. When making things smaller by a scale that is
no fraction of one, nearest rounds up in ONNX Runtime and in ONNX's own test cases, and down in TensorRT (inferred).

## Safety
Rounding; nearest is exact. An infinity or NaN in the data spreads along its row and column.

## When it refuses
When height and width are not known.

## How to avoid it when exporting
Export with opset 11 or later.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused, silent
from trtconv.passes.core.resizing import Resizing, read, resampled


class OldOpsetResize(Pass):
    """Resize without a coordinate mode, where the target assumes another one."""

    ops = ("Resize", "Upsample")
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-7.2",
            before="""<ir_version: 8, opset_import: ["": 9]>
                g (float[N,3,2,2] x) => (float[N,3,2,4] y) <float[4] s = {1, 1, 1, 2}>
                { y = Upsample <mode="linear"> (x, s) }""",
            after="""<ir_version: 8, opset_import: ["": 9]>
                g (float[N,3,2,2] x) => (float[N,3,2,4] y) <float[2,4] w = {0, 0, 0, 0, 0, 0, 0, 0}>
                { y = MatMul(x, w) }""",
        ),
        Example(
            target="tensorrt-7.0",
            before="""<ir_version: 8, opset_import: ["": 10]>
                g (float[N,3,H,2] x) => (float[N,3,P,4] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="linear"> (x, s) }""",
            refusal="fixed height and width",
        ),
        Example(
            target="tensorrt-8.2",
            title="asymmetric since 8.0",
            before="""<ir_version: 8, opset_import: ["": 9]>
                g (float[N,3,2,2] x) => (float[N,3,2,4] y) <float[4] s = {1, 1, 1, 2}>
                { y = Upsample <mode="linear"> (x, s) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="nearest, twice the size",
            before="""<ir_version: 8, opset_import: ["": 10]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="nearest"> (x, s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Linear on 7.x, nearest on 8.0.1, and nearest that makes smaller."""
        if graph.opset >= 11:
            return None
        asked = read(node, graph)
        if asked.sampling.mode == "linear":
            return _linear(node, asked, target)
        if target.before(8, 0, 3) and not target.before(8, 0) and node.op_type == "Resize":
            return silent(f"{target.title} computes nearest of opset 10 with aligned corners")
        if any(s < 1 and (1 / s) % 1 for s in asked.scales or ()):
            return silent(f"{target.title} rounds down where ONNX rounds up, when making smaller")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Constants per axis."""
        return resampled(Replacement(graph, node), node, read(node, graph))


def _linear(node: Node, asked: Resizing, target: Target) -> Trouble | None:
    if target.before(7, 1):
        rank = len(asked.dims or asked.scales or ())
        if node.op_type == "Upsample" and rank > 3:
            return refused(f"{target.title} does not take a linear Upsample of rank {rank}")
        return silent(f"{target.title} computes linear asymmetric as half_pixel")
    if target.before(8, 0) and node.op_type == "Upsample":
        return silent(f"{target.title} computes a linear Upsample as half_pixel")
    return None
