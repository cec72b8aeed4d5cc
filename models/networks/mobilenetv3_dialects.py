"""The facts of MobileNetV3 (arXiv:1905.02244): its table of blocks, and what each library does differently."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from trtconv.models.networks.mobilenetv3_names import NAMES, Names


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


@dataclass(frozen=True)
class Row:
    """One block: depthwise kernel, expanded width, output width, squeeze-and-excite, hard swish, stride."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    swish: bool
    stride: int


def rows_of(size: str, reduced_tail: bool) -> list[Row]:
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


def stage(rows: list[Row], index: int) -> int:
    """Number of the stage a block belongs to: runs of blocks with the same output width."""
    outs = [row.out for row in rows[: index % len(rows) + 1]]
    return sum(a != b for a, b in pairwise(outs))


def divisible(channels: float) -> int:
    """The next multiple of eight that loses no more than a tenth of the channels, at least eight."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
