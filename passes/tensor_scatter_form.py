"""# tensor-scatter-form

## What it does
Writes a `TensorScatter` that the parser or builder cannot take as a choice, for each place of the cache, between the
row of the update that falls there and what the cache holds.

## Why
TensorRT's layer updates a cache in place: that is a network input of four axes, the sequences are its third, and they
do not wrap around ("The past_cache tensor is required to be 4D", "Sequence dimension must be -2", "Only linear mode is
supported for now", "The cache tensor must be a network input", measured with TensorRT-RTX 1.7).

## Safety
Exact: values are chosen, not computed.

## When it refuses
When the length of the cache or of the update is not fixed.

## How to avoid it when exporting
Hand caches of shape (batch, heads, length, size) in and out of the network, and write to them once.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused
from trtconv.passes.core.decompositions.indexing import tensor_scatter


class TensorScatterForm(Pass):
    """A cache of another form than the layer updates."""

    ops = ("TensorScatter",)
    after = ("missing-operator",)
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 12, opset_import: ["": 24]>
                g (float[N,4,3] cache, float[N,2,3] new, int64[N] start) => (float[N,4,3] y) {
                    y = TensorScatter(cache, new, start) }""",
            after="""<ir_version: 12, opset_import: ["": 24]>
                g (float[N,4,3] cache, float[N,2,3] new, int64[N] start) => (float[N,4,3] y)
                <int64[1,4,1] places = {0, 1, 2, 3}, int64[3] column = {-1, 1, 1}, int64 zero = {0}, int64 one = {1}> {
                    first = Reshape(start, column)
                    offset = Sub(places, first)
                    least = Max(offset, zero)
                    row = Min(least, one)
                    shape = Shape(cache)
                    rows = Expand(row, shape)
                    found = GatherElements <axis = 1> (new, rows)
                    inside = Equal(offset, row)
                    y = Where(inside, found, cache) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="as the layer has it",
            before="""<ir_version: 12, opset_import: ["": 24]>
                g (float[N,2,4,3] cache, float[N,2,1,3] new, int64[N] start) => (float[N,2,4,3] y) {
                    y = TensorScatter(cache, new, start) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Another rank, axis or mode, or a cache that is computed."""
        if not target.has("TensorScatter"):
            return None
        why = _trouble(node, graph)
        return refused(f"{target.title} updates caches in place, and {why}") if why else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """A choice."""
        return tensor_scatter(node, graph)


def _trouble(node: Node, graph: Graph) -> str:
    rank, axis = graph.rank(node.input(0)), node.attr_int("axis", -2)
    if rank not in (None, 4):
        return f"this one has {rank} axes, not 4"
    if axis not in (-2, 2):
        return f"this one's sequences are along axis {axis}, not -2"
    if node.attr_string("mode", "linear") != "linear":
        return "this one wraps around"
    return "" if node.input(0) in graph.inputs else "this one is no network input"
