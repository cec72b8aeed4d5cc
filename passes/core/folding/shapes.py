"""Shapes of tensors as expressions of the dimensions of the graph's inputs: one rule per kind of operator.

A rule gets the node and what is known so far, and returns the shapes of the outputs it can tell, first to last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from trtconv.passes.core.folding.dims import (
    Expr,
    Size,
    dim,
    divide,
    equal,
    is_nonnegative,
    is_positive,
    is_zero_with,
    product,
)
from trtconv.passes.core.folding.values import INT_MAX, Value, slice_bounds, slice_range
from trtconv.passes.core.node import Node

Shape = tuple[Size, ...]


class Known(Protocol):
    """What the rules may ask: shapes and values of tensors that come before the node."""

    opset: int

    def shape(self, tensor: str) -> Shape | None:
        """Shape of `tensor`, None when not even the rank is known."""

    def value(self, tensor: str) -> Value | None:
        """Elements of a small tensor, None when nothing is known of them."""

    def dtype(self, tensor: str) -> int | None:
        """Element type (`TensorProto.DataType`), None when unknown."""


Rule = Callable[[Node, Known], Sequence[Shape | None]]
RULES: dict[str, Rule] = {}


def rule(*op_types: str) -> Callable[[Rule], Rule]:
    """Register the rule for `op_types`."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(op_types, function))
        return function

    return register


def known_ints(known: Known, tensor: str) -> list[int] | None:
    """Elements of an integer tensor, None unless every one is a number."""
    value = known.value(tensor) if tensor else None
    return value.ints() if value is not None else None


def axes_of(node: Node, known: Known, rank: int, since: int) -> list[int] | None:
    """Axes, from the attribute or (as of opset `since`) from input 1, none negative; empty when not given."""
    given = known.opset >= since and node.input(1)
    found = known_ints(known, node.input(1)) if given else node.attr_ints("axes") or []
    if found is None or any(not -rank <= a < rank for a in found):
        return None
    return [a % rank for a in found]


def broadcast(left: Shape, right: Shape, tensor: str) -> Shape:
    """Shape of an elementwise operator; a size that depends on which dimension is 1 becomes a new one of `tensor`."""
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    return tuple(_broadcast_size(a, b, tensor, i) for i, (a, b) in enumerate(pairs))


def _broadcast_size(a: Size, b: Size, tensor: str, axis: int) -> Size:
    if a == b or b == 1:
        return a
    if a == 1 or (isinstance(b, int) and b > 1):
        return b
    return a if isinstance(a, int) and a > 1 else dim(tensor, axis)


@rule("Transpose")
def _transpose(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    if shape is None:
        return []
    return [tuple(shape[p] for p in node.attr_ints("perm") or reversed(range(len(shape))))]


@rule("Reshape")
def _reshape(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    wanted = reshape_target(node, known)
    if wanted is None:
        return []
    copies = not node.attr_int("allowzero", 0)
    if shape is None:
        return [
            tuple(
                dim(node.outputs[0], i) if d == -1 or (d == 0 and copies) else as_dimension(d, node, i)
                for i, d in enumerate(wanted)
            )
        ]
    out = [shape[i] if d == 0 and copies and i < len(shape) else d for i, d in enumerate(wanted)]
    if copies and -1 in out:
        out = [dim(node.outputs[0], i) if _may_copy(d, i, shape) else d for i, d in enumerate(out)]
    for i, d in enumerate(out):
        if d == -1:
            inferred = divide(product(shape), product((*out[:i], *out[i + 1 :])))
            out[i] = dim(node.outputs[0], i) if inferred is None else inferred
    return [tuple(as_dimension(d, node, i) for i, d in enumerate(out))]


def _may_copy(size: Size, axis: int, shape: Shape) -> bool:
    """Whether a computed size may be 0, which copies that axis of the input, where the axis is not 0.

    Without a -1 beside it, the copy leaves more elements than the input has, and Reshape refuses.
    """
    return (
        isinstance(size, Expr) and axis < len(shape) and not is_positive(size) and not is_zero_with(shape[axis], size)
    )


def as_dimension(size: Size, node: Node, axis: int) -> Size:
    """`size` as a dimension: one that may be -1 or 0, which mean something else, says nothing."""
    return size if is_nonnegative(size) else dim(node.outputs[0], axis)


def reshape_target(node: Node, known: Known) -> list[Size] | None:
    """Elements of the shape that a Reshape is given."""
    if known.opset < 5:
        given = node.attr_ints("shape")
        return None if given is None else [*given]
    value = known.value(node.input(1))
    return None if value is None else value.elements()


@rule("Flatten")
def _flatten(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    if shape is None:
        return []
    axis = node.attr_int("axis", 1)
    axis += len(shape) if axis < 0 else 0
    return [(product(shape[:axis]), product(shape[axis:]))]


@rule("Squeeze")
def _squeeze(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    axes = None if shape is None else axes_of(node, known, len(shape), 13)
    if shape is None or axes is None or (not axes and any(not isinstance(d, int) for d in shape)):
        return []
    axes = axes or [i for i, d in enumerate(shape) if d == 1]
    return [tuple(d for i, d in enumerate(shape) if i not in axes)]


@rule("Unsqueeze")
def _unsqueeze(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    given = known_ints(known, node.input(1)) if known.opset >= 13 else node.attr_ints("axes")
    if shape is None or given is None:
        return []
    rank = len(shape) + len(given)
    axes, rest = {a % rank for a in given}, iter(shape)
    return [tuple(1 if i in axes else next(rest) for i in range(rank))] if len(axes) == len(given) else []


@rule("Concat")
def _concat(node: Node, known: Known) -> Sequence[Shape | None]:
    shapes = [known.shape(t) for t in node.inputs]
    first = shapes[0]
    if first is None:
        return []
    axis = node.attr_int("axis", 1) % len(first)
    total: Size = 0
    for shape in shapes:
        if shape is None or len(shape) != len(first):
            return []
        total = shape[axis] + total
    return [(*first[:axis], total, *first[axis + 1 :])]


@rule("Split")
def _split(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    if not shape:
        return []
    axis, parts = node.attr_int("axis", 0) % len(shape), len(node.outputs)
    sizes = known_ints(known, node.input(1)) if node.input(1) else node.attr_ints("split")
    if not node.input(1) and sizes is None:
        whole = shape[axis]
        if not isinstance(whole, int) or whole % parts:
            return []
        sizes = [whole // parts] * parts
    if sizes is None or len(sizes) != parts:
        return []
    return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]


@rule("Slice")
def _slice(node: Node, known: Known) -> Sequence[Shape | None]:
    shape, bounds = known.shape(node.input(0)), slice_bounds(node, known.opset, known.value)
    if shape is None or bounds is None:
        return []
    out = list(shape)
    for start, end, axis, step in bounds:
        out[axis] = _sliced(out[axis], (start, end, step), dim(node.outputs[0], axis))
    return [tuple(out)]


def _sliced(size: Size, bound: tuple[Size, Size, int], unknown: Size) -> Size:
    """Length of a slice of one axis; `unknown` where it cannot be told."""
    start, end, step = bound
    if start == 0 and step == 1 and (equal(end, size) or (isinstance(end, int) and end >= INT_MAX)):
        return size
    if isinstance(size, int) and isinstance(start, int) and isinstance(end, int):
        indices = slice_range(size, (start, end, step))
        if indices is not None:
            return len(indices)
    return unknown


@rule("Gather")
def _gather(node: Node, known: Known) -> Sequence[Shape | None]:
    data, indices = known.shape(node.input(0)), known.shape(node.input(1))
    if not data or indices is None:
        return []
    axis = node.attr_int("axis", 0) % len(data)
    return [(*data[:axis], *indices, *data[axis + 1 :])]


@rule("Expand")
def _expand(node: Node, known: Known) -> Sequence[Shape | None]:
    shape, wanted = known.shape(node.input(0)), known.value(node.input(1))
    if shape is None or wanted is None:
        return []
    return [broadcast(shape, tuple(wanted.elements()), node.outputs[0])]


@rule("Tile")
def _tile(node: Node, known: Known) -> Sequence[Shape | None]:
    shape, repeats = known.shape(node.input(0)), known.value(node.input(1))
    if shape is None or repeats is None or known.opset < 6:
        return []
    return [tuple(d * r for d, r in zip(shape, repeats.elements(), strict=True))]


@rule("ConstantOfShape")
def _constant_of_shape(node: Node, known: Known) -> Sequence[Shape | None]:
    wanted = known.value(node.input(0))
    return [] if wanted is None else [tuple(as_dimension(d, node, i) for i, d in enumerate(wanted.elements()))]


@rule("Range")
def _range(node: Node, known: Known) -> Sequence[Shape | None]:
    start, delta, limit = known.value(node.input(0)), known.value(node.input(2)), known.value(node.input(1))
    if start is None or limit is None or delta is None or delta.ints() != [1] or start.ints() != [0]:
        return [(dim(node.outputs[0], 0),)]
    return [(as_dimension(limit.elements()[0], node, 0),)]


@rule("Shape")
def _shape(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    if shape is None:
        return []
    end = node.attributes["end"].i if "end" in node.attributes else None
    return [(len(shape[node.attr_int("start", 0) : end]),)]


@rule("Size")
def _size(node: Node, known: Known) -> Sequence[Shape | None]:
    return [()]
