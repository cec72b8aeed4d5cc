"""# pad-type

## What it does
Casts UINT8 data to FLOAT for a `Pad`, and back.

## Why
From TensorRT 8.5 on UINT8 images can be network inputs, but Pad refuses them ("Found unsupported input type of
UINT8"). TensorRT-RTX 1.7 says the same, and takes BOOL, INT8, INT32, INT64, FLOAT16, BF16 and FLOAT (measured).

## Safety
Exact: FLOAT holds every UINT8.

## When it refuses
Never.

## How to avoid it when exporting
Normalise the image first, so that padding works on floats.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, padding, refused


class PadType(Pass):
    """Padding of UINT8."""

    ops = ("Pad",)
    after = ("pad-with-axes", "negative-pads", "zero-pads")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (uint8[N,3] x) => (uint8[N,4] y) <int64[4] p = {0, 0, 0, 1}, uint8 v = {7}> { y = Pad(x, p, v) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (uint8[N,3] x) => (uint8[N,4] y) <int64[4] p = {0, 0, 0, 1}, float v = {7}> {
                    f = Cast <to=1> (x)
                    g = Pad(f, p, v)
                    y = Cast <to=2> (g)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="other integers are taken",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[N,3] x) => (int32[N,4] y) <int64[4] p = {0, 0, 0, 1}> { y = Pad(x, p) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """UINT8 data from 8.5 on; before, no UINT8 tensor exists at all."""
        if target.before(8, 5) or graph.dtype(node.input(0)) != TensorProto.UINT8:
            return None
        return refused(f"{target.title} does not pad UINT8")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Cast, Pad, Cast."""
        r = Replacement(graph, node)
        inputs = [r.cast(node.input(0), TensorProto.FLOAT), *node.inputs[1:]]
        if node.input(2):
            value = padding.value(node, graph)
            inputs[2] = r.cast(node.input(2), TensorProto.FLOAT) if value is None else r.constant(value, np.float32)
        padded = r.clone(node, inputs, into=[graph.unique(f"{node.label}/padded")])[0]
        r.cast(padded, TensorProto.UINT8, into=node.outputs[0])
        return r
