"""The bodies that ONNX itself gives for operators: `onnx.defs` function bodies, written in place of a node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import onnx
from onnx import AttributeProto, FunctionProto, NodeProto, TypeProto

from trtconv.passes.core.node import Node
from trtconv.passes.core.rewrite import Refused, Replacement, snake_case
from trtconv.passes.core.types import type_proto

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph

READ_ANEW = ("BatchNormalization", "Dropout", "Hardmax", "LogSoftmax", "Resize", "Softmax", "Upsample")
"""Operators that mean something else from some opset up to 13 on, without a change of their inputs and attributes."""


class Schema(Protocol):
    """The part of `onnx.defs.OpSchema` about functions, which its type stub leaves out."""

    attributes: Mapping[str, Any]
    outputs: Sequence[Any]
    has_function: bool
    has_context_dependent_function: bool
    function_opset_versions: Sequence[int]
    context_dependent_function_opset_versions: Sequence[int]

    def get_function_with_opset_version(self, version: int, /) -> bytes: ...
    def get_context_dependent_function_with_opset_version(
        self, version: int, node: bytes, types: Sequence[bytes], /
    ) -> bytes: ...


def schema(node: Node, graph: Graph) -> Schema | None:
    """What the model's opset says of the node's operator; None for an operator that it does not define."""
    version = graph.model.opset_of(node.domain)
    try:
        return cast(Schema, onnx.defs.get_schema(node.op_type, version, node.domain)) if version else None
    except onnx.defs.SchemaError:
        return None


def has_body(node: Node, graph: Graph) -> bool:
    """Whether ONNX defines the operator as a function of others."""
    found = schema(node, graph)
    return found is not None and (found.has_function or found.has_context_dependent_function)


def expand(graph: Graph, node: Node) -> Replacement:
    """The function body of `node` in its place. Raises Refused where ONNX has none for this opset or these types."""
    found = schema(node, graph)
    if found is None:
        raise Refused(f"opset {graph.opset} does not define {node.op_type}")
    body = _body(found, node, graph)
    _check_opset(body, graph)
    return _implant(body, found, node, graph)


def _body(found: Schema, node: Node, graph: Graph) -> FunctionProto:
    version = graph.model.opset_of(node.domain) or 1
    if found.has_function and min(found.function_opset_versions) <= version:
        return _parse(found.get_function_with_opset_version(version))
    if found.has_context_dependent_function and min(found.context_dependent_function_opset_versions) <= version:
        if any(t and graph.type(t) is None for t in node.inputs):  # onnx does not survive a sequence of unknown type
            raise Refused(f"ONNX gives no body for this {node.op_type}: it needs a type or shape that is unknown")
        types = [_input_type(graph, t).SerializeToString() for t in node.inputs]
        proto = node.to_proto().SerializeToString()
        text = found.get_context_dependent_function_with_opset_version(version, proto, types)
        if text:
            return _parse(text)
        raise Refused(f"ONNX gives no body for this {node.op_type}: it needs a type or shape that is unknown")
    raise Refused(f"ONNX gives no function body for {node.op_type} at opset {version}")


def _parse(text: bytes) -> FunctionProto:
    body = FunctionProto()
    body.ParseFromString(text)
    return body


def _input_type(graph: Graph, tensor: str) -> TypeProto:
    known = graph.type(tensor) if tensor else None
    return TypeProto() if known is None else type_proto(known)


def _check_opset(body: FunctionProto, graph: Graph) -> None:
    """A body written for an older opset is right in this model only if its operators still take what it gives them."""
    version = next((o.version for o in body.opset_import if o.domain in ("", "ai.onnx")), graph.opset)
    for node in body.node:
        old = onnx.defs.get_schema(node.op_type, version, node.domain)
        new = onnx.defs.get_schema(node.op_type, graph.model.opset_of(node.domain) or version, node.domain)
        fits = all(a.name in new.attributes for a in node.attribute) and len(node.input) <= new.max_input
        means_the_same = version >= 13 or node.op_type not in READ_ANEW
        if old.since_version != new.since_version and not (fits and means_the_same):
            raise Refused(f"ONNX gives its body for opset {version}, and {node.op_type} has changed since")


def _implant(body: FunctionProto, found: Schema, node: Node, graph: Graph) -> Replacement:
    r = Replacement(graph, node)
    names = dict.fromkeys(body.input, "") | dict(zip(body.input, node.inputs, strict=False))
    wanted = dict(zip(body.output, node.outputs, strict=False))

    def rename(tensor: str) -> str:
        if tensor and tensor not in names:
            names[tensor] = wanted.get(tensor) or graph.unique(f"{node.label}/{tensor}")
        return names.get(tensor, "")

    attributes = _attribute_values(body, found, node)
    for proto in body.node:
        bound = _bind(proto, attributes, rename)
        bound.name = graph.unique(f"{node.label}/{snake_case(proto.op_type)}")
        made = graph.model.read_node(bound, graph)
        made.proto = bound if node.proto is None else _with_origin(bound, node.proto)
        r.nodes.append(made)
    _copy_inputs_that_are_outputs(r, body, names, wanted)
    return r


def _with_origin(proto: NodeProto, origin: NodeProto) -> NodeProto:
    proto.metadata_props.extend(origin.metadata_props)
    proto.doc_string = origin.doc_string
    return proto


def _attribute_values(body: FunctionProto, found: Schema, node: Node) -> dict[str, AttributeProto]:
    """What each attribute of the function stands for: the node's value, else the default."""
    defaults = {a.name: a for a in body.attribute_proto}
    for name in body.attribute:
        default = found.attributes[name].default_value if name in found.attributes else AttributeProto()
        if default.type != AttributeProto.UNDEFINED:
            defaults[name] = default
    return {**defaults, **node.attributes}


def _bind(proto: NodeProto, attributes: dict[str, AttributeProto], rename: Callable[[str], str]) -> NodeProto:
    """`proto` with the caller's tensors and attribute values, in its subgraphs too."""
    out = NodeProto(op_type=proto.op_type, domain=proto.domain)
    out.input.extend(rename(t) for t in proto.input)
    out.output.extend(rename(t) for t in proto.output)
    for attribute in proto.attribute:
        value = AttributeProto()
        if attribute.ref_attr_name:
            if attribute.ref_attr_name not in attributes:
                continue
            value.CopyFrom(attributes[attribute.ref_attr_name])
            value.name = attribute.name
        else:
            value.CopyFrom(attribute)
        if value.type == AttributeProto.GRAPH:
            _bind_graph(value.g, attributes, rename)
        out.attribute.append(value)
    return out


def _bind_graph(graph: onnx.GraphProto, attributes: dict[str, AttributeProto], rename: Callable[[str], str]) -> None:
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = rename(value.name)
    nodes = [_bind(n, attributes, rename) for n in graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _copy_inputs_that_are_outputs(
    r: Replacement, body: FunctionProto, names: dict[str, str], wanted: dict[str, str]
) -> None:
    """A body may hand an input straight through."""
    for inner, outer in wanted.items():
        if outer and inner in body.input:
            r.op("Identity", names[inner], into=outer)
