"""What folding leaves alone, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtconv.passes.core.folding.batch import is_pure
from trtconv.passes.core.folding.facts import GROWTH_LIMIT, is_left_outside
from trtconv.passes.core.types import data_size, type_proto

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

MIB = 1 << 20


def is_foldable(node: Node, graph: Graph) -> bool:
    """Whether `node` is a deterministic function of constants alone."""
    for tensor in node.inputs:
        if tensor and graph.constant_proto(tensor) is None:
            return False
    return any(node.inputs) and is_pure(node)


def reads_outside_data(tensor: str, graph: Graph) -> bool:
    """Whether `tensor` is a weight in an external file, which is never loaded."""
    proto = graph.constant_proto(tensor)
    return proto is not None and is_left_outside(proto, graph.model)


def reason_to_leave(node: Node, graph: Graph) -> str:
    """Why folding does not take a node that reads constants only."""
    protos = [p for t in node.inputs if t and (p := graph.constant_proto(t)) is not None]
    if any(reads_outside_data(t, graph) for t in node.inputs if t):
        return "it reads weights from an external file, which are never loaded"
    growth = sum(_bytes(graph, t) for t in node.outputs) - sum(map(data_size, protos))
    if growth > GROWTH_LIMIT:
        return f"the result would be {growth / MIB:.0f} MiB larger than what it is computed from"
    return "ONNX Runtime cannot compute it here"


def _bytes(graph: Graph, tensor: str) -> int:
    found = graph.type(tensor) if tensor else None
    if found is None or not found.is_static:
        return 0
    from onnx import TensorProto

    dims = [d.dim_value for d in type_proto(found).tensor_type.shape.dim]
    return data_size(TensorProto(data_type=found.dtype, dims=dims))
