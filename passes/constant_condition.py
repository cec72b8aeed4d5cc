"""# constant-condition

## What it does
Puts the branch that is taken in the place of an `If` whose condition is known.

## Why
PyTorch writes an `If` around `squeeze` and around every Python branch that depends on a shape. Importers before
TensorRT 7.1 have no If at all, and later ones want both branches to give equal ranks, also the one that never runs.

## Safety
Exact: the other branch is never run.

## When it refuses
Never. A condition that only shapes decide is known once `unfolded-constants` has run.

## How to avoid it when exporting
Give `squeeze` its dimension; branch on Python numbers instead of on tensors.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused, slow
from trtconv.passes.core.inline import inline


class ConstantCondition(Pass):
    """An If that always takes the same branch."""

    ops = ("If",)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,4] x) => (float[A,B] y) <bool yes = {1}, int64[1] axis = {1}> {
                    s = Relu(x)
                    y = If(yes) <
                        then_branch = a () => (float[A,B] p) { p = Squeeze(s, axis) },
                        else_branch = b () => (float[A,B,C] q) { q = Identity(s) }>
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,4] x) => (float[A,B] y) <int64[1] axis = {1}> { s = Relu(x) y = Squeeze(s, axis) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="a condition that is known at run time only",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x, bool c) => (float[N] y) {
                    y = If(c) <
                        then_branch = a () => (float[N] p) { p = Relu(x) },
                        else_branch = b () => (float[N] q) { q = Neg(x) }>
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An If on a constant."""
        if not graph.is_constant(node.input(0)):
            return None
        if not target.has("If"):
            return refused(f"{target.title} has no importer for If, and this one always takes the same branch")
        return slow("the condition is known, so one branch is never taken")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The nodes of the branch, with names that are free in the graph around it."""
        condition = graph.constant(node.input(0))
        if condition is None or condition.size != 1:
            raise Refused("the condition is not one boolean")
        branch = node.subgraphs["then_branch" if condition.item() else "else_branch"]
        return inline(branch, Replacement(graph, node))
