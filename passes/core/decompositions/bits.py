"""Shifts, bitwise logic and reinterpreted bits, as integer arithmetic. TensorRT has none of these operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core.integers import SIGN_BIT, is_integer, range_of
from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

INT32, INT64, UINT64 = TensorProto.INT32, TensorProto.INT64, TensorProto.UINT64
MAX_RANK = 8
HALF = 32
"""Bits whose number float64 holds exactly."""


def _integer_type(node: Node, graph: Graph) -> int:
    dtype = graph.dtype(node.input(0))
    if dtype is None or not is_integer(dtype):
        raise Refused("its element type is unknown, or no integer")
    return dtype


def _width(dtype: int) -> int:
    return int(helper.tensor_dtype_to_np_dtype(dtype).itemsize) * 8


def _is_signed(dtype: int) -> bool:
    return range_of(dtype)[0] < 0


def shift(node: Node, graph: Graph) -> Replacement:
    """BitShift: times or divided by a power of two, in INT64. A shift by the width or more leaves the sign only."""
    dtype = _integer_type(node, graph)
    r = Replacement(graph, node)
    x, by = (r.cast(t, INT64) for t in node.inputs)
    left = node.attr_string("direction", "") == "LEFT"
    count = _width(dtype) - (0 if left or not _is_signed(dtype) else 1)
    zero = r.constant(0, np.int64)
    too_small, too_large = r.op("Less", by, zero), r.op("Greater", by, r.constant(count - 1, np.int64))
    outside = r.op("Or", too_small, too_large)
    index = r.op("Where", outside, zero, by)
    power = r.op("Gather", r.constant(_powers(count)), index)
    if left:
        shifted, filled = r.op("Mul", x, power), zero
    else:
        shifted, filled = _divided(r, x, power, index, dtype)
    chosen = r.op("Where", outside, filled, shifted)
    r.cast(_wrapped(r, chosen, dtype), dtype, into=node.outputs[0])
    return r


def _powers(count: int) -> np.ndarray:
    """2**0 ... 2**(count - 1) as INT64 bits."""
    return np.array([1 << i for i in range(count)], np.uint64).view(np.int64)


def _divided(r: Replacement, x: str, power: str, index: str, dtype: int) -> tuple[str, str]:
    """Right shift towards minus infinity, and what fills where the shift is out of range."""
    zero = r.constant(0, np.int64)
    if dtype == UINT64:
        return _divided_bits(r, x, index), zero
    quotient = r.op("Div", r.op("Sub", x, r.op("Mod", x, power)), power)
    fill = r.op("Where", r.op("Less", x, zero), r.constant(-1, np.int64), zero) if _is_signed(dtype) else zero
    return quotient, fill


def _divided_bits(r: Replacement, x: str, index: str) -> str:
    """Logical right shift of 64 bits: the upper half first, as INT64 reads the top bit as a sign."""
    table = _powers(64)
    table[63] = np.iinfo(np.int64).max  # stands for 2**63, and no negative number reaches it but the least
    power = r.op("Gather", r.constant(table), index)
    floor = r.op("Div", r.op("Sub", x, r.op("Mod", x, power)), power)
    lifted = np.array([0, *(-(1 << (64 - s)) for s in range(1, 64))], object).astype(np.int64)
    negative = r.op("Sub", floor, r.op("Gather", r.constant(lifted), index))
    last = r.op("Equal", index, r.constant(63, np.int64))
    below_zero = r.op("Less", x, r.constant(0, np.int64))
    shifted = r.op("Where", below_zero, negative, floor)
    return r.op("Where", last, r.cast(below_zero, INT64), shifted)


def _wrapped(r: Replacement, x: str, dtype: int) -> str:
    """INT64 brought into the range of `dtype` modulo its number of values."""
    width = _width(dtype)
    if width == 64:
        return x
    modulus = r.constant(1 << width, np.int64)
    if not _is_signed(dtype):
        return r.op("Mod", x, modulus)
    half = r.constant(1 << (width - 1), np.int64)
    return r.op("Sub", r.op("Mod", r.op("Add", x, half), modulus), half)


def invert(node: Node, graph: Graph) -> Replacement:
    """BitwiseNot: -1 - x, or the greatest value minus x for unsigned types."""
    dtype = _integer_type(node, graph)
    r = Replacement(graph, node)
    top = -1 if _is_signed(dtype) or dtype == UINT64 else range_of(dtype)[1]
    flipped = r.op("Sub", r.constant(top, np.int64), r.cast(node.input(0), INT64))
    r.cast(flipped, dtype, into=node.outputs[0])
    return r


def combine(node: Node, graph: Graph) -> Replacement:
    """BitwiseAnd, BitwiseOr, BitwiseXor: bit by bit along a new last axis, the sign on its own."""
    dtype = _integer_type(node, graph)
    ranks = [graph.rank(t) for t in node.inputs]
    if any(rank is None or rank >= MAX_RANK for rank in ranks):
        raise Refused(f"its inputs need a known rank below {MAX_RANK}, for an axis of bits")
    r = Replacement(graph, node)
    wide = INT64 if _width(dtype) >= 32 and dtype != INT32 else INT32
    kind = helper.tensor_dtype_to_np_dtype(wide)
    has_sign = _is_signed(dtype) or dtype == UINT64
    count = _width(dtype) - has_sign
    powers = r.constant(_powers(count).astype(kind))
    values = [r.cast(t, wide) for t in node.inputs]
    signs = [r.op("Less", v, r.constant(0, kind)) for v in values] if has_sign else []
    lowest = r.constant(SIGN_BIT if dtype == UINT64 else range_of(dtype)[0], kind)
    if has_sign:
        values = [r.op("Where", s, r.op("Sub", v, lowest), v) for s, v in zip(signs, values, strict=True)]
    bits = [_bits(r, v, powers, rank or 0, kind) for v, rank in zip(values, ranks, strict=True)]
    chosen = _combined(r, node.op_type, bits, kind)
    total = _number(r, chosen, count, max(rank or 0 for rank in ranks), kind)
    if has_sign:
        sign = r.op(node.op_type.removeprefix("Bitwise"), *signs)
        total = r.op("Where", sign, r.op("Add", total, lowest), total)
    r.cast(total, dtype, into=node.outputs[0])
    return r


def _bits(r: Replacement, x: str, powers: str, rank: int, kind: np.dtype) -> str:
    return r.op("Mod", r.op("Div", r.unsqueeze(x, [rank]), powers), r.constant(2, kind))


def _combined(r: Replacement, op_type: str, bits: list[str], kind: np.dtype) -> str:
    if op_type == "BitwiseAnd":
        return r.op("Mul", *bits)
    total = r.op("Add", *bits)
    if op_type == "BitwiseXor":
        return r.op("Mod", total, r.constant(2, kind))
    return r.op("Min", total, r.constant(1, kind))


def _number(r: Replacement, bits: str, count: int, axis: int, kind: np.dtype) -> str:
    """The number that `count` bits along the last axis are, summed by halves: ONNX Runtime sums in float64."""
    if count <= HALF:
        powers = r.constant(_powers(count).astype(kind))
        return r.reduce("ReduceSum", r.op("Mul", bits, powers), [axis], keepdims=False)
    low = _number(r, r.slice(bits, [0], [HALF], [axis]), HALF, axis, kind)
    high = _number(r, r.slice(bits, [HALF], [count], [axis]), count - HALF, axis, kind)
    return r.op("Add", low, r.op("Mul", high, r.constant(1 << HALF, kind)))


def reinterpret(node: Node, graph: Graph) -> Replacement:
    """BitCast between integers of one width: modulo 2**width."""
    source, to = graph.dtype(node.input(0)), node.attr_int("to", 0)
    r = Replacement(graph, node)
    if source == to or (source == TensorProto.BOOL and is_integer(to)):
        r.cast(node.input(0), to, into=node.outputs[0])
        return r
    if source is None or not is_integer(source) or not is_integer(to):
        raise Refused("the bits of a float are out of reach of arithmetic")
    r.cast(_wrapped(r, r.cast(node.input(0), INT64), to), to, into=node.outputs[0])
    return r
