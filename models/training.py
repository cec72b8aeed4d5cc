"""Train a network from a data set to a checkpoint.

All chance comes from (seed, step, process), and the log is part of the checkpoint: a run that was
killed goes on from the last checkpoint as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from trtconv.errors import BadInput, TrtconvError
from trtconv.models import checkpoint, history, optimizers, registry, schedules
from trtconv.models.card import Card, Options
from trtconv.models.datasets import (
    Measuring,
    Schedule,
    Training,
    checked,
    measuring_batches,
    training_batches,
)
from trtconv.models.evaluation import Meter, TestTime, measure
from trtconv.models.layouts import Listing
from trtconv.models.learner import Learner
from trtconv.models.processes import Processes
from trtconv.models.recipes import Recipe
from trtconv.models.runners import TorchRunner

LAST, BEST = "last.pth", "best.pth"

Metrics = dict[str, float]


class Reporter:
    """Hears how a run goes; this one keeps it to itself."""

    def row(self, row: history.Row, total: int) -> None:
        """A new row of the log, and the number of steps in all."""

    def say(self, text: str) -> None:
        """Something worth knowing at the start."""


@dataclass(frozen=True)
class Run:
    """What is trained, on what, how, and where to."""

    network: str
    train: Listing
    val: Listing
    recipe: Recipe
    out: Path
    options: Options = field(default_factory=dict)
    weights: Path | None = None
    teacher: Path | None = None
    workers: int = 0

    def card(self) -> Card:
        """The card of the network: its classes, and the preprocessing it will be used with.

        Raises:
            BadInput: A size that the network cannot take.
        """
        network = registry.find(self.network)
        card = network.card(self.train.classes, **self.options)
        height, width = self.recipe.eval_size or self.recipe.size
        for size in (self.recipe.size, (height, width)):
            if size[0] % network.stride or size[1] % network.stride:
                raise BadInput(
                    f"{self.network} takes multiples of {network.stride}, not {size[0]}x{size[1]}", where="--size"
                )
        short = round(min(height, width) / self.recipe.eval_crop)
        masks = card.task == "segmentation"
        look = replace(
            card.preprocessing,
            resize=(height, width) if masks else short,
            crop=None if masks else (height, width),
            colour=card.preprocessing.colour if self.recipe.colour == "keep" else self.recipe.colour,
            mean=self.recipe.mean or card.preprocessing.mean,
            std=self.recipe.std or card.preprocessing.std,
        )
        return replace(card, preprocessing=look, input_size=(3, height, width))

    def settings(self) -> dict[str, object]:
        """What must not change between a run and its continuation."""
        return {
            "network": self.network,
            **self.options,
            **self.recipe.to_json(),
            "classes": list(self.train.classes),
            "images": len(self.train.items),
        }


@dataclass
class Position:
    """How far a run has come: the state beside the network's."""

    step: int = 0
    rows: list[history.Row] = field(default_factory=list)
    best: Metrics = field(default_factory=dict)
    latest: Metrics = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """What came out: the files, and the metrics of the best validation and of the last one."""

    best: Path
    last: Path
    steps: int
    best_metrics: Mapping[str, float]
    last_metrics: Mapping[str, float]

    def __str__(self) -> str:
        best = ", ".join(f"{name} {value:.4f}" for name, value in self.best_metrics.items())
        return f"{self.steps} steps; best: {best}\n{self.best}"

    def to_json(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "best": str(self.best),
            "last": str(self.last),
            "steps": self.steps,
            "best_metrics": dict(self.best_metrics),
            "last_metrics": dict(self.last_metrics),
        }


@dataclass(frozen=True)
class Plan:
    """The recipe's lengths in steps."""

    recipe: Recipe
    images: int

    def __post_init__(self) -> None:
        if self.images < self.recipe.batch:
            raise BadInput(
                f"{self.images} images do not fill one batch of {self.recipe.batch}",
                where="--batch",
                do=f"use {self.images} or less",
            )

    @property
    def epoch(self) -> int:
        """Steps in an epoch; what does not fill a batch waits for the next epoch's order."""
        return self.images // self.recipe.batch

    @property
    def total(self) -> int:
        """Steps in the run."""
        return self.recipe.steps or self.recipe.epochs * self.epoch

    def rate(self, step: int) -> float:
        """The learning rate at a step."""
        r = self.recipe
        warmup, curved = round(r.warmup * self.total), r.warmup_curve == "exponential"
        decay = optimizers.decay_of(r)
        return r.lr * schedules.warmed(decay, step, self.total, warmup, r.warmup_start, curved)

    def validates(self, step: int) -> bool:
        """Whether the network is measured once `step` steps are done."""
        epoch, within = divmod(step, self.epoch)
        return step == self.total or (within == 0 and epoch % self.recipe.eval_every == 0)

    def saves(self, step: int) -> bool:
        """Whether a checkpoint is due once `step` steps are done."""
        every = self.recipe.checkpoint_every or self.epoch
        return step == self.total or step % every == 0 or self.validates(step)

    def logs(self, step: int) -> bool:
        """Whether a row of the log ends once `step` steps are done; a checkpoint never splits a row."""
        return step % self.recipe.log_every == 0 or self.saves(step)


def train(run: Run, processes: Processes, reporter: Reporter | None = None) -> Trained:
    """Train to the end, from the last checkpoint in `run.out` if there is one.

    Raises:
        BadInput: The folder holds another run, or data, weights and recipe do not fit.
        TrtconvError: The loss is no number any more.
    """
    return _Training(run, processes, reporter or Reporter()).go()


class _Training:
    def __init__(self, run: Run, processes: Processes, reporter: Reporter) -> None:
        self.run, self.processes, self.reporter = run, processes, reporter
        self.recipe, self.card = run.recipe, run.card()
        self.plan = Plan(self.recipe, len(run.train.items))
        self.share = processes.share(self.recipe.batch)
        self.learner = Learner(self.card, self.recipe, processes, run.weights, run.teacher)
        self.at = self._resumed()
        if self.learner.loaded and not self.at.step and processes.first:
            reporter.say(str(self.learner.loaded))

    def go(self) -> Trained:
        pending: list[Tensor] = []
        for pixels, target in checked(self._batches()):
            torch.manual_seed(_seed(self.recipe.seed, self.at.step, self.processes.rank))
            rate = self.plan.rate(self.at.step)
            pending.append(self.learner.learn(pixels, target, rate, self.at.step))
            self.at.step += 1
            if self.plan.logs(self.at.step):
                self._log(pending, rate)
                pending.clear()
        best, last = self.run.out / BEST, self.run.out / LAST
        return Trained(best, last, self.at.step, self.at.best, self.at.latest)

    def _batches(self) -> DataLoader[tuple[Tensor, Tensor]]:
        order = Schedule(
            len(self.run.train.items),
            self.recipe,
            self.at.step,
            self.plan.total,
            self.processes.rank,
            self.processes.world,
        )
        samples = Training(self.run.train, self.recipe, self.card.preprocessing)
        pinned = self.processes.device.type == "cuda"
        return training_batches(samples, order, self.run.workers, pinned)

    def _log(self, pending: list[Tensor], rate: float) -> None:
        total = self.processes.sum(torch.stack(pending).double().sum())
        loss = float(total) / (len(pending) * self.processes.world)
        if not isfinite(loss):
            raise TrtconvError(
                f"the loss is {loss} after {self.at.step} steps",
                where=str(self.run.out),
                do="lower --lr, lengthen --warmup, or look for a wrong label; the last checkpoint is from before",
            )
        step = self.at.step
        row: history.Row = {"step": step, "epoch": round(step / self.plan.epoch, 3), "lr": rate, "loss": loss}
        if self.plan.validates(step):
            row |= self._validate()
        self.at.rows.append(row)
        if self.plan.saves(step):
            self._save()
        if self.processes.first:
            self.reporter.row(row, self.plan.total)

    def _validate(self) -> Metrics:
        """Each process measures its share; the counts are added up."""
        meter = Meter(self.card.classes, masks=self.run.val.masks)
        samples = Measuring(self.run.val, self.card.preprocessing)
        share = Subset(samples, range(self.processes.rank, len(samples), self.processes.world))
        network = self.processes.agreed(self.learner.current())
        runner = TorchRunner(network, self.card, self.processes.device)
        measure(runner, checked(measuring_batches(share, self.share, self.run.workers)), meter, TestTime())
        meter.set_counts(self.processes.sum(torch.from_numpy(meter.counts())).numpy())
        self.at.latest = meter.metrics()
        deciding = next(iter(self.at.latest))
        if not self.at.best or self.at.latest[deciding] > self.at.best[deciding]:
            self.at.best = self.at.latest
            if self.processes.first:
                checkpoint.save(self.run.out / BEST, self.learner.kept, self.card)
        return self.at.latest

    def _save(self) -> None:
        if not self.processes.first:
            return
        state = {
            "learner": self.learner.state(),
            "settings": self.run.settings(),
            "step": self.at.step,
            "rows": self.at.rows,
            "best": self.at.best,
            "latest": self.at.latest,
        }
        checkpoint.save(self.run.out / LAST, self.learner.current(), self.card, training=state)
        history.write(self.run.out, self.at.rows)

    def _resumed(self) -> Position:
        """Where the run stands: at the last checkpoint in its folder, or at the start."""
        out = self.run.out
        if self.processes.first:
            out.mkdir(parents=True, exist_ok=True)
            for name in (LAST, BEST, *history.FILES):
                for left_over in out.glob(f".{name}.*"):
                    left_over.unlink()  # what a killed run was just writing
        self.processes.wait()
        if not (out / LAST).is_file():
            return Position()
        state = checkpoint.read(out / LAST).get("training")
        if not isinstance(state, dict):
            raise BadInput(f"{out / LAST} is not from a training run", do="give another --out")
        self._same_run(state["settings"])
        self.learner.restore(state["learner"])
        if self.processes.first:
            history.write(out, state["rows"])  # a run killed behind its checkpoint has an older log
        return Position(state["step"], state["rows"], state["best"], state["latest"])

    def _same_run(self, before: Mapping[str, object]) -> None:
        now = self.run.settings()
        changed = sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))
        if changed:
            told = ", ".join(f"{name} ({before.get(name)} -> {now.get(name)})" for name in changed)
            raise BadInput(
                f"the folder holds a run with other settings: {told}",
                where=str(self.run.out),
                do="repeat the options of that run to go on with it, or give another --out",
            )


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
