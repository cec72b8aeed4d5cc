"""Reductions by global pooling, for parsers that read the axes of no reduction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnx import TensorProto

from trtconv.passes.core.rewrite import Refused

if TYPE_CHECKING:
    from trtconv.passes.core.rewrite import Replacement
    from trtconv.passes.core.types import Dim

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


def pooled(
    r: Replacement, pool: str, x: str, axes: Sequence[int], keepdims: bool, *, like: str, into: str | None = None
) -> str:
    """`GlobalAveragePool` or `GlobalMaxPool` over `axes` of `x`, which has the shape and the element type of `like`.

    The tensor is seen as (batch, what is kept, what is reduced, 1). Raises Refused where that view or the result's
    shape would have two sizes that are not known, or for element types that pooling does not take.
    """
    shape = r.graph.shape(like)
    if shape is None or r.graph.dtype(like) not in FLOATS:
        raise Refused("no reduction of this opset reads its axes, and pooling takes floats of known rank only")
    kept = [a for a in range(len(shape)) if a not in axes]
    order = [*kept, *sorted(axes)]
    if order != sorted(order):
        x = r.transpose(x, order)
    has_batch = kept[:1] == [0]
    view = [0 if has_batch else 1, _size(shape, kept[has_batch:]), _size(shape, sorted(axes)), 1]
    sizes = [_kept_size(shape, a, a in axes) for a in range(len(shape)) if keepdims or a not in axes]
    if view.count(-1) > 1 or sizes.count(-1) > 1:
        raise Refused("no reduction of this opset reads its axes, and more than one size is not fixed")
    return r.reshape(r.op(pool, r.reshape(x, view)), sizes, into=into)


def _size(shape: Sequence[Dim], axes: Sequence[int]) -> int:
    """How many values lie along `axes`; -1 where that is not known."""
    sizes = [shape[a] for a in axes]
    known = [s for s in sizes if isinstance(s, int)]
    if 0 in known:
        raise Refused("no reduction of this opset reads its axes, and pooling takes no empty tensors")
    return math.prod(known) if len(known) == len(sizes) else -1


def _kept_size(shape: Sequence[Dim], axis: int, is_reduced: bool) -> int:
    """For Reshape: 1, the batch as it is, a known size, or what is left."""
    if is_reduced or axis == 0:
        return int(is_reduced)
    return _size(shape, [axis])
