"""Put what is known into the graph: initializers for computed tensors, constant shapes for computed ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from trtconv.passes.core.base import Edit
from trtconv.passes.core.folding import batch
from trtconv.passes.core.folding.arguments import TAKES_ARGUMENTS, constant_arguments
from trtconv.passes.core.folding.dims import name_of
from trtconv.passes.core.folding.facts import GROWTH_LIMIT, Facts
from trtconv.passes.core.folding.shared import all_facts, keep_facts
from trtconv.passes.core.node import Node
from trtconv.passes.core.rewrite import Replacement
from trtconv.passes.core.types import Dim

if TYPE_CHECKING:
    from trtconv.passes.core.folding.shapes import Shape
    from trtconv.passes.core.graph import Array
    from trtconv.passes.core.model import Model

MAX_SWEEPS = 4
"""Walks over a model: a second one follows shapes that ONNX Runtime had to compute."""


def fold(model: Model, name: str) -> list[Edit]:
    """Fold every graph of `model` in place; the edits are those of the pass called `name`."""
    dead = model.main.sweep()
    edits = [Edit(name, dead[0].label, dead[0].op_type, _unread(len(dead)), tuple(dead), ())] if dead else []
    for _ in range(MAX_SWEEPS):
        folders = [Folder(facts, name) for facts in all_facts(model, name)]
        edits += [edit for folder in folders for edit in folder.fold()]
        model.main.sweep()
        if not any(folder.has_computed for folder in folders):
            break
    for folder in folders:
        folder.graph.learn_sizes(folder.sizes, without_inference=not folder.facts.may_learn_more)
    model.infer()
    if edits:
        keep_facts(model, name)
    return edits


def _unread(count: int) -> str:
    return "nothing reads its outputs" if count == 1 else f"nothing reads the outputs of {count} nodes"


class Folder:
    """Folds one graph, from the facts about it."""

    def __init__(self, facts: Facts, name: str) -> None:
        self.facts, self.graph, self.name = facts, facts.graph, name
        self.computed: dict[str, Array] = {}
        self.has_computed = False
        self._dims: dict[Shape, tuple[Dim, ...]] = {}
        self._shared: dict[tuple[int, ...], str] = {}

    def fold(self) -> list[Edit]:
        """Fold, and tell what was done."""
        lifted = list(self._lift())
        self.computed = self._compute()
        self.has_computed = bool(self.computed)
        takers = self.graph.nodes_of(TAKES_ARGUMENTS, ("",))
        given = [edit for node in takers if (edit := self._give_arguments(node)) is not None]
        # Consumers come before producers, so that only what the rest of the graph reads is written down.
        replaced = [e for n in reversed(self._followed()) if (e := self._replace(n)) is not None]
        return lifted + given + replaced[::-1]

    # --- constants -------------------------------------------------------------------------

    def _lift(self) -> Iterator[Edit]:
        """Turn Constant nodes into initializers; one that writes a graph output stays."""
        nodes = [node for node in self.graph.nodes_of(("Constant",), ("",)) if self._lift_one(node)]
        if nodes:
            why = f"{len(nodes)} Constant nodes can be initializers" if len(nodes) > 1 else "it can be an initializer"
            yield Edit(self.name, nodes[0].label, "Constant", why, tuple(nodes), ())

    def _lift_one(self, node: Node) -> bool:
        tensor = node.outputs[0]
        proto = self.graph.constant_proto(tensor)
        if self.graph.is_output(tensor):
            return False
        if proto is None:
            value = self.graph.constant(tensor)
            if value is None:
                return False
            proto = numpy_helper.from_array(value)
        proto.name = tensor
        self._make_initializer(node, {tensor: proto})
        return True

    def _make_initializer(self, node: Node, tensors: dict[str, TensorProto]) -> None:
        self.graph.remove(node)
        for tensor, proto in tensors.items():
            self.graph.initializers[tensor] = proto

    # --- computed tensors ------------------------------------------------------------------

    def _compute(self) -> dict[str, Array]:
        """Values of the constants that ONNX Runtime has to compute and the rest of the graph reads."""
        pending = set(self.facts.pending.values())
        if not pending:
            return {}
        nodes = [n for n in self.graph.nodes if n in pending]
        wanted = [o for n in nodes for o in n.outputs if o and self._is_read_outside(o, pending)]
        values = batch.run(self.graph, nodes, wanted, self.facts.known)
        return {t: v for t, v in values.items() if self._is_small_enough(t, v)}

    def _is_read_outside(self, tensor: str, pending: set[Node]) -> bool:
        return self.graph.is_output(tensor) or any(c not in pending for c in self.graph.consumers(tensor))

    def _is_small_enough(self, tensor: str, value: Array) -> bool:
        node = self.graph.producer(tensor)
        inputs = node.inputs if node is not None else []
        return value.nbytes - sum(map(self.facts.bytes, inputs)) <= GROWTH_LIMIT

    def _followed(self) -> list[Node]:
        """Nodes that write something of which the elements are known, or what they are computed from."""
        values, pending = self.facts.values, self.facts.pending
        return [n for n in self.graph.nodes if n.outputs[0] in values or any(o in pending for o in n.outputs)]

    def _replace(self, node: Node) -> Edit | None:
        """Write the value of `node` down, or drop the node when nobody reads it any more."""
        if node.op_type == "Constant" and not node.domain:
            return None
        read = [o for o in node.outputs if o and (self.graph.is_output(o) or self.graph.consumers(o))]
        if not read:
            self.graph.remove(node)
            return None
        values = {o: v for o in read if (v := self._value(o)) is not None}
        if len(values) < len(read):
            return None
        after = self._write_down(node, values)
        return Edit(self.name, node.label, node.op_type, f"{_described(values)} whatever the input", (node,), after)

    def _value(self, tensor: str) -> Array | None:
        """The value, which is forgotten here if it was computed: large ones are in memory once."""
        value = self.facts.values.get(tensor)
        return value.data if value is not None and value.is_known else self.computed.pop(tensor, None)

    def _write_down(self, node: Node, values: dict[str, Array]) -> tuple[Node, ...]:
        """Initializers of the same names; a graph output needs a Constant node to write it."""
        outputs = [t for t in values if self.graph.is_output(t)]
        tensors = {t: numpy_helper.from_array(v, t) for t, v in values.items()}
        if not outputs:
            self._make_initializer(node, tensors)
            return ()
        replacement = Replacement(self.graph, node)
        for tensor in outputs:
            replacement.op("Constant", into=tensor, value=tensors.pop(tensor))
        replacement.initializers.update(tensors)
        self.graph.apply(replacement)
        return tuple(replacement.nodes)

    def sizes(self, tensor: str) -> tuple[Dim, ...] | None:
        """Numbers and names of the dimensions of a tensor that nodes of the graph write, as far as the walk knows."""
        shape = self.facts.shapes.get(tensor)
        if shape is None:
            return None
        if shape not in self._dims:
            self._dims[shape] = tuple(d if isinstance(d, int) else name_of(d) for d in shape)
        return self._dims[shape]

    # --- arguments -------------------------------------------------------------------------

    def _give_arguments(self, node: Node) -> Edit | None:
        """Replace computed arguments of `node` by constants that mean the same."""
        arguments = constant_arguments(node, self.facts)
        if not arguments:
            return None
        inputs = [self._vector(arguments[i], t) if i in arguments else t for i, t in enumerate(node.inputs)]
        replacement = Replacement(self.graph, node)
        replacement.nodes.append(dataclasses.replace(node, inputs=inputs))
        self.graph.apply(replacement)
        why = ", ".join(str(elements) for elements in arguments.values())
        return Edit(self.name, node.label, node.op_type, f"the argument is {why}", (node,), tuple(replacement.nodes))

    def _vector(self, elements: list[int], computed: str) -> str:
        """A vector of the element type of `computed`, shared by all that ask for the same."""
        dtype = self.facts.dtype(computed) or TensorProto.INT64
        key = (dtype, *elements)
        if key not in self._shared:
            info = np.iinfo(helper.tensor_dtype_to_np_dtype(dtype))
            value = np.asarray([min(e, int(info.max)) for e in elements], info.dtype)
            name = self.graph.unique("folded/" + "_".join(map(str, elements)).replace("-", "m"))
            self.graph.initializers[name] = numpy_helper.from_array(value, name)
            self._shared[key] = name
        return self._shared[key]


def _described(values: dict[str, Array]) -> str:
    value = next(iter(values.values()))
    kind = TensorProto.DataType.Name(helper.np_dtype_to_tensor_dtype(value.dtype)).lower()
    if value.size <= 8:
        return f"the value is {kind} {value.tolist()}"
    return f"the value is a constant {kind}{list(value.shape)}"
