"""# branches-of-unequal-rank

## What it does
Reports an `If` whose branches give tensors of different ranks, where the condition is known at run time only.

## Why
The rank of every tensor is fixed when the engine is built: "IConditionalOutputLayer: Must have inputs with equal ranks
when condition is not a build-time constant" (measured with TensorRT-RTX 1.7). PyTorch writes such an If around a
`squeeze` of a dimension that is dynamic.

## Safety
Nothing is rewritten: what follows would have to work for both ranks.

## When it refuses
Always. Where the condition only depends on shapes, fix those: constant-condition then takes the branch.

## How to avoid it when exporting
Squeeze with `reshape` to the rank that you mean, or fix the size of the dimension that is squeezed.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused


class BranchesOfUnequalRank(Pass):
    """If on a computed condition, with outputs of two ranks."""

    ops = ("If",)
    after = ("constant-condition",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, bool c) => (float[] y) {
                    y = If(c) <
                        then_branch = a () => (float[3] p) { p = Relu(x) },
                        else_branch = b () => (float[1,3] q) <int64[1] axes = {0}> { q = Unsqueeze(x, axes) }>
                }""",
            refusal="gives rank 1 in one branch and rank 2 in the other",
        ),
        Example(
            target="tensorrt-10.3",
            title="equal ranks",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, bool c) => (float[A] y) {
                    y = If(c) <
                        then_branch = a () => (float[3] p) { p = Relu(x) },
                        else_branch = b () => (float[6] q) { q = Concat <axis = 0> (x, x) }>
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Two known ranks that differ, and a condition that is no constant."""
        if not target.has("If") or graph.is_constant(node.input(0)) or _unequal(node) is None:
            return None
        return refused(f"{target.title} wants branches of equal rank where the condition is computed")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Nothing can be done without knowing which branch is taken."""
        output, ranks = _unequal(node) or ("", (0, 0))
        raise Refused(f"{output} gives rank {ranks[0]} in one branch and rank {ranks[1]} in the other")


def _unequal(node: Node) -> tuple[str, tuple[int, int]] | None:
    """The first output whose rank depends on the branch, and both ranks."""
    one, other = (node.subgraphs[name] for name in ("then_branch", "else_branch"))
    for output, a, b in zip(node.outputs, one.outputs, other.outputs, strict=False):
        first, second = one.rank(a), other.rank(b)
        if first is not None and second is not None and first != second:
            return output, (first, second)
    return None
