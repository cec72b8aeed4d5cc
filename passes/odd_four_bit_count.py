"""# odd-four-bit-count

## What it does
Adds a slice of zeros to 4-bit weights of an odd number of elements, and takes what `DequantizeLinear` makes of it away
again.

## Why
Two 4-bit values share a byte. TensorRT 10 refuses weights that leave half a byte over ("4-bit quantization requies an
even number of elements."), TensorRT-RTX at the build ("Sub-byte quantization with odd tensor volume is not supported",
measured with 1.7). An odd number of elements is odd along every axis, so one more of any of them makes it even.

## Safety
Exact: every value that stays is computed as before.

## When it refuses
When the 4-bit values, their scales or their zero points are computed, and not weights.

## How to avoid it when exporting
Quantize to INT4 only what has an even size along some axis, as the channels of most layers have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array

FOUR_BITS = (TensorProto.INT4, TensorProto.FLOAT4E2M1)


class OddFourBitCount(Pass):
    """Quantization to or from INT4 or FLOAT4E2M1 with half a byte over."""

    ops = ("DequantizeLinear", "QuantizeLinear")
    after = ("asymmetric-quantization", "unsupported-integer-type", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 10, opset_import: ["": 21]>
                g (float[N,3] x) => (float[N,3] y) <int4[3,3] w = {1,2,3,4,5,6,7,-8,1}, float s = {0.5}> {
                    d = DequantizeLinear(w, s) y = MatMul(x, d) }""",
            after="""<ir_version: 10, opset_import: ["": 21]>
                g (float[N,3] x) => (float[N,3] y)
                <int4[3,4] w = {1,2,3,0,4,5,6,0,7,-8,1,0}, float s = {0.5},
                 int64[1] a = {0}, int64[1] b = {3}, int64[1] c = {1}> {
                    e = DequantizeLinear(w, s) d = Slice(e, a, b, c) y = MatMul(x, d) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="whole bytes",
            before="""<ir_version: 10, opset_import: ["": 21]>
                g (float[N,3] x) => (float[N,2] y) <int4[3,2] w = {1,2,3,4,5,6}, float s = {0.5}> {
                    d = DequantizeLinear(w, s) y = MatMul(x, d) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="values that are computed",
            before="""<ir_version: 10, opset_import: ["": 21]>
                g (float[3] x) => (float[3] y) <float s = {0.5}, int4 z = {0}> {
                    q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }""",
            refusal="no weights",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A fixed, odd number of 4-bit values, in a version that has such values."""
        values = node.input(0) if node.op_type == "DequantizeLinear" else node.outputs[0]
        if target.before(10, 0) or graph.dtype(values) not in FOUR_BITS:
            return None
        count = 1
        for dim in graph.shape(values) or (0,):
            count *= dim if isinstance(dim, int) else 0
        return refused(f"{count} values of 4 bits leave half a byte over") if count % 2 else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Weights of one more along an axis that they are not quantized by, and a Slice."""
        constants = [graph.constant(t) if t else None for t in node.inputs]
        weights, *parameters = constants
        if node.op_type == "QuantizeLinear" or weights is None or any(p is None for p in parameters):
            raise Refused("the 4-bit values, or their scales, are no weights")
        if not weights.ndim:
            raise Refused("there is no axis to add to")
        axis = _free_axis(node, weights.ndim)
        r = Replacement(graph, node)
        inputs = [r.constant(_longer(weights, axis, 0), hint="weights")]
        for tensor, value in zip(node.inputs[1:], parameters, strict=True):
            goes_along = value is not None and _goes_along(value, weights, axis)
            fill = 1 if tensor == node.input(1) else 0
            inputs.append(r.constant(_longer(value, axis, fill)) if value is not None and goes_along else tensor)
        longer = r.clone(node, inputs, into=[None])[0]
        r.slice(longer, [0], [weights.shape[axis]], [axis], into=node.outputs[0])
        return r


def _free_axis(node: Node, rank: int) -> int:
    """The last axis that has no scale of its own for each of its places; of vectors the only one."""
    taken = node.attr_int("axis", 1) % rank if rank > 1 else 0
    return next((a for a in reversed(range(rank)) if a != taken), 0)


def _goes_along(parameter: Array, weights: Array, axis: int) -> bool:
    """Whether a scale or zero point has a value for each place of `axis`: blocked ones, and those of vectors."""
    return parameter.ndim == weights.ndim and parameter.shape[axis] == weights.shape[axis]


def _longer(values: Array, axis: int, fill: int) -> Array:
    """One more place along `axis`, with the same element type."""
    shape = [1 if a == axis else d for a, d in enumerate(values.shape)]
    return np.concatenate([values, np.full(shape, fill).astype(values.dtype)], axis)
