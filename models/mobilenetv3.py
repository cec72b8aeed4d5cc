"""MobileNetV3 (arXiv:1905.02244) as torchvision, timm and PaddleClas each define it.

The three agree on the table of blocks and differ in a handful of facts, which `Dialect` names, and in the
names of their weights, which `mobilenetv3_names` spells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import nn

from trtconv.errors import BadInput
from trtconv.models.activations import ConvSame, DownscaleDropout, HardSigmoid, HardSwish, SlopedHardSigmoid
from trtconv.models.mobilenetv3_names import NAMES, Names, Part


@dataclass(frozen=True)
class Row:
    """One block: depthwise kernel, expanded width, output width, squeeze-and-excite, hard swish, stride."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    swish: bool
    stride: int


@dataclass(frozen=True)
class Dialect:
    """What one library does differently from the others.

    Attributes:
        names: how the weights are called.
        eps: of every BatchNorm.
        momentum: of every BatchNorm, in PyTorch's sense (weight of the new value).
        widths_by_ratio: scale a block's input and multiply by its expansion, instead of scaling the expanded
            width itself; the two round differently.
        always_expands: keep the 1x1 expansion of a block that does not widen.
        rounds_squeeze: round the squeezed width to a multiple of eight.
        gate_slope: slope of the hard sigmoid behind squeeze-and-excite.
        gate_swish: squeeze-and-excite uses its block's activation instead of ReLU.
        mean_pool: squeeze-and-excite takes ``mean`` over H and W instead of an adaptive average pool.
        head: the layer before the classifier: ``linear`` behind the pool, or a 1x1 convolution there
            with (``conv_bias``) or without bias (``conv``).
        head_width: its width for the large and the small network.
        scales_head: the width of the head is scaled, and the last convolution is six times as wide as its input
            instead of its own width in the paper, scaled.
        first_residual: the first block of stride 1 has a skip connection.
        same_padding: TensorFlow's SAME padding at stride 2.
        minimal: 3x3 kernels, ReLU and no squeeze-and-excite throughout.
        downscales: dropout scales at inference instead of while training.
        small_stem: the stem is scaled below width 0.75, too.
    """

    names: Names
    eps: float = 1e-5
    momentum: float = 0.1
    widths_by_ratio: bool = False
    always_expands: bool = False
    rounds_squeeze: bool = True
    gate_slope: float = 1 / 6
    gate_swish: bool = False
    mean_pool: bool = False
    head: str = "linear"
    head_width: tuple[int, int] = (1280, 1024)
    scales_head: bool = False
    first_residual: bool = True
    same_padding: bool = False
    minimal: bool = False
    downscales: bool = False
    small_stem: bool = True


_TIMM = Dialect(NAMES["timm"], widths_by_ratio=True, mean_pool=True, head="conv_bias", small_stem=False)
DIALECTS = {
    "torchvision": Dialect(NAMES["torchvision"], eps=1e-3, momentum=0.01, scales_head=True),
    "timm": _TIMM,
    "timm_rw": replace(_TIMM, eps=1e-3, rounds_squeeze=False, gate_swish=True, head="conv", first_residual=False),
    "timm_tf_minimal": replace(_TIMM, eps=1e-3, same_padding=True, minimal=True),
    "paddle": Dialect(
        NAMES["paddle"],
        always_expands=True,
        rounds_squeeze=False,
        gate_slope=0.2,
        head="conv",
        head_width=(1280, 1280),
        downscales=True,
    ),
}

LARGE = """3 16 16 - RE 1 | 3 64 24 - RE 2 | 3 72 24 - RE 1 | 5 72 40 SE RE 2 | 5 120 40 SE RE 1
    | 5 120 40 SE RE 1 | 3 240 80 - HS 2 | 3 200 80 - HS 1 | 3 184 80 - HS 1 | 3 184 80 - HS 1
    | 3 480 112 SE HS 1 | 3 672 112 SE HS 1 | 5 672 160 SE HS 2 | 5 960 160 SE HS 1 | 5 960 160 SE HS 1"""
SMALL = """3 16 16 SE RE 2 | 3 72 24 - RE 2 | 3 88 24 - RE 1 | 5 96 40 SE HS 2 | 5 240 40 SE HS 1
    | 5 240 40 SE HS 1 | 5 120 48 SE HS 1 | 5 144 48 SE HS 1 | 5 288 96 SE HS 2 | 5 576 96 SE HS 1
    | 5 576 96 SE HS 1"""


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
    model = builder.network(_rows(size, reduced_tail), size == "small", classes, dropout, reduced_tail)
    _initialise(model)
    return model


def divisible(channels: float) -> int:
    """The next multiple of eight that loses no more than a tenth of the channels, at least eight."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _rows(size: str, reduced_tail: bool) -> list[Row]:
    """The blocks of the paper's table; a reduced tail halves what follows the last stride."""
    rows = []
    for line in (LARGE if size == "large" else SMALL).split("|"):
        kernel, expanded, out, squeeze, act, stride = line.split()
        rows.append(Row(int(kernel), int(expanded), int(out), squeeze == "SE", act == "HS", int(stride)))
    if reduced_tail:
        first, *others = rows[-3:]
        tail = [replace(row, expanded=row.expanded // 2, out=row.out // 2) for row in others]
        rows[-3:] = [replace(first, out=first.out // 2), *tail]
    return rows


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
        parts.append(Part("last", list(self.unit(channels, last, 1, swish=True)), stage=_stage(rows, -1) + 1))
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
        return Part("block", layers, Residual if residual else nn.Sequential, _stage(rows, index))

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


def _stage(rows: list[Row], index: int) -> int:
    """Number of the stage a block belongs to: runs of blocks with the same output width."""
    outs = [row.out for row in rows[: index % len(rows) + 1]]
    return sum(a != b for a, b in pairwise(outs))


def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
