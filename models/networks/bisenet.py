"""BiSeNet, both versions, as CoinCheung's system defines them: modes, heads and the layer they share."""

from __future__ import annotations

from abc import abstractmethod
from typing import cast

import torch
from torch import nn

from trtconv.errors import BadInput

MODES = ("train", "eval", "pred")
HEADS = ("bilinear", "pixelshuffle")


def build(classes: int, *, version: int, mode: str = "eval", head: str = "bilinear") -> nn.Module:
    """BiSeNet from (N, 3, H, W) images, H and W multiples of 32.

    Args:
        classes: number of classes.
        version: 1 or 2.
        mode: ``train`` adds the auxiliary heads, whose logits follow the first in a tuple while the module is in
            train mode; ``eval`` returns (N, classes, H, W) logits; ``pred`` returns (N, H, W) int64 labels.
        head: ``bilinear``, or ``pixelshuffle`` for weights from before the heads were made smaller.

    Raises:
        BadInput: an option has another value.
    """
    if mode not in MODES:
        raise BadInput(f"mode is {', '.join(MODES)}, not {mode!r}", where="mode")
    if head not in HEADS:
        raise BadInput(f"head is {' or '.join(HEADS)}, not {head!r}", where="head")
    from trtconv.models.networks.bisenetv1 import BiSeNetV1
    from trtconv.models.networks.bisenetv2 import BiSeNetV2

    model = (BiSeNetV1 if version == 1 else BiSeNetV2)(classes, mode, shuffles=head == "pixelshuffle")
    _initialise(model)
    return model


class BiSeNet(nn.Module):
    """What the versions share: features go through a head each, and the mode says what is returned.

    Attributes:
        heads: names of the heads in the order of the features; the first is the network's own.
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self.heads: list[str] = []

    def add_head(self, name: str, head: nn.Module) -> None:
        """A head for the next of the features; those after the first exist for training only."""
        if self.mode == "train" or not self.heads:
            self.add_module(name, head)
            self.heads.append(name)

    @abstractmethod
    def features(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, 3, H, W) to the input of each head."""

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """(N, 3, H, W) to logits (N, classes, H, W), to a tuple of them, or to labels (N, H, W)."""
        features = self.features(x)
        if self.training and self.mode == "train":
            return tuple(self.get_submodule(name)(f) for name, f in zip(self.heads, features, strict=True))
        logits = cast(torch.Tensor, self.get_submodule(self.heads[0])(features[0]))
        return logits.argmax(dim=1) if self.mode == "pred" else logits


class Unit(nn.Module):
    """Convolution without bias, BatchNorm, ReLU; the padding keeps the size at stride 1."""

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, out, H / stride, W / stride)."""
        return cast(torch.Tensor, self.relu(self.bn(self.conv(x))))


def enlarge(factor: int) -> nn.Module:
    """Bilinear upsampling, corners not aligned."""
    return nn.Upsample(scale_factor=float(factor), mode="bilinear", align_corners=False)


def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
