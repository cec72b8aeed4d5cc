"""# negative-scale

## What it does
Moves the sign of a quantization scale out of the `QuantizeLinear` or `DequantizeLinear` into a `Mul` beside it.

## Why
Importers check the scales that they find in the file, from TensorRT 8.0 on ("Scale coefficients must all be
positive"), which ONNX does not ask for. Scales of 0 come from quantizers that saw a channel of zeros only.

## Safety
Exact: a quotient or product changes its sign with either operand, and what a scale of 0 is multiplied by becomes 0.

## When it refuses
When a `QuantizeLinear` has a scale of 0, by which nothing can be divided, and for blocks of values with a scale each.

## How to avoid it when exporting
Let the quantizer observe data on which every channel is alive.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused


class NegativeScale(Pass):
    """A constant scale that is 0 or negative somewhere."""

    ops = ("DequantizeLinear", "QuantizeLinear")
    after = ("asymmetric-quantization", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[N,4] x) => (float[N,4] y) <float s = {-0.5}, int8 z = {0}> {
                    y = DequantizeLinear(x, s, z) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[N,4] x) => (float[N,4] y) <float s = {0.5}, int8 z = {0}, float m = {-1}> {
                    d = DequantizeLinear(x, s, z) y = Mul(d, m) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="a positive one",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[N,4] x) => (float[N,4] y) <float s = {0.5}, int8 z = {0}> {
                    y = DequantizeLinear(x, s, z) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="nothing to divide by",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (int8[N,4] y) <float s = {0}, int8 z = {0}> { y = QuantizeLinear(x, s, z) }""",
            refusal="a scale of 0",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A scale that is not above 0."""
        scale = None if target.before(8, 0) else graph.constant(node.input(1))
        if scale is None or (scale.astype(np.float64) > 0).all():
            return None
        return refused(f"a scale of the {node.op_type} is {float(scale.astype(np.float64).min()):g}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Positive scales, and the signs in front (quantize) or behind (dequantize)."""
        scale, shape = graph.constant(node.input(1)), graph.shape(node.input(0))
        if scale is None or scale.ndim > 1 or (scale.ndim and shape is None):
            raise Refused("its scales belong to blocks of values, or the rank of its input is not known")
        signs = np.sign(scale.astype(np.float64))
        quantizes = node.op_type == "QuantizeLinear"
        if quantizes and not signs.all():
            raise Refused("nothing can be divided by a scale of 0")
        if scale.ndim and shape is not None:
            axis = node.attr_int("axis", 1) % len(shape)
            signs = signs.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        r = Replacement(graph, node)
        positive = np.where(scale == 0, np.ones_like(scale), np.abs(scale)).astype(scale.dtype)
        kind = graph.dtype(node.input(0) if quantizes else node.outputs[0]) or TensorProto.FLOAT
        factors = r.constant(signs.astype(helper.tensor_dtype_to_np_dtype(kind)))
        inputs = [r.constant(positive), *node.inputs[2:]]
        if quantizes:
            r.clone(node, [r.op("Mul", node.input(0), factors), *inputs])
        else:
            r.op("Mul", r.clone(node, [node.input(0), *inputs], into=[None])[0], factors, into=node.outputs[0])
        return r
