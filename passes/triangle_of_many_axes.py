"""# triangle-of-many-axes

## What it does
Writes a Trilu of more than three axes as a choice by a constant mask.

## Why
TensorRT 8.5 and 8.6.0 takes matrices and one batch axis ("Trilu input must have 2 or 3 input dimensions!").

## Safety
Exact.

## When it refuses
When the size of the matrices is not fixed, or the diagonal is computed.

## How to avoid it when exporting
Build the mask outside of the network, or of two axes.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused
from trtconv.passes.core.decompositions.logic import trilu


class TriangleOfManyAxes(Pass):
    """Trilu with more than one batch axis."""

    ops = ("Trilu",)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.5",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[N,2,2,2] x) => (float[N,2,2,2] y) { y = Trilu(x) }""",
            after="""<ir_version: 8, opset_import: ["": 14]>
                g (float[N,2,2,2] x) => (float[N,2,2,2] y) <bool[2,2] m = {1, 1, 0, 1}, float z = {0}> {
                    y = Where(m, x, z) }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="taken since 8.6.1",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[N,2,2,2] x) => (float[N,2,2,2] y) { y = Trilu(x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """More than three axes before 8.6.1, where there is a Trilu at all."""
        if not target.has("Trilu") or not target.before(8, 6, 1) or (graph.rank(node.input(0)) or 0) <= 3:
            return None
        return refused(f"{target.title} takes Trilu of two or three axes only")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """A mask."""
        return trilu(node, graph)
