"""A ModelProto as `Graph`s, and back: shape inference, local functions, external data by reference."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import onnx
import onnx.inliner
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from trtconv.passes.core.external import is_external, is_within, locate, read
from trtconv.passes.core.graph import Graph, TensorType
from trtconv.passes.core.node import Node
from trtconv.passes.core.order import in_order

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array

INFERENCE_DATA_LIMIT = 1024
"""Bytes of an initializer that shape inference gets to see; shapes, axes and pads are far smaller."""


IR_VERSION_WITH_FREE_INITIALIZERS = 4
"""Before it, every initializer had to be a graph input, too. TensorRT takes such inputs for constants, and so do we."""


class Model:
    """The graphs of a ModelProto. The proto is changed by `commit` only."""

    def __init__(self, proto: ModelProto, file: str = "") -> None:
        self.proto, self.file = proto, file
        self.main = Graph(self)
        self._read(proto.graph, self.main)
        for graph in self.graphs():
            graph.put_in_order(in_order(graph, {t.values.name for t in proto.graph.sparse_initializer}))
        self.infer()

    @property
    def opset(self) -> int:
        """Imported version of the standard operator set; 1 where the import is missing, as the standard has it."""
        versions = [o.version for o in self.proto.opset_import if o.domain in ("", "ai.onnx")]
        return max(versions, default=1)

    def opset_of(self, domain: str) -> int | None:
        """Imported version of an operator set, None where the model does not import it."""
        if not domain:
            return self.opset
        return next((o.version for o in self.proto.opset_import if o.domain == domain), None)

    def has_function(self, domain: str, name: str) -> bool:
        """Whether the file brings a body for the operator: a local function."""
        return any(f.domain == domain and f.name == name for f in self.proto.functions)

    def element_types(self) -> set[int]:
        """Every element type that is known to occur, of weights too."""
        found: set[int] = set()
        for graph in self.graphs():
            found.update(t.dtype for t in graph.types.values())
            found.update(t.dtype for t in graph.inputs.values() if t is not None)
            found.update(t.data_type for t in graph.initializers.values())
        return found

    def graphs(self) -> Iterator[Graph]:
        """The main graph, then every subgraph, outer before inner."""
        waiting = [self.main]
        while waiting:
            graph = waiting.pop(0)
            yield graph
            waiting.extend(inner for node in graph.owners for inner in node.subgraphs.values())

    def inline_functions(self) -> None:
        """Write every local function in place of its calls; graphs and nodes are new ones afterwards."""
        self.proto = onnx.inliner.inline_local_functions(self.commit(), convert_version=True)
        self.main = Graph(self)
        self._read(self.proto.graph, self.main)
        self.infer()

    def array(self, tensor: TensorProto) -> Array:
        """Data of an initializer; external data is mapped from the model's folder. Raises ExternalDataError."""
        if is_external(tensor):
            return read(tensor, locate(tensor, os.path.dirname(self.file), self.file))
        return numpy_helper.to_array(tensor)

    def is_outside(self, tensor: TensorProto) -> bool:
        """Whether the data lies in another file than the model's own: in one of weights, which is never loaded."""
        return is_external(tensor) and not is_within(tensor, self.file)

    # --- reading ---------------------------------------------------------------------------

    def _read(self, proto: GraphProto, graph: Graph) -> None:
        graph.name, graph.doc_string = proto.name, proto.doc_string
        graph.initializers = {t.name: t for t in proto.initializer}
        graph.inputs = {v.name: tensor_type(v.type) for v in proto.input if v.name not in graph.initializers}
        graph.output_types = {v.name: tensor_type(v.type) for v in proto.output}
        graph.outputs = [v.name for v in proto.output]
        for node_proto in proto.node:
            graph.add_node(self.read_node(node_proto, graph))

    def read_node(self, proto: NodeProto, graph: Graph) -> Node:
        """View of a node as part of `graph`, which is not changed, with a Graph for each subgraph."""
        node = Node.from_proto(proto)
        for attribute in proto.attribute:
            if attribute.type == AttributeProto.GRAPH:
                inner = node.subgraphs[attribute.name] = Graph(self, graph, node)
                self._read(attribute.g, inner)
        return node

    # --- types -----------------------------------------------------------------------------

    def infer(self) -> None:
        """Infer element types and shapes anew for every graph (ONNX shape inference with data propagation)."""
        skeleton = self._skeleton()
        try:
            inferred = onnx.shape_inference.infer_shapes(skeleton, data_prop=True)
        except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
            inferred = skeleton
        self._take_types(inferred.graph, self.main)

    def _skeleton(self) -> ModelProto:
        """The model without the data of large initializers, which become inputs of the same type."""
        out = ModelProto(ir_version=max(self.proto.ir_version, IR_VERSION_WITH_FREE_INITIALIZERS))
        out.opset_import.extend(self.proto.opset_import)
        out.functions.extend(self.proto.functions)
        out.graph.CopyFrom(self.graph_to_proto(self.main, INFERENCE_DATA_LIMIT))
        return out

    def _take_types(self, proto: GraphProto, graph: Graph) -> None:
        graph.types = {}
        for value in (*proto.value_info, *proto.input, *proto.output):
            found = tensor_type(value.type)
            if found is not None and value.name not in graph.initializers:
                graph.types[value.name] = found
        for node_proto, node in zip(proto.node, graph.nodes, strict=True):
            for attribute in node_proto.attribute:
                if attribute.name in node.subgraphs:
                    self._take_types(attribute.g, node.subgraphs[attribute.name])

    def infer_node(self, graph: Graph, node: Node) -> dict[str, TensorType]:
        """Types of the outputs of one node, from its inputs; kept in `graph.types`. Empty where nothing is known."""
        types = {t: graph.type(t) for t in node.inputs if t}
        if node.subgraphs or any(t is None for t in types.values()):
            return {}
        try:
            schema = onnx.defs.get_schema(node.op_type, self.opset, node.domain)
            inferred = onnx.shape_inference.infer_node_outputs(
                schema,
                node.to_proto(),
                {name: type_proto(t) for name, t in types.items() if t is not None},
                {t: c for t in node.inputs if t and (c := self._small_constant(graph, t)) is not None},
                opset_imports=list(self.proto.opset_import),
            )
        except (onnx.defs.SchemaError, onnx.shape_inference.InferenceError, RuntimeError, ValueError, KeyError):
            return {}
        found = {name: t for name, proto in inferred.items() if (t := tensor_type(proto)) is not None}
        graph.types.update(found)
        return found

    def _small_constant(self, graph: Graph, tensor: str) -> TensorProto | None:
        proto = graph.constant_proto(tensor)
        if proto is None or is_external(proto) or data_size(proto) > INFERENCE_DATA_LIMIT:
            return None
        return proto

    # --- writing ---------------------------------------------------------------------------

    def commit(self) -> ModelProto:
        """Write the graphs back into the proto and return it."""
        nodes = [node.to_proto() for node in self.main.nodes]
        proto = self.proto.graph
        del proto.node[:]
        proto.node.extend(nodes)
        _keep_only(proto, self.main)
        self.proto.ir_version = max(self.proto.ir_version, IR_VERSION_WITH_FREE_INITIALIZERS)
        del proto.value_info[:]
        proto.value_info.extend(self._value_infos(self.main))
        return self.proto

    def graph_to_proto(self, graph: Graph, data_limit: int | None = None) -> GraphProto:
        """GraphProto of `graph`; with a limit, larger initializers become inputs, and nodes have no metadata."""
        out = GraphProto(name=graph.name, doc_string=graph.doc_string)
        out.node.extend(node.to_proto() if data_limit is None else node.bare_proto() for node in graph.nodes)
        out.input.extend(value_info(name, found) for name, found in graph.inputs.items())
        out.output.extend(value_info(name, graph.output_types[name]) for name in graph.outputs)
        for name, tensor in graph.initializers.items():
            if data_limit is None or (data_size(tensor) <= data_limit and not is_external(tensor)):
                out.initializer.append(tensor)
            else:
                out.input.append(value_info(name, TensorType(tensor.data_type, tuple(tensor.dims))))
        if data_limit is None:
            out.value_info.extend(self._value_infos(graph))
        return out

    @staticmethod
    def _value_infos(graph: Graph) -> Iterator[ValueInfoProto]:
        outside = set(graph.inputs) | set(graph.outputs)
        for node in graph.nodes:
            for name in node.outputs:
                if name in graph.types and name not in outside:
                    yield value_info(name, graph.types[name])


def _keep_only(proto: GraphProto, graph: Graph) -> None:
    """Bring initializers, inputs and outputs of `proto` in line with `graph`, copying only what is new."""
    known = set()
    for index in reversed(range(len(proto.initializer))):
        tensor = proto.initializer[index]
        if tensor.name in graph.initializers and graph.initializers[tensor.name] is tensor:
            known.add(tensor.name)
        else:
            del proto.initializer[index]
    for name, tensor in graph.initializers.items():
        if name not in known:
            proto.initializer.append(tensor)
            graph.initializers[name] = proto.initializer[-1]  # one of the two copies is enough
    for index in reversed(range(len(proto.input))):
        if proto.input[index].name not in graph.inputs:
            del proto.input[index]
    for values, types in ((proto.input, graph.inputs), (proto.output, graph.output_types)):
        for value in values:
            wanted = types.get(value.name)
            if wanted is not None and tensor_type(value.type) != wanted:
                value.CopyFrom(value_info(value.name, wanted))


def data_size(tensor: TensorProto) -> int:
    """Bytes that the data of `tensor` takes, told from its dimensions."""
    count = 1
    for dim in tensor.dims:
        count *= dim
    if tensor.data_type == TensorProto.STRING:
        return count * 16
    return int(count * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def tensor_type(proto: TypeProto) -> TensorType | None:
    """TensorType of a TypeProto; None for sequences, optionals and missing types."""
    if proto.WhichOneof("value") != "tensor_type" or not proto.tensor_type.elem_type:
        return None
    tensor = proto.tensor_type
    if not tensor.HasField("shape"):
        return TensorType(tensor.elem_type, None)
    shape = tuple(d.dim_value if d.HasField("dim_value") else (d.dim_param or None) for d in tensor.shape.dim)
    return TensorType(tensor.elem_type, shape)


def type_proto(found: TensorType) -> TypeProto:
    """TypeProto of a TensorType."""
    return helper.make_tensor_type_proto(found.dtype, found.shape)


def value_info(name: str, found: TensorType | None) -> ValueInfoProto:
    """ValueInfoProto of a tensor; without a type where none is known."""
    if found is None:
        return ValueInfoProto(name=name)
    return helper.make_tensor_value_info(name, found.dtype, found.shape)
