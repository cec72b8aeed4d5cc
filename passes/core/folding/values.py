"""Elements of small tensors: numpy arrays, or object arrays of numbers and expressions of dimensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trtconv.passes.core.folding.dims import Expr, Size, is_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trtconv.passes.core.node import Node

    Array = NDArray[Any]
    DType = np.dtype[Any]

INT_MAX = np.iinfo(np.int32).max
"""Ends of slices from here on mean "to the end", whatever the size."""

MALFORMED = (ValueError, IndexError, ZeroDivisionError)
"""What rules raise for nodes whose shapes, axes or arguments do not fit: nothing is known of their outputs then."""

EXPRESSION_LIMIT = 256
"""Elements of a tensor that are followed as expressions."""

Bound = tuple[Size, Size, int, int]
"""Start, end, axis, step of a slice."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """Elements of a tensor of element type `dtype`; an object array where some are expressions of dimensions.

    Compared and hashed by identity.
    """

    data: Array
    dtype: DType

    @classmethod
    def of(cls, data: Array, dtype: DType | None = None) -> Value | None:
        """The value of `data`; None for numbers beyond the range of `dtype` and expressions that may be."""
        if data.dtype != object:
            return cls(data, data.dtype)
        assert dtype is not None
        expressions = [e for e in data.flat if isinstance(e, Expr)]
        if data.size > EXPRESSION_LIMIT or (expressions and dtype not in (np.int64, np.int32)):
            return None
        if not all(_fits(e, dtype) for e in data.flat):
            return None
        return cls(data if expressions else data.astype(dtype), dtype)

    @property
    def is_known(self) -> bool:
        """Whether every element is a number."""
        return self.data.dtype != object

    def elements(self) -> list[Size]:
        """All elements, flat."""
        return list(self.data.astype(object).flat)

    def ints(self) -> list[int] | None:
        """All elements, flat, where every one is a whole number."""
        return self.data.ravel().tolist() if self.data.dtype.kind in "iub" else None

    def as_objects(self) -> Array:
        """Elements as Python numbers and expressions."""
        return self.data.astype(object)


def _fits(element: Size, dtype: DType) -> bool:
    if isinstance(element, Expr):
        return dtype == np.int64 or is_linear(element)
    if dtype.kind not in "iu":
        return True
    info = np.iinfo(dtype)
    return int(info.min) <= element <= int(info.max)


def vector(elements: list[Size] | tuple[Size, ...]) -> Value:
    """An int64 vector."""
    data = np.empty(len(elements), object)
    data[:] = elements
    known = all(isinstance(e, int) for e in elements)
    return Value(data.astype(np.int64) if known else data, np.dtype(np.int64))


def scalar(element: Size) -> Value:
    """An int64 scalar."""
    one = vector([element])
    return Value(one.data.reshape(()), one.dtype)


def slice_bounds(node: Node, opset: int, value: Callable[[str], Value | None]) -> list[Bound] | None:
    """Bounds of a Slice, which may be expressions; None where axes or steps are not known."""
    if opset < 10:
        starts, ends = node.attr_ints("starts"), node.attr_ints("ends")
        axes = node.attr_ints("axes") or list(range(len(starts or ())))
        return None if starts is None or ends is None else list(zip(starts, ends, axes, [1] * len(axes), strict=True))
    given = [value(t) if t else None for t in (node.input(i) for i in range(1, 5))]
    if given[0] is None or given[1] is None or any(given[i] is None and node.input(i + 1) for i in (2, 3)):
        return None
    begin, end = given[0].elements(), given[1].elements()
    where = given[2].ints() if given[2] is not None else list(range(len(begin)))
    steps = given[3].ints() if given[3] is not None else [1] * len(begin)
    if where is None or steps is None or 0 in steps:
        return None
    return list(zip(begin, end, where, steps, strict=True))


def slice_range(size: int, bound: tuple[int, int, int]) -> range | None:
    """Indices that (start, end, step) take of an axis; None for the corners where runtimes disagree."""
    start, end, step = bound
    if step > 0:
        return range(*slice(start, end, step).indices(size))
    if start < -size or end >= INT_MAX:
        return None
    start = min(start if start >= 0 else start + size, size - 1)
    return range(start, max(end if end >= 0 else end + size, -1), step)
