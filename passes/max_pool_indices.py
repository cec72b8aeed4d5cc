"""# max-pool-indices

## What it does
Drops the `Indices` output of a `MaxPool` where nothing reads it.

## Why
No version has a MaxPool with two outputs: up to 9.0 the counts of outputs disagree, from 9.1 on the parser says "This
version of TensorRT doesn't support mode than 1 outputs for MaxPool nodes!", read or not. `storage_order` says how
indices count, and goes with them.

## Safety
Exact: nothing read the indices.

## When it refuses
The indices are read (by MaxUnpool, mostly, which has no importer either).

## How to avoid it when exporting
`return_indices=False`, the default of PyTorch's MaxPool.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused


class MaxPoolIndices(Pass):
    """A second output of MaxPool."""

    ops = ("MaxPool",)
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,4,6] y) {
                    y, indices = MaxPool <kernel_shape=[2,2], storage_order=1> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,4,6] y) { y = MaxPool <kernel_shape=[2,2]> (x) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,4,6] y, int64[N,2,4,6] indices) {
                    y, indices = MaxPool <kernel_shape=[2,2]> (x) }""",
            refusal="indices are read",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,5,7] x) => (float[N,2,4,6] y) { y = MaxPool <kernel_shape=[2,2]> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any second output, read or not."""
        return refused("MaxPool has one output in every version, and no Indices") if node.has_output(1) else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same MaxPool with one output."""
        if graph.consumers(node.outputs[1]) or graph.is_output(node.outputs[1]):
            raise Refused("the indices are read")
        r = Replacement(graph, node)
        r.clone(node, node.inputs, node.outputs[:1], ("storage_order",))
        return r
