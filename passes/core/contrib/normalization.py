"""Normalizations of ONNX Runtime: with a skip connection, without a mean, of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

FLOAT, INT32, INT64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64
OPSET_WITH_LAYER_NORMALIZATION = 17
SIMPLIFIED_EPSILON, FUSED_EPSILON = 1e-5, 1e-12
"""Defaults of the attribute: of the plain operator, and of those that are fused with a sum."""


def plain(node: Node, graph: Graph) -> Replacement:
    """LayerNormalization in a model whose opset does not have it yet: ONNX Runtime takes it in every one."""
    _refuse_outputs(node, graph, [1, 2])
    _check_axis(node, graph)
    r = Replacement(graph, node)
    epsilon = node.attr_float("epsilon", SIMPLIFIED_EPSILON)
    rank = graph.rank(node.input(0))
    layer_normalization(r, node.input(0), rank, node.input(0), node.input(1), node.input(2), epsilon)
    return r


def simplified(node: Node, graph: Graph) -> Replacement:
    """SimplifiedLayerNormalization: divided by the root of the mean square, and scaled."""
    _refuse_outputs(node, graph, [1])
    _check_axis(node, graph)
    r = Replacement(graph, node)
    epsilon = node.attr_float("epsilon", SIMPLIFIED_EPSILON)
    _root_mean_square(r, node.input(0), node.input(0), node.input(1), epsilon)
    return r


def skip(node: Node, graph: Graph) -> Replacement:
    """SkipLayerNormalization and its form without a mean: the sum of input, skip and bias, normalised."""
    _refuse_outputs(node, graph, [1, 2])
    is_simplified = node.op_type == "SkipSimplifiedLayerNormalization"
    x, other, scale = node.inputs[:3]
    bias = node.input(3 if is_simplified else 4)
    asked = node.outputs[3] if node.has_output(3) else None
    r, epsilon = Replacement(graph, node), node.attr_float("epsilon", FUSED_EPSILON)
    total = r.op("Add", r.op("Add", x, other), bias, into=asked) if bias else r.op("Add", x, other, into=asked)
    if is_simplified:
        _root_mean_square(r, total, x, scale, epsilon)
    else:
        layer_normalization(r, total, graph.rank(x), x, scale, node.input(3), epsilon)
    return r


def embed(node: Node, graph: Graph) -> Replacement:
    """EmbedLayerNormalization: words, positions and segments looked up, summed and normalised; the mask counted."""
    ids, segments, words, positions, segment_table, scale, shift = node.inputs[:7]
    r = Replacement(graph, node)
    total = r.op("Add", r.op("Gather", words, ids), _positions(r, ids, positions, node.input(8)))
    if segments:
        total = r.op("Add", total, r.op("Gather", segment_table, segments), into=_asked(node, 2))
    elif node.has_output(2):
        total = r.op("Identity", total, into=node.outputs[2])
    layer_normalization(r, total, 3, words, scale, shift, node.attr_float("epsilon", FUSED_EPSILON))
    if node.has_output(1):
        _count_mask(r, node)
    return r


def _positions(r: Replacement, ids: str, table: str, position_ids: str) -> str:
    """Embeddings of the given positions, else of the first ones: as many as there are words in a sentence."""
    if position_ids:
        return r.op("Gather", table, position_ids)
    length = r.op("Gather", r.shape(ids), r.constant([1], np.int64), axis=0)
    zero = r.constant([0], np.int64)
    return r.op("Slice", table, zero, length, zero)


def _count_mask(r: Replacement, node: Node) -> None:
    """How many words of each sentence the mask keeps; 0 without a mask."""
    if node.input(7):
        kept = r.op("Equal", node.input(7), r.constant(1, np.int32))
        counts = r.reduce("ReduceSum", r.cast(kept, FLOAT), [1], keepdims=False)
        r.cast(counts, INT32, into=node.outputs[1])
        return
    batch = r.op("Gather", r.shape(node.input(0)), r.constant([0], np.int64), axis=0)
    r.op("Expand", r.constant(0, np.int32), batch, into=node.outputs[1])


def layer_normalization(
    r: Replacement, x: str, rank: int | None, like: str, scale: str, shift: str, epsilon: float
) -> None:
    """Over the last axis, into the first output; `like` has the element type."""
    out = r.node.outputs[0]
    if r.graph.opset >= OPSET_WITH_LAYER_NORMALIZATION:
        inputs = [x, scale, shift] if shift else [x, scale]
        r.op("LayerNormalization", *inputs, into=out, axis=-1, epsilon=epsilon)
        return
    dtype = _dtype(r.graph, like)
    x, scale = _wide(r, x, dtype), _wide(r, scale, dtype)
    axes = _last_axis(r, rank)
    centred = r.op("Sub", x, r.reduce("ReduceMean", x, axes))
    variance = r.reduce("ReduceMean", r.op("Mul", centred, centred), axes)
    deviation = r.op("Sqrt", r.op("Add", variance, r.constant(epsilon, np.float32)))
    scaled = r.op("Mul", r.op("Div", centred, deviation), scale)
    if not shift:
        _narrow(r, scaled, dtype, out)
    elif dtype == FLOAT:
        r.op("Add", scaled, shift, into=out)
    else:
        _narrow(r, r.op("Add", scaled, _wide(r, shift, dtype)), dtype, out)


def _root_mean_square(r: Replacement, x: str, like: str, scale: str, epsilon: float) -> None:
    dtype = _dtype(r.graph, like)
    wide = _wide(r, x, dtype)
    square = r.reduce("ReduceMean", r.op("Mul", wide, wide), _last_axis(r, r.graph.rank(like)))
    root = r.op("Sqrt", r.op("Add", square, r.constant(epsilon, np.float32)))
    normal = r.op("Div", wide, root)
    if dtype == FLOAT:
        r.op("Mul", normal, scale, into=r.node.outputs[0])
    else:
        _narrow(r, r.op("Mul", normal, _wide(r, scale, dtype)), dtype, r.node.outputs[0])


def _last_axis(r: Replacement, rank: int | None) -> list[int]:
    if rank is None:
        if r.graph.opset < 11:
            raise Refused("its rank is unknown, and reductions have no negative axes before opset 11")
        return [-1]
    return [rank - 1]


def _dtype(graph: Graph, like: str) -> int:
    dtype = graph.dtype(like)
    if dtype not in (FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16):
        raise Refused("its element type is unknown, or is no float of 16 or 32 bits")
    return dtype


def _wide(r: Replacement, x: str, dtype: int) -> str:
    return x if dtype == FLOAT else r.cast(x, FLOAT)


def _narrow(r: Replacement, x: str, dtype: int, into: str) -> None:
    if dtype == FLOAT:
        r.op("Identity", x, into=into)
    else:
        r.cast(x, dtype, into=into)


def _asked(node: Node, index: int) -> str | None:
    return node.outputs[index] if node.has_output(index) else None


def _check_axis(node: Node, graph: Graph) -> None:
    axis = node.attr_int("axis", -1)
    if axis != -1 and axis + 1 != graph.rank(node.input(0)):
        raise Refused("it normalises more than the last axis")


def _refuse_outputs(node: Node, graph: Graph, indices: Sequence[int]) -> None:
    for index in indices:
        name = node.outputs[index] if node.has_output(index) else ""
        if name and (graph.is_output(name) or graph.consumers(name)):
            raise Refused("its mean or deviation is asked for, which no runtime hands out")
