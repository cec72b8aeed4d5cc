"""One node of the view, and what it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnx import AttributeProto, NodeProto, TensorProto, helper

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph

STANDARD_DOMAINS = ("", "ai.onnx")


@dataclass(eq=False, slots=True)
class Node:
    """One node. Compared and hashed by identity; names of absent optional inputs are empty."""

    op_type: str
    inputs: list[str]
    outputs: list[str]
    name: str = ""
    domain: str = ""
    attributes: Mapping[str, AttributeProto] = field(default_factory=dict)
    """By name; `set_attribute` changes one."""
    subgraphs: dict[str, Graph] = field(default_factory=dict)
    proto: NodeProto | None = field(default=None, repr=False)
    """Where the node came from: carries doc string and metadata (source lines, module scopes)."""
    is_as_read: bool = field(default=False, init=False, repr=False)
    """Whether `proto` says all that the node says; a copy with other inputs never claims so."""

    @classmethod
    def from_proto(cls, proto: NodeProto) -> Node:
        """View of `proto`; subgraphs are attached by `Model`."""
        domain = proto.domain
        node = cls(
            proto.op_type,
            proto.input[:],
            proto.output[:],
            proto.name,
            "" if domain in STANDARD_DOMAINS else domain,
            {a.name: a for a in proto.attribute},
            proto=proto,
        )
        node.is_as_read = True
        return node

    def to_proto(self) -> NodeProto:
        """A NodeProto of its own with everything the view knows, subgraphs included."""
        out = self._bare_proto()
        if self.proto is not None:
            out.doc_string = self.proto.doc_string
            out.metadata_props.extend(self.proto.metadata_props)
        return out

    def shared_proto(self) -> NodeProto:
        """The same to read or to copy from: the one from the file where nothing has changed."""
        as_read = self.proto is not None and self.is_as_read and not self.subgraphs
        return self.proto if self.proto is not None and as_read else self.to_proto()

    def proto_without_texts(self) -> NodeProto:
        """The same without doc string and metadata, which exporters fill with more text than all the rest."""
        if self.proto is None or self.proto.metadata_props or self.proto.doc_string:
            return self._bare_proto()
        return self.shared_proto()

    def _bare_proto(self) -> NodeProto:
        out = NodeProto(op_type=self.op_type, name=self.name, domain=self.domain)
        out.input.extend(self.inputs)
        out.output.extend(self.outputs)
        out.attribute.extend(a for key, a in self.attributes.items() if key not in self.subgraphs)
        for key, graph in self.subgraphs.items():
            out.attribute.append(helper.make_attribute(key, graph.to_proto()))
        return out

    def set_attribute(self, name: str, value: object) -> None:
        """Give the attribute `name` another value."""
        self.attributes = {**self.attributes, name: helper.make_attribute(name, value)}
        self.is_as_read = False

    @property
    def label(self) -> str:
        """What users address the node by: its name, or its first output where it has none."""
        return self.name or next((o for o in self.outputs if o), self.op_type)

    def input(self, index: int) -> str:
        """Name of input `index`; empty when absent or left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def has_output(self, index: int) -> bool:
        """Whether output `index` is asked for."""
        return index < len(self.outputs) and bool(self.outputs[index])

    def attr_int(self, name: str, default: int) -> int:
        """Integer attribute."""
        found = self.attributes.get(name)
        return default if found is None else found.i

    def attr_float(self, name: str, default: float) -> float:
        """Float attribute."""
        found = self.attributes.get(name)
        return default if found is None else found.f

    def attr_string(self, name: str, default: str) -> str:
        """String attribute."""
        found = self.attributes.get(name)
        return default if found is None else found.s.decode()

    def attr_ints(self, name: str) -> list[int] | None:
        """Integer list attribute, or None when not given."""
        found = self.attributes.get(name)
        return None if found is None else list(found.ints)

    def attr_floats(self, name: str) -> list[float] | None:
        """Float list attribute, or None when not given."""
        found = self.attributes.get(name)
        return None if found is None else list(found.floats)

    def attr_tensor(self, name: str) -> TensorProto | None:
        """Tensor attribute, or None when not given."""
        found = self.attributes.get(name)
        return None if found is None else found.t


def reads(node: Node) -> Iterator[str]:
    """Tensors that a node reads, those that its subgraphs take from outside included."""
    for tensor in node.inputs:
        if tensor:
            yield tensor
    for graph in node.subgraphs.values():
        yield from captured(graph)


def captured(graph: Graph) -> Iterator[str]:
    """Names that a subgraph takes from the graphs around it."""
    inner = set(graph.inputs) | set(graph.initializers)
    for node in graph.nodes:
        inner.update(node.outputs)
    for node in graph.nodes:
        yield from (t for t in reads(node) if t not in inner)
    yield from (t for t in graph.outputs if t not in inner)
