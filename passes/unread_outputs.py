"""# unread-outputs

## What it does
Drops trailing optional outputs that nobody reads, such as the mask of a Dropout or the statistics of a
LayerNormalization.

## Why
From TensorRT 8.6 on the parser counts outputs and stops at one too many ("Node has more output tensors than TRT
expected"; "doesn't support mode than 1 outputs for LayerNormalization nodes!"). Exporters of training graphs write
them out of habit.

## Safety
Exact: nothing that is computed is used.

## When it refuses
Never. The running statistics of a BatchNormalization in training mode stay, which the standard does not let go.

## How to avoid it when exporting
Export in evaluation mode (`model.eval()`), which writes no training outputs.
"""

from __future__ import annotations

import onnx

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, functions, refused

RECURRENT = ("LSTM", "GRU", "RNN")
"""Operators whose importers give all outputs."""


class UnreadOutputs(Pass):
    """Optional outputs without a reader."""

    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x, float[4] s) => (float[N,4] y) {
                    y, mean, deviation = LayerNormalization(x, s)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x, float[4] s) => (float[N,4] y) { y = LayerNormalization(x, s) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="both halves belong to the operator",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,2] y) { y, rest = Split <axis = 1> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An optional last output that has no reader and is no graph output; before 8.6 nobody counts them."""
        if len(node.outputs) < 2 or node.op_type in RECURRENT or target.before(8, 6):
            return None
        if _kept(node, graph) == len(node.outputs):
            return None
        return refused(f"{node.op_type} writes outputs that nobody reads, and {target.title} takes one")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same node with fewer outputs."""
        r = Replacement(graph, node)
        r.clone(node, node.inputs, into=node.outputs[: _kept(node, graph)])
        return r


def _kept(node: Node, graph: Graph) -> int:
    """How many outputs have to stay."""
    schema = functions.schema(node, graph)
    count = len(node.outputs)
    if schema is None or count > len(schema.outputs):
        return count
    if node.attr_int("training_mode", 0):
        return count
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    while count > 1 and schema.outputs[count - 1].option == optional and not _is_read(node.outputs[count - 1], graph):
        count -= 1
    return count


def _is_read(tensor: str, graph: Graph) -> bool:
    return bool(tensor) and (graph.is_output(tensor) or bool(graph.consumers(tensor)))
