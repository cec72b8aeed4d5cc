"""# repeated-nodes

## What it does
Merges nodes that compute the same: the same operator with the same attributes on the same tensors, or on equal small
constants, and shape arithmetic that comes to the same expression of the dimensions by another way.

## Why
Exporters compute `x.shape[0]` anew wherever it is written. After an export of 48 transformer blocks there are hundreds
of copies, each a node that the importer has to turn into a layer.

## Safety
Exact: the tensors are equal. Nodes that give another result each time are never merged, nor are QuantizeLinear and
DequantizeLinear, which runtimes want one of for each reader. Dimensions of the same name are taken to be equal, as ONNX
has it.

## When it refuses
When the second node writes an output of the graph, whose name has to stay.

## How to avoid it when exporting
Read a size once and keep it in a variable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtconv.passes.core import Edit, Example, Graph, ModelPass, Node, Target, Trouble
from trtconv.passes.core.folding import facts_of, is_settled, keep_facts, merge_repeated, settle

if TYPE_CHECKING:
    from trtconv.passes.core import Model


class RepeatedNodes(ModelPass):
    """Nodes that compute what another has computed before."""

    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) <float one = {1}, float uno = {1}> {
                    a = Add(x, one)
                    b = Add(x, uno)
                    c = Relu(a)
                    d = Relu(b)
                    y = Mul(c, d)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) <float one = {1}> { a = Add(x, one) c = Relu(a) y = Mul(c, c) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="random numbers are different each time",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) {
                    a = RandomNormalLike(x)
                    b = RandomNormalLike(x)
                    y = Sub(a, b)
                }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """None: only the whole model shows what is repeated."""
        return []

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Nothing on its own: only the whole model shows what is repeated."""
        return None

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """Merge all of them."""
        if is_settled(model, self.name()):
            return []
        merged = merge_repeated(facts_of(model, self.name()))
        if merged:
            keep_facts(model, self.name())
        settle(model, self.name())
        return [self._edit(node, first) for node, first in merged]

    def _edit(self, node: Node, first: Node) -> Edit:
        return Edit(self.name(), node.label, node.op_type, f"{first.label} computes the same", (node,), ())
