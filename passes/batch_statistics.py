"""# batch-statistics

## What it does
Computes a `BatchNormalization` in training mode as what it says: the mean and the variance of the batch itself, then
scale and shift.

## Why
A model that was exported without `model.eval()` normalises with the statistics of whatever it is fed. Parsers up to
8.5.1 do not read `training_mode` and use the stored statistics without a word; later ones say "This version of TensorRT
does not support training_mode == 1 in BatchNormalization". Most such files were meant to be exported in evaluation
mode, and give outputs that depend on the rest of the batch: do look whether yours was.

## Safety
The same arithmetic in another order.

## When it refuses
When the rank of the input is unknown, and when one tensor is both a scale or bias and a stored statistic, as in models
that were never trained: ONNX Runtime overwrites it on the way, and what it computes then is not what the file says.

## How to avoid it when exporting
`model.eval()` before the export, and no `training=TrainingMode.TRAINING`.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

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

FLOAT = TensorProto.FLOAT
EPSILON, MOMENTUM = 1e-5, 0.9
"""Defaults of the attributes."""


class BatchStatistics(Pass):
    """BatchNormalization with training_mode."""

    ops = ("BatchNormalization",)
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 15]>
                g (float[2,3,4] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float[2,3,4] y) {
                    y, mean, variance = BatchNormalization <training_mode = 1> (x, s, b, m, v)
                }""",
            after="""<ir_version: 8, opset_import: ["": 15]>
                g (float[2,3,4] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float[2,3,4] y)
                <int64[2] a = {0, 2}, float e = {0.00001}, int64[1] t = {1}, int64[1] u = {1}> {
                    mean = ReduceMean <axes = [0, 2]> (x)
                    centred = Sub(x, mean)
                    squares = Mul(centred, centred)
                    variance = ReduceMean <axes = [0, 2]> (squares)
                    shifted = Add(variance, e)
                    deviation = Sqrt(shifted)
                    normal = Div(centred, deviation)
                    scale = Unsqueeze(s, t)
                    bias = Unsqueeze(b, u)
                    scaled = Mul(normal, scale)
                    y = Add(scaled, bias)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="stored statistics",
            before="""<ir_version: 8, opset_import: ["": 15]>
                g (float[2,3,4] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float[2,3,4] y) {
                    y = BatchNormalization(x, s, b, m, v)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The attribute, which opset 14 brought."""
        if node.attr_int("training_mode", 0) == 0 or not target.has(node.op_type):
            return None
        if target.before(8, 5, 2):
            return silent("training_mode is not read: the stored statistics are used")
        return refused(f"{target.title} does not normalise with the statistics of the batch (training_mode)")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Mean and variance over all axes but the second; running statistics where they are asked for."""
        x, rank, dtype = node.input(0), graph.rank(node.input(0)), graph.dtype(node.input(0)) or FLOAT
        if rank is None:
            raise Refused("the rank of its input is unknown")
        if set(node.inputs[1:3]) & set(node.inputs[3:5]):
            raise Refused("its scale or bias is its stored statistic, too, and overwritten while it runs")
        r = Replacement(graph, node)
        axes, trailing = [i for i in range(rank) if i != 1], list(range(1, rank - 1))
        wide = r.cast(x, FLOAT) if dtype not in (FLOAT, TensorProto.DOUBLE) else x
        kind = np.float64 if dtype == TensorProto.DOUBLE else np.float32
        mean = r.reduce("ReduceMean", wide, axes)
        centred = r.op("Sub", wide, mean)
        variance = r.reduce("ReduceMean", r.op("Mul", centred, centred), axes)
        for index, statistic in enumerate((mean, variance)):
            self._running(r, node, index, statistic, axes, kind)
        epsilon = r.constant(node.attr_float("epsilon", EPSILON), kind)
        normal = r.op("Div", centred, r.op("Sqrt", r.op("Add", variance, epsilon)))
        scale, shift = (_spread(r, _of_type(r, t, kind), trailing) for t in node.inputs[1:3])
        result = r.op("Mul", normal, scale)
        if dtype in (FLOAT, TensorProto.DOUBLE):
            r.op("Add", result, shift, into=node.outputs[0])
        else:
            r.cast(r.op("Add", result, shift), dtype, into=node.outputs[0])
        return r

    @staticmethod
    def _running(r: Replacement, node: Node, index: int, statistic: str, axes: list[int], kind: type) -> None:
        if not node.has_output(1 + index) or not _is_read(r.graph, node.outputs[1 + index]):
            return
        stored, momentum = node.input(3 + index), node.attr_float("momentum", MOMENTUM)
        kept = r.op("Mul", _of_type(r, stored, kind), r.constant(momentum, kind))
        added = r.op("Mul", r.squeeze(statistic, axes), r.constant(1 - momentum, kind))
        dtype = r.graph.dtype(stored) or FLOAT
        if helper.tensor_dtype_to_np_dtype(dtype) == kind:
            r.op("Add", kept, added, into=node.outputs[1 + index])
        else:
            r.cast(r.op("Add", kept, added), dtype, into=node.outputs[1 + index])


def _is_read(graph: Graph, tensor: str) -> bool:
    return graph.is_output(tensor) or bool(graph.consumers(tensor))


def _of_type(r: Replacement, x: str, kind: type) -> str:
    wanted = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    return x if r.graph.dtype(x) in (wanted, None) else r.cast(x, wanted)


def _spread(r: Replacement, x: str, trailing: list[int]) -> str:
    return r.unsqueeze(x, trailing) if trailing else x
