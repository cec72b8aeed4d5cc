"""Run passes over every graph of a model, in order, until nothing changes any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from trtconv.passes.core import Edit, Graph, Model, ModelPass, Node, Pass, Refused, Target, Trouble
from trtconv.passes.core.snapshot import Snapshot
from trtconv.timing import Clock

if TYPE_CHECKING:
    from trtconv.evidence.cutting import Cut
    from trtconv.evidence.examining import Examiner
    from trtconv.feeding.cases import ShapesGiven

MAX_ROUNDS = 10


@dataclass
class Outcome:
    """What running the passes did, and what went wrong inside a pass (a bug of trtconv, never of the model)."""

    edits: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)
    """Edits whose evidence showed a difference; the model does not have them."""
    crashes: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)


def run(
    model: Model,
    target: Target,
    passes: Iterable[Pass],
    outcome: Outcome | None = None,
    *,
    evidence: bool = False,
    shapes: ShapesGiven | None = None,
) -> Outcome:
    """Apply `passes` to `model` in place, round after round, until a round changes nothing.

    What was done is added to `outcome`. With `evidence`, the graphs of each edit are run before and after it, all in
    one child process, and an edit that changes the outputs is undone; `shapes` are profiles whose corners
    are among the sizes tried.
    """
    outcome, chosen = outcome or Outcome(), list(passes)
    with ExitStack() as stack:
        examiner = _examiner(model, shapes, stack) if evidence else None
        for _ in range(MAX_ROUNDS):
            before = len(outcome.edits)
            for one in chosen:
                with outcome.clock.step(one.name()):
                    _apply(one, model, target, outcome, examiner)
            if len(outcome.edits) == before:
                break
            with outcome.clock.step("shape inference"):
                model.infer()  # what was folded or rewritten may say more about shapes, now and not in a second run
    return outcome


def _examiner(model: Model, shapes: ShapesGiven | None, stack: ExitStack) -> Examiner:
    from trtconv.evidence.examining import Examiner
    from trtconv.evidence.running import TrialRuns

    return Examiner(model, stack.enter_context(TrialRuns.worker()), shapes)


def _apply(one: Pass, model: Model, target: Target, outcome: Outcome, examiner: Examiner | None) -> None:
    """Run one pass; with an examiner as often as it takes until no edit is left that has to be undone."""
    while True:
        banned = {e.node for e in outcome.undone if e.pass_name == one.name()}
        work = _Work(one, model, target, banned, with_cuts=examiner is not None)
        work.run()
        with outcome.clock.step("evidence"):
            bad = work.examined(examiner) if examiner is not None else []
        if not bad:
            break
        work.undo()
        outcome.undone.extend(bad)
    outcome.edits.extend(work.edits)
    outcome.crashes.extend(work.crashes)
    if work.edits:
        for graph in model.graphs():
            graph.sweep()


@dataclass
class _Work:
    """One run of one pass over the model."""

    one: Pass
    model: Model
    target: Target
    banned: set[str]
    """Nodes that the pass leaves alone, because what it did there was undone."""
    with_cuts: bool
    edits: list[Edit] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    snapshot: Snapshot | None = None

    def run(self) -> None:
        if isinstance(self.one, ModelPass):
            self._mend(self.one)
            return
        for graph, node, trouble in troubles(self.one, self.model, self.target, self.crashes):
            if node.label not in self.banned:
                self._rewrite(graph, node, trouble)

    def _mend(self, one: ModelPass) -> None:
        if self.banned:  # such a pass is undone as a whole
            return
        self.snapshot = Snapshot(self.model) if self.with_cuts else None
        self.edits = one.mend(self.model, self.target)
        if self.snapshot is not None:
            from trtconv.evidence.cutting import cuts_of

            self.cuts = cuts_of(self.edits, self.snapshot)

    def _rewrite(self, graph: Graph, node: Node, trouble: Trouble) -> None:
        try:
            replacement = self.one.rewrite(node, graph, self.target)
        except Refused:
            return
        except Exception as error:  # nothing was applied yet: the graph is as it was
            self.crashes.append(f"{self.one.name()} crashed at {node.label}: {type(error).__name__}: {error}")
            return
        if self.with_cuts:
            from trtconv.evidence.cutting import Cut

            self.snapshot = self.snapshot or Snapshot(self.model)
            self.cuts.append(Cut.of_replacement(replacement))
        graph.apply(replacement)
        removed, added = tuple(replacement.removed), tuple(replacement.nodes)
        renamed = tuple(replacement.aliases.items())
        said = (self.one.name(), node.label, node.op_type, trouble.why)
        self.edits.append(Edit(*said, removed, added, renamed=renamed, effect=trouble.effect))

    def examined(self, examiner: Examiner) -> list[Edit]:
        """Note the evidence at each edit; returns those that change the outputs."""
        found = examiner.examine(self.cuts, self.one.safety)
        self.edits = [replace(edit, evidence=e) for edit, e in zip(self.edits, found, strict=True)]
        return [edit for edit, e in zip(self.edits, found, strict=True) if e.verdict == "differs"]

    def undo(self) -> None:
        if self.snapshot is not None:
            self.snapshot.restore()


def troubles(one: Pass, model: Model, target: Target, crashes: list[str]) -> Iterator[tuple[Graph, Node, Trouble]]:
    """Nodes that `one` has something to say about; the graph may change between two of them."""
    for graph in list(model.graphs()):
        candidates, revision = one.candidates(graph, target), graph.revision
        for node in candidates:
            if graph.revision != revision and node not in graph:
                continue
            try:
                trouble = one.find(node, graph, target)
            except Exception as error:  # a bug in one pass must not lose the conversion
                crashes.append(f"{one.name()} crashed looking at {node.label}: {type(error).__name__}: {error}")
                continue
            if trouble is not None:
                yield graph, node, trouble
