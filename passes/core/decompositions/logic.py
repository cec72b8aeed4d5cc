"""Comparisons, masks and selections that older parsers have no importer for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core.integers import is_integer
from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

BOOL, FLOAT, INT32 = TensorProto.BOOL, TensorProto.FLOAT, TensorProto.INT32


def is_nan(node: Node, graph: Graph) -> Replacement:
    """IsNaN: what differs from itself."""
    r = Replacement(graph, node)
    r.op("Not", r.is_number(node.input(0)), into=node.outputs[0])
    return r


def is_inf(node: Node, graph: Graph) -> Replacement:
    """IsInf: what equals infinity, of the signs that are asked for."""
    positive, negative = node.attr_int("detect_positive", 1) != 0, node.attr_int("detect_negative", 1) != 0
    r, x = Replacement(graph, node), node.input(0)
    if not (positive or negative):
        raise Refused("it asks for infinities of no sign")
    compared = r.op("Abs", x) if positive and negative else x
    r.op("Equal", compared, r.scalar(np.inf if positive else -np.inf, x), into=node.outputs[0])
    return r


def sign(node: Node, graph: Graph) -> Replacement:
    """Sign: above zero less below zero, and NaN of NaN."""
    r, x = Replacement(graph, node), node.input(0)
    dtype = graph.dtype(x)
    if dtype is None:
        raise Refused("its element type is unknown")
    zero = r.scalar(0, x)
    above, below = (r.cast(r.op(op_type, x, zero), dtype) for op_type in ("Greater", "Less"))
    if is_integer(dtype):
        r.op("Sub", above, below, into=node.outputs[0])
        return r
    nothing = r.op("Mul", r.clip(x, -1, 1), zero)  # of infinity, too; only NaN stays what it is
    r.op("Add", r.op("Sub", above, below), nothing, into=node.outputs[0])
    return r


def xor(node: Node, graph: Graph) -> Replacement:
    """Xor: one of the two, and not both."""
    r = Replacement(graph, node)
    either, both = r.op("Or", *node.inputs), r.op("And", *node.inputs)
    r.op("And", either, r.op("Not", both), into=node.outputs[0])
    return r


def trilu(node: Node, graph: Graph) -> Replacement:
    """Trilu of fixed size: a constant mask."""
    shape, k = graph.shape(node.input(0)), np.zeros((), np.int64)
    if node.input(1):
        constant = graph.constant(node.input(1))
        if constant is None:
            raise Refused("its diagonal is computed")
        k = constant
    if shape is None or not all(isinstance(d, int) for d in shape[-2:]):
        raise Refused("the size of its matrices is not fixed")
    ones = np.ones([d for d in shape[-2:] if isinstance(d, int)], np.bool_)
    kept = np.triu(ones, int(k)) if node.attr_int("upper", 1) else np.tril(ones, int(k))
    r = Replacement(graph, node)
    r.op("Where", r.constant(kept), node.input(0), r.scalar(0, node.input(0)), into=node.outputs[0])
    return r


def hardmax(node: Node, graph: Graph) -> Replacement:
    """Hardmax from opset 13 on: 1 at the first largest value along the axis."""
    shape, dtype = graph.shape(node.input(0)), graph.dtype(node.input(0))
    if graph.opset < 13 or shape is None or dtype is None:
        raise Refused("its rank or type is unknown, or it is of the form before opset 13, over flattened axes")
    axis = node.attr_int("axis", -1) % len(shape)
    size = shape[axis]
    if not isinstance(size, int):
        raise Refused("the size of its axis is not fixed")
    r = Replacement(graph, node)
    first = r.op("ArgMax", node.input(0), axis=axis, keepdims=1)
    places = r.constant(np.arange(size, dtype=np.int64).reshape([-1 if i == axis else 1 for i in range(len(shape))]))
    r.cast(r.op("Equal", first, places), dtype, into=node.outputs[0])
    return r


def one_hot(node: Node, graph: Graph) -> Replacement:
    """OneHot of constant depth: each index compared with every place, a negative one counted from the end."""
    depth, rank = graph.constant(node.input(1)), graph.rank(node.input(0))
    if depth is None or rank is None:
        raise Refused("its depth is computed, or the rank of its indices is unknown")
    count, axis = int(depth.reshape(())), node.attr_int("axis", -1) % (rank + 1)
    r = Replacement(graph, node)
    index = r.cast(node.input(0), INT32)
    below = r.op("Less", index, r.constant(0, np.int32))
    positive = r.op("Where", below, r.op("Add", index, r.constant(count, np.int32)), index)
    places = np.arange(count, dtype=np.int32).reshape([-1 if i == axis else 1 for i in range(rank + 1)])
    hit = r.op("Equal", r.unsqueeze(positive, [axis]), r.constant(places))
    off, on = (r.op("Gather", node.input(2), r.constant(i, np.int64), axis=0) for i in (0, 1))
    r.op("Where", hit, on, off, into=node.outputs[0])
    return r


def eye_like(node: Node, graph: Graph) -> Replacement:
    """EyeLike: a constant where the size is fixed, else where the number of the row, k added, is that of the column."""
    shape, dtype = graph.shape(node.input(0)), node.attr_int("dtype", graph.dtype(node.input(0)) or FLOAT)
    k, r = node.attr_int("k", 0), Replacement(graph, node)
    if shape is not None and all(isinstance(d, int) for d in shape):
        rows, columns = (d for d in shape if isinstance(d, int))
        eye = np.eye(rows, columns, k, dtype=helper.tensor_dtype_to_np_dtype(dtype))
        r.op("Identity", r.constant(eye), into=node.outputs[0])
        return r
    if graph.opset < 11:
        raise Refused("its size is not fixed, and Range came with opset 11")
    sizes, zero, one = r.shape(node.input(0)), r.constant(0, np.int64), r.constant(1, np.int64)
    places = [r.op("Range", zero, r.op("Gather", sizes, r.constant(i, np.int64), axis=0), one) for i in (0, 1)]
    diagonal = r.op("Add", r.unsqueeze(places[0], [1]), r.constant(k, np.int64))
    r.cast(r.op("Equal", diagonal, places[1]), dtype, into=node.outputs[0])
    return r


def cum_sum(node: Node, graph: Graph) -> Replacement:
    """CumSum of floats along an axis of fixed length: times a triangular matrix."""
    axis, shape, dtype = graph.constant(node.input(1)), graph.shape(node.input(0)), graph.dtype(node.input(0))
    if axis is None or shape is None or dtype not in (FLOAT, TensorProto.FLOAT16):
        raise Refused("its axis is computed, its rank unknown, or it sums no floats")
    along = int(axis.reshape(())) % len(shape)
    length = shape[along]
    if not isinstance(length, int):
        raise Refused("the length of its axis is not fixed")
    strict = 1 if node.attr_int("exclusive", 0) else 0
    ones = np.ones((length, length), helper.tensor_dtype_to_np_dtype(dtype))
    matrix = np.tril(ones, -strict) if node.attr_int("reverse", 0) else np.triu(ones, strict)
    order = [*(i for i in range(len(shape)) if i != along), along]
    r = Replacement(graph, node)
    product = r.op("MatMul", r.transpose(node.input(0), order), r.constant(matrix))
    r.transpose(product, np.argsort(order).tolist(), into=node.outputs[0])
    return r
