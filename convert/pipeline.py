"""Run passes over every graph of a model, in order, until nothing changes any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from trtconv.passes.core import Edit, Graph, Model, ModelPass, Node, Pass, Refused, Target, Trouble

MAX_ROUNDS = 10


@dataclass
class Outcome:
    """What running the passes did, and what went wrong inside a pass (a bug of trtconv, never of the model)."""

    edits: list[Edit] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)


def run(model: Model, target: Target, passes: Iterable[Pass]) -> Outcome:
    """Apply `passes` to `model` in place, round after round, until a round changes nothing."""
    outcome, chosen = Outcome(), list(passes)
    for _ in range(MAX_ROUNDS):
        before = len(outcome.edits)
        for one in chosen:
            _apply(one, model, target, outcome)
        if len(outcome.edits) == before:
            break
    return outcome


def _apply(one: Pass, model: Model, target: Target, outcome: Outcome) -> None:
    done = len(outcome.edits)
    if isinstance(one, ModelPass):
        outcome.edits.extend(one.mend(model, target))
    else:
        for graph, node, trouble in troubles(one, model, target, outcome.crashes):
            _rewrite(one, node, graph, target, trouble, outcome)
    if len(outcome.edits) > done:
        for graph in model.graphs():
            graph.sweep()


def troubles(one: Pass, model: Model, target: Target, crashes: list[str]) -> Iterator[tuple[Graph, Node, Trouble]]:
    """Nodes that `one` has something to say about; the graph may change between two of them."""
    for graph in list(model.graphs()):
        for node in graph.nodes_of(one.ops):
            if (one.domains and node.domain not in one.domains) or node not in graph:
                continue
            try:
                trouble = one.find(node, graph, target)
            except Exception as error:  # a bug in one pass must not lose the conversion
                crashes.append(f"{one.name()} crashed looking at {node.label}: {type(error).__name__}: {error}")
                continue
            if trouble is not None:
                yield graph, node, trouble


def _rewrite(one: Pass, node: Node, graph: Graph, target: Target, trouble: Trouble, outcome: Outcome) -> None:
    try:
        replacement = one.rewrite(node, graph, target)
    except Refused:
        return
    except Exception as error:  # nothing was applied yet: the graph is as it was
        outcome.crashes.append(f"{one.name()} crashed at {node.label}: {type(error).__name__}: {error}")
        return
    graph.apply(replacement)
    removed, added = tuple(replacement.removed), tuple(replacement.nodes)
    outcome.edits.append(Edit(one.name(), node.label, node.op_type, trouble.why, removed, added))
