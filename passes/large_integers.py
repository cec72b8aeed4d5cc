"""# large-integers

## What it does
Reports INT64 constants that no INT32 holds, where the parser takes INT64 for INT32.

## Why
Up to TensorRT 8.6 there is no INT64: initializers become INT32, and what does not fit is cut off at the ends of the
range with no more than a warning. Weights in external files are not looked at. The sentinels that exporters write
for "to the end" in a Slice, for the trip count of a Loop and as bounds of a Clip mean the same after that, and are
left alone.

## Safety
Nothing is rewritten.

## When it refuses
Always: no element type of these versions holds the value.

## How to avoid it when exporting
Keep hashes, time stamps and masks of large integers out of the network, or in float.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, silent
from trtconv.passes.core.external import is_external

LOW, HIGH = (int(v) for v in (np.iinfo(np.int32).min, np.iinfo(np.int32).max))
CLAMPED_ANYWAY = {"Slice": (1, 2), "Loop": (0,), "Clip": (1, 2), "Max": (0, 1), "Min": (0, 1)}
"""Inputs where a bound beyond all INT32 means what the last INT32 means."""


class LargeIntegers(Pass):
    """INT64 constants beyond INT32."""

    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int64[N] x) => (int64[N] y) <int64 hash = {4294967296}> { y = Mul(x, hash) }""",
            refusal="no INT32 holds 4294967296",
        ),
        Example(
            target="tensorrt-8.6",
            title="a sentinel",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,3] y)
                <int64[1] s = {1}, int64[1] e = {9223372036854775807}, int64[1] a = {1}> { y = Slice(x, s, e, a) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A constant input out of range, before 9.0."""
        value = _beyond(node, graph) if target.before(9, 0) else None
        return None if value is None else silent(f"{target.title} reads INT64 as INT32, and {value} as its last value")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """No type holds it."""
        raise Refused(f"no INT32 holds {_beyond(node, graph)}")


def _beyond(node: Node, graph: Graph) -> int | None:
    """The first constant out of range, None where all fit."""
    if node.op_type == "Constant":
        return None
    for index, tensor in enumerate(node.inputs):
        known = graph.constant_type(tensor) if tensor else None
        if known is None or known.dtype != TensorProto.INT64 or index in CLAMPED_ANYWAY.get(node.op_type, ()):
            continue
        proto = graph.constant_proto(tensor)
        values = None if proto is not None and is_external(proto) else graph.constant(tensor)
        if values is not None and ((values < LOW) | (values > HIGH)).any():
            return int(values[(values < LOW) | (values > HIGH)].flat[0])
    return None
