"""MobileNetV3 (arXiv:1905.02244) as torchvision, timm and PaddleClas each define it.

The three agree on the table of blocks and differ in a handful of facts, which `mobilenetv3_dialects` has, and in the
names of their weights, which `mobilenetv3_names` spells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from trtconv.errors import BadInput
from trtconv.models.networks.activations import ConvSame, DownscaleDropout, HardSigmoid, HardSwish, SlopedHardSigmoid
from trtconv.models.networks.mobilenetv3_dialects import DIALECTS, Dialect, Row, divisible, rows_of, stage
from trtconv.models.networks.mobilenetv3_names import Part


def build(
    classes: int,
    *,
    dialect: str,
    size: str,
    width: float = 1.0,
    reduced_tail: bool = False,
    dropout: float = 0.2,
    activations: str = "fused",
) -> nn.Module:
    """MobileNetV3 from (N, 3, H, W) images to (N, classes) logits.

    Args:
        classes: number of outputs.
        dialect: a key of `DIALECTS`.
        size: ``large`` or ``small``.
        width: factor on the channels.
        reduced_tail: halve the widths of the last stage, for detection and segmentation.
        dropout: probability before the classifier.
        activations: ``fused`` (one PyTorch operator each) or ``primitive`` (add, clip, divide, multiply: what
            was exported before PyTorch 1.9).

    Raises:
        BadInput: activations is neither, or the width or the dropout makes no sense.
    """
    if activations not in ("fused", "primitive"):
        raise BadInput(f"activations is fused or primitive, not {activations!r}", where="activations")
    if width <= 0 or not 0 <= dropout < 1:
        raise BadInput(f"width must be above 0 and dropout in [0, 1), not {width} and {dropout}")
    builder = _Builder(DIALECTS[dialect], width, activations == "fused")
    model = builder.network(rows_of(size, reduced_tail), size == "small", classes, dropout, reduced_tail)
    _initialise(model)
    return model


class Residual(nn.Sequential):
    """Its layers in turn, and the input added to what they return."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W), kept."""
        inner = x
        for layer in self:
            inner = layer(inner)
        return x + inner


class SqueezeExcite(nn.Sequential):
    """The input times what its layers (pool, reduce, activation, expand, gate) make of it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W), kept."""
        scale = x
        for layer in self:
            scale = layer(scale)
        return x * scale


class MeanPool(nn.Module):
    """Mean over height and width: (N, C, H, W) to (N, C, 1, 1)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


@dataclass(frozen=True)
class _Builder:
    """Makes the layers of one dialect at one width."""

    dialect: Dialect
    width: float
    fused: bool

    def network(self, rows: list[Row], small: bool, classes: int, dropout: float, reduced_tail: bool) -> nn.Sequential:
        """Stem, blocks, last convolution, pool, head and classifier under the dialect's names."""
        scaled_stem = self.dialect.small_stem or self.width >= 0.75
        stem = divisible(16 * self.width) if scaled_stem else 16
        parts = [Part("stem", list(self.unit(3, stem, 3, swish=True, stride=2)))]
        channels = stem
        for index, row in enumerate(rows):
            parts.append(self.block(index, row, channels, rows))
            channels = divisible(row.out * self.width)
        last = 6 * channels if self.dialect.scales_head else divisible(rows[-1].expanded * self.width)
        parts.append(Part("last", list(self.unit(channels, last, 1, swish=True)), stage=stage(rows, -1) + 1))
        head = self.dialect.head_width[small] // (2 if reduced_tail else 1)
        head = divisible(head * self.width) if self.dialect.scales_head else head
        parts.append(Part("head", [*self.head(last, head, dropout), ("classifier", nn.Linear(head, classes))]))
        return self.dialect.names.network(parts)

    def block(self, index: int, row: Row, channels: int, rows: list[Row]) -> Part:
        """Expansion, depthwise convolution, squeeze-and-excite, projection."""
        base = rows[index - 1].out if index else 16
        out = divisible(row.out * self.width)
        expanded = divisible(row.expanded * self.width)
        if self.dialect.widths_by_ratio:
            expanded = divisible(channels * row.expanded / base)
        kernel = 3 if self.dialect.minimal else row.kernel
        layers: list[tuple[str, nn.Module]] = []
        if row.expanded != base or self.dialect.always_expands:
            layers += self.unit(channels, expanded, 1, swish=row.swish, role="expand")
        layers += self.unit(
            expanded, expanded, kernel, swish=row.swish, stride=row.stride, groups=expanded, role="depthwise"
        )
        if row.squeeze and not self.dialect.minimal:
            layers.append(("squeeze", self.squeeze(expanded, row.swish)))
        layers += self.unit(expanded, out, 1, swish=None, role="project")
        residual = row.stride == 1 and channels == out and (index > 0 or self.dialect.first_residual)
        return Part("block", layers, Residual if residual else nn.Sequential, stage(rows, index))

    def unit(
        self,
        channels: int,
        out: int,
        kernel: int,
        *,
        swish: bool | None,
        stride: int = 1,
        groups: int = 1,
        role: str = "unit",
    ) -> Iterator[tuple[str, nn.Module]]:
        """Convolution without bias, BatchNorm, and hard swish, ReLU or (swish is None) nothing."""
        same = self.dialect.same_padding and stride > 1
        conv = (ConvSame if same else nn.Conv2d)(
            channels, out, kernel, stride, 0 if same else kernel // 2, groups=groups, bias=False
        )
        yield f"{role}.conv", conv
        yield f"{role}.bn", nn.BatchNorm2d(out, eps=self.dialect.eps, momentum=self.dialect.momentum)
        if swish is not None:
            yield f"{role}.act", self.activation(swish)

    def squeeze(self, channels: int, swish: bool) -> SqueezeExcite:
        """The attention over channels."""
        squeezed = divisible(channels // 4) if self.dialect.rounds_squeeze else channels // 4
        pool = MeanPool() if self.dialect.mean_pool else nn.AdaptiveAvgPool2d(1)
        layers: list[nn.Module] = [
            pool,
            nn.Conv2d(channels, squeezed, 1),
            self.activation(swish and self.dialect.gate_swish),
            nn.Conv2d(squeezed, channels, 1),
            self.gate(),
        ]
        return self.dialect.names.gather(SqueezeExcite, zip(self.dialect.names.squeeze, layers, strict=True))

    def head(self, channels: int, out: int, dropout: float) -> list[tuple[str, nn.Module]]:
        """From the pooled features to the classifier's input."""
        pool = ("pool", nn.AdaptiveAvgPool2d(1))
        act = ("act", self.activation(True))
        drop = ("dropout", DownscaleDropout(dropout) if self.dialect.downscales else nn.Dropout(dropout))
        flat = ("flatten", nn.Flatten())
        if self.dialect.head == "linear":
            return [pool, flat, ("head", nn.Linear(channels, out)), act, drop]
        conv = nn.Conv2d(channels, out, 1, bias=self.dialect.head == "conv_bias")
        tail = [drop, flat] if self.dialect.downscales else [flat, drop]
        return [pool, ("head", conv), act, *tail]

    def activation(self, swish: bool) -> nn.Module:
        """Hard swish or ReLU."""
        if not swish or self.dialect.minimal:
            return nn.ReLU()
        return nn.Hardswish() if self.fused else HardSwish()

    def gate(self) -> nn.Module:
        """The hard sigmoid behind squeeze-and-excite."""
        if self.dialect.gate_slope != 1 / 6:
            return SlopedHardSigmoid(self.dialect.gate_slope)
        return nn.Hardsigmoid() if self.fused else HardSigmoid()


def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
