"""A ModelProto as `Graph`s, and back: shape inference, local functions, external data by reference."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import onnx
import onnx.inliner
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from trtconv.passes.core.external import is_external, is_within, locate, read
from trtconv.passes.core.graph import Graph
from trtconv.passes.core.inference import IR_VERSION_WITH_FREE_INITIALIZERS, infer_model
from trtconv.passes.core.node import Node, reads
from trtconv.passes.core.order import in_order
from trtconv.passes.core.types import tensor_type, value_info

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array


class Model:
    """The graphs of a ModelProto. The proto is changed by `commit` only."""

    def __init__(self, proto: ModelProto, file: str = "") -> None:
        self.proto, self.file = proto, file
        self.revision = 0
        """Counts changes of all graphs, of those that are gone too."""
        self.main = Graph(self)
        self._types_wanted, self._inferred_at = True, 0
        self._element_types, self._element_types_at = set[int](), -1
        self._read(proto.graph, self.main)
        for graph in self.graphs():
            graph.put_in_order(in_order(graph, {t.values.name for t in proto.graph.sparse_initializer}))

    def add_import(self, domain: str, version: int) -> None:
        """Import an operator set that the model has not imported so far."""
        self.proto.opset_import.add(domain=domain, version=version)
        self.__dict__.pop("opset", None)

    @functools.cached_property
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
        if self._element_types_at != self.revision:
            self._element_types, self._element_types_at = self._all_element_types(), self.revision
        return self._element_types

    def _all_element_types(self) -> set[int]:
        found: set[int | None] = set()
        for graph in self.graphs():
            found.update(graph.dtype(o) for node in graph.nodes for o in node.outputs if o)
            found.update(t.dtype for t in graph.inputs.values() if t is not None)
            found.update(t.data_type for t in graph.initializers.values())
        return {dtype for dtype in found if dtype is not None}

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
        self.__dict__.pop("opset", None)
        self.main = Graph(self)
        self._types_wanted = True
        self._read(self.proto.graph, self.main)

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
        for name, attribute in node.attributes.items():
            if attribute.type == AttributeProto.GRAPH:
                inner = node.subgraphs[name] = Graph(self, graph, node)
                self._read(attribute.g, inner)
        return node

    # --- types -----------------------------------------------------------------------------

    def infer(self) -> None:
        """Let types be inferred anew when next asked for, if the graphs have changed since."""
        self._types_wanted = self._types_wanted or self.revision != self._inferred_at

    def ensure_types(self) -> None:
        """Infer types for the first time, or after `infer`."""
        if self._types_wanted:
            self._types_wanted, self._inferred_at = False, self.revision
            infer_model(self)

    # --- writing ---------------------------------------------------------------------------

    def commit(self) -> ModelProto:
        """Write the graphs back into the proto and return it."""
        nodes = [node.shared_proto() for node in self.main.nodes]
        proto = self.proto.graph
        del proto.node[:]
        proto.node.extend(nodes)
        _keep_only(proto, self.main)
        self.proto.ir_version = max(self.proto.ir_version, IR_VERSION_WITH_FREE_INITIALIZERS)
        if proto.value_info:
            del proto.value_info[:]
            proto.value_info.extend(self._value_infos(self.main))
        return self.proto

    def graph_to_proto(self, graph: Graph) -> GraphProto:
        """GraphProto of `graph`, a subgraph."""
        out = GraphProto(name=graph.name, doc_string=graph.doc_string)
        out.node.extend(node.shared_proto() for node in graph.nodes)
        out.input.extend(value_info(name, found) for name, found in graph.inputs.items())
        out.output.extend(value_info(name, graph.output_types[name]) for name in graph.outputs)
        out.initializer.extend(graph.initializers.values())
        return out

    @staticmethod
    def _value_infos(graph: Graph) -> Iterator[ValueInfoProto]:
        outside, types = set(graph.inputs) | set(graph.outputs), graph.types
        for node in graph.nodes:
            for name in node.outputs:
                if name not in outside and (found := types.get(name)) is not None:
                    yield value_info(name, found)


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
    _drop_unread_sparse(proto, graph)
    for values, types in ((proto.input, graph.inputs), (proto.output, graph.output_types)):
        for value in values:
            wanted = types.get(value.name)
            if wanted is not None and tensor_type(value.type) != wanted:
                value.CopyFrom(value_info(value.name, wanted))


def _drop_unread_sparse(proto: GraphProto, graph: Graph) -> None:
    read = {t for node in graph.nodes for t in reads(node)} | set(graph.outputs) if proto.sparse_initializer else set()
    for index in reversed(range(len(proto.sparse_initializer))):
        if proto.sparse_initializer[index].values.name not in read:
            del proto.sparse_initializer[index]
