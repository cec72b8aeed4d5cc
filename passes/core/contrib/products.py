"""Quantized matrix products of ONNX Runtime: the exact integer product, then scales, bias and rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from trtconv.passes.core.decompositions.quantized import centred, depth_of, output_type, product, requantize
from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

FLOAT, INT32 = TensorProto.FLOAT, TensorProto.INT32


def matmul_integer_to_float(node: Node, graph: Graph) -> Replacement:
    """MatMulIntegerToFloat: the integer product times both scales, and a bias."""
    r = Replacement(graph, node)
    a, b, a_scale, b_scale = node.inputs[:4]
    rows = None if graph.rank(a) == 1 else 1
    sums = product(r, centred(r, a, node.input(4), rows), centred(r, b, node.input(5)), _depth(graph, a, b))
    _scaled(r, sums, a_scale, b_scale, node.input(6))
    return r


def dynamic_quantize_matmul(node: Node, graph: Graph) -> Replacement:
    """DynamicQuantizeMatMul: the first factor quantized to the range that it has, then the integer product."""
    r = Replacement(graph, node)
    a, b, b_scale = node.inputs[:3]
    quantized, a_scale, a_zero = r.ops("DynamicQuantizeLinear", a, into=[None] * 3)
    sums = product(r, centred(r, quantized, a_zero), centred(r, b, node.input(3)), _depth(graph, a, b))
    _scaled(r, sums, a_scale, b_scale, node.input(4))
    return r


def gemm(node: Node, graph: Graph) -> Replacement:
    """QGemm: the integer product of matrices, an integer addend, and FLOAT or quantized again."""
    a, a_scale, a_zero, b, b_scale, b_zero = node.inputs[:6]
    if node.attr_float("alpha", 1.0) != 1:
        raise Refused("its alpha is not 1")
    r = Replacement(graph, node)
    left, right = centred(r, a, a_zero), centred(r, b, b_zero, 1 if node.attr_int("transB", 0) else None)
    left = r.transpose(left, [1, 0]) if node.attr_int("transA", 0) else left
    right = r.transpose(right, [1, 0]) if node.attr_int("transB", 0) else right
    shape = graph.shape(a)
    sums = product(r, left, right, shape[0 if node.attr_int("transA", 0) else 1] if shape else None)
    if node.input(6):
        sums = r.op("Add", sums, node.input(6))
    if node.input(7):
        dtype = output_type(graph, node.input(8))
        requantize(r, sums, [a_scale, b_scale, node.input(7)], node.input(8), dtype, node.outputs[0])
    else:
        _scaled(r, sums, a_scale, b_scale, "")
    return r


def _depth(graph: Graph, a: str, b: str) -> object:
    """Length of the summed axis, which the weights say where the data does not."""
    depth, shape = depth_of(graph, a), graph.shape(b)
    return depth if isinstance(depth, int) or not shape else shape[-2 if len(shape) > 1 else 0]


def _scaled(r: Replacement, sums: str, a_scale: str, b_scale: str, bias: str) -> None:
    out, scale = r.node.outputs[0], r.op("Mul", a_scale, b_scale)
    if bias:
        r.op("Add", r.op("Mul", r.cast(sums, FLOAT), scale), bias, into=out)
    else:
        r.op("Mul", r.cast(sums, FLOAT), scale, into=out)
