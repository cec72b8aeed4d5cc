"""Arithmetic of narrow and unsigned integers written in the two that TensorRT has, INT32 and INT64.

A tensor keeps its value; of UINT64 it keeps the 64 bits, so that what is beyond 2**63 is carried as a negative INT64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core.rewrite import Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.node import Node

WIDER: dict[int, int] = {
    TensorProto.UINT8: TensorProto.INT32,
    TensorProto.INT16: TensorProto.INT32,
    TensorProto.UINT16: TensorProto.INT32,
    TensorProto.UINT32: TensorProto.INT64,
    TensorProto.UINT64: TensorProto.INT64,
}
"""Element type that holds each value (of UINT64: each bit pattern) of one that TensorRT lacks."""

MOVING = frozenset(
    (
        *("Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Concat", "Split", "Slice", "Expand"),
        *("Tile", "Where", "Pad", "DepthToSpace", "SpaceToDepth", "Trilu", "Compress", "ReverseSequence", "Dropout"),
        *("Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "Scatter", "OneHot", "EyeLike"),
        *("Shape", "Size", "Equal", "NonZero", "Constant", "ConstantOfShape", "If", "Loop", "Scan", "CenterCropPad"),
    )
)
"""Operators that move values or compare bits: right in any type that holds the values."""

ORDERING = frozenset(
    (
        *("Max", "Min", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "ArgMax", "ArgMin", "TopK"),
        *("ReduceMax", "ReduceMin", "MaxPool", "GlobalMaxPool", "Clip"),
    )
)
"""Operators that compare by size: right in any type that holds the values, not for UINT64 read as INT64."""

WRAPPING = frozenset(("Add", "Sub", "Mul", "Neg", "Abs", "Sum", "ReduceSum", "CumSum", "Div"))
"""Operators whose result may leave the range of the type, and then wraps around."""

BOUNDED = frozenset(("Mod", "Sign"))
"""Arithmetic that never leaves the range of the type."""

CASTS = frozenset(("Cast", "CastLike"))

SIGN_BIT = np.int64(-(2**63))


def range_of(dtype: int) -> tuple[int, int]:
    """Least and greatest value of an integer type."""
    info = np.iinfo(helper.tensor_dtype_to_np_dtype(dtype))
    return int(info.min), int(info.max)


def is_integer(dtype: int | None) -> bool:
    """Whether numpy has the type as an integer of 8 bits or more."""
    return dtype is not None and helper.tensor_dtype_to_np_dtype(dtype).kind in "iu"


def holds(wide: int, narrow: int) -> bool:
    """Whether every value of `narrow` is one of `wide`."""
    return range_of(wide)[0] <= range_of(narrow)[0] and range_of(narrow)[1] <= range_of(wide)[1]


def wrap(r: Replacement, x: str, dtype: int, wide: int | None = None, into: str | None = None) -> str:
    """`x`, of element type `wide`, brought back into the range of `dtype` modulo its number of values."""
    if dtype == TensorProto.UINT64:
        return r.op("Identity", x, into=into)
    low, high = range_of(dtype)
    kind = helper.tensor_dtype_to_np_dtype(WIDER[dtype] if wide is None else wide)
    modulus = r.constant(high - low + 1, kind)
    if low == 0:
        return r.op("Mod", x, modulus, into=into)
    offset = r.constant(-low, kind)
    return r.op("Sub", r.op("Mod", r.op("Add", x, offset), modulus), offset, into=into)


def multiply(r: Replacement, a: str, b: str, dtype: int, into: str) -> None:
    """Product of two tensors of the wider type, wrapped; no step leaves INT64 but that of UINT64, which wraps there."""
    if dtype == TensorProto.UINT64:
        r.op("Mul", a, b, into=into)
    elif dtype == TensorProto.UINT32:
        r.op("Identity", _multiply_by_halves(r, a, b), into=into)
    elif dtype == TensorProto.UINT16:
        product = r.op("Mul", r.cast(a, TensorProto.INT64), r.cast(b, TensorProto.INT64))
        r.cast(r.op("Mod", product, r.constant(2**16, np.int64)), TensorProto.INT32, into=into)
    else:
        wrap(r, r.op("Mul", a, b), dtype, into=into)


def _multiply_by_halves(r: Replacement, a: str, b: str) -> str:
    """32-bit product in INT64, one factor in halves of 16 bits so that no product reaches 2**63."""
    half, whole = r.constant(2**16, np.int64), r.constant(2**32, np.int64)
    low, high = r.op("Mod", a, half), r.op("Div", a, half)
    upper = r.op("Mul", r.op("Mod", r.op("Mul", high, b), half), half)
    return r.op("Mod", r.op("Add", r.op("Mul", low, b), upper), whole)


def flip(r: Replacement, x: str, into: str | None = None) -> str:
    """UINT64 bits moved so that INT64 order is their order, or back: the sign bit inverted."""
    return r.op("Add", x, r.constant(SIGN_BIT), into=into)


def unsigned_to_float(r: Replacement, x: str, dtype: int, into: str) -> None:
    """Cast of UINT64 bits to a float type: 2**64 more where the sign bit is set."""
    kind = helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT if dtype == TensorProto.BFLOAT16 else dtype)
    wide = r.cast(x, TensorProto.FLOAT)
    negative = r.op("Less", x, r.constant(0, np.int64))
    shifted = r.op("Add", wide, r.constant(2.0**64, np.float32))
    chosen = r.op("Where", negative, shifted, wide)
    r.cast(chosen, dtype, into=into) if kind != np.float32 else r.op("Identity", chosen, into=into)


def divide_bits(r: Replacement, a: str, b: str) -> str:
    """Quotient of UINT64 bits: half the dividend fits INT64; twice its quotient is short by one at most."""
    zero, one, two = (r.constant(v, np.int64) for v in (0, 1, 2))
    rest = r.op("Div", r.op("Sub", a, r.op("Mod", a, two)), two)
    half = r.op("Where", r.op("Less", a, zero), r.op("Sub", rest, r.constant(SIGN_BIT)), rest)
    short = r.op("Mul", r.op("Div", half, b), two)
    left = r.op("Sub", a, r.op("Mul", short, b))
    by_small = r.op("Where", _at_least(r, left, b), r.op("Add", short, one), short)
    by_large = r.op("Where", _at_least(r, a, b), one, zero)
    return r.op("Where", r.op("Less", b, zero), by_large, by_small)


def _at_least(r: Replacement, a: str, b: str) -> str:
    return r.op("Not", r.op("Less", flip(r, a), flip(r, b)))


def arithmetic(r: Replacement, node: Node, dtype: int, inputs: list[str]) -> None:
    """One operator whose result may leave the range of `dtype`, in the wider type and wrapped."""
    out = node.outputs[0]
    if node.op_type == "Mul":
        multiply(r, inputs[0], inputs[1], dtype, out)
    elif node.op_type == "Abs" and range_of(dtype)[0] == 0:
        r.op("Identity", inputs[0], into=out)
    elif node.op_type == "Div" and dtype == TensorProto.UINT64:
        r.op("Identity", divide_bits(r, inputs[0], inputs[1]), into=out)
    else:
        wrap(r, r.clone(node, inputs, into=[None])[0], dtype, into=out)


def remainder_of_bits(r: Replacement, a: str, b: str, into: str) -> None:
    """Remainder of UINT64 bits."""
    r.op("Sub", a, r.op("Mul", divide_bits(r, a, b), b), into=into)
