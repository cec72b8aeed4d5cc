"""# group-normalization-parameters

## What it does
Writes a GroupNormalization of opset 21, whose scale and bias are one for each channel, as an InstanceNormalization
of the groups, then scale and bias.

## Why
From TensorRT 8.6 to 10.8 the importer knows the form of opset 18 alone, one scale and bias for each group, and the
shapes do not fit.

## Safety
The same arithmetic in another order.

## When it refuses
When the rank is not known.

## How to avoid it when exporting
Export with opset 17 or 18, where exporters write it as its parts.
"""

from __future__ import annotations

import numpy as np
from onnx import helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused

SINCE_OPSET = 21


class GroupNormalizationParameters(Pass):
    """Scales for each channel."""

    ops = ("GroupNormalization",)
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-10.8",
            before="""<ir_version: 10, opset_import: ["": 21]>
                g (float[N,4,3] x, float[4] s, float[4] b) => (float[N,4,3] y) {
                    y = GroupNormalization <num_groups = 2> (x, s, b) }""",
            after="""<ir_version: 10, opset_import: ["": 21]>
                g (float[N,4,3] x, float[4] s, float[4] b) => (float[N,4,3] y)
                <float[2] one = {1, 1}, float[2] zero = {0, 0}, int64[3] g = {0, 2, -1}, int64[1] a = {1}> {
                    groups = Reshape(x, g)
                    normal = InstanceNormalization(groups, one, zero)
                    shape = Shape(x)
                    back = Reshape(normal, shape)
                    scale = Unsqueeze(s, a)
                    scaled = Mul(back, scale)
                    bias = Unsqueeze(b, a)
                    y = Add(scaled, bias)
                }""",
        ),
        Example(
            target="tensorrt-10.9",
            title="known since 10.9",
            before="""<ir_version: 10, opset_import: ["": 21]>
                g (float[N,4,3] x, float[4] s, float[4] b) => (float[N,4,3] y) {
                    y = GroupNormalization <num_groups = 2> (x, s, b) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The form of opset 21 before 10.9."""
        if graph.opset < SINCE_OPSET or not target.has("GroupNormalization") or not target.before(10, 9):
            return None
        return refused(f"{target.title} wants scale and bias of GroupNormalization for each group, not channel")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Each group as one channel of an InstanceNormalization."""
        rank, dtype = graph.rank(node.input(0)), graph.dtype(node.input(0))
        if rank is None or dtype is None:
            raise Refused("its rank is not known")
        r, x, groups = Replacement(graph, node), node.input(0), node.attr_int("num_groups", 1)
        kind = helper.tensor_dtype_to_np_dtype(dtype)
        ones, zeros = r.constant(np.ones(groups, kind)), r.constant(np.zeros(groups, kind))
        grouped, epsilon = r.reshape(x, [0, groups, -1]), node.attr_float("epsilon", 1e-5)
        normal = r.op("InstanceNormalization", grouped, ones, zeros, epsilon=epsilon)
        back, after = r.reshape(normal, r.shape(x)), list(range(1, rank - 1))
        scaled = r.op("Mul", back, r.unsqueeze(node.input(1), after))
        r.op("Add", scaled, r.unsqueeze(node.input(2), after), into=node.outputs[0])
        return r
