"""# cubic-resize

## What it does
Writes a cubic `Resize` as one MatMul with constant weights per axis.

## Why
TensorRT before 8.5 has no cubic interpolation ("This version of TensorRT does not support cubic interpolation!").

## Safety
Rounding: the same products are summed; a MatMul also adds zeros times the rest of the row, so that an infinity or
NaN in the data spreads along it.

## When it refuses
When height and width are not known, and for integers.

## How to avoid it when exporting
Use bilinear interpolation, or give the input a fixed size.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.resizing import read, resampled


class CubicResize(Pass):
    """Cubic interpolation before 8.5."""

    ops = ("Resize",)
    safety = Safety.ROUNDING
    after = ("antialiased-resize", "resize-aspect-ratio")
    examples = (
        Example(
            target="tensorrt-8.4",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,2,2] x) => (float[N,3,3,4] y) <float[4] s = {1, 1, 1.5, 2}>
                { y = Resize <mode="cubic"> (x, , s) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,2,2] x) => (float[N,3,3,4] y)
                <float[3,2] h = {0, 0, 0, 0, 0, 0}, float[2,4] w = {0, 0, 0, 0, 0, 0, 0, 0}>
                { t = MatMul(h, x) y = MatMul(t, w) }""",
        ),
        Example(
            target="tensorrt-8.4",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,2] x) => (float[N,3,P,4] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="cubic"> (x, , s) }""",
            refusal="fixed height and width",
        ),
        Example(
            target="tensorrt-8.5",
            title="taken since 8.5",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,2,2] x) => (float[N,3,4,4] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="cubic"> (x, , s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Mode cubic before 8.5."""
        if node.attr_string("mode", "nearest") != "cubic" or not target.before(8, 5):
            return None
        return refused(f"{target.title} has no cubic interpolation")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One MatMul per axis."""
        return resampled(Replacement(graph, node), node, read(node, graph))
