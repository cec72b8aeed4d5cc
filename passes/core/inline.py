"""Put the content of a subgraph into the graph around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import AttributeProto, NodeProto, TensorProto

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node
    from trtconv.passes.core.rewrite import Replacement


def inline(branch: Graph, replacement: Replacement) -> Replacement:
    """Fill `replacement` with copies of the nodes of `branch`, a graph without inputs that its node owns.

    Outputs take the names of the node's outputs; a name that is taken outside becomes a free one.
    """
    outside, owner = replacement.graph, replacement.node
    written = {o for node in branch.nodes for o in node.outputs if o}
    names = {i: o for i, o in zip(branch.outputs, owner.outputs, strict=False) if o and i in written}
    for tensor in [*branch.initializers, *written]:
        names.setdefault(tensor, "")
    names = {tensor: name or outside.unique(tensor) for tensor, name in names.items()}
    for name, tensor in branch.initializers.items():
        replacement.initializers[names[name]] = _named(tensor, names[name])
    replacement.nodes.extend(_copied(node, names, outside) for node in branch.nodes)
    for inner, outer in zip(branch.outputs, owner.outputs, strict=False):
        if outer and names.get(inner) != outer:
            replacement.op("Identity", names.get(inner, inner), into=outer)
    return replacement


def _named(tensor: TensorProto, name: str) -> TensorProto:
    if name == tensor.name:
        return tensor
    copy = TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy


def _copied(node: Node, names: dict[str, str], outside: Graph) -> Node:
    """A copy of `node` as part of `outside`, its subgraphs with it."""
    proto = node.to_proto()
    _rename(proto, names)
    proto.name = outside.unique(node.name) if node.name else ""
    return outside.model.read_node(proto, outside)


def _rename(proto: NodeProto, names: dict[str, str]) -> None:
    """Rename what `proto` and its subgraphs read and write."""
    proto.input[:] = [names.get(t, t) for t in proto.input]
    proto.output[:] = [names.get(t, t) for t in proto.output]
    for attribute in proto.attribute:
        if attribute.type != AttributeProto.GRAPH:
            continue
        for node in attribute.g.node:
            _rename(node, names)
        for value in attribute.g.output:
            value.name = names.get(value.name, value.name)
