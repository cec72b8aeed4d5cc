"""Read a Pad node of any opset, and write padding without Pad: blocks of one value, or repeated slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array, Graph
    from trtconv.passes.core.node import Node
    from trtconv.passes.core.types import Dim

BLOCK_LIMIT = 1 << 20
"""Bytes of a border that may be stored in the file; a larger one is expanded from a scalar."""
INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Pads:
    """Constant pads of every axis, in axis order; negative ones crop."""

    begins: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.begins)

    @property
    def flat(self) -> list[int]:
        """All begins, then all ends: the form that Pad takes."""
        return [*self.begins, *self.ends]

    @property
    def axes(self) -> list[int]:
        """Axes that change."""
        return [a for a in range(self.rank) if self.begins[a] or self.ends[a]]

    @property
    def has_crop(self) -> bool:
        """Whether any pad is negative."""
        return min(self.flat, default=0) < 0

    def only(self, axes: Sequence[int]) -> Pads:
        """The same pads on `axes`, none elsewhere."""
        keep = [a in axes for a in range(self.rank)]
        begins = (b * k for b, k in zip(self.begins, keep, strict=True))
        ends = (e * k for e, k in zip(self.ends, keep, strict=True))
        return Pads(tuple(begins), tuple(ends))


def mode(node: Node) -> str:
    """`constant`, `reflect`, `edge` or `wrap`."""
    return node.attr_string("mode", "constant")


def pads_in(graph: Graph) -> str:
    """Where this opset keeps the pads: `attribute` (before 11) or `input`."""
    return "attribute" if graph.opset < 11 else "input"


def read(node: Node, graph: Graph) -> Pads | None:
    """Constant pads, brought to full rank where `axes` (opset 18) names some; None when any part is computed."""
    flat = node.attr_ints("pads") if pads_in(graph) == "attribute" else _ints(graph, node.input(1))
    if flat is None or len(flat) % 2:
        return None
    half = len(flat) // 2
    if not node.input(3):
        return Pads(tuple(flat[:half]), tuple(flat[half:]))
    axes, rank = constant_axes(node, graph), graph.rank(node.input(0))
    if axes is None or rank is None or len(axes) != half:
        return None
    begins, ends = [0] * rank, [0] * rank
    for axis, b, e in zip(axes, flat[:half], flat[half:], strict=True):
        begins[axis], ends[axis] = b, e
    return Pads(tuple(begins), tuple(ends))


def constant_axes(node: Node, graph: Graph) -> list[int] | None:
    """Constant `axes` input of opset 18, none of them negative; None when computed or the rank is unknown."""
    axes, rank = _ints(graph, node.input(3)), graph.rank(node.input(0))
    return None if axes is None or rank is None else [a % rank for a in axes]


def _ints(graph: Graph, tensor: str) -> list[int] | None:
    value = graph.constant(tensor) if tensor else None
    return None if value is None else [int(v) for v in value.reshape(-1)]


def value(node: Node, graph: Graph) -> Array | None:
    """The constant that fills the border, 0-d and of the data's type, zero by default; None when computed."""
    if pads_in(graph) == "attribute":
        found: Array | None = np.asarray(node.attr_float("value", 0.0))
    else:
        found = graph.constant(node.input(2)) if node.input(2) else np.asarray(0)
    if found is None or found.size != 1:
        return None
    dtype = graph.dtype(node.input(0))
    return found.reshape(()) if dtype is None else found.reshape(()).astype(helper.tensor_dtype_to_np_dtype(dtype))


def is_zero_constant(node: Node, graph: Graph) -> bool:
    """Whether the border is filled with zeros."""
    filling = value(node, graph)
    return mode(node) == "constant" and filling is not None and not filling.any()


def dims_of(graph: Graph, tensor: str, rank: int) -> list[Dim]:
    """Dimensions of `tensor`, all unknown where its shape is."""
    return list(graph.shape(tensor) or [None] * rank)


def crop(r: Replacement, x: str, pads: Pads, into: str | None = None) -> str:
    """Slice off what negative pads take away."""
    axes = [a for a in range(pads.rank) if pads.begins[a] < 0 or pads.ends[a] < 0]
    starts = [max(0, -pads.begins[a]) for a in axes]
    ends = [min(0, pads.ends[a]) or INT64_MAX for a in axes]
    return r.slice(x, starts, ends, axes, into=into)


def without_pad(r: Replacement, x: str, pads: Pads, filling: Array | str | None, how: str, into: str | None) -> str:
    """Padding by Slice, Gather and Concat only: what every parser takes. `filling` is a value or a tensor's name."""
    axes, dims = pads.axes, dims_of(r.graph, x, pads.rank)
    if pads.has_crop:
        raise Refused("some pads are negative")
    if not axes:
        raise Refused("there is nothing to pad")
    for axis in axes:
        target = into if axis == axes[-1] else None
        amount = (pads.begins[axis], pads.ends[axis])
        if how == "constant":
            x = _framed(r, x, axis, amount, dims, filling, target)
        else:
            x = _mirrored(r, x, axis, amount, dims[axis], how, target)
        size = dims[axis]
        dims[axis] = size + sum(amount) if isinstance(size, int) else None
    return x


def _framed(
    r: Replacement,
    x: str,
    axis: int,
    amount: tuple[int, int],
    dims: list[Dim],
    filling: Array | str | None,
    into: str | None,
) -> str:
    """Constant blocks before and after `x` along one axis."""
    if filling is None:
        raise Refused("the value that fills the border is not known")
    blocks = [_block(r, x, axis, count, dims, filling) if count else "" for count in amount]
    return r.concat([t for t in (blocks[0], x, blocks[1]) if t], axis, into=into)


def _block(r: Replacement, x: str, axis: int, count: int, dims: list[Dim], filling: Array | str) -> str:
    """A tensor of one value, as large as `x` but `count` along `axis`."""
    shape = [count if a == axis else d for a, d in enumerate(dims)]
    known = [d for d in shape if isinstance(d, int)]
    if len(known) == len(shape) and not isinstance(filling, str):
        bytes_needed = int(np.prod(known)) * filling.itemsize
        if bytes_needed <= BLOCK_LIMIT or r.graph.opset < 8:
            return r.constant(np.full(known, filling), hint="border")
    if r.graph.opset < 8:
        raise Refused("the shape is not known, and before opset 8 there is no Expand")
    scalar = filling if isinstance(filling, str) else r.constant(filling)
    return r.op("Expand", scalar, shape_with(r, x, axis, r.constant([count], np.int64), dims))


def shape_with(r: Replacement, x: str, axis: int, count: str, dims: Sequence[Dim]) -> str:
    """The shape of `x` with the dimension `axis` replaced by the one-element tensor `count`."""
    return _joined(r, x, [count if a == axis else d for a, d in enumerate(dims)], {count})


def shape_of(r: Replacement, x: str, dims: Sequence[Dim]) -> str:
    """A tensor of `dims`, with those that are no number taken from the shape of `x`."""
    return _joined(r, x, dims, set())


def _joined(r: Replacement, x: str, dims: Sequence[Dim], tensors: set[str]) -> str:
    """Numbers side by side become one constant; names in `tensors` stand for themselves."""
    parts: list[str] = []
    numbers: list[int] = []
    whole = ""
    for a, dim in enumerate([*dims, None]):
        if isinstance(dim, int):
            numbers.append(dim)
            continue
        if numbers:
            parts.append(r.constant(numbers, np.int64))
            numbers = []
        if isinstance(dim, str) and dim in tensors:
            parts.append(dim)
        elif a < len(dims):
            whole = whole or r.shape(x)
            parts.append(r.slice(whole, [a], [a + 1], [0]))
    return r.concat(parts, 0) if len(parts) > 1 else parts[0]


def _mirrored(r: Replacement, x: str, axis: int, amount: tuple[int, int], dim: Dim, how: str, into: str | None) -> str:
    """Border taken from the data itself: one Gather where the size is known, else slices put together."""
    if isinstance(dim, int) and dim > 0:
        order = np.pad(np.arange(dim), amount, mode=how)  # type: ignore[call-overload]
        return r.op("Gather", x, r.constant(order, np.int64, "indices"), into=into, axis=axis)
    before, after = amount
    if how == "wrap":
        raise Refused(f"axis {axis} has no known size, and may be shorter than what is wrapped around it")
    head = _taken(r, x, axis, [before - i if how == "reflect" else 0 for i in range(before)])
    tail = _from_end(r, x, axis, after, how)
    return r.concat([t for t in (head, x, tail) if t], axis, into=into)


def _taken(r: Replacement, x: str, axis: int, order: list[int]) -> str:
    return r.op("Gather", x, r.constant(order, np.int64, "indices"), axis=axis) if order else ""


def _from_end(r: Replacement, x: str, axis: int, count: int, how: str) -> str:
    """The border after the end: cut off the last elements, whose indices are then known."""
    if not count:
        return ""
    if how == "edge":
        return _taken(r, r.slice(x, [-1], [INT64_MAX], [axis]), axis, [0] * count)
    return _taken(r, r.slice(x, [-1 - count], [-1], [axis]), axis, list(range(count - 1, -1, -1)))
