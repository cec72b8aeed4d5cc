"""Topological order: ONNX asks for it, and not every file has it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from trtconv.passes.core.node import reads

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node


class InvalidGraph(ValueError):
    """A graph that no runtime can run: a tensor that nothing writes, or nodes that wait for each other."""


def in_order(graph: Graph, sparse: set[str]) -> list[Node]:
    """The nodes of `graph`, each behind those that it reads; as they are where that is so already.

    `sparse` names sparse initializers, which the view does not hold. Raises InvalidGraph.
    """
    known = visible(graph) | sparse
    nodes = list(graph.nodes)
    if _is_sorted(nodes, set(known)):
        return nodes
    written = {o: n for n in nodes for o in n.outputs if o}
    for node in nodes:
        for tensor in reads(node):
            if tensor not in known and tensor not in written:
                raise InvalidGraph(f"{node.label} ({node.op_type}) reads {tensor!r}, which nothing writes")
    return _sorted(nodes, written, known)


def visible(graph: Graph) -> set[str]:
    """Names that nodes of `graph` may read without a node of it writing them."""
    names = set(graph.inputs) | set(graph.initializers)
    outer = graph.parent
    while outer is not None:
        names |= set(outer.inputs) | set(outer.initializers)
        names.update(o for n in outer.nodes for o in n.outputs)
        outer = outer.parent
    return names


def _is_sorted(nodes: list[Node], known: set[str]) -> bool:
    known.add("")
    for node in nodes:
        if not known.issuperset(reads(node) if node.subgraphs else node.inputs):
            return False
        known.update(node.outputs)
    return True


def _sorted(nodes: list[Node], written: dict[str, Node], known: set[str]) -> list[Node]:
    """Kahn's algorithm, ready nodes in the order of the file."""
    needs = {n: {written[t] for t in reads(n) if t not in known} for n in nodes}
    readers: dict[Node, list[Node]] = {}
    for node, others in needs.items():
        for other in others:
            readers.setdefault(other, []).append(node)
    waiting = Counter({n: len(others) for n, others in needs.items()})
    ready = [n for n in nodes if not waiting[n]]
    for node in ready:
        for reader in readers.get(node, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if len(ready) < len(nodes):
        stuck = next(n for n in nodes if waiting[n])
        raise InvalidGraph(f"{stuck.label} ({stuck.op_type}) waits for its own output: the graph has a cycle")
    return ready
