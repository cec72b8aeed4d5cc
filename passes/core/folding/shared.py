"""One walk over a model serves every pass that asks in turn, as long as the others leave the graph alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from trtconv.passes.core.folding.facts import Facts

if TYPE_CHECKING:
    from trtconv.passes.core.model import Model

READERS = ("no-op-nodes", "unfolded-constants", "repeated-nodes")
"""Passes that keep the value of every tensor they leave, in the order they run."""


@dataclass
class _Walk:
    """Facts, the graph they were last right for, and the latest reader that has changed the graph since the walk."""

    facts: Facts
    revision: int
    changed_by: int = -1


_LAST: WeakKeyDictionary[Model, _Walk] = WeakKeyDictionary()


def facts_of(model: Model, reader: str) -> Facts:
    """Facts of the main graph of `model`; those of its subgraphs are in `inner`.

    What a reader leaves of the graph keeps its facts, so later ones go on with them. The first
    of the next round gets new ones, which may tell more.
    """
    walk = _LAST.get(model)
    if walk is None or walk.revision != _revision(model) or READERS.index(reader) <= walk.changed_by:
        walk = _LAST[model] = _Walk(Facts(model.main), _revision(model))
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
    walk.revision, walk.changed_by = _revision(model), READERS.index(reader)


def _revision(model: Model) -> int:
    return sum(graph.revision for graph in model.graphs())
