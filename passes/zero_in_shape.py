"""# zero-in-shape

## What it does
Reports a Reshape whose `allowzero` the parser does not read.

## Why
Before TensorRT 8.0 the attribute of opset 14 is not known, and up to 8.4.1 not read rightly: a 0 in the shape
copies a dimension, where the file says that it is empty.

## Safety
Nothing is rewritten; a constant shape without a 0 means the same either way, and is no trouble.

## When it refuses
Always: there is no other way to write an empty dimension.

## How to avoid it when exporting
Keep empty tensors out of the network.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, silent


class ZeroInShape(Pass):
    """Reshape with allowzero and a shape that may hold a 0."""

    ops = ("Reshape",)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[0,4] x) => (float[4,0] y) <int64[2] s = {4, 0}> { y = Reshape <allowzero = 1> (x, s) }""",
            refusal="an empty dimension has no other form",
        ),
        Example(
            target="tensorrt-8.2",
            title="without a 0",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[2,4] x) => (float[4,2] y) <int64[2] s = {4, 2}> { y = Reshape <allowzero = 1> (x, s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The attribute, before 8.4.2, unless the shape is known to hold no 0."""
        if not node.attr_int("allowzero", 0) or not target.before(8, 4, 2):
            return None
        shape = graph.constant(node.input(1))
        if shape is not None and shape.all():
            return None
        return silent("allowzero is not read: a 0 in the shape copies a dimension")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Nothing to write instead."""
        raise Refused("an empty dimension has no other form")
