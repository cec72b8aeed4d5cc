"""A model's graphs as they were at one moment: to go back to, and to look at after they have changed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import TensorProto

    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.model import Model
    from trtconv.passes.core.node import Node
    from trtconv.passes.core.types import TensorType


def frozen(node: Node) -> Node:
    """A copy of `node` that does not follow later renamings."""
    copies = list(node.inputs), list(node.outputs), dict(node.attributes)
    copy = dataclasses.replace(node, inputs=copies[0], outputs=copies[1], attributes=copies[2])
    copy.is_as_read = node.is_as_read
    return copy


class GraphThen:
    """One graph at that moment. Answers what `Graph` answers, for this graph alone."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = [(node, frozen(node)) for node in graph.nodes]
        self.inputs, self.initializers, self.types = dict(graph.inputs), dict(graph.initializers), graph.types.copy()
        self.outputs, self.output_types = list(graph.outputs), dict(graph.output_types)
        self.names = set(graph._names)
        self._producer = {o: copy for _, copy in self.nodes for o in copy.outputs if o}

    def producer(self, tensor: str) -> Node | None:
        """The node that wrote `tensor`."""
        return self._producer.get(tensor)

    def readers(self, tensor: str) -> Sequence[tuple[Node, Node]]:
        """Nodes that read `tensor`: each as it is, and as it was."""
        return self._readers.get(tensor, ())

    @functools.cached_property
    def _readers(self) -> dict[str, list[tuple[Node, Node]]]:
        found: dict[str, list[tuple[Node, Node]]] = {}
        for pair in self.nodes:
            for tensor in dict.fromkeys(pair[1].inputs):
                found.setdefault(tensor, []).append(pair)
        return found

    def constant_proto(self, tensor: str) -> TensorProto | None:
        """The initializer called `tensor`."""
        return self.initializers.get(tensor)

    def type(self, tensor: str) -> TensorType | None:
        """What was known of a tensor's element type and shape."""
        return self.types.get(tensor) or self.inputs.get(tensor)

    def is_output(self, tensor: str) -> bool:
        """Whether `tensor` was an output of the graph."""
        return tensor in self.output_types

    def restore_content(self) -> None:
        """Put nodes, weights and types back; `reindex` has to follow."""
        for node, copy in self.nodes:
            node.inputs, node.outputs, node.attributes = list(copy.inputs), list(copy.outputs), dict(copy.attributes)
            node.is_as_read = copy.is_as_read
        graph = self.graph
        graph.inputs, graph.initializers = dict(self.inputs), dict(self.initializers)
        graph.take_types(self.types.copy())
        graph.outputs, graph.output_types = list(self.outputs), dict(self.output_types)
        graph._nodes, graph._pending, graph._names = [node for node, _ in self.nodes], {}, set(self.names)

    def reindex(self) -> None:
        """Index the graph anew, once the content of all graphs is back."""
        for index in (self.graph._producer, self.graph._consumers, self.graph._by_operator, self.graph._reads):
            index.clear()
        for node in self.graph._nodes:
            self.graph._index(node)


class Snapshot:
    """All graphs of a model at that moment. Copies lists of names, never a weight."""

    def __init__(self, model: Model) -> None:
        self.graphs = [GraphThen(graph) for graph in model.graphs()]

    def restore(self) -> None:
        """Make the model what it was. Nodes keep their identity."""
        for then in self.graphs:
            then.restore_content()
        for then in self.graphs:
            then.reindex()
