"""# normalization-statistics

## What it does
Computes the mean and the inverse deviation that a `LayerNormalization` hands out beside the node, which keeps its
first output.

## Why
From TensorRT 9.1 on LayerNormalization has one output ("This version of TensorRT doesn't support mode than 1 outputs
for LayerNormalization nodes!"). Parsers before 8.6 have no LayerNormalization, and `missing-operator` writes it out.

## Safety
The same arithmetic in another order.

## When it refuses
When the rank of the input is unknown, so that the normalised axes cannot be named.

## How to avoid it when exporting
Do not return the statistics of a normalization from the network.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused


class NormalizationStatistics(Pass):
    """LayerNormalization with more than one output in use."""

    ops = ("LayerNormalization",)
    safety = Safety.ROUNDING
    after = ("unread-outputs",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[2,3,4] x, float[4] s) => (float[2,3,4] y, float[2,3,1] mean) {
                    y, mean = LayerNormalization(x, s)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[2,3,4] x, float[4] s) => (float[2,3,4] y, float[2,3,1] mean) {
                    y = LayerNormalization(x, s)
                    mean = ReduceMean <axes = [2]> (x)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="one output",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[2,3,4] x, float[4] s) => (float[2,3,4] y) { y = LayerNormalization(x, s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A second or third output, from 9.1 on."""
        if target.before(9, 1) or not any(node.outputs[1:]):
            return None
        return refused(f"{target.title} takes no LayerNormalization with more than one output")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The node with one output, and mean and 1 / Sqrt(variance + epsilon) from the input."""
        x, rank = node.input(0), graph.rank(node.input(0))
        if rank is None:
            raise Refused("the rank of the input is unknown")
        r = Replacement(graph, node)
        r.clone(node, node.inputs, into=node.outputs[:1])
        stash = node.attr_int("stash_type", TensorProto.FLOAT)
        if graph.dtype(x) != stash:
            x = r.cast(x, stash)
        axes = list(range(node.attr_int("axis", -1) % rank, rank))
        mean = r.reduce("ReduceMean", x, axes, into=node.outputs[1] or None)
        if node.has_output(2):
            centred = r.op("Sub", x, mean)
            variance = r.reduce("ReduceMean", r.op("Mul", centred, centred), axes)
            epsilon = np.asarray(node.attr_float("epsilon", 1e-5), helper.tensor_dtype_to_np_dtype(stash))
            r.op("Reciprocal", r.op("Sqrt", r.op("Add", variance, r.constant(epsilon))), into=node.outputs[2])
        return r
