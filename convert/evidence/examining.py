"""Evidence for edits: the graphs before and after each, run side by side on made-up values. Not a proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trtconv.evidence.judging import Verdict, same
from trtconv.evidence.running import TrialRuns
from trtconv.evidence.samples import LARGE_SIZES, Sizes, sizes_of
from trtconv.evidence.trials import NotCheckable, Trial, trial_of
from trtconv.passes.core.base import Evidence, Safety

if TYPE_CHECKING:
    from trtconv.evidence.cutting import Cut
    from trtconv.evidence.running import Ran
    from trtconv.feeding.cases import ShapesGiven
    from trtconv.isolate import Worker
    from trtconv.passes.core import Model

BATCH_NODES = 400
"""Nodes in one session: unoptimised sessions open in a time that grows with the square of their size."""

CONTEXT = (2, 8, 24)
"""Levels of nodes in front that an edit with differing outputs is tried with again: what arrives there may be less than
anything, such as the output of a Relu."""


@dataclass
class Examiner:
    """Gathers evidence for the edits of a model, in a child process that is opened once."""

    model: Model
    worker: Worker
    shapes: ShapesGiven | None = None
    """Whose profiles' corners are tried besides small sizes."""
    seed: int = 0

    def __post_init__(self) -> None:
        self._sizes = sizes_of(self.model.main, self.shapes)
        self._runs = TrialRuns(self.model, self.worker)

    def examine(self, cuts: Sequence[Cut], safety: Safety) -> list[Evidence]:
        """Evidence for each cut, in the same order; what differs is looked at more closely.

        `safety` is what the pass promises of its rewrites.
        """
        found: list[Evidence | None] = [None] * len(cuts)
        trials: dict[int, Trial] = {}
        for index, cut in enumerate(cuts):
            try:
                trials[index] = trial_of(cut, self.model, self.seed, self._sizes, shrink=True)
            except NotCheckable as why:
                found[index] = Evidence("not checkable", why=str(why))
        for batch in _batches(trials):
            for index, ran in zip(batch, self._runs.run([trials[i] for i in batch]), strict=True):
                evidence = self._judged(cuts[index], trials[index], ran, safety)
                if not evidence.holds and (ran.answers or not ran.died):
                    evidence = self._closer(cuts[index], trials[index], evidence, safety)
                found[index] = evidence
        return [evidence for evidence in found if evidence is not None]

    def _judged(self, cut: Cut, trial: Trial, ran: Ran, safety: Safety) -> Evidence:
        evidence = Verdict(cut.outputs, trial, safety, self._runs).on(ran.answers)
        if ran.died and evidence.verdict == "not checkable":
            return replace(evidence, why=ran.died)
        return replace(evidence, why=f"until {ran.died}") if ran.died and evidence.holds else evidence

    def _closer(self, cut: Cut, first: Trial, evidence: Evidence, safety: Safety) -> Evidence:
        """Evidence at the real sizes, then on values that come through the nodes in front.

        A difference that remains is none of the edit's where what was fed may be such as never arrives there, nor where
        the original does not repeat itself.
        """
        if evidence.verdict == "differs" and not self._repeats(first):
            return Evidence("not checkable", why="the original gives other values each time it is run")
        trial, sizes = first, LARGE_SIZES if evidence.verdict == "not checkable" else self._sizes
        if first.is_shrunk or sizes is LARGE_SIZES:
            trial, evidence = self._alone(cut, safety, sizes) or (first, evidence)
        found = [] if trial.is_guessed else [evidence]
        for levels in CONTEXT if evidence.verdict == "differs" else ():
            wider = cut.widened(levels)
            trial, again = self._alone(wider, safety, self._sizes) or (trial, evidence)
            if again.holds:
                count = len(wider.before.nodes) - len(cut.before.nodes)
                return replace(again, why=f"behind the {count} nodes before it")
            if again.verdict == "differs" and not trial.is_guessed:
                found.append(again)
        if evidence.verdict == "differs" and not found:
            return Evidence("not checkable", why="which sizes and integers arrive there is not known")
        return found[-1] if found else evidence

    def _repeats(self, trial: Trial) -> bool:
        """Whether the original gives the same twice: random operators do not, nor what keeps a state."""
        twice = Trial(trial.before, trial.before, [trial.cases[0], trial.cases[0]])
        (ran,) = self._runs.run([twice])
        return len(ran.answers) < 2 or same(ran.answers[0][0], ran.answers[1][0])

    def _alone(self, cut: Cut, safety: Safety, sizes: Sizes) -> tuple[Trial, Evidence] | None:
        try:
            trial = trial_of(cut, self.model, self.seed, sizes)
        except NotCheckable:
            return None
        (ran,) = self._runs.run([trial])
        return trial, self._judged(cut, trial, ran, safety)


def _batches(trials: dict[int, Trial]) -> Iterator[list[int]]:
    batch: list[int] = []
    nodes = 0
    for index, trial in trials.items():
        size = max(len(graph.node) for graph in trial.graphs)
        if batch and nodes + size > BATCH_NODES:
            yield batch
            batch, nodes = [], 0
        batch.append(index)
        nodes += size
    if batch:
        yield batch
