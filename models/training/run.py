"""A training run as plain values: what is asked for, how long its parts are, how far it is, what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from trtconv.errors import BadInput
from trtconv.models import registry
from trtconv.models.card import Card, Options
from trtconv.models.data.layouts import Listing
from trtconv.models.training import schedules
from trtconv.models.training.history import Row
from trtconv.models.training.recipes import Recipe

Metrics = dict[str, float]


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
            "teacher": str(self.teacher) if self.teacher else None,
            "classes": list(self.train.classes),
            "images": len(self.train.items),
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
        decay = schedules.decay_of(r)
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


@dataclass
class Position:
    """How far a run has come: the state beside the network's."""

    step: int = 0
    rows: list[Row] = field(default_factory=list)
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
