"""# instance-normalization-form

## What it does
Writes an InstanceNormalization that the parser refuses, or computes otherwise, as mean, variance, scale and bias.

## Why
Up to TensorRT 9.3 it is a plugin by default: scale and bias have to be in the file up to 8.5 ("The scale tensor is
required to be an initializer."), the rank has to be 3 to 5, up to 7.2.2 3 or 4 ("TensorRT only supports
InstanceNormalization on 3D, 4D, or 5D tensors!"), and 7.0 takes no dynamic shapes and makes every epsilon below
0.0001 that.

## Safety
The same arithmetic in another order.

## When it refuses
When the rank is not known.

## How to avoid it when exporting
Nothing in the network changes it, but a fixed batch does for 7.0.
"""

from __future__ import annotations

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
    refused,
    silent,
)

LEAST_EPSILON = 1e-4
"""TensorRT 7.0 takes no smaller one."""


class InstanceNormalizationForm(Pass):
    """InstanceNormalization beyond what the plugin does."""

    ops = ("InstanceNormalization",)
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 7, opset_import: ["": 11]>
                g (float[N,2,4] x, float[2] s, float[2] b) => (float[N,2,4] y) {
                    y = InstanceNormalization <epsilon = 0.01> (x, s, b) }""",
            after="""<ir_version: 7, opset_import: ["": 11]>
                g (float[N,2,4] x, float[2] s, float[2] b) => (float[N,2,4] y) <float e = {0.01}> {
                    mean = ReduceMean <axes = [2]> (x)
                    centred = Sub(x, mean)
                    square = Mul(centred, centred)
                    variance = ReduceMean <axes = [2]> (square)
                    safe = Add(variance, e)
                    deviation = Sqrt(safe)
                    normal = Div(centred, deviation)
                    scale = Unsqueeze <axes = [1]> (s)
                    scaled = Mul(normal, scale)
                    bias = Unsqueeze <axes = [1]> (b)
                    y = Add(scaled, bias)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="computed scales, native since 10.0",
            before="""<ir_version: 7, opset_import: ["": 11]>
                g (float[N,2,4] x, float[2] s, float[2] b) => (float[N,2,4] y) {
                    y = InstanceNormalization <epsilon = 0.01> (x, s, b) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Computed scale or bias, rank, and what is particular to 7.0."""
        why = _why_refused(node, graph, target)
        if why:
            return refused(f"{target.title} takes InstanceNormalization only {why}")
        if target.before(7, 1) and node.attr_float("epsilon", 1e-5) < LEAST_EPSILON:
            return silent(f"{target.title} takes an epsilon of {LEAST_EPSILON} in the place of a smaller one")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Mean, variance, scale, bias."""
        rank = graph.rank(node.input(0))
        if rank is None:
            raise Refused("its rank is not known")
        r, x, axes = Replacement(graph, node), node.input(0), list(range(2, rank))
        centred = r.op("Sub", x, r.reduce("ReduceMean", x, axes))
        variance = r.reduce("ReduceMean", r.op("Mul", centred, centred), axes)
        safe = r.op("Add", variance, r.scalar(node.attr_float("epsilon", 1e-5), x))
        normal = r.op("Div", centred, r.op("Sqrt", safe))
        after = list(range(1, rank - 1))
        scaled = r.op("Mul", normal, r.unsqueeze(node.input(1), after))
        r.op("Add", scaled, r.unsqueeze(node.input(2), after), into=node.outputs[0])
        return r


def _why_refused(node: Node, graph: Graph, target: Target) -> str:
    found = graph.type(node.input(0))
    rank = found.rank if found else None
    if target.before(8, 6) and not all(graph.is_constant(t) for t in node.inputs[1:3]):
        return "with scale and bias in the file"
    if target.before(7, 1) and not (found and found.is_static):
        return "of fixed shapes"
    highest = 4 if target.before(7, 2, 3) else 5
    if target.before(10, 0) and rank is not None and not 3 <= rank <= highest:
        return f"of 3 to {highest} axes"
    return ""
