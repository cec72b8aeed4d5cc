"""What is known of every tensor of a graph: one walk in topological order, each node looked at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.folding import arithmetic, shapes_computed  # noqa: F401 (they register their rules)
from trtconv.passes.core.folding.batch import is_pure
from trtconv.passes.core.folding.dims import dim, mentions, unknown
from trtconv.passes.core.folding.evaluate import EVALUATORS, evaluate, of_shape
from trtconv.passes.core.folding.memo import INTERN_LIMIT, Memo, attributes_key
from trtconv.passes.core.folding.shapes import RULES, Shape
from trtconv.passes.core.folding.values import MALFORMED, Value
from trtconv.passes.core.graph import Graph
from trtconv.passes.core.node import Node
from trtconv.passes.core.types import TensorType, data_size

if TYPE_CHECKING:
    from collections.abc import Hashable

    from trtconv.passes.core.folding.memo import Told
    from trtconv.passes.core.folding.values import DType
    from trtconv.passes.core.graph import Array
    from trtconv.passes.core.model import Model

READ_LIMIT = 1 << 15
"""Bytes of an initializer that are read to follow its elements; larger ones are constants all the same."""

ARGUMENT_LIMIT = INTERN_LIMIT
"""Bytes of what can be an argument of an operator: shapes, axes, pads, scales. Weights are larger."""

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

    def __init__(self, graph: Graph, outer: Facts | None = None, memo: Memo | None = None) -> None:
        self.graph, self.outer, self.opset = graph, outer, graph.opset
        self.memo: Memo = outer.memo if outer is not None else memo or Memo()
        self.repeats: bool = outer is not None and (outer.repeats or _is_repeated(graph))
        self.shapes: dict[str, Shape] = {}
        self.values: dict[str, Value] = {}
        self.pending: dict[str, Node] = {}
        self.too_large: set[str] = set()
        self.inner: dict[Graph, Facts] = {}
        self.may_learn_more = False
        """Whether what is told here or in a subgraph goes back to inference or to the name of a tensor that went."""
        self._weights: set[str] = set()
        """Initializers that are too large for an argument."""
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

    def rename(self, old: str, new: str) -> None:
        """Follow a tensor of this graph to its new name."""
        tables: tuple[dict[str, Any], ...] = (self.shapes, self.values, self.pending)
        for table in tables:
            if old in table:
                table[new] = table.pop(old)
        if old in self.too_large:
            self.too_large.add(new)

    def is_named_by(self, node: Node) -> bool:
        """Whether elements of what `node` computes are unknowns, which others are told apart from by its name."""
        values = [value for o in node.outputs if (value := self.values.get(o)) is not None and not value.is_known]
        return any(mentions(size, node.outputs) for value in values for size in value.elements())

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
        found = self.shapes.get(tensor)
        if found is not None or not tensor:
            return found
        if tensor in self.graph.initializers:
            found = self.shapes[tensor] = tuple(self.graph.initializers[tensor].dims)
            return found
        home = self._home(tensor)
        return None if home is None or home is self else home.shape(tensor)

    def value(self, tensor: str) -> Value | None:
        """Elements of a small tensor, None when nothing is known of them."""
        found = self.values.get(tensor)
        if found is not None or not tensor:
            return found
        proto = self.graph.initializers.get(tensor)
        if proto is not None:
            return self._read(tensor, proto, READ_LIMIT)
        home = self._home(tensor)
        return None if home is None or home is self else home.value(tensor)

    def _read(self, tensor: str, proto: TensorProto, limit: int) -> Value | None:
        if tensor in self._unread or data_size(proto) > limit:
            return None
        if proto.data_type == TensorProto.STRING or is_left_outside(proto, self.graph.model):
            self._unread.add(tensor)
            return None
        found = self.values[tensor] = self.memo.constant(proto, self.graph.model)
        return found

    def small_constant(self, tensor: str) -> Value | None:
        """The value of a constant that is small enough to be compared: equal ones are one object."""
        value = self.values.get(tensor)
        if value is None and tensor in self.graph.initializers:
            value = self._argument(tensor)
        is_small = value is not None and value.is_known and value.data.nbytes <= INTERN_LIMIT
        return value if is_small else None

    def dtype(self, tensor: str) -> int | None:
        """Element type of `tensor`."""
        return self.graph.dtype(tensor)

    def known(self, tensor: str) -> Array | None:
        """The array behind a constant that is not left to ONNX Runtime."""
        value = self.value(tensor)
        if value is not None and value.is_known:
            return value.data
        return self.graph.constant(tensor)

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
        shapes, value = ((), None) if node.domain else self._told(node)
        self._learn_shapes(node, shapes)
        if value is not None:
            self.values[node.outputs[0]], self.shapes[node.outputs[0]] = value, value.data.shape
        elif not node.domain and node.op_type not in ("Shape", "Size"):
            self._learn_no_value(node)

    def _learn_constant(self, node: Node) -> None:
        """Constant nodes are read like initializers."""
        proto, tensor = node.attr_tensor("value"), node.outputs[0]
        if proto is None:
            data = self.graph.constant(tensor)
            if data is not None:
                self.values[tensor], self.shapes[tensor] = self.memo.interned(Value(data, data.dtype)), data.shape
        elif proto.data_type == TensorProto.STRING or data_size(proto) > READ_LIMIT:
            self.shapes[tensor] = tuple(proto.dims)
            self.pending[tensor] = node
        else:
            value = self.values[tensor] = self.memo.constant(proto, self.graph.model)
            self.shapes[tensor] = value.data.shape

    def _told(self, node: Node) -> Told:
        """What the rules say of the outputs; nodes that are alike in all that rules look at are looked at once."""
        if node.op_type not in RULES and node.op_type not in EVALUATORS:
            return (), None
        key = self._key(node)
        found = self.memo.told.get(key) if key is not None else None
        if found is None:
            found = self._by_rules(node)
            if key is not None and not any(mentions(d, node.outputs) for shape in found[0] for d in shape or ()):
                self.memo.told[key] = found
        return found

    def _key(self, node: Node) -> Hashable:
        """All that rules look at; None where they may look at more."""
        values: list[Value | None] = []
        is_open, has_weight = False, False
        for tensor in node.inputs:
            value = self.values.get(tensor)
            if value is None and tensor:
                if tensor in self.graph.initializers:
                    value = self._argument(tensor)
                    has_weight = has_weight or value is None
                    if value is None and self.graph.initializers[tensor].data_type in WHOLE_NUMBERS:
                        return None
                else:
                    value = None if tensor in self.shapes else self.value(tensor)
                    is_open = is_open or value is None
            values.append(value)
        if has_weight and not is_open:
            return None
        shapes = tuple([self.shape(t) for t in node.inputs])
        return node.op_type, len(node.outputs), attributes_key(node), shapes, tuple(values)

    def _argument(self, tensor: str) -> Value | None:
        """The value of an initializer that is small enough for an argument."""
        if tensor in self._weights:
            return None
        value = self._read(tensor, self.graph.initializers[tensor], ARGUMENT_LIMIT)
        if value is None:
            self._weights.add(tensor)
        return value

    def _by_rules(self, node: Node) -> Told:
        rule = RULES.get(node.op_type)
        try:
            shapes = tuple(rule(node, self)) if rule is not None else ()
        except MALFORMED:
            shapes = ()
        value = of_shape(node, self) if node.op_type in ("Shape", "Size") else self._evaluated(node)
        return shapes, None if value is None else self.memo.interned(value)

    def _evaluated(self, node: Node) -> Value | None:
        args: list[Value] = []
        for tensor in node.inputs if node.op_type in EVALUATORS else ():
            value = self.value(tensor)
            if value is not None:
                args.append(value)
            elif tensor:
                return None
        return evaluate(node, args, self) if args else None

    def _learn_shapes(self, node: Node, told: Sequence[Shape | None]) -> None:
        for index, tensor in enumerate(node.outputs):
            shape = told[index] if index < len(told) else None
            if shape is None and tensor and not self.repeats:
                inferred = self.graph.type(tensor)
                self.expect_more()
                shape = self._named(tensor, inferred) if inferred is not None and inferred.shape is not None else None
            if shape is not None:
                self.shapes[tensor] = shape

    def expect_more(self) -> None:
        """Say that a walk over a graph that has changed may tell more than this one did."""
        facts: Facts | None = self
        while facts is not None:
            facts.may_learn_more, facts = True, facts.outer

    def _learn_no_value(self, node: Node) -> None:
        """A constant that is left to ONNX Runtime, or small integers that depend on the data."""
        if node.op_type != "Identity" and self._folds(node) and is_pure(node):
            self._postpone(node)
        else:
            self._follow_unknowns(node)

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
        sizes = _numbers(self.shape(tensor))
        dtype = self.dtype(tensor) if sizes is not None else None
        return 0 if sizes is None or dtype is None else data_size(TensorProto(data_type=dtype, dims=sizes))

    def _follow_unknowns(self, node: Node) -> None:
        """Small integer tensors computed at run time: every element an unknown that later nodes may move."""
        for tensor in node.outputs:
            shape = self.shapes.get(tensor)
            sizes = _numbers(shape) if shape is not None and len(shape) <= 1 else None
            if not tensor or sizes is None or math.prod(sizes) > UNKNOWN_LIMIT:
                continue
            dtype = WHOLE_NUMBERS.get(self.dtype(tensor) or TensorProto.UNDEFINED)
            if dtype is None:
                continue
            data = np.empty(math.prod(sizes), object)
            data[:] = [unknown(tensor, i) for i in range(data.size)]
            value = Value.of(data.reshape(sizes), dtype)
            if value is not None:
                self.values[tensor] = value


def _numbers(shape: Shape | None) -> tuple[int, ...] | None:
    """`shape` where every size is a number."""
    numbers = tuple(d for d in shape or () if isinstance(d, int))
    return numbers if shape is not None and len(numbers) == len(shape) else None


def _is_repeated(graph: Graph) -> bool:
    """Whether `graph` may run many times, with other shapes each time: any subgraph but a branch of an If."""
    return graph.owner is not None and (graph.owner.op_type != "If" or bool(graph.owner.domain))
