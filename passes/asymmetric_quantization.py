"""# asymmetric-quantization

## What it does
Writes a `QuantizeLinear` or `DequantizeLinear` whose zero point is not 0, or whose 8 or 16-bit type TensorRT does not
quantize to, so that it means the same without.

A UINT8 pair with zero point 128 becomes the INT8 pair with zero point 0. Any other becomes its arithmetic: Div, Round,
Add and Clip, or Sub and Mul.

## Why
TensorRT quantizes symmetrically to INT8: "TRT only supports symmetric quantization - zeroPt must be all zeros". UINT8
data is refused from 8.5 on ("Found unsupported input type of UINT8"), and from 9.0 on a UINT8 zero point is read as
INT8 with a warning, which halves the range without an error. INT16 and UINT16 do not exist at all, and INT32, which
ONNX Runtime stores biases in, is not dequantized ("input has type Int32 but must have type FP8, FP4, Int4, Int8").

## Safety
Exact up to the rounding of one multiplication. What became arithmetic is computed in floating point: the numbers stay,
the speed of INT8 does not.

## When it refuses
When the rank of a tensor with a scale for each channel is unknown, or the shape of one with a scale for each block.

## How to avoid it when exporting
Quantize symmetrically to INT8: in ONNX Runtime `activation_type=QuantType.QInt8` with
`extra_options={"ActivationSymmetric": True, "WeightSymmetric": True}`.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core import (
    Example,
    Graph,
    Node,
    Pass,
    Refused,
    Replacement,
    Safety,
    Target,
    Trouble,
    integers,
    refused,
    silent,
)

FLOAT, INT8, UINT8 = TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8
UNKNOWN_TO_TENSORRT = (TensorProto.INT16, TensorProto.UINT16)
MIDDLE = 128
"""Zero point of UINT8 that INT8 has at 0."""


class AsymmetricQuantization(Pass):
    """Quantization other than symmetric INT8 (or INT4, FP8, FP4)."""

    ops = ("QuantizeLinear", "DequantizeLinear")
    domains = ("", "com.microsoft")
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            title="the same range in INT8",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y) <float s = {0.1}, uint8 z = {128}> {
                    q = QuantizeLinear(x, s, z)
                    y = DequantizeLinear(q, s, z)
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y) <float s = {0.1}, int8 z = {0}> {
                    q = QuantizeLinear(x, s, z)
                    y = DequantizeLinear(q, s, z)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="another zero point",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (int8[N,4] y) <float s = {0.1}, int8 z = {3}> { y = QuantizeLinear(x, s, z) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (int8[N,4] y) <float s = {0.1}, float z = {3}, float l = {-128}, float h = {127}> {
                    ratio = Div(x, s)
                    rounded = Round(ratio)
                    shifted = Add(rounded, z)
                    limited = Clip(shifted, l, h)
                    y = Cast <to = 3> (limited)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="symmetric",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (int8[N,4] y) <float s = {0.1}, int8 z = {0}> { y = QuantizeLinear(x, s, z) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A zero point other than 0, UINT8, INT16, UINT16 or INT32."""
        dtype = quantized_type(node, graph)
        if dtype in UNKNOWN_TO_TENSORRT:
            return refused(f"{target.title} does not quantize to 16 bits")
        if dtype == TensorProto.INT32:
            return refused(f"{target.title} does not dequantize INT32")
        zero = graph.constant(node.input(2)) if node.input(2) else np.zeros(1)
        if dtype == UINT8 and zero is not None and not zero.any() and not target.before(9, 0):
            if node.op_type == "QuantizeLinear":
                return silent("its UINT8 zero point is read as INT8")
            if (maker := graph.producer(node.input(0))) is not None and maker.op_type == "QuantizeLinear":
                return None
        if dtype == UINT8:
            return refused(f"{target.title} does not quantize to UINT8")
        if dtype == INT8 and (zero is None or zero.any()):
            return refused("zero points have to be 0 and in the file: TensorRT quantizes symmetrically")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """INT8 with zero point 0 where that is the same, else arithmetic."""
        if node.op_type == "QuantizeLinear":
            readers = graph.consumers(node.outputs[0])
            return _as_int8(node, readers, graph) if _is_int8_pair(node, readers, graph) else _quantize(node, graph)
        if _is_middle(node, graph) and graph.is_constant(node.input(0)):
            return _constant_as_int8(node, graph)
        return _dequantize(node, graph)


def quantized_type(node: Node, graph: Graph) -> int | None:
    """Element type of the quantized side."""
    if node.op_type == "DequantizeLinear":
        return graph.dtype(node.input(0))
    return graph.dtype(node.input(2)) if node.input(2) else node.attr_int("output_dtype", 0) or UINT8


def _is_middle(node: Node, graph: Graph) -> bool:
    zero = graph.constant(node.input(2)) if node.input(2) else None
    return zero is not None and zero.dtype == np.uint8 and bool((zero == MIDDLE).all())


def _is_int8_pair(node: Node, readers: list[Node], graph: Graph) -> bool:
    """Whether only DequantizeLinear reads the tensor, and all of them, too, have the middle of the range as zero."""
    inner = not graph.is_output(node.outputs[0])
    return (
        inner
        and _is_middle(node, graph)
        and all(n.op_type == "DequantizeLinear" and _is_middle(n, graph) for n in readers)
    )


def _as_int8(node: Node, readers: list[Node], graph: Graph) -> Replacement:
    r = Replacement(graph, node)
    quantized = graph.unique(f"{node.label}/int8")
    for one, x, out in ((node, node.input(0), quantized), *((n, quantized, n.outputs[0]) for n in readers)):
        zero = graph.constant(one.input(2))
        r.clone(one, [x, one.input(1), r.constant(np.zeros_like(zero, np.int8))], into=[out], without=["output_dtype"])
    r.remove(*readers)
    return r


def _constant_as_int8(node: Node, graph: Graph) -> Replacement:
    r = Replacement(graph, node)
    value, zero = graph.constant(node.input(0)), graph.constant(node.input(2))
    assert value is not None
    shifted = (value.astype(np.int16) - MIDDLE).astype(np.int8)
    r.clone(node, [r.constant(shifted), node.input(1), r.constant(np.zeros_like(zero, np.int8))])
    return r


def _quantize(node: Node, graph: Graph) -> Replacement:
    dtype = quantized_type(node, graph)
    if dtype is None or not integers.is_integer(dtype):
        raise Refused("its element type is unknown, or no integer of 8 bits or more")
    r = Replacement(graph, node)
    x, (scale, zero) = node.input(0), _aligned(r, node, graph)
    rounded = r.op("Round", _as_float(r, r.op("Div", x, scale), graph.dtype(x)))
    shifted = r.op("Add", rounded, zero) if zero else rounded
    low, high = integers.range_of(dtype)
    r.cast(r.clip(shifted, low, high), dtype, into=node.outputs[0])
    return r


def _dequantize(node: Node, graph: Graph) -> Replacement:
    r = Replacement(graph, node)
    scale, zero = _aligned(r, node, graph)
    kind = graph.dtype(node.input(1))
    wide = r.cast(node.input(0), FLOAT)
    centred = r.op("Sub", wide, zero) if zero else wide
    if kind == FLOAT:
        r.op("Mul", centred, scale, into=node.outputs[0])
    else:
        r.cast(r.op("Mul", centred, r.cast(scale, FLOAT)), kind or FLOAT, into=node.outputs[0])
    return r


def _as_float(r: Replacement, x: str, dtype: int | None) -> str:
    return x if dtype == FLOAT else r.cast(x, FLOAT)


def _aligned(r: Replacement, node: Node, graph: Graph) -> tuple[str, str]:
    """Scale, and zero point as FLOAT (empty where there is none), in shapes that broadcast with the data."""
    return _one_aligned(r, node, graph, node.input(1), None), _one_aligned(r, node, graph, node.input(2), np.float32)


def _one_aligned(r: Replacement, node: Node, graph: Graph, tensor: str, kind: type | None) -> str:
    if not tensor:
        return ""
    value = graph.constant(tensor)
    if kind is None:
        cast = tensor
    elif value is not None:
        cast = r.constant(value.astype(kind))
    else:
        cast = r.cast(tensor, helper.np_dtype_to_tensor_dtype(np.dtype(kind)))
    shape, block = graph.shape(tensor), node.attr_int("block_size", 0)
    if block:
        return _repeated(r, node, graph, cast, shape)
    if shape == () or (shape is not None and len(shape) == 1 and graph.rank(node.input(0)) == 1):
        return cast
    return r.reshape(cast, _per_axis_shape(-1, node, graph))


def _repeated(r: Replacement, node: Node, graph: Graph, x: str, shape: tuple[object, ...] | None) -> str:
    """Scales of blocks, one for each element of the data along the blocked axis."""
    data, axis, block = graph.shape(node.input(0)), node.attr_int("axis", 1), node.attr_int("block_size", 0)
    if data is None or shape is None or not all(isinstance(d, int) for d in (*data, *shape)):
        raise Refused("the shapes of its data and of the scales of its blocks are not both known")
    axis %= len(data)
    sizes = [d for d in shape if isinstance(d, int)]
    spread = r.op("Expand", r.unsqueeze(x, [axis + 1]), r.constant([*sizes[: axis + 1], block, *sizes[axis + 1 :]]))
    joined = r.reshape(spread, [*sizes[:axis], sizes[axis] * block, *sizes[axis + 1 :]])
    size = data[axis]
    return r.slice(joined, [0], [size], [axis]) if isinstance(size, int) and sizes[axis] * block > size else joined


def _per_axis_shape(size: int, node: Node, graph: Graph) -> list[int]:
    rank = graph.rank(node.input(0))
    if rank is None:
        raise Refused("the rank of its input is unknown, so that its scales have no axis")
    axis = node.attr_int("axis", 1) % rank if rank > 1 else 0
    return [size if i == axis else 1 for i in range(rank)]
