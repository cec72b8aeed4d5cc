"""Constant arguments for operators whose computed argument is known well enough: shapes with 0 and -1, slice ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from trtconv.passes.core.folding.dims import Expr, Size, equal
from trtconv.passes.core.folding.shapes import Shape
from trtconv.passes.core.folding.values import MALFORMED, slice_bounds

if TYPE_CHECKING:
    from trtconv.passes.core.folding.shapes import Known
    from trtconv.passes.core.node import Node

Arguments = dict[int, list[int]]
"""Elements of the inputs that can be constants, by position."""

TO_THE_END = int(np.iinfo(np.int64).max)


def constant_arguments(node: Node, known: Known) -> Arguments:
    """Inputs of `node` that a constant can take the place of; empty where there are none."""
    rule = _RULES.get(node.op_type) if not node.domain else None
    shape = known.shape(node.input(0)) if rule is not None else None
    try:
        return {} if rule is None or shape is None else rule(node, shape, known)
    except MALFORMED:
        return {}


def _computed(node: Node, index: int, known: Known) -> list[Size] | None:
    """Elements of input `index` where some are expressions."""
    value = known.value(node.input(index)) if node.input(index) else None
    return None if value is None or value.is_known else value.elements()


def _reshape(node: Node, shape: Shape, known: Known) -> Arguments:
    wanted = _computed(node, 1, known)
    if wanted is None or node.attr_int("allowzero", 0):
        return {}
    out = [_copied(shape, i, size) for i, size in enumerate(wanted)]
    rest = [i for i, size in enumerate(out) if isinstance(size, Expr)]
    if len(rest) == 1 and all(isinstance(d, int) and d > 0 for i, d in enumerate(out) if i != rest[0]):
        out[rest[0]] = -1
    numbers = [size for size in out if isinstance(size, int)]
    return {1: numbers} if len(numbers) == len(out) else {}


def _copied(shape: Shape, axis: int, size: Size) -> Size:
    """0 where the size is that of the same axis of the input, which Reshape copies, empty or not."""
    return 0 if isinstance(size, Expr) and axis < len(shape) and size == shape[axis] else size


def _expand(node: Node, shape: Shape, known: Known) -> Arguments:
    wanted = _computed(node, 1, known)
    if wanted is None:
        return {}
    aligned = (1,) * (len(wanted) - len(shape)) + shape[max(0, len(shape) - len(wanted)) :]
    out = [1 if size == mine else size for size, mine in zip(wanted, aligned, strict=True)]
    numbers = [size for size in out if isinstance(size, int)]
    return {1: numbers} if len(numbers) == len(out) else {}


def _slice(node: Node, shape: Shape, known: Known) -> Arguments:
    wanted = _computed(node, 2, known)
    bounds = slice_bounds(node, known.opset, known.value) if wanted is not None else None
    ends = [_end(end, shape[axis], step) for _, end, axis, step in bounds or ()]
    numbers = [end for end in ends if end is not None]
    return {2: numbers} if ends and len(numbers) == len(ends) else {}


def _end(end: Size, size: Size, step: int) -> int | None:
    """The same end as a number: the whole axis, or all but the last (which is -1 for an empty axis too)."""
    if isinstance(end, int):
        return end
    if step > 0 and equal(end, size):
        return TO_THE_END
    return -1 if step > 0 and equal(end, size - 1) else None


_RULES: dict[str, Callable[[Node, Shape, Known], Arguments]] = {"Reshape": _reshape, "Expand": _expand, "Slice": _slice}

TAKES_ARGUMENTS = tuple(_RULES)
"""Operators whose computed argument may become a constant."""
