"""# half-clip-bounds

## What it does
Turns a `Clip` of FLOAT16 with constant bounds into Max and Min.

## Why
From TensorRT 8.0 to 8.4 the importer reads the bounds as if they were FLOAT, whatever their type, so that FLOAT16
values are clipped to numbers made of the wrong bits, without an error. 8.5 reads them properly.

## Safety
Exact: Clip is Max and Min by definition. Where a bound is left out, ONNX Runtime's Clip makes infinity finite, and that
of the standard does not.

## When it refuses
Never.

## How to avoid it when exporting
Keep the network in FLOAT and let TensorRT choose FLOAT16 (`--fp16`), which these versions do well.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, silent


class HalfClipBounds(Pass):
    """Clip with bounds in FLOAT16."""

    ops = ("Clip",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float16[N,4] x) => (float16[N,4] y) <float16 low = {0}, float16 high = {17920}> {
                    y = Clip(x, low, high)
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float16[N,4] x) => (float16[N,4] y) <float16 low = {0}, float16 high = {17920}> {
                    above = Max(x, low)
                    y = Min(above, high)
                }""",
        ),
        Example(
            target="tensorrt-8.5",
            title="read properly since 8.5",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float16[N,4] x) => (float16[N,4] y) <float16 low = {0}, float16 high = {17920}> {
                    y = Clip(x, low, high)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Constant FLOAT16 bounds, from 8.0.3 to 8.4."""
        bounds = [t for t in node.inputs[1:] if t]
        if target.before(8, 0) or not target.before(8, 5) or graph.dtype(node.input(0)) != TensorProto.FLOAT16:
            return None
        return silent("its FLOAT16 bounds are read as FLOAT") if any(map(graph.is_constant, bounds)) else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Max with the lower bound, Min with the upper one."""
        r, low, high, out = Replacement(graph, node), node.input(1), node.input(2), node.outputs[0]
        above = r.op("Max", node.input(0), low, into=None if high else out) if low else node.input(0)
        if high:
            r.op("Min", above, high, into=out)
        return r
