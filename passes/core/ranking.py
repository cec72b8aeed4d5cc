"""TopK as comparisons: each value compared with every other, which counts its place in the sorted axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

MAX_COMPARISONS = 1 << 24


def top_k(node: Node, graph: Graph) -> Replacement:
    """TopK of fixed size, the first of equal values first. Raises Refused for other sizes, and for large ones."""
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
