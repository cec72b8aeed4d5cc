"""Quantized operators of ONNX Runtime, as the float operators between DequantizeLinear and QuantizeLinear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trtconv.passes.core.decompositions.quantized import output_type
from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

OPSET_WITH_QUANTIZATION = 10
LEAKY_ALPHA = 0.01
"""Default of QLinearLeakyRelu."""


def _open(node: Node, graph: Graph) -> Replacement:
    if graph.opset < OPSET_WITH_QUANTIZATION:
        raise Refused(f"opset {graph.opset} has no QuantizeLinear")
    return Replacement(graph, node)


def _scalar(r: Replacement, x: str) -> str:
    """A scale or zero point of one element without an axis."""
    value = r.graph.constant(x) if x else None
    if value is None or value.ndim == 0:
        return x
    if value.size != 1:
        raise Refused("a scale for each channel is not decomposed")
    return r.constant(value.reshape(()))


def _opened(r: Replacement, x: str, scale: str, zero: str) -> str:
    inputs = [t for t in (x, _scalar(r, scale), _scalar(r, zero)) if t]
    return r.op("DequantizeLinear", *inputs)


def _close(r: Replacement, x: str, scale: str, zero: str) -> None:
    output = r.node.outputs[0]
    if not zero and r.graph.dtype(r.node.input(0)) not in (None, 2):
        zero = r.constant(0, np.int8)
    elif zero:
        output_type(r.graph, zero)
    inputs = [t for t in (x, _scalar(r, scale), _scalar(r, zero)) if t]
    r.op("QuantizeLinear", *inputs, into=output)


def combine(node: Node, graph: Graph) -> Replacement:
    """QLinearAdd and QLinearMul."""
    r = _open(node, graph)
    a, b = (_opened(r, *(node.input(i + j) for j in range(3))) for i in (0, 3))
    _close(r, r.op(node.op_type.removeprefix("QLinear"), a, b), node.input(6), node.input(7))
    return r


def where(node: Node, graph: Graph) -> Replacement:
    """QLinearWhere."""
    r = _open(node, graph)
    a, b = (_opened(r, *(node.input(i + j) for j in range(3))) for i in (1, 4))
    _close(r, r.op("Where", node.input(0), a, b), node.input(7), node.input(8))
    return r


def concat(node: Node, graph: Graph) -> Replacement:
    """QLinearConcat: the scale of the result first, then data, scale and zero point of each part."""
    r = _open(node, graph)
    parts = [_opened(r, *(node.input(i + j) for j in range(3))) for i in range(2, len(node.inputs), 3)]
    zero = node.input(1)
    output_type(graph, zero)
    _close(r, r.concat(parts, node.attr_int("axis", 0)), node.input(0), zero)
    return r


def one_input(node: Node, graph: Graph) -> Replacement:
    """QLinearSigmoid, QLinearLeakyRelu and QLinearReduceMean."""
    r = _open(node, graph)
    x, op_type = _opened(r, *(node.input(i) for i in range(3))), node.op_type.removeprefix("QLinear")
    if op_type == "ReduceMean":
        axes = node.attr_ints("axes")
        if axes is None:
            raise Refused("it names no axes")
        y = r.reduce("ReduceMean", x, axes, keepdims=bool(node.attr_int("keepdims", 1)))
    elif op_type == "LeakyRelu":
        y = r.op("LeakyRelu", x, alpha=node.attr_float("alpha", LEAKY_ALPHA))
    else:
        y = r.op(op_type, x)
    _close(r, y, node.input(3), node.input(4))
    return r


def softmax(node: Node, graph: Graph) -> Replacement:
    """QLinearSoftmax, whose attribute says the opset that its axis is to be read by."""
    old = node.attr_int("opset", 13) < 13
    if old != (graph.opset < 13):
        rank = graph.rank(node.input(0))
        if rank is None or node.attr_int("axis", -1) % rank != rank - 1:
            raise Refused("its axis is read by the rules of another opset")
    r = _open(node, graph)
    y = r.op("Softmax", _opened(r, *(node.input(i) for i in range(3))), axis=_axis(node, graph))
    _close(r, y, node.input(3), node.input(4))
    return r


def _axis(node: Node, graph: Graph) -> int:
    axis, rank = node.attr_int("axis", -1), graph.rank(node.input(0))
    return axis % rank if rank else axis


def pool(node: Node, graph: Graph) -> Replacement:
    """QLinearAveragePool and QLinearGlobalAveragePool, with the channels first or last."""
    r = _open(node, graph)
    last = node.attr_int("channels_last", 0) != 0
    x = _opened(r, *(node.input(i) for i in range(3)))
    y = r.op(node.op_type.removeprefix("QLinear"), _channels_first(r, node, x) if last else x)
    r.nodes[-1].attributes = {k: a for k, a in node.attributes.items() if k != "channels_last"}
    _close(r, _channels_last(r, node, y) if last else y, node.input(3), node.input(4))
    return r


def conv(node: Node, graph: Graph) -> Replacement:
    """QLinearConv with the channels first or last: the standard one, between Transposes."""
    r = _open(node, graph)
    last = node.attr_int("channels_last", 0) != 0
    x = _channels_first(r, node, node.input(0)) if last else node.input(0)
    into: Any = None if last else node.outputs[0]
    y = r.op("QLinearConv", x, *node.inputs[1:], into=into)
    r.nodes[-1].attributes = {k: a for k, a in node.attributes.items() if k != "channels_last"}
    if last:
        _channels_last(r, node, y, into=node.outputs[0])
    return r


def nhwc_max_pool(node: Node, graph: Graph) -> Replacement:
    """NhwcMaxPool: MaxPool between Transposes."""
    r = Replacement(graph, node)
    y = r.op("MaxPool", _channels_first(r, node, node.input(0)))
    r.nodes[-1].attributes = dict(node.attributes)
    _channels_last(r, node, y, into=node.outputs[0])
    return r


def _channels_first(r: Replacement, node: Node, x: str) -> str:
    rank = _rank(r.graph, node)
    return r.transpose(x, [0, rank - 1, *range(1, rank - 1)])


def _channels_last(r: Replacement, node: Node, x: str, into: str | None = None) -> str:
    return r.transpose(x, [0, *range(2, _rank(r.graph, node)), 1], into=into)


def _rank(graph: Graph, node: Node) -> int:
    rank = graph.rank(node.input(0))
    if rank is None:
        raise Refused("the rank of its input is unknown, so that its channels cannot be moved")
    return rank
