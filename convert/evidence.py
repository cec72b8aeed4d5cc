"""Evidence for edits: the graphs before and after each, run side by side on made-up values. Not a proof."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trtconv.cutting import Cut
from trtconv.metrics import EXACT, Tolerance, compare, is_float, largest_finite
from trtconv.passes.core.base import Evidence, Safety
from trtconv.trials import LARGE_SIZES, SIZES, NotCheckable, Sizes, Trial, run_trials, trial_of

if TYPE_CHECKING:
    from trtconv.metrics import Difference
    from trtconv.passes.core import Model
    from trtconv.trials import Answer

BATCH_NODES = 400
"""Nodes in one session: unoptimised sessions open in a time that grows with the square of their size."""

ROUNDINGS = 32
"""Units of roundoff, relative to the output's range, that re-associated arithmetic may differ by."""

TIES = 0.02
"""Share of quantized values that may come out one step apart."""

CONTEXT = (2, 8, 24)
"""Levels of nodes in front that an edit with differing outputs is tried with again: what arrives there may be less than
anything, such as the output of a Relu."""


def examine(cuts: Sequence[Cut], safety: Safety, model: Model, seed: int = 0) -> list[Evidence]:
    """Evidence for each cut, in the same order; what differs is looked at more closely.

    `safety` is what the pass promises of its rewrites.
    """
    found: list[Evidence | None] = [None] * len(cuts)
    trials: dict[int, Trial] = {}
    for index, cut in enumerate(cuts):
        try:
            trials[index] = trial_of(cut, model, seed, shrink=True)
        except NotCheckable as why:
            found[index] = Evidence("not checkable", why=str(why))
    for batch in _batches(trials):
        answers = run_trials([trials[i] for i in batch], model)
        for index, pairs in zip(batch, answers, strict=True):
            evidence = judge(cuts[index], trials[index], pairs, safety)
            if not evidence.holds:
                evidence = _closer(cuts[index], trials[index], evidence, safety, model, seed)
            found[index] = evidence
    return [evidence for evidence in found if evidence is not None]


def _closer(cut: Cut, first: Trial, evidence: Evidence, safety: Safety, model: Model, seed: int) -> Evidence:
    """Evidence at the real sizes, then on values that come through the nodes in front.

    A difference that remains is none of the edit's where what was fed may be such as never arrives there, nor where
    the original does not repeat itself.
    """
    if evidence.verdict == "differs" and not _repeats(first, model):
        return Evidence("not checkable", why="the original gives other values each time it is run")
    trial, sizes = first, LARGE_SIZES if evidence.verdict == "not checkable" else SIZES
    if first.is_shrunk or sizes is LARGE_SIZES:
        trial, evidence = _alone(cut, safety, model, seed, sizes) or (first, evidence)
    found = [] if trial.is_guessed else [evidence]
    for levels in CONTEXT if evidence.verdict == "differs" else ():
        wider = cut.widened(levels)
        trial, again = _alone(wider, safety, model, seed) or (trial, evidence)
        if again.holds:
            count = len(wider.before.nodes) - len(cut.before.nodes)
            return replace(again, why=f"behind the {count} nodes before it")
        if again.verdict == "differs" and not trial.is_guessed:
            found.append(again)
    if evidence.verdict == "differs" and not found:
        return Evidence("not checkable", why="which sizes and integers arrive there is not known")
    return found[-1] if found else evidence


def _repeats(trial: Trial, model: Model) -> bool:
    """Whether the original gives the same twice; random operators do not, nor what ONNX Runtime keeps a state of."""
    twice = Trial(trial.before, trial.before, [trial.cases[0], trial.cases[0]])
    ((first, _), (again, _)) = run_trials([twice], model)[0]
    if isinstance(first, str) or isinstance(again, str):
        return isinstance(first, str) == isinstance(again, str)
    return all(_difference(a, b, Safety.EXACT).passed for a, b in zip(first, again, strict=True))


def _alone(cut: Cut, safety: Safety, model: Model, seed: int, sizes: Sizes = SIZES) -> tuple[Trial, Evidence] | None:
    try:
        trial = trial_of(cut, model, seed, sizes)
    except NotCheckable:
        return None
    (pairs,) = run_trials([trial], model)
    return trial, judge(cut, trial, pairs, safety)


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


def judge(cut: Cut, trial: Trial, pairs: Sequence[tuple[Answer, Answer]], safety: Safety) -> Evidence:
    """What the answers say: any case may show a difference, and those that the original cannot run say nothing."""
    counted, furthest, remark, idle = 0, 0, "", "it has no inputs that fit"
    for (name, feed), (before, after) in zip(trial.cases, pairs, strict=True):
        if isinstance(before, str):
            idle = before
        elif isinstance(after, str):
            if all(value.size for value in feed.values()):
                return Evidence("differs", counted, why=f"afterwards it does not run: {after}")
        else:
            counted += 1
            for output, want, got in zip(cut.outputs, before, after, strict=True):
                difference = _difference(want, got, safety)
                if difference.passed:
                    furthest = max(furthest, units(want, difference))
                elif why := _excuse(name, want, got, safety):
                    remark = f"differs {why}"
                else:
                    return Evidence("differs", counted, 0, f"{output}, case {name!r}: {difference}")
    if not counted:
        return Evidence("not checkable", why=idle)
    return Evidence("close" if furthest else "bit-equal", counted, furthest, remark)


def _excuse(case: str, want: Any, got: Any, safety: Safety) -> str:
    """Where operators are not defined to the last bit: reported, and no reason to undo an edit."""
    if safety is not Safety.EXACT and _is_a_step_apart(want, got):
        return "by one step where rounding meets a tie"
    if case == "extreme":
        return "on NaN, infinity or values that overflow"
    if np.shape(want) != np.shape(got) and 0 in (np.size(want), np.size(got)):
        return "where nothing is left of the input"
    return ""


def _is_a_step_apart(want: Any, got: Any) -> bool:
    """Whether quantized values differ by one at most, and few of them: a sum in another order meets other ties."""
    want, got = np.asarray(want), np.asarray(got)
    if want.dtype != got.dtype or want.dtype not in (np.uint8, np.int8) or want.shape != got.shape:
        return False
    steps = np.abs(want.astype(np.int16) - got)
    return bool(steps.max(initial=0) <= 1 and np.count_nonzero(steps) <= max(1, want.size * TIES))


def units(want: Any, difference: Difference) -> int:
    """The largest error in units in the last place of the largest output; 1 at least where not all bits are equal."""
    if not difference.max_ulp:
        return 0
    want = np.asarray(want)
    unit = float(np.spacing(np.asarray(largest_finite(want), want.dtype)))
    return max(1, math.ceil(difference.max_abs / unit)) if unit > 0 else difference.max_ulp


def _difference(want: Any, got: Any, safety: Safety) -> Difference:
    want, got = np.asarray(want), np.asarray(got)
    if want.dtype != got.dtype:
        return compare(want, np.zeros((0,), want.dtype), EXACT)
    return compare(want, got, _tolerance(want.dtype, safety))


def _tolerance(dtype: np.dtype[Any], safety: Safety) -> Tolerance:
    if safety is Safety.EXACT or not is_float(dtype):
        return EXACT
    unit = float(np.finfo(dtype).eps) * ROUNDINGS if safety is Safety.ROUNDING else 1e-2
    return Tolerance(unit, unit, of_range=True)
