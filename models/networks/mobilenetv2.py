"""MobileNetV2 (arXiv:1801.04381) as the dilated backbone of the DeepLab systems.

It differs from torchvision's network in one respect that changes the numbers: nothing is padded inside a block.
The block pads its input *before* the 1x1 expansion, so the border that the depthwise convolution sees is
``relu6(bn(0))``, not zero; and the stem is not padded at all.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name everyone uses

# expansion, output width, number of blocks, stride of the first
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
LOW_LEVEL = 4  # layers up to stride 4, whose features DeepLabV3+ uses again


class MobileNetV2(nn.Module):
    """From an image to features at stride 4 (24 channels) and at the output stride (320 channels).

    Args:
        output_stride: 8 or 16; past it, blocks dilate instead of striding.
    """

    def __init__(self, output_stride: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_unit(3, 32, 3, stride=2)]
        channels, reached, dilation = 32, 2, 1
        for expansion, out, depth, stride in STAGES:
            first = dilation
            if reached == output_stride:
                dilation, stride = dilation * stride, 1
            reached *= stride
            for index in range(depth):
                at = (stride, first) if index == 0 else (1, dilation)
                layers.append(InvertedResidual(channels, out, expansion, *at))
                channels = out
        # Each layer keeps the number it has in torchvision's network.
        numbered = [(str(index), layer) for index, layer in enumerate(layers)]
        self.low_level_features = nn.Sequential(OrderedDict(numbered[:LOW_LEVEL]))
        self.high_level_features = nn.Sequential(OrderedDict(numbered[LOW_LEVEL:]))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, 3, H, W) to (N, 24, H / 4, W / 4) and (N, 320, H / output_stride, W / output_stride)."""
        low = self.low_level_features(x)
        return low, self.high_level_features(low)


class InvertedResidual(nn.Module):
    """Pad, expand, depthwise convolution, project; with a skip connection where the shape stays."""

    def __init__(self, channels: int, out: int, expansion: int, stride: int, dilation: int) -> None:
        super().__init__()
        width = channels * expansion
        layers = [_unit(channels, width, 1)] if expansion != 1 else []
        layers.append(_unit(width, width, 3, stride=stride, dilation=dilation, groups=width))
        self.conv = nn.Sequential(*layers, nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out))
        self.pads = (dilation,) * 4
        self.skips = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, out, H / stride, W / stride)."""
        y: torch.Tensor = self.conv(F.pad(x, self.pads))
        return x + y if self.skips else y


def _unit(
    channels: int, out: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(channels, out, kernel, stride, dilation=dilation, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU6(inplace=True))
