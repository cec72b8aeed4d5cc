"""Which parameters learn, how fast, and what becomes of their average."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import torch
from torch import nn

from trtconv.errors import BadInput
from trtconv.models.training.recipes import Recipe


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a parameter's or module's name fits one of the patterns (`features.*`)."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def freeze(model: nn.Module, recipe: Recipe) -> None:
    """Keep the parameters that `recipe.freeze` names from learning.

    Raises:
        BadInput: A pattern names no parameter.
    """
    names = [name for name, _ in model.named_parameters()]
    for pattern in recipe.freeze:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise BadInput(f"no parameter is named {pattern}", where="--freeze", do=f"such as {names[0]}, {names[-1]}")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not matches(name, recipe.freeze))


def train_mode(model: nn.Module, recipe: Recipe) -> None:
    """Train mode, but for the normalisations of frozen parts where their statistics are to stay."""
    model.train()
    if not recipe.freeze_statistics:
        return
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and matches(f"{name}.weight", recipe.freeze):
            module.eval()


def _groups(model: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """Parameters by their learning rate and their decay; a vector is a bias or a normalisation's."""
    by_kind: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            kind = matches(name, recipe.head), recipe.decay_all or parameter.ndim > 1
            by_kind.setdefault(kind, []).append(parameter)
    return [
        {
            "params": parameters,
            "factor": recipe.head_lr if is_head else 1.0,
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (is_head, decays), parameters in by_kind.items()
    ]


def optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over what is not frozen.

    Raises:
        BadInput: Everything is frozen.
    """
    groups = _groups(model, recipe)
    if not groups:
        raise BadInput("every parameter is frozen", where="--freeze", do="leave something to learn")
    if recipe.optimizer == "adam":
        return torch.optim.Adam(groups, lr=recipe.lr)
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, lr=recipe.lr, momentum=recipe.momentum, alpha=0.9, eps=0.0316)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give each group `rate` times its own factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


@torch.no_grad()
def average(kept: nn.Module, learning: nn.Module, decay: float) -> None:
    """Move the network that is kept towards the one that learns: `decay` of the old, the rest of the new.

    Whatever the kept network lacks (auxiliary heads) is passed over; counters are copied.
    """
    newest = learning.state_dict()
    for name, old in kept.state_dict().items():
        if old.is_floating_point() and decay > 0:
            old.lerp_(newest[name], 1.0 - decay)
        else:
            old.copy_(newest[name])
