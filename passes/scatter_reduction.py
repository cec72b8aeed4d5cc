"""# scatter-reduction

## What it does
Writes a `ScatterElements` or `ScatterND` with `reduction` as a comparison of every index with every place, a selection
of the updates, and one reduction.

## Why
From TensorRT 8.2 to 9.3 the attribute is not read: updates overwrite each other, and nobody says so. From 10.0 on
ScatterND refuses it ("ScatterND with reduction is not supported."; up to 10.8 even where it says `none`), and
ScatterElements needs a plugin that TensorRT-RTX does not have ("Unsupported reduction type").

## Safety
The same terms in another order.

## When it refuses
When shapes are not fixed, or when places times updates make more than 16 million comparisons.

## How to avoid it when exporting
Sum over a one-hot matrix product, or scatter once to places that do not repeat.
"""

from __future__ import annotations

from trtconv.passes.core import (
    Example,
    Graph,
    Node,
    Pass,
    Replacement,
    Safety,
    Target,
    Trouble,
    refused,
    silent,
)
from trtconv.passes.core.scattering import scatter


class ScatterReduction(Pass):
    """Scatter that adds, multiplies, or keeps the largest or smallest."""

    ops = ("ScatterElements", "ScatterND")
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-10.10",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[5,3] x, int64[2,1] i, float[2,3] u) => (float[5,3] y) {
                    y = ScatterND <reduction = "add"> (x, i, u)
                }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[5,3] x, int64[2,1] i, float[2,3] u) => (float[5,3] y)
                <int64 zero = {0}, int64[1] sizes = {5}, int64[1] strides = {1},
                 int64[1] last = {-1}, int64[1] one = {1},
                 int64[2] s = {2, 3}, int64[2] xs = {5, 3}, int64[3] e = {1, 2, 1}, int64[3] us = {1, 2, 3},
                 int64[5,1,1] places = {0, 1, 2, 3, 4}, float none = {0}> {
                    below = Less(i, zero)
                    lifted = Add(i, sizes)
                    index = Where(below, lifted, i)
                    scaled = Mul(index, strides)
                    linear = ReduceSum <keepdims = 0> (scaled, last)
                    row = Reshape(linear, e)
                    hit = Equal(row, places)
                    updates = Reshape(u, us)
                    flat = Reshape(x, xs)
                    chosen = Where(hit, updates, none)
                    total = ReduceSum <keepdims = 0> (chosen, one)
                    sum = Add(flat, total)
                    y = Reshape(sum, xs)
                }""",
        ),
        Example(
            target="tensorrt-10.10",
            title="the last one wins",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[5,3] x, int64[2,1] i, float[2,3] u) => (float[5,3] y) { y = ScatterND(x, i, u) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A reduction that is not read (before 10.0), or refused; before 8.2 there is no scatter of this form."""
        if "reduction" not in node.attributes or not target.has(node.op_type):
            return None
        if node.attr_string("reduction", "none") == "none":
            reads_it = not target.before(10, 0) and target.before(10, 9) and node.op_type == "ScatterND"
            return refused("ScatterND with the attribute reduction is refused, whatever it says") if reads_it else None
        if target.before(10, 0):
            return silent("reduction is not read: updates of one place overwrite each other")
        if node.op_type == "ScatterND" or target.is_rtx:
            return refused(f"{node.op_type} with reduction is not supported")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Comparison, selection, reduction; without the attribute where that says nothing."""
        kind = node.attr_string("reduction", "none")
        if kind != "none":
            return scatter(node, graph, kind)
        r = Replacement(graph, node)
        r.clone(node, node.inputs, without=["reduction"])
        return r
