"""BiSeNetV1 (arXiv:1808.00897): a shallow spatial path beside a ResNet-18 context path."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from trtconv.models.networks.bisenet import BiSeNet, Unit, enlarge
from trtconv.models.networks.resnet import ResNet


class BiSeNetV1(BiSeNet):
    """Spatial and context path, fused; auxiliary heads on the context at strides 8 and 16."""

    def __init__(self, classes: int, mode: str, *, shuffles: bool) -> None:
        super().__init__(mode)
        self.cp = ContextPath()
        self.sp = SpatialPath()
        self.ffm = (FusionMlp if shuffles else Fusion)()
        self.add_head("conv_out", Head(256, 256, classes, 8, shuffles))
        self.add_head("conv_out16", Head(128, 64, classes, 8, shuffles))
        self.add_head("conv_out32", Head(128, 64, classes, 16, shuffles))

    def features(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, 3, H, W) to the fused features and the context at strides 8 and 16."""
        context8, context16 = self.cp(x)
        return self.ffm(torch.cat([self.sp(x), context8], dim=1)), context8, context16


class SpatialPath(nn.Module):
    """Three strided convolutions, so that edges survive."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Unit(3, 64, 7, 2)
        self.conv2 = Unit(64, 64, 3, 2)
        self.conv3 = Unit(64, 64, 3, 2)
        self.conv_out = Unit(64, 128, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, 128, H / 8, W / 8)."""
        return cast(torch.Tensor, self.conv_out(self.conv3(self.conv2(self.conv1(x)))))


class ContextPath(nn.Module):
    """ResNet-18, refined at strides 16 and 32 and brought up to stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet("resnet18")
        self.arm16 = Refinement(256)
        self.arm32 = Refinement(512)
        self.conv_head32 = Unit(128, 128)
        self.conv_head16 = Unit(128, 128)
        self.conv_avg = Unit(512, 128, 1)
        self.up32 = nn.Upsample(scale_factor=2.0)
        self.up16 = nn.Upsample(scale_factor=2.0)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, 3, H, W) to (N, 128, H / 8, W / 8) and (N, 128, H / 16, W / 16)."""
        _, _, stride16, stride32 = self.resnet(x)
        mean = self.conv_avg(stride32.mean((2, 3), keepdim=True))
        context16 = self.conv_head32(self.up32(self.arm32(stride32) + mean))
        return self.conv_head16(self.up16(self.arm16(stride16) + context16)), context16


class Refinement(nn.Module):
    """Attention over channels, from the mean of the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Unit(channels, 128)
        self.conv_atten = nn.Conv2d(128, 128, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(128)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, 128, H, W)."""
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(x.mean((2, 3), keepdim=True))))


class Fusion(nn.Module):
    """Attention over the joined paths: one 1x1 convolution, which survives half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = Unit(256, 256, 1)
        self.conv = nn.Conv2d(256, 256, 1, bias=False)
        self.bn = nn.BatchNorm2d(256)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 256, H, W), kept."""
        x = self.convblk(x)
        return x * torch.sigmoid(self.bn(self.conv(x.mean((2, 3), keepdim=True)))) + x


class FusionMlp(nn.Module):
    """Attention over the joined paths as in the paper: squeezed to a quarter and back."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = Unit(256, 256, 1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 256, H, W), kept."""
        x = self.convblk(x)
        return x * torch.sigmoid(self.conv2(torch.relu(self.conv1(x.mean((2, 3), keepdim=True))))) + x


class Head(nn.Module):
    """3x3 convolution, 1x1 to the classes, and up to the size of the image."""

    def __init__(self, channels: int, width: int, classes: int, factor: int, shuffles: bool) -> None:
        super().__init__()
        self.conv = Unit(channels, width)
        self.conv_out = nn.Conv2d(width, classes * factor**2 if shuffles else classes, 1)
        self.up = nn.PixelShuffle(factor) if shuffles else enlarge(factor)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, classes, factor * H, factor * W)."""
        return cast(torch.Tensor, self.up(self.conv_out(self.conv(x))))
