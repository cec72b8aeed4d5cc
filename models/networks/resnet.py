"""ResNet-18, -50 and -101 (arXiv:1512.03385) as backbones, with the weights' names of torchvision."""

from __future__ import annotations

import torch
from torch import nn

DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}


class ResNet(nn.Module):
    """From an image to the features behind each of the four stages, at strides 4, 8, 16 and 32.

    Args:
        name: a key of `DEPTHS`.
        output_stride: 32, or 16 or 8, where the last one or two stages dilate instead of striding.

    Attributes:
        channels: width of the features of each stage.
    """

    def __init__(self, name: str, output_stride: int = 32) -> None:
        super().__init__()
        block = BasicBlock if name == "resnet18" else Bottleneck
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.channels = tuple(64 * 2**stage * block.expansion for stage in range(4))
        channels, dilation = 64, 1
        for stage, depth in enumerate(DEPTHS[name]):
            stride = 1 if stage == 0 else 2
            first = dilation
            if 2 ** (stage + 2) > output_stride:
                dilation, stride = dilation * stride, 1
            blocks = [block(channels, 64 * 2**stage, stride, first)]
            channels = self.channels[stage]
            blocks += [block(channels, 64 * 2**stage, 1, dilation) for _ in range(1, depth)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """(N, 3, H, W) to the features of the four stages."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        first = self.get_submodule("layer1")(x)
        second = self.get_submodule("layer2")(first)
        third = self.get_submodule("layer3")(second)
        return first, second, third, self.get_submodule("layer4")(third)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(channels, width, stride, dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv3x3(width, width, 1, 1)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _downsample(channels, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, width, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, and 1x1 convolution to four times the width, and a shortcut."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width, stride, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(channels, width * self.expansion, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, 4 * width, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def _conv3x3(channels: int, out: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, stride, padding=dilation, dilation=dilation, bias=False)


def _downsample(channels: int, out: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and channels == out:
        return None
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
