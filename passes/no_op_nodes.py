"""# no-op-nodes

## What it does
Removes nodes that hand their input on unchanged: Identity, Dropout, Cast to the same element type, Transpose that
keeps the order, Slice of the whole tensor, Reshape, Expand or Tile to the shape at hand, Concat of one.

## Why
Exporters leave tens of them (one Identity for each shared weight, for instance). They hide patterns from the passes
that come after and from the importer's own fusions.

## Safety
Exact: the tensor is the same. Shapes are compared as expressions of the dimensions, so a Reshape that is a no-op for
one batch size only stays.

## When it refuses
When the node copies an input or a weight of the graph straight to one of its outputs: the output has to have a writer.

## How to avoid it when exporting
`torch.onnx.export(..., keep_initializers_as_inputs=False)` and `model.eval()`; what is left is harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtconv.passes.core import Edit, Example, Graph, ModelPass, Node, Refused, Replacement, Target, Trouble, slow
from trtconv.passes.core.folding import OPERATORS, all_facts, keep_facts, known_of, why_no_op

if TYPE_CHECKING:
    from trtconv.passes.core import Model
    from trtconv.passes.core.folding import Facts


class NoOpNodes(ModelPass):
    """Nodes whose output is their input."""

    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) <int64[2] shape = {0, -1}> {
                    a = Identity(x)
                    b = Cast <to=1> (a)
                    c = Reshape(b, shape)
                    d = Dropout(c)
                    y = Relu(d)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="a Reshape that changes the shape for other batch sizes",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[M,8] y) <int64[2] shape = {-1, 8}> {
                    a = Reshape(x, shape)
                    y = Relu(a)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="an input that is also an output",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) { y = Identity(x) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """Nodes of the operators that can be no-ops."""
        return graph.nodes_where(lambda op_type, domain: not domain and op_type in OPERATORS)

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A node that hands its input on, where its readers can read the input instead."""
        why = why_no_op(node, graph, known_of(graph)) if _is_removable(node, graph) else ""
        return slow(why) if why else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Never node by node: one that goes may make a no-op of the next."""
        raise Refused("the whole model is looked at instead")

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """Remove all of them."""
        edits = [edit for facts in all_facts(model, self.name()) for edit in self._mend(facts, target)]
        if edits:
            keep_facts(model, self.name())
        return edits

    def _mend(self, facts: Facts, target: Target) -> list[Edit]:
        edits, graph = [], facts.graph
        for node in self.candidates(graph, target):
            why = why_no_op(node, graph, facts) if _is_removable(node, graph) else ""
            if why:
                edits.append(Edit(self.name(), node.label, node.op_type, why, (node,), ()))
                graph.bypass(node)
                if graph.is_output(node.outputs[0]):
                    facts.rename(node.input(0), node.outputs[0])
        return edits


def _is_removable(node: Node, graph: Graph) -> bool:
    """Whether readers of the output can read the input: not where a graph output would lose its writer."""
    if not node.outputs or _keeps_input_name(node, graph):
        return False
    if not graph.is_output(node.outputs[0]):
        return True
    return graph.producer(node.input(0)) is not None and not graph.is_output(node.input(0))


def _keeps_input_name(node: Node, graph: Graph) -> bool:
    """Whether a Loop would take a network input for its condition instead, which importers rename (loop-condition)."""
    x, y = node.input(0), node.outputs[0]
    return x in graph.model.main.inputs and any(n.op_type == "Loop" and n.input(1) == y for n in graph.consumers(y))
