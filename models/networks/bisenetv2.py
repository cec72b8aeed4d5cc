"""BiSeNetV2 (arXiv:2004.02147): a detail branch beside a deeper, thinner semantic branch."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from trtconv.models.networks.bisenet import BiSeNet, Unit, enlarge

EXPANSION = 6


class BiSeNetV2(BiSeNet):
    """Detail and semantic branch, each guiding the other; auxiliary heads on four stages of the semantic one."""

    def __init__(self, classes: int, mode: str, *, shuffles: bool) -> None:
        super().__init__(mode)
        self.detail = Detail()
        self.segment = Semantic()
        self.bga = Aggregation()
        self.add_head("head", Head(128, 1024, classes, 8, shuffles))
        for stage, channels, factor in (("2", 16, 4), ("3", 32, 8), ("4", 64, 16), ("5_4", 128, 32)):
            self.add_head(f"aux{stage}", AuxHead(channels, 128, classes, factor, shuffles))

    def features(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, 3, H, W) to the joined features and those of the four semantic stages."""
        *stages, last = self.segment(x)
        return self.bga(self.detail(x), last), *stages


class Detail(nn.Module):
    """Wide and shallow, to stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.S1 = nn.Sequential(Unit(3, 64, stride=2), Unit(64, 64))
        self.S2 = nn.Sequential(Unit(64, 64, stride=2), Unit(64, 64), Unit(64, 64))
        self.S3 = nn.Sequential(Unit(64, 128, stride=2), Unit(128, 128), Unit(128, 128))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, 128, H / 8, W / 8)."""
        return cast(torch.Tensor, self.S3(self.S2(self.S1(x))))


class Semantic(nn.Module):
    """Thin and deep, to stride 32."""

    def __init__(self) -> None:
        super().__init__()
        self.S1S2 = Stem()
        self.S3 = nn.Sequential(GatherStrided(16, 32), Gather(32))
        self.S4 = nn.Sequential(GatherStrided(32, 64), Gather(64))
        self.S5_4 = nn.Sequential(GatherStrided(64, 128), Gather(128), Gather(128), Gather(128))
        self.S5_5 = Context()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, 3, H, W) to the features at strides 4, 8, 16, 32 and, with the context of the image, 32."""
        second = self.S1S2(x)
        third = self.S3(second)
        fourth = self.S4(third)
        fifth = self.S5_4(fourth)
        return second, third, fourth, fifth, self.S5_5(fifth)


class Stem(nn.Module):
    """Convolution and pooling side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Unit(3, 16, stride=2)
        self.left = nn.Sequential(Unit(16, 8, 1), Unit(8, 16, stride=2))
        self.right = nn.MaxPool2d(3, stride=2, padding=1)
        self.fuse = Unit(32, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, 16, H / 4, W / 4)."""
        x = self.conv(x)
        return cast(torch.Tensor, self.fuse(torch.cat([self.left(x), self.right(x)], dim=1)))


class Gather(nn.Module):
    """Gather and expand: 3x3, depthwise to six times the width, 1x1 back, and the input added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = channels * EXPANSION
        self.conv1 = Unit(channels, channels)
        self.dwconv = nn.Sequential(*_depthwise(channels, width), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(*_pointwise(width, channels, silent=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W), kept."""
        return torch.relu(self.conv2(self.dwconv(self.conv1(x))) + x)


class GatherStrided(nn.Module):
    """Gather and expand at stride 2, with a depthwise shortcut."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        width = channels * EXPANSION
        self.conv1 = Unit(channels, channels)
        self.dwconv1 = nn.Sequential(*_depthwise(channels, width, stride=2))
        self.dwconv2 = nn.Sequential(*_depthwise(width, width), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(*_pointwise(width, out, silent=True))
        self.shortcut = nn.Sequential(*_depthwise(channels, channels, stride=2), *_pointwise(channels, out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, out, H / 2, W / 2)."""
        return torch.relu(self.conv2(self.dwconv2(self.dwconv1(self.conv1(x)))) + self.shortcut(x))


class Context(nn.Module):
    """The mean of the image, normalised, added everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(128)
        self.conv_gap = Unit(128, 128, 1)
        self.conv_last = Unit(128, 128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 128, H, W), kept."""
        return cast(torch.Tensor, self.conv_last(self.conv_gap(self.bn(x.mean((2, 3), keepdim=True))) + x))


class Aggregation(nn.Module):
    """Each branch gates the other, at its own stride, and both are added."""

    def __init__(self) -> None:
        super().__init__()
        self.left1 = nn.Sequential(*_depthwise(128, 128), nn.Conv2d(128, 128, 1, bias=False))
        # The padding counts in the average, the default of PyTorch; ONNX has it as count_include_pad.
        self.left2 = nn.Sequential(*_conv3x3(2), nn.AvgPool2d(3, stride=2, padding=1))
        self.right1 = nn.Sequential(*_conv3x3())
        self.right2 = nn.Sequential(*_depthwise(128, 128), nn.Conv2d(128, 128, 1, bias=False))
        self.up1 = nn.Upsample(scale_factor=4.0)
        self.up2 = nn.Upsample(scale_factor=4.0)
        self.conv = nn.Sequential(*_conv3x3(), nn.ReLU(inplace=True))

    def forward(self, detail: torch.Tensor, semantic: torch.Tensor) -> torch.Tensor:
        """(N, 128, H / 8, W / 8) and (N, 128, H / 32, W / 32) to (N, 128, H / 8, W / 8)."""
        left = self.left1(detail) * torch.sigmoid(self.up1(self.right1(semantic)))
        right = self.left2(detail) * torch.sigmoid(self.right2(semantic))
        return cast(torch.Tensor, self.conv(left + self.up2(right)))


class Head(nn.Module):
    """3x3 convolution, dropout, 1x1 to the classes, and up to the size of the image."""

    def __init__(self, channels: int, width: int, classes: int, factor: int, shuffles: bool) -> None:
        super().__init__()
        self.conv = Unit(channels, width)
        self.drop = nn.Dropout(0.1)
        if shuffles:
            out = nn.Conv2d(width, classes * factor**2, 1)
            self.conv_out = nn.Sequential(out, nn.PixelShuffle(factor))
        else:
            self.conv_out = nn.Sequential(nn.Identity(), nn.Conv2d(width, classes, 1), enlarge(factor))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, classes, factor * H, factor * W)."""
        return cast(torch.Tensor, self.conv_out(self.drop(self.conv(x))))


class AuxHead(Head):
    """A head for training, with one more convolution to ``factor`` squared channels."""

    def __init__(self, channels: int, width: int, classes: int, factor: int, shuffles: bool) -> None:
        super().__init__(channels, width, classes, factor, shuffles)
        inner = factor**2
        if shuffles:
            out = nn.Conv2d(inner, classes * factor**2, 1)
            self.conv_out = nn.Sequential(Unit(width, inner), out, nn.PixelShuffle(factor))
        else:
            twice = nn.Sequential(nn.Upsample(scale_factor=2.0), Unit(width, inner))
            self.conv_out = nn.Sequential(twice, nn.Conv2d(inner, classes, 1), enlarge(factor // 2))


def _depthwise(channels: int, width: int, stride: int = 1) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(channels, width, 3, stride, padding=1, groups=channels, bias=False)
    return conv, nn.BatchNorm2d(width)


def _pointwise(channels: int, out: int, *, silent: bool = False) -> tuple[nn.Module, ...]:
    """A convolution with its BatchNorm; a silent one adds nothing to its shortcut until it has learned to."""
    norm = nn.BatchNorm2d(out)
    if silent:
        nn.init.zeros_(norm.weight)
    return nn.Conv2d(channels, out, 1, bias=False), norm


def _conv3x3(stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(128, 128, 3, stride, padding=1, bias=False), nn.BatchNorm2d(128)
