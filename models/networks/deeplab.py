"""DeepLabV3 (arXiv:1706.05587) and DeepLabV3+ (arXiv:1802.02611), with the weights' names of VainF's system."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name everyone uses

from trtconv.errors import BadInput
from trtconv.models.networks.mobilenetv2 import MobileNetV2
from trtconv.models.networks.resnet import ResNet

RATES = {8: (12, 24, 36), 16: (6, 12, 18)}
WIDTH = 256


def build(classes: int, *, head: str, backbone: str, output_stride: int = 8, upsample: str = "nearest") -> nn.Module:
    """DeepLab from (N, 3, H, W) images to (N, classes, H, W) logits.

    Args:
        classes: number of classes, the background among them.
        head: ``deeplabv3`` or ``deeplabv3plus``.
        backbone: ``mobilenet``, ``resnet50`` or ``resnet101``.
        output_stride: 8 or 16: how much smaller the backbone's features are than the image.
        upsample: ``nearest``, or ``bilinear`` (corners not aligned) as VainF's system has it.

    Raises:
        BadInput: an option has another value.
    """
    if output_stride not in RATES:
        raise BadInput(f"output_stride is 8 or 16, not {output_stride}", where="output_stride")
    if upsample not in ("nearest", "bilinear"):
        raise BadInput(f"upsample is nearest or bilinear, not {upsample!r}", where="upsample")
    features: nn.Module
    if backbone == "mobilenet":
        features, low, channels = MobileNetV2(output_stride), 24, 320
    else:
        features = ResNet(backbone, output_stride)
        low, channels = features.channels[0], features.channels[-1]
    make = HeadPlus if head == "deeplabv3plus" else Head
    model = DeepLab(features, make(low, channels, classes, RATES[output_stride], upsample), upsample)
    _initialise(model)
    return model


def resize(x: torch.Tensor, like: torch.Tensor, mode: str) -> torch.Tensor:
    """``x`` at the height and width of ``like``."""
    return F.interpolate(x, size=like.shape[-2:], mode=mode, align_corners=False if mode == "bilinear" else None)


class DeepLab(nn.Module):
    """Backbone, head, and a resize to the size of the image."""

    def __init__(self, backbone: nn.Module, classifier: nn.Module, upsample: str) -> None:
        super().__init__()
        self.backbone, self.classifier, self.upsample = backbone, classifier, upsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, classes, H, W)."""
        features = self.backbone(x)
        return resize(self.classifier(features[0], features[-1]), x, self.upsample)


class Head(nn.Module):
    """DeepLabV3: the pyramid, a 3x3 convolution and the classifier."""

    def __init__(self, _low: int, channels: int, classes: int, rates: tuple[int, ...], upsample: str) -> None:
        super().__init__()
        pyramid = Pyramid(channels, rates, upsample)
        self.classifier = nn.Sequential(pyramid, *_unit(WIDTH, 3), nn.Conv2d(WIDTH, classes, 1))

    def forward(self, _low: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Features at the output stride to logits at the output stride."""
        return cast(torch.Tensor, self.classifier(x))


class HeadPlus(nn.Module):
    """DeepLabV3+: the pyramid, resized and joined to the features at stride 4, and the classifier."""

    def __init__(self, low: int, channels: int, classes: int, rates: tuple[int, ...], upsample: str) -> None:
        super().__init__()
        self.upsample = upsample
        self.project = nn.Sequential(*_unit(low, 1, 48))
        self.aspp = Pyramid(channels, rates, upsample)
        self.classifier = nn.Sequential(*_unit(48 + WIDTH, 3), nn.Conv2d(WIDTH, classes, 1))

    def forward(self, low: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Features at stride 4 and at the output stride to logits at stride 4."""
        low = self.project(low)
        context = resize(self.aspp(x), low, self.upsample)
        return cast(torch.Tensor, self.classifier(torch.cat([low, context], dim=1)))


class Pyramid(nn.Module):
    """Atrous spatial pyramid pooling: 1x1, three dilated 3x3, and the mean of the image, side by side."""

    def __init__(self, channels: int, rates: tuple[int, ...], upsample: str) -> None:
        super().__init__()
        dilated = [nn.Sequential(*_unit(channels, 3, dilation=rate)) for rate in rates]
        pool = Pooled(nn.AdaptiveAvgPool2d(1), *_unit(channels, 1))
        pool.upsample = upsample
        self.convs = nn.ModuleList([nn.Sequential(*_unit(channels, 1)), *dilated, pool])
        self.project = nn.Sequential(*_unit(5 * WIDTH, 1), nn.Dropout(0.1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, 256, H, W)."""
        return cast(torch.Tensor, self.project(torch.cat([conv(x) for conv in self.convs], dim=1)))


class Pooled(nn.Sequential):
    """Its layers in turn, on the mean of the image, spread over the image again."""

    upsample = "nearest"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, 256, H, W)."""
        pooled = x
        for layer in self:
            pooled = layer(pooled)
        return resize(pooled, x, self.upsample)


def _unit(channels: int, kernel: int, out: int = WIDTH, *, dilation: int = 1) -> tuple[nn.Module, ...]:
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(channels, out, kernel, padding=padding, dilation=dilation, bias=False)
    return conv, nn.BatchNorm2d(out), nn.ReLU(inplace=True)


def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
