"""# batch-norm-parameters

## What it does
Writes a `BatchNormalization` whose parameters have more than one axis as subtraction, division, scale and shift.

## Why
Before opset 9 there was `spatial=0`: a mean and a variance for every place of the picture, not for every channel.
Importers take one number a channel ("The shape of the scale input must be (C, )", from TensorRT 8.0 on).

## Safety
The same arithmetic in another order.

## When it refuses
Never.

## How to avoid it when exporting
Normalise by channel, as every framework does by default.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused


class BatchNormParameters(Pass):
    """Parameters for every place."""

    ops = ("BatchNormalization",)
    safety = Safety.ROUNDING
    after = ("unread-outputs",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 6, opset_import: ["": 8]>
                g (float[N,2,2] x) => (float[N,2,2] y) <float[2,2] s = {1, 2, 3, 4}, float[2,2] b = {1, 2, 1, 2}> {
                    y = BatchNormalization <spatial = 0, epsilon = 0.01> (x, s, b, b, s) }""",
            after="""<ir_version: 6, opset_import: ["": 8]>
                g (float[N,2,2] x) => (float[N,2,2] y)
                <float[2,2] s = {1, 2, 3, 4}, float[2,2] b = {1, 2, 1, 2}, float e = {0.01}> {
                    safe = Add(s, e)  deviation = Sqrt(safe)  centred = Sub(x, b)  normal = Div(centred, deviation)
                    scaled = Mul(normal, s)  y = Add(scaled, b) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="by channel",
            before="""<ir_version: 6, opset_import: ["": 8]>
                g (float[N,2,2] x) => (float[N,2,2] y) <float[2] s = {1, 2}> {
                    y = BatchNormalization(x, s, s, s, s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A scale of other than one axis, from 8.0 on."""
        rank = graph.rank(node.input(1))
        if rank in (None, 1) or target.before(8, 0):
            return None
        return refused(f"{target.title} wants one scale for each channel, and this one has {rank} axes")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """(x - mean) / Sqrt(variance + epsilon) * scale + bias: all but the batch axis pair up."""
        x, scale, bias, mean, variance = node.inputs
        r = Replacement(graph, node)
        epsilon = r.scalar(node.attr_float("epsilon", 1e-5), variance)
        deviation = r.op("Sqrt", r.op("Add", variance, epsilon))
        normal = r.op("Div", r.op("Sub", x, mean), deviation)
        r.op("Add", r.op("Mul", normal, scale), bias, into=node.outputs[0])
        return r
