"""# range-type

## What it does
Writes a Range of FLOAT16 or BFLOAT16 in FLOAT, with a cast behind it; and one of FLOAT whose bounds are computed as
its start and as many steps as the file says that there are.

## Why
Every version makes INT32, INT64 and FLOAT only ("This version of TensorRT only supports int32, int64, and float input
types for Range!"). Up to 8.2 what is computed has to be INT32 ("For range operator with dynamic inputs, this version of
TensorRT only supports INT32!"), and TensorRT-RTX 1.7 refuses FLOAT that is fed ("Network input start is a shape tensor
and must have type Int32 or Int64").

## Safety
As many values; each is rounded once.

## When it refuses
FLOAT bounds that are computed, where the file does not say how many values there are: it depends on the data.

## How to avoid it when exporting
`torch.arange` of integers; scale afterwards.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused

FLOAT = TensorProto.FLOAT
HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


class RangeType(Pass):
    """Range of other than INT32."""

    ops = ("Range",)
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float a, float b, float c) => (float[N] y) { y = Range(a, b, c) }""",
            refusal="how many values there are depends on the data",
        ),
        Example(
            target="tensorrt-8.4",
            title="taken since 8.4",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float a, float b, float c) => (float[N] y) { y = Range(a, b, c) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Half precision, or FLOAT that is computed where that is refused."""
        dtype = graph.dtype(node.input(0))
        if dtype in HALVES:
            return refused(f"{target.title} makes no Range of half precision")
        if dtype != FLOAT:
            return None
        if target.before(8, 4) and not all(graph.is_constant(t) for t in node.inputs):
            return refused(f"{target.title} makes no Range of FLOAT from bounds that are computed")
        if target.is_rtx and any(t in graph.inputs for t in node.inputs):
            return refused(f"{target.title} makes no Range of FLOAT from network inputs")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """In FLOAT, with a cast behind it; as steps where their number is known."""
        dtype, shape = graph.dtype(node.input(0)), graph.shape(node.outputs[0])
        count = shape[0] if shape else None
        if dtype not in HALVES and not isinstance(count, int):
            raise Refused("how many values there are depends on the data")
        r = Replacement(graph, node)
        into = None if dtype in HALVES else node.outputs[0]
        bounds = [r.cast(t, FLOAT) if dtype in HALVES else t for t in node.inputs]
        if isinstance(count, int):
            steps = r.op("Mul", r.constant(np.arange(count), np.float32), bounds[2])
            result = r.op("Add", bounds[0], steps, into=into)
        else:
            result = r.clone(node, bounds, into=[into])[0]
        if dtype in HALVES:
            r.cast(result, dtype or FLOAT, into=node.outputs[0])
        return r
