"""# vector-times-batch

## What it does
Gives the vector in a `MatMul` of a vector with a batch of matrices its row axis, and takes the axis away again.

## Why
ONNX lets MatMul start with a vector. The importer adds the axis to a matrix, and reshapes the result wrongly where the
other side is a batch ("reshape changes volume to multiple of original non-zero volume"; measured with TensorRT-RTX
1.7).

## Safety
Exact: the same products and sums.

## When it refuses
Never.

## How to avoid it when exporting
`vector.unsqueeze(0) @ batch`, and `squeeze(-2)` of the result.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused


class VectorTimesBatch(Pass):
    """MatMul of rank 1 with rank 3 or more."""

    ops = ("MatMul",)
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, float[N,3,4] w) => (float[N,4] y) { y = MatMul(x, w) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, float[N,3,4] w) => (float[N,4] y) <int64[1] a = {0}, int64[1] b = {-2}> {
                    row = Unsqueeze(x, a)
                    rows = MatMul(row, w)
                    y = Squeeze(rows, b)
                }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="with one matrix",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, float[3,4] w) => (float[4] y) { y = MatMul(x, w) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A vector first, a batch second; known of TensorRT-RTX only."""
        if not target.is_rtx or graph.rank(node.input(0)) != 1 or (graph.rank(node.input(1)) or 0) < 3:
            return None
        return refused("the product of a vector with a batch of matrices is reshaped wrongly")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Unsqueeze, MatMul, Squeeze."""
        r, (x, w) = Replacement(graph, node), node.inputs
        rank = graph.rank(w) or 3
        axis = -2 if graph.opset >= 11 else rank - 2
        r.squeeze(r.op("MatMul", r.unsqueeze(x, [0]), w), [axis], into=node.outputs[0])
        return r
