"""What is known of every tensor of a graph: one walk in topological order, each node looked at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.folding import arithmetic, shapes_computed  # noqa: F401 (they register their rules)
from trtconv.passes.core.folding.batch import is_pure
from trtconv.passes.core.folding.dims import dim, unknown
from trtconv.passes.core.folding.evaluate import EVALUATORS, evaluate, of_shape
from trtconv.passes.core.folding.shapes import RULES, Shape
from trtconv.passes.core.folding.values import MALFORMED, Value
from trtconv.passes.core.graph import Graph
from trtconv.passes.core.node import Node
from trtconv.passes.core.types import TensorType, data_size

if TYPE_CHECKING:
    from trtconv.passes.core.folding.values import DType
    from trtconv.passes.core.graph import Array
    from trtconv.passes.core.model import Model

READ_LIMIT = 1 << 15
"""Bytes of an initializer that are read to follow its elements; larger ones are constants all the same."""

EXTERNAL_LIMIT = 1 << 10
"""Bytes of an initializer that are read from an external file: those of a shape, never of a weight."""

GROWTH_LIMIT = 16 << 20
"""Bytes by which a folded tensor may be larger than what it is computed from."""

UNKNOWN_LIMIT = 16
"""Elements of an integer tensor computed at run time that are followed as unknowns."""


WHOLE_NUMBERS: dict[int, DType] = {TensorProto.INT64: np.dtype(np.int64), TensorProto.INT32: np.dtype(np.int32)}


def is_left_outside(tensor: TensorProto, model: Model) -> bool:
    """Whether the data is in a file of its own, and large: it is never read."""
    return model.is_outside(tensor) and data_size(tensor) > EXTERNAL_LIMIT


class Facts:
    """Shapes and elements of the tensors of `graph`, as expressions of the dimensions of the model's inputs.

    Names of an outer graph are looked up in `outer`. Tensors in `pending` are constants whose value
    is left to ONNX Runtime; `too_large` are constants that would be too large in the file.
    """

    def __init__(self, graph: Graph, outer: Facts | None = None) -> None:
        self.graph, self.outer, self.opset = graph, outer, graph.opset
        self.repeats: bool = outer is not None and (outer.repeats or _is_repeated(graph))
        self.shapes: dict[str, Shape] = {}
        self.values: dict[str, Value] = {}
        self.pending: dict[str, Node] = {}
        self.too_large: set[str] = set()
        self.inner: dict[Graph, Facts] = {}
        self._unread: set[str] = set()
        if not self.repeats:
            self._take_inputs()
        for node in graph.nodes:
            self._visit(node)

    def _take_inputs(self) -> None:
        for name, found in self.graph.inputs.items():
            if found is not None and found.shape is not None:
                self.shapes[name] = self._named(name, found)

    @staticmethod
    def _named(tensor: str, found: TensorType) -> Shape:
        assert found.shape is not None
        return tuple(
            d if isinstance(d, int) and d >= 0 else dim(d) if isinstance(d, str) else dim(tensor, i)
            for i, d in enumerate(found.shape)
        )

    # --- reading ---------------------------------------------------------------------------

    def _home(self, tensor: str) -> Facts | None:
        """Facts of the graph that defines `tensor`."""
        facts: Facts | None = self
        while facts is not None:
            graph = facts.graph
            if graph.producer(tensor) is not None or tensor in graph.inputs or tensor in graph.initializers:
                return facts
            facts = facts.outer
        return None

    def shape(self, tensor: str) -> Shape | None:
        """Shape of `tensor`, None when not even the rank is known."""
        home = self._home(tensor)
        if home is None:
            return None
        found = home.shapes.get(tensor)
        if found is None and tensor in home.graph.initializers:
            found = home.shapes[tensor] = tuple(home.graph.initializers[tensor].dims)
        return found

    def value(self, tensor: str) -> Value | None:
        """Elements of a small tensor, None when nothing is known of them."""
        home = self._home(tensor)
        if home is None:
            return None
        if tensor not in home.values and tensor in home.graph.initializers and tensor not in home._unread:
            home._read(tensor)
        return home.values.get(tensor)

    def _read(self, tensor: str) -> None:
        proto = self.graph.initializers[tensor]
        is_text = proto.data_type == TensorProto.STRING
        if data_size(proto) > READ_LIMIT or is_text or is_left_outside(proto, self.graph.model):
            self._unread.add(tensor)
            return
        data = self.graph.model.array(proto)
        self.values[tensor] = Value(data, data.dtype)

    def known(self, tensor: str) -> Array | None:
        """The array behind a constant that is not left to ONNX Runtime."""
        value = self.value(tensor)
        if value is not None and value.is_known:
            return value.data
        return self.graph.constant(tensor)

    def is_small(self, tensor: str, limit: int) -> bool:
        """Whether `tensor` is an initializer of this graph of at most `limit` bytes."""
        proto = self.graph.initializers.get(tensor)
        return proto is not None and data_size(proto) <= limit

    def is_constant(self, tensor: str) -> bool:
        """Whether the value of `tensor` does not depend on the inputs of the model."""
        home = self._home(tensor)
        if home is None or tensor in home.too_large:
            return False
        if tensor in home.graph.initializers:
            return not is_left_outside(home.graph.initializers[tensor], self.graph.model)
        if tensor in home.pending:
            return True
        return tensor in home.values and home.values[tensor].is_known

    # --- learning --------------------------------------------------------------------------

    def _visit(self, node: Node) -> None:
        for graph in node.subgraphs.values():
            self.inner[graph] = Facts(graph, self)
        if node.op_type == "Constant" and not node.domain:
            self._learn_constant(node)
            return
        self._learn_shapes(node)
        if not node.domain:
            self._learn_values(node)

    def _learn_constant(self, node: Node) -> None:
        """Constant nodes are read like initializers."""
        proto, tensor = node.attr_tensor("value"), node.outputs[0]
        if proto is not None and (data_size(proto) > READ_LIMIT or proto.data_type == TensorProto.STRING):
            self.shapes[tensor] = tuple(proto.dims)
            self.pending[tensor] = node
            return
        data = self.graph.constant(tensor)
        if data is not None:
            self.values[tensor], self.shapes[tensor] = Value(data, data.dtype), data.shape

    def _learn_shapes(self, node: Node) -> None:
        rule = None if node.domain else RULES.get(node.op_type)
        try:
            found = rule(node, self) if rule is not None else ()
        except MALFORMED:
            found = ()
        for index, tensor in enumerate(node.outputs):
            shape = found[index] if index < len(found) else None
            if shape is None and not self.repeats:
                inferred = self.graph.type(tensor) if tensor else None
                shape = self._named(tensor, inferred) if inferred is not None and inferred.shape is not None else None
            if shape is not None:
                self.shapes[tensor] = shape

    def _learn_values(self, node: Node) -> None:
        if node.op_type in ("Shape", "Size"):
            self._learn_one(node.outputs[0], of_shape(node, self))
            return
        if node.op_type in EVALUATORS:
            value = self._evaluated(node)
            if value is not None:
                self._learn_one(node.outputs[0], value)
                return
        if node.op_type != "Identity" and is_pure(node) and self._folds(node):
            self._postpone(node)
        else:
            self._follow_unknowns(node)

    def _learn_one(self, tensor: str, value: Value | None) -> None:
        if value is not None:
            self.values[tensor], self.shapes[tensor] = value, value.data.shape

    def _evaluated(self, node: Node) -> Value | None:
        args = []
        for tensor in node.inputs:
            if not tensor:
                continue
            value = self.value(tensor)
            if value is None:
                return None
            args.append(value)
        return evaluate(node, args, self) if args else None

    def _folds(self, node: Node) -> bool:
        return bool(node.inputs) and all(self.is_constant(t) for t in node.inputs if t)

    def _postpone(self, node: Node) -> None:
        large = self.growth(node) > GROWTH_LIMIT
        for tensor in filter(None, node.outputs):
            if large:
                self.too_large.add(tensor)
            else:
                self.pending[tensor] = node

    def growth(self, node: Node) -> int:
        """Bytes by which the outputs of `node` are larger than its inputs, as far as sizes are known."""
        return sum(map(self.bytes, node.outputs)) - sum(map(self.bytes, node.inputs))

    def bytes(self, tensor: str) -> int:
        """Size of `tensor`; 0 where that is not known."""
        shape, found = self.shape(tensor), self.graph.type(tensor) if tensor else None
        sizes = _numbers(shape)
        return 0 if sizes is None or found is None else data_size(TensorProto(data_type=found.dtype, dims=sizes))

    def _follow_unknowns(self, node: Node) -> None:
        """Small integer tensors computed at run time: every element an unknown that later nodes may move."""
        for tensor in filter(None, node.outputs):
            shape = self.shapes.get(tensor)
            sizes = _numbers(shape) if shape is not None and len(shape) <= 1 else None
            if sizes is None or math.prod(sizes) > UNKNOWN_LIMIT:
                continue
            found = self.graph.type(tensor)
            dtype = WHOLE_NUMBERS.get(found.dtype) if found is not None else None
            if dtype is None:
                continue
            data = np.empty(math.prod(sizes), object)
            data[:] = [unknown(tensor, i) for i in range(data.size)]
            self._learn_one(tensor, Value.of(data.reshape(sizes), dtype))


def _numbers(shape: Shape | None) -> tuple[int, ...] | None:
    """`shape` where every size is a number."""
    numbers = tuple(d for d in shape or () if isinstance(d, int))
    return numbers if shape is not None and len(numbers) == len(shape) else None


def _is_repeated(graph: Graph) -> bool:
    """Whether `graph` may run many times, with other shapes each time: any subgraph but a branch of an If."""
    return graph.owner is not None and (graph.owner.op_type != "If" or bool(graph.owner.domain))
