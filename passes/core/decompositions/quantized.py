"""Integer matrix products and convolutions, as float ones that are exact, and the rounding around them.

A float sum of integers is exact below 2**24; products of two 8-bit values are summed in pieces that stay below.
TF32 keeps them exact, too: 8-bit values less their zero point have 9 bits, and TF32 has 11.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.decompositions.rounding import half_to_even
from trtconv.passes.core.integers import range_of
from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

FLOAT, INT32 = TensorProto.FLOAT, TensorProto.INT32
EXACT_SUM = 2**24 // 255**2
"""Products of two 8-bit values, zero points taken off, that a float32 sum holds exactly."""
MAX_PIECES = 64
FAR = (-(2.0**16), 2.0**16)
"""Beyond what 8 bits hold with any zero point, and small enough to round."""


def centred(r: Replacement, x: str, zero: str, axis: int | None = None) -> str:
    """`x` less its zero point as FLOAT; a zero point for each row or channel stands along `axis` from the end."""
    wide = r.cast(x, FLOAT)
    if not zero:
        return wide
    offset = r.cast(zero, FLOAT)
    if axis is not None and (r.graph.rank(zero) or 0) == 1:
        offset = r.reshape(offset, [-1, *[1] * axis])
    return r.op("Sub", wide, offset)


def product(r: Replacement, a: str, b: str, depth: object, b_axis: int = -2) -> str:
    """INT32 matrix product of two FLOAT tensors of integers, exact; `b_axis` of the second is summed over."""
    if not isinstance(depth, int):
        raise Refused("the length of its sums is unknown, so that float sums might not be exact")
    pieces = -(-depth // EXACT_SUM)
    if pieces > MAX_PIECES:
        raise Refused(f"its sums of {depth} products would take {pieces} matrix products to be exact in FLOAT")
    if pieces <= 1:
        return r.cast(r.op("MatMul", a, b), INT32)
    total = ""
    for start in range(0, depth, EXACT_SUM):
        ends = [min(start + EXACT_SUM, depth)]
        part = r.op("MatMul", r.slice(a, [start], ends, [-1]), r.slice(b, [start], ends, [b_axis]))
        total = r.op("Add", total, r.cast(part, INT32)) if total else r.cast(part, INT32)
    return total


def depth_of(graph: Graph, a: str) -> object:
    """Length of the last axis, or what is known of it."""
    shape = graph.shape(a)
    return shape[-1] if shape else None


def matmul_integer(node: Node, graph: Graph) -> Replacement:
    """MatMulInteger: both factors less their zero points, multiplied in FLOAT."""
    r = Replacement(graph, node)
    rows = None if graph.rank(node.input(0)) == 1 else 1
    a, b = centred(r, node.input(0), node.input(2), rows), centred(r, node.input(1), node.input(3))
    b_axis = -1 if graph.rank(node.input(1)) == 1 else -2
    r.op("Identity", product(r, a, b, depth_of(graph, node.input(0)), b_axis), into=node.outputs[0])
    return r


def conv_integer(node: Node, graph: Graph) -> Replacement:
    """ConvInteger: a FLOAT Conv of values less their zero points."""
    r = Replacement(graph, node)
    r.op("Identity", _convolution(r, node, node.inputs[:2], [node.input(2), node.input(3)]), into=node.outputs[0])
    return r


def _convolution(r: Replacement, node: Node, data: Sequence[str], zeros: Sequence[str]) -> str:
    """INT32 convolution of two 8-bit tensors, exact."""
    shape = r.graph.shape(data[1])
    if shape is None or not all(isinstance(d, int) for d in shape[1:]):
        raise Refused("the shape of its weights is unknown, so that float sums might not be exact")
    taps = int(np.prod([d for d in shape[1:] if isinstance(d, int)]))
    if taps > EXACT_SUM and not _sums_are_exact(r, data[1], zeros[1]):
        raise Refused(f"its sums of {taps} products of 8-bit values are not exact in FLOAT")
    rank = len(shape)
    inputs = [centred(r, data[0], zeros[0]), centred(r, data[1], zeros[1], rank - 1)]
    result = r.op("Conv", *inputs)
    r.nodes[-1].attributes = dict(node.attributes)
    return r.cast(result, INT32)


def _sums_are_exact(r: Replacement, weight: str, zero: str) -> bool:
    """Whether constant weights are small enough for float32 sums over any 8-bit input."""
    values, offset = r.graph.constant(weight), r.graph.constant(zero) if zero else np.zeros(1)
    if values is None or offset is None:
        return False
    centred = values.astype(np.int64) - offset.astype(np.int64).reshape(-1, *[1] * (values.ndim - 1))
    return int(np.abs(centred).sum(axis=tuple(range(1, values.ndim))).max(initial=0)) * 255 < 2**24


def requantize(r: Replacement, sums: str, scales: Sequence[str], zero: str, dtype: int, out: str) -> None:
    """round(sums * scale_a * scale_b / scale_y) + zero point, saturated."""
    a, b, y = (r.cast(s, FLOAT) for s in scales)
    scaled = r.op("Mul", r.cast(sums, FLOAT), r.op("Div", r.op("Mul", a, b), y))
    shifted = r.op("Add", half_to_even(r, r.clip(scaled, *FAR)), r.cast(zero, FLOAT))
    r.cast(r.clip(shifted, *range_of(dtype)), dtype, into=out)


def output_type(graph: Graph, zero: str) -> int:
    """Element type of a quantized result, from its zero point. Raises Refused for others than the two of 8 bits."""
    dtype = graph.dtype(zero)
    if dtype not in (TensorProto.UINT8, TensorProto.INT8):
        raise Refused("the element type of its result is unknown, or not of 8 bits")
    return dtype


def q_linear_matmul(node: Node, graph: Graph) -> Replacement:
    """QLinearMatMul: the exact product, rounded as ONNX says."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = node.inputs
    dtype = output_type(graph, y_zero)
    if any((graph.rank(t) or 0) > 0 and graph.shape(t) != (1,) for t in (a_scale, a_zero, y_scale, y_zero)):
        raise Refused("a scale for each row is not decomposed")
    r = Replacement(graph, node)
    sums = product(r, centred(r, a, a_zero), centred(r, b, b_zero), depth_of(graph, a))
    requantize(r, sums, [a_scale, b_scale, y_scale], y_zero, dtype, node.outputs[0])
    return r


def q_linear_conv(node: Node, graph: Graph) -> Replacement:
    """QLinearConv: the exact convolution and bias, rounded as ONNX says."""
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = node.inputs[:8]
    dtype = output_type(graph, y_zero)
    r = Replacement(graph, node)
    sums = _convolution(r, node, [x, w], [x_zero, w_zero])
    trailing = [1] * ((graph.rank(x) or 4) - 2)
    if node.input(8):
        sums = r.op("Add", sums, r.reshape(node.input(8), [-1, *trailing]))
    if graph.rank(w_scale) == 1:
        w_scale = r.reshape(w_scale, [-1, *trailing])
    requantize(r, sums, [x_scale, w_scale, y_scale], y_zero, dtype, node.outputs[0])
    return r
