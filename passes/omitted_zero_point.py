"""# omitted-zero-point

## What it does
Spells out the zero point of a QuantizeLinear or DequantizeLinear that leaves it out.

## Why
Up to TensorRT 8.5 these importers want three inputs ("This version of TensorRT requires 3 inputs for the
DequantizeLinear operator."); 8.6 lets FP8 alone do without.

## Safety
Exact: what is left out is 0.

## When it refuses
When the shape of the scale, or the element type, is not known.

## How to avoid it when exporting
Quantizers write zero points unless told not to.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused


class OmittedZeroPoint(Pass):
    """Quantization with two inputs."""

    ops = ("DequantizeLinear", "QuantizeLinear")
    examples = (
        Example(
            target="tensorrt-8.4",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[N,4] x) => (float[N,4] y) <float s = {0.5}> { y = DequantizeLinear(x, s) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[N,4] x) => (float[N,4] y) <float s = {0.5}, int8 z = {0}> { y = DequantizeLinear(x, s, z) }""",
        ),
        Example(
            target="tensorrt-9.0",
            title="optional since 9.0",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[N,4] x) => (float[N,4] y) <float s = {0.5}> { y = DequantizeLinear(x, s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Two inputs, before 9.0."""
        if node.input(2) or not target.before(9, 0):
            return None
        return refused(f"{target.title} wants the zero point of {node.op_type} spelled out")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Zeros of the quantized type, one for each scale."""
        dtype = graph.dtype(node.input(0)) if node.op_type == "DequantizeLinear" else TensorProto.UINT8
        shape = graph.shape(node.input(1))
        if dtype is None or shape is None or not all(isinstance(d, int) for d in shape):
            raise Refused("the shape of its scale, or its element type, is not known")
        r = Replacement(graph, node)
        zeros = np.zeros([d for d in shape if isinstance(d, int)], helper.tensor_dtype_to_np_dtype(dtype))
        r.clone(node, [*node.inputs[:2], r.constant(zeros)])
        return r
