"""# integer-ranking

## What it does
Writes an ArgMax or ArgMin of INT32 as one of the places that hold the largest or smallest value, and a TopK of
INT32 as comparisons of every value with every other.

## Why
Up to TensorRT 8.5 these layers take floats only ("does not support INT32 inputs"), and INT64 is INT32 there. A cast
to FLOAT would make equal what differs beyond 24 bits.

## Safety
Exact, also among equal values: the first wins.

## When it refuses
TopK: when the size of the axis or K is not fixed, or when the comparisons are more than 16 million.

## How to avoid it when exporting
Rank scores before they are rounded to integers.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused
from trtconv.passes.core.ranking import top_k

INTEGERS = (TensorProto.INT32, TensorProto.INT64)


class IntegerRanking(Pass):
    """ArgMax, ArgMin and TopK of integers."""

    ops = ("ArgMax", "ArgMin", "TopK")
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.5",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[N,4] x) => (int64[N,1] y) { y = ArgMax <axis = 1> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[N,4] x) => (int64[N,1] y) {
                    most = ReduceMax <axes = [1]> (x)
                    hit = Equal(x, most)
                    score = Cast <to = 1> (hit)
                    y = ArgMax <axis = 1> (score)
                }""",
        ),
        Example(
            target="tensorrt-8.5",
            title="an axis of unknown size",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[N] x) => (int32[2] y, int64[2] i) <int64[1] k = {2}> { y, i = TopK(x, k) }""",
            refusal="the size of its axis, or K, is not fixed",
        ),
        Example(
            target="tensorrt-8.6",
            title="taken since 8.6",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[N,4] x) => (int64[N,1] y) { y = ArgMax <axis = 1> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Integers, before 8.6."""
        if not target.before(8, 6) or graph.dtype(node.input(0)) not in INTEGERS:
            return None
        return refused(f"{target.title} takes no integers in {node.op_type}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The largest value found by a reduction, or ranks counted."""
        if node.op_type == "TopK":
            return top_k(node, graph)
        r, axis = Replacement(graph, node), node.attr_int("axis", 0)
        best = r.reduce("ReduceMax" if node.op_type == "ArgMax" else "ReduceMin", node.input(0), [axis])
        score = r.cast(r.op("Equal", node.input(0), best), TensorProto.FLOAT)
        last = node.attr_int("select_last_index", 0) or None
        keep = node.attr_int("keepdims", 1)
        r.op("ArgMax", score, into=node.outputs[0], axis=axis, keepdims=keep, select_last_index=last)
        return r
