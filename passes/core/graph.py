"""A light view of an ONNX graph: nodes by tensor name, without copying a weight.

Passes read it and describe replacements (`rewrite.Replacement`); only `Graph.apply` changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import GraphProto, TensorProto, helper

from trtconv.passes.core import dtypes
from trtconv.passes.core.inference import infer_node
from trtconv.passes.core.node import Node, captured, reads
from trtconv.passes.core.types import Dim, TensorType, Types

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trtconv.passes.core.model import Model
    from trtconv.passes.core.rewrite import Replacement
    from trtconv.passes.core.types import Sizes

    Array = NDArray[Any]


class Graph:
    """Nodes in topological order, indexed by the tensors they write and read.

    Names of an outer graph are visible from a subgraph, as in ONNX.
    """

    def __init__(self, model: Model, parent: Graph | None = None, owner: Node | None = None) -> None:
        self.model, self.parent, self.owner = model, parent, owner
        self.name = ""
        self.doc_string = ""
        self.inputs: dict[str, TensorType | None] = {}
        self.outputs: list[str] = []
        self.output_types: dict[str, TensorType | None] = {}
        self.initializers: dict[str, TensorProto] = {}
        self._types = Types()
        self.revision = 0
        """Counts changes: what was learnt of the graph at a revision holds as long as it is the same."""
        self._swept_at = 0
        self._dtypes: dict[str, int] = {}
        self._nodes: list[Node] = []
        self._producer: dict[str, Node] = {}
        self._consumers: dict[str, dict[Node, None]] = {}
        self._reads: dict[Node, list[str]] = {}
        """What nodes with subgraphs were indexed by: a subgraph may change by itself."""
        self._pending: dict[Node, list[Node]] = {}
        self._names: set[str] = set()
        self._by_operator: dict[tuple[str, str], dict[Node, None]] = {}

    # --- reading ---------------------------------------------------------------------------

    @property
    def nodes(self) -> Sequence[Node]:
        """The nodes in topological order, pending replacements applied."""
        if self._pending:
            self._nodes = [new for node in self._nodes for new in self._pending_for(node)]
            self._pending = {}
        return self._nodes

    def _pending_for(self, node: Node) -> Iterator[Node]:
        if node not in self._pending:
            yield node
            return
        for new in self._pending[node]:
            yield from self._pending_for(new)

    def nodes_of(self, op_types: Sequence[str], domains: Sequence[str] = ()) -> list[Node]:
        """Nodes of the given operators in the given domains; of all operators or domains where none is given."""
        if op_types:
            found = [(op, domain) for op in op_types for domain in domains or self._domains()]
            return [node for key in found for node in self._by_operator.get(key, ())]
        return self.nodes_where(lambda _, domain: not domains or domain in domains)

    def nodes_where(self, takes: Callable[[str, str], bool]) -> list[Node]:
        """Nodes of the operators that `takes` (type, domain), which is asked once for each operator of the graph."""
        wanted = {key for key, nodes in self._by_operator.items() if nodes and takes(*key)}
        return [node for node in self.nodes if (node.op_type, node.domain) in wanted] if wanted else []

    def _domains(self) -> Sequence[str]:
        return sorted({domain for _, domain in self._by_operator})

    @property
    def owners(self) -> list[Node]:
        """Nodes with subgraphs."""
        return list(self._reads)

    @property
    def opset(self) -> int:
        """Version of the standard operator set that the model imports."""
        return self.model.opset

    def __contains__(self, node: Node) -> bool:
        """Whether `node` is still part of the graph."""
        return node not in self._pending and any(self._producer.get(o) is node for o in node.outputs if o)

    def producer(self, tensor: str) -> Node | None:
        """The node of this graph that writes `tensor`."""
        return self._producer.get(tensor)

    def consumers(self, tensor: str) -> list[Node]:
        """Nodes that read `tensor`; a reader inside a subgraph counts as the node that owns the subgraph."""
        return list(self._consumers.get(tensor, ()))

    def is_output(self, tensor: str) -> bool:
        """Whether `tensor` is an output of this graph."""
        return tensor in self.output_types

    def only_consumer(self, tensor: str) -> Node | None:
        """The single reader of a tensor that is no graph output, or None."""
        readers = self._consumers.get(tensor, {})
        return next(iter(readers)) if len(readers) == 1 and not self.is_output(tensor) else None

    def is_constant(self, tensor: str) -> bool:
        """Whether the value is in the file: an initializer, here or outside, or a Constant node."""
        return self.constant_type(tensor) is not None

    def constant_type(self, tensor: str) -> TensorType | None:
        """Element type and shape of a constant, without reading its data; None for what is no constant."""
        proto = self.constant_proto(tensor)
        if proto is not None:
            return TensorType(proto.data_type, tuple(proto.dims))
        node = self._find_producer(tensor)
        if node is None or node.op_type != "Constant" or node.domain:
            return None
        value = self.constant(tensor)
        return None if value is None else TensorType(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)

    def constant_proto(self, tensor: str) -> TensorProto | None:
        """The TensorProto of an initializer or of a Constant node's `value`."""
        graph: Graph | None = self
        while graph is not None:
            if tensor in graph.initializers:
                return graph.initializers[tensor]
            node = graph._producer.get(tensor)
            if node is not None:
                return node.attr_tensor("value") if node.op_type == "Constant" and not node.domain else None
            if tensor in graph.inputs:
                return None
            graph = graph.parent
        return None

    def constant(self, tensor: str) -> Array | None:
        """Value of a constant as a numpy array, or None for what is computed or absent.

        Reads external data when the model came from a file; raises what `numpy_helper` raises on corrupt data.
        """
        proto = self.constant_proto(tensor)
        if proto is not None:
            return self.model.array(proto)
        node = self._find_producer(tensor)
        if node is None or node.op_type != "Constant" or node.domain:
            return None
        return _constant_attribute(node)

    def _find_producer(self, tensor: str) -> Node | None:
        graph: Graph | None = self
        while graph is not None:
            if tensor in graph._producer:
                return graph._producer[tensor]
            if tensor in graph.inputs:
                return None
            graph = graph.parent
        return None

    @property
    def types(self) -> Types:
        """What shape inference says of the tensors that nodes write."""
        self.model.ensure_types()
        return self._types

    def take_types(self, types: Types) -> None:
        """Forget the types known so far for `types`; what folding knows beyond inference stays known."""
        types.learn_like(self._types)
        self._types = types

    def learn_sizes(self, sizes: Sizes, *, without_inference: bool) -> None:
        """Let `sizes` say more of each type than inference does, and spare it where they are known without any."""
        self._types.learn(sizes, without_inference)

    def type(self, tensor: str) -> TensorType | None:
        """What is known of a tensor's element type and shape; inferred only where folding does not tell it all."""
        sizes = self._types.told(tensor)
        if sizes is not None and (dtype := self.dtype(tensor)) is not None:
            return TensorType(dtype, sizes)
        return self._inferred(tensor)

    def _inferred(self, tensor: str) -> TensorType | None:
        graph: Graph | None = self
        while graph is not None:
            if tensor in graph.initializers:
                proto = graph.initializers[tensor]
                return TensorType(proto.data_type, tuple(proto.dims))
            if graph.parent is None and tensor in graph.inputs:
                return graph.inputs[tensor]
            found = graph.types.get(tensor) or graph.inputs.get(tensor)
            if found is not None:
                return found
            if tensor in graph._producer:
                return infer_node(self.model, graph, graph._producer[tensor]).get(tensor)
            graph = graph.parent
        return None

    def shape(self, tensor: str) -> tuple[Dim, ...] | None:
        """Shape of a tensor, None when the rank is unknown."""
        sizes = self._types.told(tensor)
        if sizes is not None:
            return sizes
        found = self._inferred(tensor)
        return None if found is None else found.shape

    def rank(self, tensor: str) -> int | None:
        """Rank of a tensor, None when unknown."""
        shape = self.shape(tensor)
        return None if shape is None else len(shape)

    def dtype(self, tensor: str) -> int | None:
        """Element type (`TensorProto.DataType`), None when unknown; inferred only where schemas do not tell it."""
        found = self._dtypes.get(tensor)
        if found is not None:
            return found
        trail: list[str] = []
        while found is None:
            trail.append(tensor)
            node = self._producer.get(tensor)
            source = None if node is None else dtypes.of_output(node, node.outputs.index(tensor), self.opset)
            if not isinstance(source, str):
                found = source or self._given_dtype(tensor)
                break
            tensor, found = source, self._dtypes.get(source)
        if found is not None:
            self._dtypes.update(dict.fromkeys(trail, found))
        return found

    def _given_dtype(self, tensor: str) -> int | None:
        found = self._inferred(tensor)
        return None if found is None else found.dtype

    def retyped(self) -> None:
        """Forget what was learnt of the graph, because tensors have other element types now."""
        self.revision += 1
        self.model.revision += 1
        self._dtypes.clear()

    # --- changing --------------------------------------------------------------------------

    def put_in_order(self, nodes: list[Node]) -> None:
        """Take the same nodes in another order."""
        self._nodes = nodes

    def add_node(self, node: Node) -> None:
        """Append `node` and index it."""
        self._nodes.append(node)
        self._index(node)

    def prepend(self, node: Node) -> None:
        """Put `node`, which reads network inputs and constants only, before all others."""
        self._nodes = [node, *self.nodes]
        self._index(node)

    def _index(self, node: Node) -> None:
        self.revision += 1
        self.model.revision += 1
        if node.name:
            self._names.add(node.name)
        key = node.op_type, node.domain
        if key not in self._by_operator:
            self._by_operator[key] = {}
        self._by_operator[key][node] = None
        for tensor in node.outputs:
            if tensor:
                self._producer[tensor] = node
        for tensor in self._read_by(node):
            if tensor in self._consumers:
                self._consumers[tensor][node] = None
            elif tensor:
                self._consumers[tensor] = {node: None}

    def _read_by(self, node: Node) -> Sequence[str]:
        """What `node` reads; of one with subgraphs what it read when it was indexed, for those change by themselves."""
        if not node.subgraphs:
            return node.inputs
        if node not in self._reads:
            self._reads[node] = list(reads(node))
        return self._reads[node]

    def _unindex(self, node: Node) -> None:
        self.revision += 1
        self.model.revision += 1
        self._by_operator.get((node.op_type, node.domain), {}).pop(node, None)
        for tensor in node.outputs:
            if self._producer.get(tensor) is node:
                del self._producer[tensor]
        for tensor in self._read_by(node):
            if tensor in self._consumers:
                self._consumers[tensor].pop(node, None)
        self._reads.pop(node, None)

    def apply(self, replacement: Replacement) -> None:
        """Put the nodes of `replacement` where its node stood and drop the nodes it removes."""
        for node in replacement.removed:
            self._unindex(node)
            self._pending.setdefault(node, [])
        self._pending[replacement.node] = list(replacement.nodes)
        for node in replacement.nodes:
            self._index(node)
        self.initializers.update(replacement.initializers)
        for output, value in replacement.aliases.items():
            self.replace_uses(output, value)

    def remove(self, node: Node) -> None:
        """Drop a node whose outputs nobody reads."""
        self._unindex(node)
        self._pending[node] = []

    def bypass(self, node: Node) -> None:
        """Drop a node whose output 0 is its input 0: readers read the input."""
        self.remove(node)
        self.replace_uses(node.outputs[0], node.input(0))

    def sweep(self) -> list[Node]:
        """Drop nodes whose outputs nobody reads, and initializers without a reader; returns the nodes.

        Subgraphs come first: what they read no more from here loses a reader.
        """
        dropped = [gone for node in self.owners for inner in node.subgraphs.values() for gone in inner.sweep()]
        for node in [n for n in self._reads if self._reads[n] != list(reads(n))]:
            self._unindex(node)
            self._index(node)
        if self._swept_at == self.revision:
            return dropped
        dropped += self._drop_unread()
        for name in [n for n in self.initializers if not self._consumers.get(n) and not self.is_output(n)]:
            del self.initializers[name]
        self._swept_at = self.revision
        return dropped

    def _drop_unread(self) -> list[Node]:
        dropped, readers, ends = [], self._consumers, self.output_types
        for node in reversed(self.nodes):
            for tensor in node.outputs:
                if readers.get(tensor) or tensor in ends:
                    break
            else:
                self.remove(node)
                dropped.append(node)
        return dropped

    def replace_uses(self, old: str, new: str) -> None:
        """Make every reader of `old` read `new`; a graph output keeps its name through an Identity."""
        self.redirect(self.consumers(old), old, new)
        if self.is_output(old) and old not in self._producer:
            self._keep_output_name(old, new)

    def redirect(self, readers: Sequence[Node], old: str, new: str) -> None:
        """Make `readers` read `new` in place of `old`."""
        for node in readers:
            self._unindex(node)
            _rename_reads(node, old, new)
            self._index(node)

    def rename(self, old: str, new: str) -> None:
        """Give a computed tensor another name, for its producer and its readers; a graph output is left open."""
        producer = self._producer[old]
        self._unindex(producer)
        producer.outputs = [new if o == old else o for o in producer.outputs]
        producer.is_as_read = False
        self._index(producer)
        self._dtypes.pop(old, None)
        found = self._types.get(old)
        if found is not None:
            self._types.forget(old)
            self._types[new] = found
        self.redirect(self.consumers(old), old, new)

    def _keep_output_name(self, output: str, value: str) -> None:
        """Let the producer of `value` write `output` itself where it can, else copy."""
        producer = self._producer.get(value)
        if producer is None or self.is_output(value):
            self.add_node(Node("Identity", [value], [output], self.unique(f"{output}/identity")))
            return
        self.rename(value, output)

    def unique(self, name: str) -> str:
        """`name`, or `name_1`, `name_2`, ... where a node or a tensor already has it."""
        candidate, count = name, 0
        while self._is_taken(candidate):
            count += 1
            candidate = f"{name}_{count}"
        self._names.add(candidate)
        return candidate

    def _is_taken(self, name: str) -> bool:
        graph: Graph | None = self
        while graph is not None:
            if name in graph._names or name in graph._producer or name in graph.initializers or name in graph.inputs:
                return True
            graph = graph.parent
        return False

    def to_proto(self) -> GraphProto:
        """A GraphProto of this (sub)graph."""
        return self.model.graph_to_proto(self)


def _rename_reads(node: Node, old: str, new: str) -> None:
    node.inputs = [new if t == old else t for t in node.inputs]
    node.is_as_read = False
    for graph in node.subgraphs.values():
        if old in set(captured(graph)):
            graph.replace_uses(old, new)


def _constant_attribute(node: Node) -> Array | None:
    """Value of a Constant node given by a short attribute (`value_float`, `value_ints`, ...)."""
    for key, dtype in (("value_int", np.int64), ("value_float", np.float32)):
        if key in node.attributes:
            return np.asarray(helper.get_attribute_value(node.attributes[key]), dtype)
        if key + "s" in node.attributes:
            return np.asarray(helper.get_attribute_value(node.attributes[key + "s"]), dtype)
    return None
