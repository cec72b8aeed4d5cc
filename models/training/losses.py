"""What training minimises.

Logits are (N, C) for classes and (N, C, H, W) for masks; targets are (N) or (N, H, W) of int64.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from trtconv.models.data.transforms import IGNORE


class CrossEntropy(nn.Module):
    """Cross entropy with label smoothing and class weights; targets of `IGNORE` count for nothing."""

    weights: Tensor | None

    def __init__(self, smoothing: float = 0.0, weights: Sequence[float] = ()) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.register_buffer("weights", torch.tensor(weights) if weights else None)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over the targets that count; 0 when none does."""
        if bool((target == IGNORE).all()):
            return logits.sum() * 0
        return functional.cross_entropy(
            logits.float(), target, self.weights, ignore_index=IGNORE, label_smoothing=self.smoothing
        )


class OhemCrossEntropy(nn.Module):
    """Mean cross entropy of the hard pixels: those whose true class got less than `threshold` probability.

    At least 1/16 of the valid pixels are kept, the hardest ones, so that an easy batch still teaches
    (BiSeNet's recipe: threshold 0.7).
    """

    weights: Tensor | None

    def __init__(self, threshold: float = 0.7, smoothing: float = 0.0, weights: Sequence[float] = ()) -> None:
        super().__init__()
        self.bound = -float(torch.log(torch.tensor(threshold)))
        self.smoothing = smoothing
        self.register_buffer("weights", torch.tensor(weights) if weights else None)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over the hard pixels; 0 when no pixel is valid."""
        each = functional.cross_entropy(
            logits.float(),
            target,
            self.weights,
            ignore_index=IGNORE,
            label_smoothing=self.smoothing,
            reduction="none",
        )
        each = each[target != IGNORE]
        if each.numel() == 0:
            return logits.sum() * 0
        hard = each[each > self.bound]
        least = max(1, each.numel() // 16)
        if hard.numel() < least:
            hard = each.topk(least).values
        return hard.mean()


def distillation(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Cross entropy of the student under the teacher's probabilities, times `temperature` squared.

    The square keeps the gradient's size when the temperature softens both sides.
    """
    wanted = functional.softmax(teacher.float() / temperature, dim=1)
    offered = functional.log_softmax(student.float() / temperature, dim=1)
    return -(wanted * offered).sum(dim=1).mean() * temperature**2


def with_auxiliaries(criterion: nn.Module, outputs: Sequence[Tensor], target: Tensor, weight: float) -> Tensor:
    """The loss of the first output plus `weight` times the loss of each further (auxiliary) one."""
    main: Tensor = criterion(outputs[0], target)
    for auxiliary in outputs[1:]:
        main = main + weight * criterion(auxiliary, target)
    return main
