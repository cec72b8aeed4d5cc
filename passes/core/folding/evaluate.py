"""Evaluate one operator on numbers and expressions of dimensions, exactly as ONNX defines it.

Only what is exact on any machine is here: moving elements, integer arithmetic, comparisons, and the float operators
that IEEE 754 rounds correctly. All the rest is left to ONNX Runtime (`batch`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from onnx import numpy_helper

from trtconv.passes.core.folding import dims
from trtconv.passes.core.folding.shapes import Known, axes_of
from trtconv.passes.core.folding.values import MALFORMED, Value, slice_bounds, slice_range, vector

if TYPE_CHECKING:
    from trtconv.passes.core.folding.values import Array
    from trtconv.passes.core.node import Node

Args = Sequence[Value]
Evaluator = Callable[["Node", Args, Known], "Value | None"]
EVALUATORS: dict[str, Evaluator] = {}

SIZE_LIMIT = 1 << 16
"""Elements that are evaluated here; ONNX Runtime is faster on more."""


def evaluates(*op_types: str) -> Callable[[Evaluator], Evaluator]:
    """Register the evaluator of `op_types`."""

    def register(function: Evaluator) -> Evaluator:
        EVALUATORS.update(dict.fromkeys(op_types, function))
        return function

    return register


def evaluate(node: Node, args: Args, known: Known) -> Value | None:
    """Value of the only output of `node`; `args` are its inputs without those left out. None for "cannot say"."""
    if len(node.outputs) != 1 or any(a.data.size > SIZE_LIMIT for a in args):
        return None
    try:
        with np.errstate(all="ignore"):
            return EVALUATORS[node.op_type](node, args, known)
    except MALFORMED:
        return None


# --- moving elements -----------------------------------------------------------------------------


def _moved(source: Value, data: Array) -> Value | None:
    """A value of the elements of `source`, moved."""
    return Value.of(np.asarray(data, source.data.dtype), source.dtype)


@evaluates("Identity", "Split")  # a Split with one output hands its input on
def _identity(node: Node, args: Args, known: Known) -> Value | None:
    return args[0]


@evaluates("Reshape")
def _reshape(node: Node, args: Args, known: Known) -> Value | None:
    wanted = args[1].ints() if len(args) > 1 else node.attr_ints("shape")
    if wanted is None:
        return None
    data = args[0].data
    if not node.attr_int("allowzero", 0):
        wanted = [data.shape[i] if d == 0 and i < data.ndim else d for i, d in enumerate(wanted)]
    if -1 in wanted:
        rest = -math.prod(wanted)
        if rest <= 0 or data.size % rest:
            return None
        wanted[wanted.index(-1)] = data.size // rest
    return _moved(args[0], data.reshape(wanted)) if math.prod(wanted) == data.size else None


@evaluates("Flatten")
def _flatten(node: Node, args: Args, known: Known) -> Value | None:
    shape, axis = args[0].data.shape, node.attr_int("axis", 1)
    axis += len(shape) if axis < 0 else 0
    return _moved(args[0], args[0].data.reshape(math.prod(shape[:axis]), math.prod(shape[axis:])))


@evaluates("Squeeze")
def _squeeze(node: Node, args: Args, known: Known) -> Value | None:
    axes = axes_of(node, known, args[0].data.ndim, 13)
    if axes is None or any(args[0].data.shape[a] != 1 for a in axes):
        return None
    return _moved(args[0], args[0].data.squeeze(tuple(axes) or None))


@evaluates("Unsqueeze")
def _unsqueeze(node: Node, args: Args, known: Known) -> Value | None:
    axes = args[1].ints() if known.opset >= 13 else node.attr_ints("axes")
    return None if axes is None else _moved(args[0], np.expand_dims(args[0].data, tuple(axes)))


@evaluates("Transpose")
def _transpose(node: Node, args: Args, known: Known) -> Value | None:
    return _moved(args[0], args[0].data.transpose(node.attr_ints("perm")))


@evaluates("Concat")
def _concat(node: Node, args: Args, known: Known) -> Value | None:
    if len({a.dtype for a in args}) != 1:
        return None
    parts = [a.data for a in args] if all(a.is_known for a in args) else [a.as_objects() for a in args]
    return Value.of(np.concatenate(parts, node.attr_int("axis", 1)), args[0].dtype)


@evaluates("Gather")
def _gather(node: Node, args: Args, known: Known) -> Value | None:
    indices, axis = args[1], node.attr_int("axis", 0)
    size = args[0].data.shape[axis]
    if not indices.is_known or np.any((indices.data < -size) | (indices.data >= size)):
        return None
    return _moved(args[0], np.take(args[0].data, indices.data, axis))


@evaluates("Slice")
def _slice(node: Node, args: Args, known: Known) -> Value | None:
    bounds, data = slice_bounds(node, known.opset, known.value), args[0].data
    for start, end, axis, step in bounds or ():
        if not isinstance(start, int) or not isinstance(end, int):
            return None
        indices = slice_range(data.shape[axis], (start, end, step))
        if indices is None:
            return None
        data = np.take(data, np.asarray(indices, np.int64), axis)
    return None if bounds is None else _moved(args[0], data)


@evaluates("Expand")
def _expand(node: Node, args: Args, known: Known) -> Value | None:
    wanted = args[1].ints()
    if wanted is None:
        return None
    shape = np.broadcast_shapes(args[0].data.shape, tuple(wanted))
    return _moved(args[0], np.broadcast_to(args[0].data, shape)) if math.prod(shape) <= SIZE_LIMIT else None


@evaluates("Tile")
def _tile(node: Node, args: Args, known: Known) -> Value | None:
    repeats = args[1].ints()
    if repeats is None or known.opset < 6 or math.prod(repeats) * args[0].data.size > SIZE_LIMIT:
        return None
    return _moved(args[0], np.tile(args[0].data, repeats))


@evaluates("Where")
def _where(node: Node, args: Args, known: Known) -> Value | None:
    condition, yes, no = args
    if not condition.is_known or yes.dtype != no.dtype:
        return None
    if yes.is_known and no.is_known:
        return Value.of(np.where(condition.data, yes.data, no.data))
    return Value.of(np.where(condition.data, yes.as_objects(), no.as_objects()), yes.dtype)


# --- making elements -----------------------------------------------------------------------------


@evaluates("ConstantOfShape")
def _constant_of_shape(node: Node, args: Args, known: Known) -> Value | None:
    shape, fill = args[0].ints(), node.attr_tensor("value")
    if shape is None or min(shape, default=0) < 0 or math.prod(shape) > SIZE_LIMIT:
        return None
    return Value.of(np.full(shape, np.float32(0) if fill is None else numpy_helper.to_array(fill).ravel()[0]))


@evaluates("Range")
def _range(node: Node, args: Args, known: Known) -> Value | None:
    bounds = [a.ints() for a in args]
    if any(b is None for b in bounds) or not bounds[2] or bounds[2][0] == 0:
        return None
    elements = range(*(b[0] for b in bounds if b))
    return Value.of(np.asarray(elements, args[0].dtype)) if len(elements) <= SIZE_LIMIT else None


@evaluates("NonZero")
def _nonzero(node: Node, args: Args, known: Known) -> Value | None:
    return Value.of(np.asarray(np.nonzero(args[0].data), np.int64)) if args[0].is_known and args[0].data.ndim else None


def of_shape(node: Node, known: Known) -> Value | None:
    """Value of a Shape or Size node, from the shape of its input."""
    shape = known.shape(node.input(0))
    if shape is None:
        return None
    if node.op_type == "Size":
        whole = vector([dims.product(shape)])
        return Value(whole.data.reshape(()), whole.dtype)
    end = node.attributes["end"].i if "end" in node.attributes else None
    return vector(shape[node.attr_int("start", 0) : end])
