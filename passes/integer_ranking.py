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

import math

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

INTEGERS = (TensorProto.INT32, TensorProto.INT64)
MAX_COMPARISONS = 1 << 24


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
            return _top_k(node, graph)
        r, axis = Replacement(graph, node), node.attr_int("axis", 0)
        best = r.reduce("ReduceMax" if node.op_type == "ArgMax" else "ReduceMin", node.input(0), [axis])
        score = r.cast(r.op("Equal", node.input(0), best), TensorProto.FLOAT)
        last = node.attr_int("select_last_index", 0) or None
        keep = node.attr_int("keepdims", 1)
        r.op("ArgMax", score, into=node.outputs[0], axis=axis, keepdims=keep, select_last_index=last)
        return r


def _top_k(node: Node, graph: Graph) -> Replacement:
    shape, k = graph.shape(node.input(0)), graph.constant(node.input(1))
    axis = node.attr_int("axis", -1)
    size = shape[axis] if shape else None
    if shape is None or not isinstance(size, int) or k is None:
        raise Refused("the size of its axis, or K, is not fixed")
    if size * math.prod(d for d in shape if isinstance(d, int)) > MAX_COMPARISONS or len(shape) > 7:
        raise Refused("it would take too many comparisons, or too many axes")
    r, count, rank = Replacement(graph, node), int(k.item()), len(shape)
    order = [*(i for i in range(rank) if i != axis % rank), axis % rank]
    x = r.transpose(node.input(0), order)
    row = r.unsqueeze(x, [rank - 1])
    ranks = _ranks(r, row, r.unsqueeze(x, [rank]), size, largest=node.attr_int("largest", 1) != 0)
    hit = r.op("Equal", r.unsqueeze(ranks, [rank - 1]), r.constant(np.arange(count, dtype=np.int32).reshape(-1, 1)))
    kind = helper.tensor_dtype_to_np_dtype(graph.dtype(node.input(0)) or TensorProto.INT32)
    for output, among, zero in (
        (0, row, r.constant(0, kind)),
        (1, r.constant(np.arange(size), np.int64), r.constant(0, np.int64)),
    ):
        if node.has_output(output):
            picked = r.reduce("ReduceSum", r.op("Where", hit, among, zero), [rank], keepdims=False)
            r.transpose(picked, np.argsort(order).tolist(), into=node.outputs[output])
    return r


def _ranks(r: Replacement, row: str, column: str, size: int, *, largest: bool) -> str:
    """INT32 place of each value in the sorted axis, [..., size]: how many others come before it."""
    earlier = r.constant(np.tri(size, k=-1, dtype=np.bool_))
    better = r.op("Greater" if largest else "Less", row, column)
    tied = r.op("And", r.op("Equal", row, column), earlier)
    before = r.cast(r.op("Or", better, tied), TensorProto.INT32)
    rank = r.graph.rank(r.node.input(0)) or 1
    return r.reduce("ReduceSum", before, [rank], keepdims=False)
