"""The attention of ONNX Runtime: projections, masks and rotations around two products and a Softmax."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

FLOAT = TensorProto.FLOAT
MASK_VALUE = -10000.0
"""Default of mask_filter_value: what is added to the score of a place that is masked."""
OPSET = 13
"""From which on Split, Softmax and Unsqueeze have the form that is written here."""


def attention(node: Node, graph: Graph) -> Replacement:
    """Attention: one product gives query, key and value."""
    _check(node, graph, {4: "past", 6: "past_sequence_length"})
    if node.attr_int("do_rotary", 0):
        raise Refused("it rotates query and key")
    shape = graph.shape(node.input(1))
    width = shape[1] if shape and len(shape) > 1 else None
    if not isinstance(width, int):
        raise Refused("the shape of its weights is unknown")
    sizes = node.attr_ints("qkv_hidden_sizes") or [width // 3] * 3
    r, heads = Replacement(graph, node), node.attr_int("num_heads", 1)
    projected = r.op("MatMul", node.input(0), node.input(1))
    projected = r.op("Add", projected, node.input(2)) if node.input(2) else projected
    parts = r.ops("Split", projected, r.constant(sizes, np.int64), into=[None] * 3, axis=-1)
    query, key, value = (_heads(r, part, heads, size // heads) for part, size in zip(parts, sizes, strict=True))
    bias = _sum(r, [_mask(r, node, node.input(3)), node.input(5)])
    _attend(r, node, (query, key, value), sizes[0] // heads, bias)
    return r


def multi_head(node: Node, graph: Graph) -> Replacement:
    """MultiHeadAttention of separate query, key and value, each of three axes."""
    _check(node, graph, {6: "past_key", 7: "past_value", 8: "past_sequence_length", 9: "cache_indirection"})
    if any(graph.rank(node.input(i)) != 3 for i in range(3)):
        raise Refused("its query, key and value are packed, or of unknown rank")
    sizes = [_width(graph, node.input(i)) for i in range(3)]
    r, heads = Replacement(graph, node), node.attr_int("num_heads", 1)
    tensors = [node.input(i) for i in range(3)]
    if node.input(3):
        shares = r.ops("Split", node.input(3), r.constant(sizes, np.int64), into=[None] * 3, axis=0)
        tensors = [r.op("Add", x, share) for x, share in zip(tensors, shares, strict=True)]
    query, key, value = (_heads(r, x, heads, size // heads) for x, size in zip(tensors, sizes, strict=True))
    bias = _sum(r, [_mask(r, node, node.input(4)), node.input(5)])
    _attend(r, node, (query, key, value), sizes[0] // heads, bias)
    return r


def _check(node: Node, graph: Graph, refused: dict[int, str]) -> None:
    for index, name in refused.items():
        if node.input(index):
            raise Refused(f"its {name} is given")
    if graph.opset < OPSET:
        raise Refused(f"the model imports opset {graph.opset}, and its parts are written for {OPSET}")
    if any(o and (graph.is_output(o) or graph.consumers(o)) for o in node.outputs[1:]):
        raise Refused("its keys and values are asked for")
    if graph.dtype(node.input(0)) is None:
        raise Refused("its element type is unknown")


def _width(graph: Graph, x: str) -> int:
    shape = graph.shape(x)
    if not shape or not isinstance(shape[-1], int):
        raise Refused("the width of its query, key or value is unknown")
    return shape[-1]


def _heads(r: Replacement, x: str, heads: int, size: int) -> str:
    """[batch, length, heads * size] to [batch, heads, length, size]."""
    return r.transpose(r.reshape(x, [0, 0, heads, size]), [0, 2, 1, 3])


def _sum(r: Replacement, parts: list[str]) -> str:
    given = [p for p in parts if p]
    return r.op("Add", *given) if len(given) == 2 else next(iter(given), "")


def _mask(r: Replacement, node: Node, mask: str) -> str:
    """What is added to the scores: the mask value where a place is masked, 0 elsewhere."""
    if not mask:
        return ""
    rank = r.graph.rank(mask)
    if rank not in (2, 3):
        raise Refused("its mask counts the words, is of four axes, or of unknown rank")
    kept = r.op("Greater", r.unsqueeze(mask, [1, 2] if rank == 2 else [1]), r.constant(0, np.int32))
    like = node.input(0)
    return r.op("Where", kept, r.scalar(0, like), r.scalar(node.attr_float("mask_filter_value", MASK_VALUE), like))


def _attend(r: Replacement, node: Node, tensors: tuple[str, str, str], size: int, bias: str) -> None:
    """Softmax(query key' * scale + bias) value, heads side by side again."""
    query, key, value = tensors
    scale = node.attr_float("scale", 0.0) or 1 / math.sqrt(size)
    scores = r.op("MatMul", query, r.transpose(key, [0, 1, 3, 2]))
    scores = r.op("Mul", scores, r.scalar(scale, node.input(0)))
    scores = r.op("Add", scores, bias) if bias else scores
    if node.attr_int("unidirectional", 0):
        scores = _causal(r, node, scores, query, key)
    context = r.op("MatMul", r.op("Softmax", scores, axis=-1), value)
    r.reshape(r.transpose(context, [0, 2, 1, 3]), [0, 0, -1], into=node.outputs[0])


def _causal(r: Replacement, node: Node, scores: str, query: str, key: str) -> str:
    """Scores of later places become the least number there is."""
    zero, one, place = (r.constant(v, np.int64) for v in (0, 1, 2))
    rows, columns = (r.op("Range", zero, r.op("Gather", r.shape(t), place, axis=0), one) for t in (query, key))
    earlier = r.op("Not", r.op("Less", r.unsqueeze(rows, [1]), columns))
    dtype = r.graph.dtype(node.input(0))
    least = float(np.finfo(np.float16 if dtype == TensorProto.FLOAT16 else np.float32).min)
    return r.op("Where", earlier, scores, r.scalar(least, node.input(0)))


def rotary(node: Node, graph: Graph) -> Replacement:
    """RotaryEmbedding: pairs of each head turned by the angle of the position."""
    x, places, cosine, sine = node.inputs[:4]
    table = graph.shape(cosine)
    half = table[1] if table and len(table) > 1 else None
    rank = graph.rank(x)
    if not isinstance(half, int) or rank not in (3, 4) or graph.opset < OPSET:
        raise Refused(f"its sizes are unknown, or the model imports an opset before {OPSET}")
    if node.attr_int("rotary_embedding_dim", 0) or node.attr_int("is_packed_batching", 0):
        raise Refused("it turns a part of each head, or its sentences are packed")
    if graph.rank(places) != 2:
        raise Refused("its positions are an offset, or of unknown rank")
    r = Replacement(graph, node)
    turned = [r.unsqueeze(r.op("Gather", t, places), [2 if rank == 3 else 1]) for t in (cosine, sine)]
    heads = r.reshape(x, [0, 0, -1, 2 * half]) if rank == 3 else x
    result = _turn(r, heads, turned, half, interleaved=node.attr_int("interleaved", 0) != 0)
    if rank == 3:
        r.reshape(result, [0, 0, -1], into=node.outputs[0])
    else:
        r.op("Identity", result, into=node.outputs[0])
    return r


def _turn(r: Replacement, x: str, turned: list[str], half: int, *, interleaved: bool) -> str:
    """(a, b) to (a cos - b sin, b cos + a sin): halves of a head, or neighbours where they are interleaved."""
    cosine, sine = turned
    step = 2 if interleaved else 1
    starts = (0, 1) if interleaved else (0, half)
    a, b = (r.slice(x, [s], [2 * half if interleaved else s + half], [3], [step]) for s in starts)
    first = r.op("Sub", r.op("Mul", a, cosine), r.op("Mul", b, sine))
    second = r.op("Add", r.op("Mul", b, cosine), r.op("Mul", a, sine))
    if not interleaved:
        return r.concat([first, second], 3)
    pairs = r.concat([r.unsqueeze(first, [4]), r.unsqueeze(second, [4])], 4)
    return r.reshape(pairs, [0, 0, 0, -1])
