"""The network that learns: one step at a time, and everything that a step leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trtconv.errors import BadInput, Unavailable
from trtconv.models import checkpoint, registry
from trtconv.models.card import Card
from trtconv.models.training import losses, optimizers
from trtconv.models.training.processes import Processes
from trtconv.models.training.recipes import Recipe
from trtconv.models.weights import load_file

State = dict[str, Any]
"""Nested state_dicts, as PyTorch types them."""


class Learner:
    """A network in training, and `kept`: the network that is measured and saved.

    `kept` has no auxiliary heads, and is the moving average of the weights where the recipe wants one.
    """

    def __init__(
        self, card: Card, recipe: Recipe, processes: Processes, weights: Path | None, teacher: Path | None
    ) -> None:
        self.recipe, self.device = recipe, processes.device
        self.precision = _precision(recipe, processes)
        torch.manual_seed(recipe.seed)
        model = _network(card)
        # Other classes than the file's get a new head; what was left out is told.
        self.loaded = load_file(model, weights, partial=True) if weights else None
        self.model = _trainable(model, recipe, processes).to(self.device)
        self.kept = registry.create(card.network, len(card.classes), **card.options).to(self.device).eval()
        self.kept.requires_grad_(False)
        optimizers.average(self.kept, self.model, 0.0)
        self.teacher = _teacher(teacher, card).to(self.device) if teacher else None
        self.criterion = _criterion(recipe, len(card.classes)).to(self.device)
        self.optimizer = optimizers.optimizer(self.model, recipe)
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.precision is torch.float16)
        self.parallel = processes.parallel(self.model)

    def learn(self, pixels: Tensor, target: Tensor, rate: float, step: int) -> Tensor:
        """One step at learning rate `rate`; returns the loss, still on the device."""
        optimizers.train_mode(self.model, self.recipe)
        optimizers.set_rate(self.optimizer, rate)
        pixels, target = pixels.to(self.device, non_blocking=True), target.to(self.device, non_blocking=True)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision is not None):
            loss = self._loss(pixels, target)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.recipe.ema:
            # A young average would remember nothing but the first weights.
            optimizers.average(self.kept, self.model, min(self.recipe.ema, (1 + step) / (10 + step)))
        return loss.detach()

    def _loss(self, pixels: Tensor, target: Tensor) -> Tensor:
        found = self.parallel(pixels)
        outputs = found if isinstance(found, tuple) else (found,)
        hard = losses.with_auxiliaries(self.criterion, outputs, target, self.recipe.aux_weight)
        if self.teacher is None:
            return hard
        with torch.no_grad():
            wanted = self.teacher(pixels)
        wanted = wanted[0] if isinstance(wanted, tuple) else wanted
        soft = losses.distillation(outputs[0], wanted, self.recipe.temperature)
        return (1 - self.recipe.distill_weight) * hard + self.recipe.distill_weight * soft

    def current(self) -> nn.Module:
        """`kept`, up to date."""
        if not self.recipe.ema:
            optimizers.average(self.kept, self.model, 0.0)
        return self.kept

    def state(self) -> State:
        """All that the next step depends on."""
        return {
            "network": self.model.state_dict(),
            "kept": self.kept.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """The way back from `state`."""
        self.model.load_state_dict(state["network"])
        self.kept.load_state_dict(state["kept"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])


def _precision(recipe: Recipe, processes: Processes) -> torch.dtype | None:
    if recipe.amp == "fp16" and processes.device.type != "cuda":
        raise Unavailable(
            "training in fp16 needs CUDA, and this run is on the CPU",
            where="--amp",
            do="give --amp none, or --amp bf16 (which saves time only on a CPU that computes in bf16)",
        )
    return {"none": None, "bf16": torch.bfloat16, "fp16": torch.float16}[recipe.amp]


def _network(card: Card) -> nn.Module:
    """The network with its auxiliary heads."""
    options = dict(card.options)
    if "mode" in registry.find(card.network).options:
        options["mode"] = "train"
    return registry.create(card.network, len(card.classes), **options)


def _trainable(model: nn.Module, recipe: Recipe, processes: Processes) -> nn.Module:
    """The network with its frozen parts, and with statistics shared between processes where that is wanted."""
    optimizers.freeze(model, recipe)
    if not recipe.sync_bn or processes.world == 1:
        return model
    if processes.device.type != "cuda":
        raise Unavailable("statistics are shared between CUDA devices only", where="--sync-bn", do="--no-sync-bn")
    synced: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    return synced


def _criterion(recipe: Recipe, classes: int) -> nn.Module:
    if len(recipe.class_weights) not in (0, classes):
        raise BadInput(f"{len(recipe.class_weights)} class weights for {classes} classes", where="--class-weights")
    if recipe.loss == "ohem":
        return losses.OhemCrossEntropy(recipe.ohem_threshold, recipe.label_smoothing, recipe.class_weights)
    return losses.CrossEntropy(recipe.label_smoothing, recipe.class_weights)


def _teacher(path: Path, student: Card) -> nn.Module:
    """The frozen teacher, which must see the same pictures and name the same classes as the student."""
    model, card = checkpoint.load(path)
    if card.classes != student.classes:
        raise BadInput("the teacher knows other classes", where=str(path), do="train it on this data set")
    ours, theirs = student.preprocessing, card.preprocessing
    if (ours.mean, ours.std, ours.colour, ours.scale) != (theirs.mean, theirs.std, theirs.colour, theirs.scale):
        raise BadInput(
            "the teacher was trained with another mean, std or order of colours",
            where=str(path),
            do=f"--mean {','.join(map(str, theirs.mean))} --std {','.join(map(str, theirs.std))}",
        )
    return model.requires_grad_(False)
