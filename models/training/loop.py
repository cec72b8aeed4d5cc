"""Train a network from a data set to a checkpoint.

All chance comes from (seed, step, process), and the log is part of the checkpoint: a run that was
killed goes on from the last checkpoint as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from trtconv.errors import BadInput, TrtconvError
from trtconv.models import checkpoint
from trtconv.models.data.datasets import Measuring, measuring_batches
from trtconv.models.data.loading import checked
from trtconv.models.evaluation import Meter, TestTime, measure
from trtconv.models.runners import TorchRunner
from trtconv.models.training import history
from trtconv.models.training.learner import Learner
from trtconv.models.training.processes import Processes
from trtconv.models.training.reporting import Reporter
from trtconv.models.training.run import Metrics, Plan, Position, Run, Trained
from trtconv.models.training.samples import Order, Training, training_batches

LAST, BEST = "last.pth", "best.pth"


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
        order = Order(
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
