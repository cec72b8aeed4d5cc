"""# large-top-k

## What it does
Writes a TopK of more than 3,840 values as comparisons of every value with every other.

## Why
The builder of every version stops beyond that ("K exceeds the maximum value allowed (3840)."), after the parser has
let it pass.

## Safety
Exact, also among equal values: the first wins. NaN has no place in an order.

## When it refuses
When the size of the axis is not fixed, or the comparisons are more than 16 million: from 4,097 values in a row on.

## How to avoid it when exporting
Ask for fewer candidates: detectors keep a few hundred.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused
from trtconv.passes.core.ranking import top_k

MOST = 3840


class LargeTopK(Pass):
    """K beyond the limit of the builder."""

    ops = ("TopK",)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,5000] x) => (float[1,4000] y, int64[1,4000] i) <int64[1] k = {4000}> {
                    y, i = TopK(x, k) }""",
            refusal="it would take too many comparisons",
        ),
        Example(
            target="tensorrt-10.3",
            title="within the limit",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,5000] x) => (float[1,100] y, int64[1,100] i) <int64[1] k = {100}> { y, i = TopK(x, k) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A constant K of more than 3,840."""
        k = graph.constant(node.input(1)) if graph.opset >= 10 else None
        count = int(k.item()) if k is not None and k.size == 1 else node.attr_int("k", 0)
        return refused(f"K of TopK is {count}, and no version takes more than {MOST}") if count > MOST else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Ranks, counted."""
        return top_k(node, graph)
