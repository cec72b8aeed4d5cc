"""The two small graphs of one edit, before and after, cut out of the network with the tensors at their boundary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from onnx import TensorProto

from trtconv.feeding.roles import INTEGERS
from trtconv.passes.core.node import Node, reads
from trtconv.passes.core.snapshot import frozen

if TYPE_CHECKING:
    from trtconv.passes.core import Edit, Graph, Replacement, TensorType
    from trtconv.passes.core.snapshot import GraphThen, Snapshot

DOMAINS = ("", "ai.onnx", "com.microsoft")
"""Those whose operators ONNX Runtime has."""

UPSTREAM = 80
"""Nodes in front of an edit that are kept: to relate what the two graphs read, and to see what is fed there."""


class Place(Protocol):
    """Where tensors can be looked up: a graph, or a graph as it was."""

    def producer(self, tensor: str) -> Node | None:
        """The node that writes `tensor`."""

    def constant_proto(self, tensor: str) -> TensorProto | None:
        """The constant called `tensor`."""

    def type(self, tensor: str) -> TensorType | None:
        """What is known of its type."""


@dataclass
class Half:
    """One of the two graphs: its nodes, in any order, what it hands on, and what is known of the tensors around."""

    nodes: list[Node]
    outputs: list[str]
    upstream: dict[str, Node] = field(default_factory=dict)
    """Producers of tensors in front, by tensor."""
    constants: dict[str, TensorProto] = field(default_factory=dict)
    types: dict[str, TensorType] = field(default_factory=dict)

    @property
    def made(self) -> set[str]:
        """Tensors that the nodes of this half write."""
        return {o for node in self.nodes for o in node.outputs}

    @property
    def inputs(self) -> list[str]:
        """Tensors needed that neither a node nor a constant of this half provides."""
        made = self.made
        needed = [*(t for n in self.nodes for t in reads(n)), *self.outputs]
        return list(dict.fromkeys(t for t in needed if t not in made and t not in self.constants))

    def extended(self, tensors: Iterable[str]) -> Half:
        """With the producers of `tensors`, where they are known."""
        more = {id(n): n for t in tensors if (n := self.upstream.get(t)) is not None}
        return Half([*more.values(), *self.nodes], self.outputs, self.upstream, self.constants, self.types)

    def completed(self) -> Half:
        """With what its constants and integers come from, as far as that is known: made-up sizes do not fit."""
        half = self
        while more := [t for t in half.inputs if t in half.upstream and half.is_no_data(t)]:
            half = half.extended(more)
        return half

    def is_no_data(self, tensor: str) -> bool:
        """Whether `tensor` is an integer, or computed from such and constants alone: the root of a size, say."""
        waiting = [tensor]
        for current in waiting:
            if self.is_integer(current) or current in self.constants:
                continue
            if current not in self.upstream:
                return False
            waiting.extend(t for t in reads(self.upstream[current]) if t not in waiting)
        return True

    def look_around(self, place: Place) -> None:
        """Learn producers, constants and types of what is needed, and of what is in front of that."""
        waiting = self.inputs
        seen = set(waiting)
        for tensor in waiting:
            constant = place.constant_proto(tensor)
            if constant is not None:
                self.constants[tensor] = constant
                continue
            found = place.type(tensor)
            if found is not None:
                self.types[tensor] = found
            producer: Node | None = place.producer(tensor)
            if producer is not None and len(self.upstream) < UPSTREAM:
                copy = frozen(producer)
                self.upstream.update((o, copy) for o in copy.outputs if o)
                news = [t for t in reads(copy) if t not in seen]
                seen.update(news)
                waiting.extend(dict.fromkeys(news))

    def ancestors(self, tensor: str) -> set[str]:
        """Tensors that `tensor` is computed from, as far as they were looked at."""
        waiting, seen = [tensor], {tensor}
        for current in waiting:
            node = self.upstream.get(current)
            news = [t for t in reads(node) if t not in seen] if node is not None else []
            seen.update(news)
            waiting.extend(dict.fromkeys(news))
        return seen - {tensor}

    def runs_before(self, tensor: str) -> bool:
        """Whether the producer of `tensor` is known, and an operator that ONNX Runtime has."""
        node = self.upstream.get(tensor)
        return node is not None and node.domain in DOMAINS

    def is_integer(self, tensor: str) -> bool:
        """Whether `tensor` holds integers or booleans: sizes, pads, indices, conditions."""
        found = self.types.get(tensor)
        return found is not None and (found.dtype in INTEGERS or found.dtype == TensorProto.BOOL)


@dataclass
class Cut:
    """What an edit replaced by what. The outputs of both halves pair up, and are called `outputs` in the network."""

    before: Half
    after: Half
    outputs: list[str]
    lost: tuple[str, ...] = ()
    """Tensors that the rest of the network reads, and nothing provides afterwards."""
    declared: tuple[TensorType | None, ...] = ()
    """What is known of the type of each output."""

    @classmethod
    def of_replacement(cls, replacement: Replacement) -> Cut:
        """The cut of a replacement that is about to be applied."""
        graph = replacement.graph
        made = {o for n in replacement.nodes for o in n.outputs} | set(replacement.initializers)
        wanted = _read_elsewhere(replacement.removed, graph)
        names = {o: o if o in made else replacement.aliases.get(o, "") for o in wanted}
        outputs = [o for o in wanted if names[o]]
        before = Half([frozen(n) for n in replacement.removed], outputs)
        after = Half([frozen(n) for n in replacement.nodes], [names[o] for o in outputs])
        after.constants.update(replacement.initializers)
        for half in (before, after):
            half.look_around(graph)
        lost = tuple(o for o in wanted if not names[o])
        return related(cls(before, after, outputs, lost, tuple(map(graph.type, outputs))))

    @classmethod
    def of_edit(cls, edit: Edit, then: GraphThen) -> Cut:
        """The cut of an edit that a pass made by itself: from the graph as it was, and as it is."""
        copies = {id(node): copy for node, copy in then.nodes}
        before = [copies.get(id(n)) or frozen(n) for n in edit.before]
        names = {o: _name_now(o, then) for node in before for o in node.outputs if o}
        outputs = [o for o, now in names.items() if now]
        half = Half(before, outputs)
        half.look_around(then)
        other = Half([frozen(n) for n in edit.after], [names[o] for o in outputs])
        other.look_around(then.graph)
        return related(cls(half, other, outputs, declared=tuple(map(then.type, outputs))))

    def typed(self) -> Cut:
        """With the nodes in front of tensors whose types are not known, as far as there are any."""
        before, after = self.before, self.after
        for _ in range(UPSTREAM):
            unknown = {t for t in (*before.inputs, *after.inputs) if self.type(t) is None}
            pulled = [[t for t in half.inputs if t in unknown and half.runs_before(t)] for half in (before, after)]
            if not any(pulled):
                break
            before, after = before.extended(pulled[0]).completed(), after.extended(pulled[1]).completed()
        return self if before is self.before else related(replace(self, before=before, after=after))

    def type(self, tensor: str) -> TensorType | None:
        """What a tensor in front holds; None where its element type or its number of axes is not known."""
        found = self.before.types.get(tensor) or self.after.types.get(tensor)
        return None if found is None or found.shape is None else found

    def widened(self, levels: int) -> Cut:
        """With `levels` more nodes in front on both sides, so that what is fed is what can arrive there."""
        before, after = self.before, self.after
        for _ in range(levels):
            before, after = before.extended(before.inputs), after.extended(after.inputs)
        return replace(self, before=before.completed(), after=after.completed())


def _read_elsewhere(removed: Sequence[Node], graph: Graph) -> list[str]:
    gone = set(removed)
    outputs = [o for node in removed for o in node.outputs if o]
    return [o for o in outputs if graph.is_output(o) or any(reader not in gone for reader in graph.consumers(o))]


def related(cut: Cut) -> Cut:
    """Pull nodes in front into either half until both depend on the same tensors, as far as that can be."""
    before, after = cut.before, cut.after
    for _ in range(UPSTREAM):
        only_before = [t for t in before.inputs if t not in after.inputs]
        only_after = [t for t in after.inputs if t not in before.inputs]
        relatives = {a for t in only_after for a in after.ancestors(t)}
        from_before = [t for t in only_before if _has_to_be_computed(t, before, after, relatives.union(only_after))]
        relatives = {a for t in only_before for a in before.ancestors(t)}
        from_after = [t for t in only_after if _has_to_be_computed(t, after, before, relatives.union(before.inputs))]
        if not from_before and not from_after:
            break
        before, after = before.extended(from_before), after.extended(from_after)
    return replace(cut, before=before, after=after)


def _has_to_be_computed(tensor: str, half: Half, other: Half, others: Set[str]) -> bool:
    """Whether random values for `tensor` would be wrong: it is made from `others`, on which the other half depends."""
    if tensor not in half.upstream:
        return False
    if half.is_no_data(tensor) or tensor in other.made:
        return True
    return not half.ancestors(tensor).isdisjoint(others)


def _name_now(tensor: str, then: GraphThen) -> str:
    """What a tensor is called now: by itself, or what its readers read instead; empty where nothing reads it."""
    graph = then.graph
    if graph.producer(tensor) or tensor in graph.initializers:
        return tensor
    for node, copy in then.readers(tensor):
        if node in graph and tensor in copy.inputs and len(node.inputs) == len(copy.inputs):
            return node.inputs[copy.inputs.index(tensor)]
    return ""


def cuts_of(edits: Sequence[Edit], snapshot: Snapshot) -> list[Cut]:
    """The cuts of edits that a pass made by itself since `snapshot`."""
    homes = {id(node): then for then in snapshot.graphs for node, _ in then.nodes}
    return [
        Cut.of_edit(edit, next((homes[id(n)] for n in edit.before if id(n) in homes), snapshot.graphs[0]))
        for edit in edits
    ]
