"""Find nodes that compute the same, in one walk, and let one do for all."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from trtconv.passes.core.folding.batch import is_pure
from trtconv.passes.core.folding.memo import attributes_key

if TYPE_CHECKING:
    from trtconv.passes.core.folding.facts import Facts
    from trtconv.passes.core.node import Node

Merged = list[tuple["Node", "Node"]]
"""Nodes that went, each with the one that computes the same."""

Table = dict[Hashable, "Node"]


def merge_repeated(facts: Facts, seen: Table | None = None) -> Merged:
    """Merge the nodes of a graph and of its subgraphs; `seen` are those of the graphs around it."""
    graph, table, merged = facts.graph, dict(seen or {}), Merged()
    for node in list(graph.nodes):
        for inner in node.subgraphs.values():
            merged += merge_repeated(facts.inner[inner], table)
        keys = _keys(node, facts)
        first = next((table[key] for key in keys if key in table), node)
        if first is not node and not any(graph.is_output(o) for o in node.outputs):
            _merge(node, first, facts)
            merged.append((node, first))
        for key in keys:
            table.setdefault(key, first)
    return merged


def _merge(node: Node, first: Node, facts: Facts) -> None:
    if facts.is_named_by(node):
        facts.expect_more()
    facts.graph.remove(node)
    for old, new in zip(node.outputs, first.outputs, strict=True):
        if old and new:
            facts.graph.replace_uses(old, new)


def _keys(node: Node, facts: Facts) -> list[Hashable]:
    """What two nodes have in common exactly where their outputs are equal."""
    keys: list[Hashable] = []
    if is_pure(node):
        inputs = tuple([facts.small_constant(t) or t for t in node.inputs])
        keys.append((node.op_type, inputs, attributes_key(node), tuple(map(bool, node.outputs))))
    value = facts.values.get(node.outputs[0]) if len(node.outputs) == 1 else None
    if value is not None and not value.is_known:
        keys.append(value)
    return keys
