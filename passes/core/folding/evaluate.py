"""Evaluate one operator on numbers and expressions of dimensions, exactly as ONNX defines it.

Only what is exact on any machine is here: moving elements, integer arithmetic, comparisons, and the float operators
that IEEE 754 rounds correctly. All the rest is left to ONNX Runtime (`batch`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from trtconv.passes.core.folding import dims
from trtconv.passes.core.folding.shapes import Known, axes_of
from trtconv.passes.core.folding.values import Value, slice_bounds, slice_range, vector

if TYPE_CHECKING:
    from trtconv.passes.core.folding.values import Array, DType
    from trtconv.passes.core.graph import Node

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
    except (ValueError, IndexError):  # shapes that do not fit: whoever runs the model will say so
        return None


# --- moving elements -----------------------------------------------------------------------------


def _moved(source: Value, data: Array) -> Value | None:
    """A value of the elements of `source`, moved."""
    return Value.of(np.asarray(data, source.data.dtype), source.dtype)


@evaluates("Identity")
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


@evaluates("Cast")
def _cast(node: Node, args: Args, known: Known) -> Value | None:
    to = node.attr_int("to", 0)
    if to in (TensorProto.STRING, TensorProto.UNDEFINED):
        return None
    dtype, source = helper.tensor_dtype_to_np_dtype(to), args[0]
    if dtype.kind not in "iufb" or source.dtype.kind not in "iufb":
        return None
    if dtype == np.float16 and source.dtype not in (np.float32, np.float16):  # runtimes round twice, by way of float32
        return None
    if not source.is_known:
        return Value.of(source.data, dtype)
    if source.dtype.kind == "f" and dtype.kind in "iu" and not _in_range(source.data, dtype):
        return None
    return Value.of(source.data.astype(dtype))


def _in_range(data: Array, dtype: DType) -> bool:
    """Whether no element is beyond the range of integer `dtype`, where the result of a cast is up to the machine."""
    whole, info = np.trunc(data.astype(np.float64)), np.iinfo(dtype)
    return bool(np.all((whole >= float(info.min)) & (whole < float(info.max) + (info.bits < 53))))


# --- arithmetic ----------------------------------------------------------------------------------

NUMERIC: dict[str, np.ufunc] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Equal": np.equal,
    "Less": np.less,
    "Greater": np.greater,
    "LessOrEqual": np.less_equal,
    "GreaterOrEqual": np.greater_equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
}
COMPARED: dict[str, Callable[[dims.Size, dims.Size], bool | None]] = {
    "Equal": dims.equal,
    "Less": dims.less,
    "Greater": lambda a, b: dims.less(b, a),
    "LessOrEqual": lambda a, b: _opposite(dims.less(b, a)),
    "GreaterOrEqual": lambda a, b: _opposite(dims.less(a, b)),
}


def _opposite(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _alike(node: Node, args: Args, known: Known) -> bool:
    """Whether numpy's broadcasting is ONNX's here, and the element types are one that numpy computes exactly."""
    if len({a.dtype for a in args}) != 1 or args[0].dtype.kind not in "iufb":
        return False
    return known.opset >= 7 or len({a.data.shape for a in args}) == 1


@evaluates(*NUMERIC)
def _binary(node: Node, args: Args, known: Known) -> Value | None:
    if not _alike(node, args, known):
        return None
    if all(a.is_known for a in args):
        return Value.of(np.asarray(NUMERIC[node.op_type](args[0].data, args[1].data)))
    if node.op_type in ("Add", "Sub", "Mul"):
        out = NUMERIC[node.op_type](args[0].as_objects(), args[1].as_objects())
        return Value.of(np.asarray(out, object), args[0].dtype)
    if node.op_type not in COMPARED:
        return None
    return _each(COMPARED[node.op_type], args, np.dtype(np.bool_))


def _each(function: Callable[[dims.Size, dims.Size], object], args: Args, dtype: DType) -> Value | None:
    """Apply `function` element by element; None where it cannot say of one."""
    out = np.asarray(np.frompyfunc(function, 2, 1)(args[0].as_objects(), args[1].as_objects()), object)
    return None if any(e is None for e in out.flat) else Value.of(out, dtype)


@evaluates("Div")
def _div(node: Node, args: Args, known: Known) -> Value | None:
    if not _alike(node, args, known):
        return None
    if args[0].dtype.kind == "f":
        return Value.of(np.asarray(np.divide(args[0].data, args[1].data)))
    if any(e == 0 for e in args[1].as_objects().flat):
        return None
    return _each(dims.truncated_divide, args, args[0].dtype)


@evaluates("Mod")
def _mod(node: Node, args: Args, known: Known) -> Value | None:
    if not _alike(node, args, known) or not all(a.is_known for a in args):
        return None
    if args[0].dtype.kind in "iu" and np.any(args[1].data == 0):
        return None
    function = np.fmod if node.attr_int("fmod", 0) else np.mod
    return Value.of(np.asarray(function(args[0].data, args[1].data)))


@evaluates("Min", "Max")
def _extreme(node: Node, args: Args, known: Known) -> Value | None:
    if not _alike(node, args, known) or args[0].dtype.kind not in "iu":
        return None
    out: Value | None = args[0]
    for other in args[1:]:
        out = out and _each(dims.minimum if node.op_type == "Min" else dims.maximum, (out, other), other.dtype)
    return out


UNARY: dict[str, np.ufunc] = {
    "Neg": np.negative,
    "Abs": np.absolute,
    "Sqrt": np.sqrt,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Not": np.logical_not,
}


@evaluates(*UNARY)
def _unary(node: Node, args: Args, known: Known) -> Value | None:
    if args[0].dtype.kind not in "iufb":
        return None
    if args[0].is_known:
        return Value.of(np.asarray(UNARY[node.op_type](args[0].data)))
    return Value.of(np.asarray(-args[0].data, object), args[0].dtype) if node.op_type == "Neg" else None


REDUCTIONS: dict[str, Any] = {
    "ReduceProd": np.multiply,
    "ReduceSum": np.add,
    "ReduceMax": np.maximum,
    "ReduceMin": np.minimum,
}


@evaluates(*REDUCTIONS)
def _reduce(node: Node, args: Args, known: Known) -> Value | None:
    source = args[0]
    axes = axes_of(node, known, source.data.ndim, 13 if node.op_type == "ReduceSum" else 18)
    arithmetic = node.op_type in ("ReduceProd", "ReduceSum")
    if axes is None or source.dtype.kind not in "iu" or source.data.size == 0 or not (arithmetic or source.is_known):
        return None
    if not axes and node.attr_int("noop_with_empty_axes", 0):
        return source
    data, where, keep = source.data, tuple(axes) or None, bool(node.attr_int("keepdims", 1))
    out = REDUCTIONS[node.op_type].reduce(data, axis=where, dtype=data.dtype, keepdims=keep)
    return Value.of(np.asarray(out, data.dtype), source.dtype)


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
