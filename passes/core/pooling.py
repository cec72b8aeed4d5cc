"""The windows of a pooling node: output sizes, end pads and divisors, as ONNX defines them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Protocol

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core.rewrite import Refused

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array, Graph
    from trtconv.passes.core.node import Node
    from trtconv.passes.core.rewrite import Replacement

CEIL_MODE_SINCE = {"AveragePool": 10, "MaxPool": 10, "LpPool": 18}
"""Opset from which `ceil_mode` is an attribute; below, a stray one means nothing."""
DILATIONS_SINCE = {"AveragePool": 19, "MaxPool": 10, "LpPool": 18}


@dataclass(frozen=True)
class PoolAxis:
    """One spatial axis; `size` is None where it is known at run time only."""

    size: int | None
    kernel: int
    stride: int
    dilation: int
    begin: int
    end: int

    @property
    def reach(self) -> int:
        """Cells from the first to the last that one window touches."""
        return (self.kernel - 1) * self.dilation + 1

    def windows(self, *, ceil: bool, drop: bool = True) -> int:
        """Output size. With `ceil`, a last window that starts in the end padding is dropped, unless `drop` is False."""
        assert self.size is not None
        free = self.size + self.begin + self.end - self.reach
        if not ceil:
            return free // self.stride + 1
        count = -(-free // self.stride) + 1
        starts = -(-(self.size + self.begin) // self.stride)
        return min(count, starts) if drop else count

    def end_for_ceil(self) -> int:
        """End pad with which floor mode gives as many windows as ceil mode does.

        For a size known at run time only: windows start at multiples of `stride` below both `size + begin` and
        `size + begin + end - reach + stride`; so many has floor mode with this pad, whatever the size is.
        """
        if self.size is None:
            return min(self.end + self.stride - 1, self.reach - 1)
        wanted = self.windows(ceil=True)
        if wanted == self.windows(ceil=False):
            return self.end
        return (wanted - 1) * self.stride + self.reach - self.size - self.begin

    @property
    def may_drop(self) -> bool:
        """Whether ceil mode may have to drop a window that starts in the end padding."""
        if self.size is None:
            return self.stride + self.end > self.reach
        return self.windows(ceil=True) != self.windows(ceil=True, drop=False)

    def counted(self) -> Array:
        """How many cells of each window, in floor mode, lie in the tensor and not in the pads."""
        assert self.size is not None
        starts = np.arange(self.windows(ceil=False)) * self.stride - self.begin
        cells = starts[:, None] + np.arange(self.kernel) * self.dilation
        found: Array = ((cells >= 0) & (cells < self.size)).sum(axis=1)
        return found


@dataclass(frozen=True)
class Pooling:
    """The windows of an AveragePool, MaxPool or LpPool node."""

    axes: tuple[PoolAxis, ...]
    ceil: bool
    auto_pad: str

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Pooling | None:
        """Read the attributes, each from the opset on that defines it; None where they or the rank are unknown."""
        kernel, shape = node.attr_ints("kernel_shape"), graph.shape(node.input(0))
        if not kernel or (shape is not None and len(shape) != len(kernel) + 2):
            return None
        rank = len(kernel)
        auto_pad = node.attr_string("auto_pad", "NOTSET") or "NOTSET"
        sizes = [d if isinstance(d, int) else None for d in shape[2:]] if shape is not None else [None] * rank
        dilations = node.attr_ints("dilations") if graph.opset >= DILATIONS_SINCE[node.op_type] else None
        pads = (node.attr_ints("pads") if auto_pad == "NOTSET" else None) or [0] * (2 * rank)
        columns = (sizes, kernel, node.attr_ints("strides") or [1] * rank, dilations or [1] * rank)
        if len(pads) != 2 * rank or any(len(column) != rank for column in columns):
            return None
        axes = tuple(PoolAxis(*column) for column in zip(*columns, pads[:rank], pads[rank:], strict=True))
        ceil = graph.opset >= CEIL_MODE_SINCE[node.op_type] and bool(node.attr_int("ceil_mode", 0))
        return cls(axes, ceil, auto_pad)

    @property
    def is_same(self) -> bool:
        """Whether pads follow from the input size (`SAME_UPPER`, `SAME_LOWER`)."""
        return self.auto_pad.startswith("SAME")

    @property
    def is_static(self) -> bool:
        """Whether every spatial size is known."""
        return all(a.size is not None for a in self.axes)

    @property
    def cells(self) -> int:
        """Cells of one window."""
        return math.prod(a.kernel for a in self.axes)

    def explicit(self) -> Pooling:
        """The same windows with pads for SAME_*. Raises Refused where these depend on a size known at run time."""
        if not self.is_same:
            return self
        if not self.is_static:
            raise Refused(f"the pads of auto_pad={self.auto_pad} depend on a size that is known at run time only")
        upper = self.auto_pad == "SAME_UPPER"
        return Pooling(tuple(_same(a, upper) for a in self.axes), ceil=False, auto_pad="NOTSET")

    def floored(self) -> Pooling:
        """The same windows in floor mode: what ceil mode adds becomes end padding."""
        if not self.ceil:
            return self
        return replace(self, axes=tuple(replace(a, end=a.end_for_ceil()) for a in self.axes), ceil=False)

    @property
    def pads(self) -> list[int]:
        """Pads as the attribute has them: all begins, then all ends."""
        return [a.begin for a in self.axes] + [a.end for a in self.axes]

    @property
    def overhangs(self) -> bool:
        """Whether ceil mode lets a window reach beyond the declared end pad."""
        return self.floored().axes != self.axes

    def column(self, name: str) -> list[int]:
        """One number an axis: `kernel`, `stride` or `dilation`."""
        return [getattr(a, name) for a in self.axes]

    def share(self) -> Array | None:
        """Counting cells (those of the tensor, not of the pads) per cell of each window, in floor mode.

        Shape (1, 1, *output sizes); None where every cell of every window counts. All sizes must be known.
        Raises Refused for a window without any.
        """
        shares = [a.counted() / a.kernel for a in self.axes]
        if any((s == 0).any() for s in shares):
            raise Refused("a window that holds nothing but padding has no mean")
        if all((s == 1).all() for s in shares):
            return None
        table: Array = reduce(np.multiply.outer, shares)[None, None]
        return table


def _same(axis: PoolAxis, upper: bool) -> PoolAxis:
    assert axis.size is not None
    total = max((-(-axis.size // axis.stride) - 1) * axis.stride + axis.reach - axis.size, 0)
    less, more = total // 2, total - total // 2
    return replace(axis, begin=less if upper else more, end=more if upper else less)


def pad_declared(r: Replacement, x: str, pooling: Pooling) -> tuple[str, Pooling]:
    """Zero-pad `x` by the declared pads; the windows over the padded tensor, in floor mode, without those pads."""
    padded = r.pad(x, [0, 0, *(a.begin for a in pooling.axes), 0, 0, *(a.end for a in pooling.axes)])
    axes = tuple(
        replace(f, size=None if a.size is None else a.size + a.begin + a.end, begin=0, end=f.end - a.end)
        for a, f in zip(pooling.axes, pooling.floored().axes, strict=True)
    )
    return padded, replace(pooling, axes=axes, ceil=False)


class Mean(Protocol):
    """Adds nodes that average over whole windows of a tensor zero-padded by `windows.pads`."""

    def __call__(self, r: Replacement, x: str, windows: Pooling, into: str | None) -> str: ...


def mean_of_counted(
    r: Replacement, x: str, pooling: Pooling, mean: Mean, *, include_pad: bool, into: str | None
) -> None:
    """AveragePool by means over whole windows: each is divided by the share of its cells that count."""
    if include_pad and not pooling.overhangs:
        mean(r, x, pooling, into)
        return
    windows = pooling.floored()
    if include_pad:
        x, windows = pad_declared(r, x, pooling)
    if not any(windows.pads):
        mean(r, x, windows, into)
    elif not windows.is_static:
        r.op(
            "Div",
            mean(r, x, windows, None),
            mean(r, ones_like_space(r, x, len(windows.axes)), windows, None),
            into=into,
        )
    elif (share := windows.share()) is not None:
        dtype = helper.tensor_dtype_to_np_dtype(r.graph.dtype(r.node.input(0)) or TensorProto.FLOAT)
        r.op("Mul", mean(r, x, windows, None), r.constant((1 / share).astype(dtype), hint="divisor"), into=into)
    else:
        mean(r, x, windows, into)


def ones_like_space(r: Replacement, x: str, spatial_rank: int) -> str:
    """Ones of shape (1, 1, *spatial sizes of `x`), made at run time."""
    if r.graph.opset < 9:
        raise Refused("sizes known at run time only need ConstantOfShape, which is there from opset 9 on")
    dtype = r.graph.dtype(r.node.input(0)) or TensorProto.FLOAT
    sizes = r.slice(r.shape(x), [2], [2 + spatial_rank], [0])
    shape = r.concat([r.constant([1, 1], np.int64), sizes], axis=0)
    return r.op("ConstantOfShape", shape, value=helper.make_tensor("value", dtype, [1], [1]))


def depthwise(r: Replacement, x: str, windows: Pooling, weight: float, *, channels: int, into: str | None) -> str:
    """Sum over each window times `weight`, channel by channel, as one Conv."""
    dtype = helper.tensor_dtype_to_np_dtype(r.graph.dtype(r.node.input(0)) or TensorProto.FLOAT)
    kernel = windows.column("kernel")
    weights = r.constant(np.full([channels, 1, *kernel], weight).astype(dtype), hint="weights")
    return r.op(
        "Conv",
        x,
        weights,
        into=into,
        group=channels,
        kernel_shape=kernel,
        strides=windows.column("stride"),
        dilations=windows.column("dilation"),
        pads=windows.pads,
    )


def known_channels(r: Replacement) -> int:
    """Channels of the node's input. Raises Refused where they are known at run time only."""
    shape = r.graph.shape(r.node.input(0))
    if shape is None or not isinstance(shape[1], int):
        raise Refused("a depthwise convolution needs the number of channels, which is unknown")
    return shape[1]
