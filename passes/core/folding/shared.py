"""One walk over a model serves every pass that asks in turn, as long as the others leave the graph alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from trtconv.passes.core.folding.facts import Facts
from trtconv.passes.core.folding.graphtypes import GraphTypes

if TYPE_CHECKING:
    from trtconv.passes.core.folding.shapes import Known
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.model import Model

READERS = ("no-op-nodes", "unfolded-constants", "repeated-nodes")
"""Passes that keep the value of every tensor they leave, in the order they run."""


@dataclass
class _Walk:
    """Facts, the graph they were last right for, and the latest reader that has changed the graph since the walk."""

    facts: Facts
    revision: int
    changed_by: int = -1
    settled: set[str] = field(default_factory=set)
    """Readers that would find nothing in this graph."""

    def serves(self, model: Model, reader: str) -> bool:
        """Whether a new walk would tell `reader` no more than this one."""
        if self.revision != model.revision:
            return False
        return READERS.index(reader) > self.changed_by or not self.facts.may_learn_more


def known_of(graph: Graph) -> Known:
    """Facts about `graph` where a walk has left some that still hold; else what its types tell, which is free."""
    walk = _LAST.get(graph.model)
    if walk is None or walk.revision != graph.model.revision:
        return GraphTypes(graph)
    waiting = [walk.facts]
    for facts in waiting:
        if facts.graph is graph:
            return facts
        waiting.extend(facts.inner.values())
    return GraphTypes(graph)


_LAST: WeakKeyDictionary[Model, _Walk] = WeakKeyDictionary()


def facts_of(model: Model, reader: str) -> Facts:
    """Facts of the main graph of `model`; those of its subgraphs are in `inner`.

    What a reader leaves of the graph keeps its facts, so later ones go on with them. The first
    of the next round gets new ones where inference, which has seen the changed graph, may tell more.
    """
    walk = _LAST.get(model)
    if walk is None or not walk.serves(model, reader):
        walk = _LAST[model] = _Walk(Facts(model.main, memo=walk.facts.memo if walk else None), model.revision)
    return walk.facts


def all_facts(model: Model, reader: str) -> Iterator[Facts]:
    """Facts of every graph of `model`, outer before inner."""
    waiting = [facts_of(model, reader)]
    while waiting:
        facts = waiting.pop(0)
        yield facts
        waiting.extend(facts.inner.values())


def keep_facts(model: Model, reader: str) -> None:
    """Say that `reader` has changed the graph: what nobody reads any more goes, and the facts hold for what is left."""
    model.main.sweep()
    walk = _LAST[model]
    walk.revision, walk.changed_by = model.revision, READERS.index(reader)
    walk.settled.clear()


def settle(model: Model, reader: str) -> None:
    """Say that `reader` would find nothing in the graph as it is now."""
    _LAST[model].settled.add(reader)


def is_settled(model: Model, reader: str) -> bool:
    """Whether the graph is still one in which `reader` would find nothing."""
    walk = _LAST.get(model)
    return walk is not None and reader in walk.settled and walk.serves(model, reader)
