"""Evaluate casts, arithmetic, comparisons and reductions on numbers and expressions of dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core.folding import dims
from trtconv.passes.core.folding.evaluate import Args, evaluates
from trtconv.passes.core.folding.shapes import Known, axes_of
from trtconv.passes.core.folding.values import Value

if TYPE_CHECKING:
    from trtconv.passes.core.folding.values import Array, DType
    from trtconv.passes.core.node import Node


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
    where, keep = tuple(axes) or None, bool(node.attr_int("keepdims", 1))
    out = REDUCTIONS[node.op_type].reduce(source.as_objects(), axis=where, dtype=object, keepdims=keep)
    return Value.of(np.asarray(out, object), source.dtype)  # None on overflow, where runtimes differ
