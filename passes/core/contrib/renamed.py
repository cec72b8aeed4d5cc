"""Operators of ONNX Runtime that a standard one of (nearly) the same name has replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

BYTES = (TensorProto.INT8, TensorProto.UINT8)
OPSET_WITH_AXIS = 13


def standard(node: Node, graph: Graph) -> Replacement:
    """The same node in the standard domain, where the opset has it."""
    try:
        onnx.defs.get_schema(node.op_type, graph.opset, "")
    except onnx.defs.SchemaError:
        raise Refused(f"opset {graph.opset} has no {node.op_type}") from None
    r = Replacement(graph, node)
    r.clone(node, node.inputs)
    r.nodes[-1].domain = ""
    return r


def expand_dims(node: Node, graph: Graph) -> Replacement:
    """ExpandDims: Unsqueeze along one constant axis."""
    axis = graph.constant(node.input(1))
    if axis is None:
        raise Refused("its axis is computed")
    r = Replacement(graph, node)
    r.unsqueeze(node.input(0), [int(axis.reshape(()))], into=node.outputs[0])
    return r


def quantization(node: Node, graph: Graph) -> Replacement:
    """QuantizeLinear and DequantizeLinear of 8 bits, with a zero point that ONNX asks for to be seen as INT8."""
    tensors = [node.input(2)] if node.input(2) else [t for t in (node.input(0), node.outputs[0]) if t]
    dtypes = {graph.dtype(t) for t in tensors}
    if not dtypes & set(BYTES) and node.input(2):
        raise Refused("its element type is unknown, or has more than 8 bits")
    if graph.opset < OPSET_WITH_AXIS and (graph.rank(node.input(1)) or 0) > 0 and graph.shape(node.input(1)) != (1,):
        raise Refused("quantization has no axis before opset 13")
    return standard(node, graph)
