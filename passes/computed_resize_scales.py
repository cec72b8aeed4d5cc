"""# computed-resize-scales

## What it does
Names a `Resize` or `Upsample` whose `scales` or `sizes` are computed at run time where the target has to know them.

## Why
TensorRT before 8.4 takes scales from an initializer only ("Resize scales must be an initializer!", "The scales
input must be an initializer."). Later ones compute them, as they do sizes, but from shapes only: before a network
runs, TensorRT has to know the shape of every tensor. TensorRT-RTX 1.7 refuses scales that are a network input,
since shape tensors are integers (measured).

## Safety
Nothing is rewritten. Sizes in the place of computed scales would not be exact: `scale` and `round(scale * size) /
size` differ, and with them every coordinate.

## When it refuses
Always; constant folding removes the arithmetic where height and width are known.

## How to avoid it when exporting
Give the input a fixed height and width (a dynamic batch is fine), or export with opset 11 or later, which has
sizes.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused
from trtconv.passes.core.resizing import shape_inputs
from trtconv.passes.core.shape_arithmetic import is_shape_arithmetic


class ComputedResizeScales(Pass):
    """An output size that is not known when it has to be."""

    ops = ("Resize", "Upsample")
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 9]>
                g (float[1,1,4,5] x, float[4] s) => (float[A,B,C,D] y) { y = Upsample <mode="nearest"> (x, s) }""",
            refusal="depend on the data",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,1,4,5] x, float[4] f) => (float[A,B,C,D] y)
                { z = Cast <to=7> (f) y = Resize <mode="nearest"> (x, , , z) }""",
            refusal="depend on the data",
        ),
        Example(
            target="tensorrt-7.2",
            title="sizes may be computed from shapes",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,1,H,W] x, float[1,1,P,Q] other) => (float[1,1,P,Q] y) {
                    z = Shape(other)
                    y = Resize <coordinate_transformation_mode="asymmetric", nearest_mode="floor"> (x, , , z)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Computed scales before 8.4; what depends on the data, always."""
        _, scales, sizes = shape_inputs(node, graph)
        name = scales or sizes
        if not name or graph.is_constant(name):
            return None
        if scales and target.before(8, 4):
            return refused(f"{target.title} wants constant scales, and these are computed at run time")
        if not is_shape_arithmetic(graph, name):
            return refused(f"{target.title} has to know the output's size before it runs, and it depends on the data")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Says what would help."""
        _, scales, sizes = shape_inputs(node, graph)
        if not is_shape_arithmetic(graph, scales or sizes):
            raise Refused(f"the {'scales' if scales else 'sizes'} depend on the data")
        raise Refused("the scales can only be known with a fixed height and width")
