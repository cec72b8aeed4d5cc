"""Element types and shapes by ONNX's own inference: of a whole model at once, of new nodes one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, TypeProto

from trtconv.passes.core.external import is_external
from trtconv.passes.core.types import TensorType, Types, data_size, tensor_type, type_proto, value_info

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.model import Model
    from trtconv.passes.core.node import Node

_FAILURES = (
    onnx.checker.ValidationError,
    onnx.defs.SchemaError,
    onnx.shape_inference.InferenceError,
    KeyError,
    RuntimeError,
    ValueError,
)
"""What inference of a node raises where its types, attributes or opset are not what the schema says."""

DATA_LIMIT = 1024
"""Bytes of an initializer that inference gets to see; shapes, axes and pads are far smaller."""

IR_VERSION_WITH_FREE_INITIALIZERS = 4
"""Before it, every initializer had to be a graph input, too. TensorRT takes such inputs for constants, and so do we."""


def infer_model(model: Model) -> None:
    """Give every graph of `model` the types that shape inference, with data propagation, finds in it now."""
    skeleton = _skeleton(model).SerializeToString()  # inference wants bytes: nothing else need be kept meanwhile
    try:
        inferred = onnx.shape_inference.infer_shapes(skeleton, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        inferred = ModelProto.FromString(skeleton)
    _take_types(inferred.graph, model.main)


def _skeleton(model: Model) -> ModelProto:
    """The model without texts and without the data of large initializers, which become inputs of the same type."""
    out = ModelProto(ir_version=max(model.proto.ir_version, IR_VERSION_WITH_FREE_INITIALIZERS))
    out.opset_import.extend(model.proto.opset_import)
    out.functions.extend(model.proto.functions)
    graph = model.main
    out.graph.name = graph.name
    out.graph.node.extend(node.proto_without_texts() for node in graph.nodes)
    out.graph.input.extend(value_info(name, found) for name, found in graph.inputs.items())
    out.graph.output.extend(value_info(name, graph.output_types[name]) for name in graph.outputs)
    for name, tensor in graph.initializers.items():
        if is_external(tensor) or data_size(tensor) > DATA_LIMIT:
            out.graph.input.append(value_info(name, TensorType(tensor.data_type, tuple(tensor.dims))))
        else:
            out.graph.initializer.append(tensor)
    return out


def _take_types(proto: GraphProto, graph: Graph) -> None:
    values = (v for values in (proto.value_info, proto.input, proto.output) for v in values)
    graph.take_types(Types({v.name: v.type for v in values if v.name not in graph.initializers}))
    if not graph.owners:
        return
    for node_proto, node in zip(proto.node, graph.nodes, strict=True):
        for attribute in node_proto.attribute if node.subgraphs else ():
            if attribute.type == AttributeProto.GRAPH:
                _take_types(attribute.g, node.subgraphs[attribute.name])


def infer_node(model: Model, graph: Graph, node: Node) -> dict[str, TensorType]:
    """Types of the outputs of one node, from its inputs; kept in `graph.types`. Empty where nothing is known."""
    types = {t: graph.type(t) for t in node.inputs if t}
    if node.subgraphs or any(t is None for t in types.values()):
        return {}
    protos: dict[str, TypeProto] = {name: type_proto(t) for name, t in types.items() if t is not None}
    try:
        schema = onnx.defs.get_schema(node.op_type, model.opset, node.domain)
        inferred = onnx.shape_inference.infer_node_outputs(
            schema,
            node.to_proto(),
            protos,
            {t: c for t in node.inputs if t and (c := _small_constant(graph, t)) is not None},
            opset_imports=list(model.proto.opset_import),
        )
    except _FAILURES:
        return {}
    found = {name: t for name, proto in inferred.items() if (t := tensor_type(proto)) is not None}
    for name, one in found.items():
        graph.types[name] = one
    return found


def _small_constant(graph: Graph, tensor: str) -> TensorProto | None:
    proto = graph.constant_proto(tensor)
    if proto is None or is_external(proto) or data_size(proto) > DATA_LIMIT:
        return None
    return proto
