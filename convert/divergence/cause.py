"""What differs between the node at which two models part and its twin: its operator, an attribute, an initializer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING

from onnx import AttributeProto, helper

from trtconv.comparison.metrics import EXACT, compare

if TYPE_CHECKING:
    from trtconv.passes.core import Graph, Node


def cause_of(original: Graph, graph: Graph, tensor: str, pairs: Mapping[str, str]) -> str:
    """What the node that writes `tensor` of `graph` has other than the one that writes its twin; empty where nothing.

    `pairs` are the tensors of `original` by those of `graph`. Raises ExternalDataError for weights that are gone.
    """
    node, twin = graph.producer(tensor), original.producer(pairs.get(tensor, tensor))
    if node is None or twin is None:
        return ""
    if (node.domain, node.op_type) != (twin.domain, twin.op_type):
        return f"the original has {twin.op_type} {twin.label} there"
    found = [*_attributes(node, twin), *_constants(node, twin, graph, original)]
    return "; ".join(found or _wires(node, twin, pairs))


def _attributes(node: Node, twin: Node) -> Iterator[str]:
    for name in sorted({*node.attributes, *twin.attributes}):
        new, old = node.attributes.get(name), twin.attributes.get(name)
        if new is None or old is None or new != old:
            yield f"its {name} is {_shown(new)} instead of {_shown(old)}"


def _shown(attribute: AttributeProto | None) -> str:
    if attribute is None:
        return "left out"
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float):
        return f"{value:g}"
    if attribute.type in (AttributeProto.INTS, AttributeProto.FLOATS):
        return str(list(value))
    return str(value) if isinstance(value, int) else "another"


def _constants(node: Node, twin: Node, graph: Graph, original: Graph) -> Iterator[str]:
    for place, (name, other) in enumerate(zip(node.inputs, twin.inputs, strict=False)):
        if not (name and other):
            continue
        got, want = graph.constant(name), original.constant(other)
        if got is None or want is None:
            continue
        said = name if name == other else f"{name}, {other} in the original,"
        if got.shape != want.shape:
            yield f"its input {place}, {said} has shape {list(got.shape)} instead of {list(want.shape)}"
        elif (found := compare(want, got, EXACT)).wrong:
            yield f"its input {place}, the constant {said} differs in {found.wrong} of {want.size} elements" + (
                f", by {found.max_abs:.3g} at most" if found.max_abs else ""
            )


def _wires(node: Node, twin: Node, pairs: Mapping[str, str]) -> Iterator[str]:
    for place, (name, other) in enumerate(zip_longest(node.inputs, twin.inputs, fillvalue="")):
        if pairs.get(name, name) != other:
            yield f"its input {place} is {name or 'left out'} instead of {other or 'none'}"
