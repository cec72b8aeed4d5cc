"""Scatter as a comparison of every index with every place, a selection of the updates, and one reduction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

MAX_COMPARISONS = 1 << 24
OPERATORS = {
    "add": ("ReduceSum", "Add"),
    "mul": ("ReduceProd", "Mul"),
    "max": ("ReduceMax", "Max"),
    "min": ("ReduceMin", "Min"),
}


def scatter(node: Node, graph: Graph, kind: str = "none") -> Replacement:
    """A scatter with the reduction `kind`, where `none` puts the update in the place of the value.

    Raises Refused for shapes that are not fixed, and for too many comparisons.
    """
    r = Replacement(graph, node)
    if node.op_type == "ScatterND":
        _scatter_nd(r, node, kind)
    else:
        _scatter_elements(r, node, kind)
    return r


def fixed_shape(graph: Graph, tensor: str) -> list[int]:
    """Shape of a tensor of which every dimension is a number; raises Refused for others."""
    shape = graph.shape(tensor)
    if shape is None or not all(isinstance(d, int) for d in shape):
        raise Refused("the shapes of its inputs are not all fixed")
    return [d for d in shape if isinstance(d, int)]


def _check_size(count: int) -> None:
    if count > MAX_COMPARISONS:
        raise Refused(f"it would take {count} comparisons")


def _not_negative(r: Replacement, index: str, sizes: list[int] | int) -> str:
    kind = helper.tensor_dtype_to_np_dtype(r.graph.dtype(r.node.input(1)) or 7)
    below = r.op("Less", index, r.constant(0, kind))
    return r.op("Where", below, r.op("Add", index, r.constant(sizes, kind)), index)


def _neutral(r: Replacement, kind: str) -> str:
    """What changes nothing: 0, 1, or the least or greatest value of the type."""
    dtype = helper.tensor_dtype_to_np_dtype(r.graph.dtype(r.node.input(0)) or 1)
    if kind in ("none", "add", "mul"):
        return r.constant(int(kind == "mul"), dtype)
    if dtype.kind in "iu":
        return r.constant(np.iinfo(dtype).min if kind == "max" else np.iinfo(dtype).max, dtype)
    return r.constant(-np.inf if kind == "max" else np.inf, dtype)


def _scatter_nd(r: Replacement, node: Node, kind: str) -> None:
    """Both as matrices: places by the size of what an index names."""
    data, index = (fixed_shape(r.graph, t) for t in node.inputs[:2])
    named = index[-1]
    places, rest, count = (int(np.prod(part)) for part in (data[:named], data[named:], index[:-1]))
    _check_size(places * count * rest)
    integer = helper.tensor_dtype_to_np_dtype(r.graph.dtype(node.input(1)) or 7)
    strides = np.append(np.cumprod(data[1:named][::-1])[::-1], 1).astype(integer)
    positive = _not_negative(r, node.input(1), data[:named])
    linear = r.reduce("ReduceSum", r.op("Mul", positive, r.constant(strides)), [-1], keepdims=False)
    row = r.reshape(linear, [1, count, 1])
    hit = r.op("Equal", row, r.constant(np.arange(places, dtype=integer).reshape(-1, 1, 1)))
    updates = r.reshape(node.input(2), [1, count, rest])
    r.reshape(_combined(r, r.reshape(node.input(0), [places, rest]), hit, updates, 1, kind), data, into=node.outputs[0])


def _scatter_elements(r: Replacement, node: Node, kind: str) -> None:
    """Along the axis, moved to the end; indices are filled up with a place that does not exist."""
    data, index = (fixed_shape(r.graph, t) for t in node.inputs[:2])
    axis, rank = node.attr_int("axis", 0) % len(data), len(data)
    if rank >= 8:
        raise Refused("it would take a tensor of more than 8 axes")
    length = data[axis]
    _check_size(int(np.prod(data)) * index[axis])
    integer = helper.tensor_dtype_to_np_dtype(r.graph.dtype(node.input(1)) or 7)
    missing = [0] * rank + [0 if i == axis else d - n for i, (d, n) in enumerate(zip(data, index, strict=True))]
    positive, updates = _not_negative(r, node.input(1), length), node.input(2)
    if any(missing):
        if r.graph.opset < 11:
            raise Refused("Pad of integers comes with opset 11, and its indices are smaller than its data")
        pads = r.constant(missing, np.int64)
        positive = r.op("Pad", positive, pads, r.constant(length, integer))
        updates = r.op("Pad", updates, pads)
    order = [*(i for i in range(rank) if i != axis), axis]
    index_rows, update_rows = (r.unsqueeze(r.transpose(t, order), [rank - 1]) for t in (positive, updates))
    hit = r.op("Equal", index_rows, r.constant(np.arange(length, dtype=integer).reshape(-1, 1)))
    combined = _combined(r, r.transpose(node.input(0), order), hit, update_rows, rank, kind)
    r.transpose(combined, np.argsort(order).tolist(), into=node.outputs[0])


def _combined(r: Replacement, data: str, hit: str, updates: str, axis: int, kind: str) -> str:
    """`data` with those of `updates` along `axis` that hit it."""
    reduction, combination = OPERATORS.get(kind, OPERATORS["add"])
    chosen = r.op("Where", hit, updates, _neutral(r, kind))
    total = r.reduce(reduction, chosen, [axis], keepdims=False)
    if kind != "none":
        return r.op(combination, data, total)
    hits = r.reduce("ReduceSum", r.cast(hit, TensorProto.INT32), [axis], keepdims=False)
    return r.op("Where", r.op("Greater", hits, r.constant(0, np.int32)), total, data)
