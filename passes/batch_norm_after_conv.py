"""# batch-norm-after-conv

## What it does
Puts the scale and shift of a `BatchNormalization` into the weights and the bias of the Conv, ConvTranspose or Gemm
before it.

## Why
At inference both are linear: one of the two is enough. TensorRT fuses them itself where nothing is in between, but
pads, quantizers and older versions keep them apart, and the importer turns each into a layer.

## Safety
The same arithmetic in another order, with the new weights computed in double precision: equal within rounding.

## When it refuses
When the weights are computed, quantized, in half precision, in an external file, or read by another node too.

## How to avoid it when exporting
`model.eval()` before the export: PyTorch then folds most of them itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

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
    slow,
)
from trtconv.passes.core.folding import reads_outside_data

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array

LINEAR = ("Conv", "ConvTranspose", "Gemm")
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


class BatchNormAfterConv(Pass):
    """BatchNormalization of what a Conv, ConvTranspose or Gemm alone gives it."""

    ops = ("BatchNormalization",)
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,1,H,W] x) => (float[N,2,H,W] y)
                <float[2,1,1,1] w = {2, -3}, float[2] scale = {1.5, 0.5}, float[2] shift = {1, 2},
                 float[2] mean = {0.25, -4}, float[2] variance = {0.5, 9}> {
                    c = Conv(x, w)
                    y = BatchNormalization(c, scale, shift, mean, variance)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,1,H,W] x) => (float[N,2,H,W] y) <float[2,1,1,1] w = {4.2, -0.5}, float[2] b = {0.47, 2.67}> {
                    y = Conv(x, w, b)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="somebody else reads the result of the Conv",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,1,H,W] x) => (float[N,1,H,W] y)
                <float[1,1,1,1] w = {2}, float[1] scale = {1}, float[1] shift = {1}> {
                    c = Conv(x, w)
                    n = BatchNormalization(c, scale, shift, shift, scale)
                    y = Add(c, n)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """One per channel whose input comes from a linear operator that nobody else reads, outside training."""
        source = graph.producer(node.input(0))
        if source is None or source.op_type not in LINEAR or graph.only_consumer(node.input(0)) is not node:
            return None
        if (
            node.attr_int("training_mode", 0)
            or not node.attr_int("spatial", 1)
            or any(node.has_output(i) for i in range(1, len(node.outputs)))
        ):
            return None
        if source.domain or any(not graph.is_constant(t) for t in node.inputs[1:]):
            return None
        return slow(f"a scale and a shift after {source.op_type} can be part of its weights")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The linear operator, with weights and bias scaled."""
        source = graph.producer(node.input(0))
        assert source is not None
        scale, shift, mean, variance = (_data(t, graph).astype(np.float64) for t in node.inputs[1:5])
        weights = _data(source.input(1), graph)
        if len(graph.consumers(source.input(1))) != 1:
            raise Refused("another node reads the weights too")
        bias = _bias(source, graph, weights, len(scale))
        factor = scale / np.sqrt(variance + node.attr_float("epsilon", 1e-5))
        r = Replacement(graph, node)
        inputs = [
            source.input(0),
            r.constant(_scaled(source, weights, factor), weights.dtype, "weights"),
            r.constant((bias - mean) * factor + shift, weights.dtype, "bias"),
        ]
        r.remove(source)
        # The bias holds what Gemm's beta has done to the old one.
        attributes = {k: a for k, a in source.attributes.items() if k != "beta"}
        r.nodes.append(replace(source, inputs=inputs, outputs=[node.outputs[0]], attributes=attributes))
        return r


def _data(tensor: str, graph: Graph) -> Array:
    if reads_outside_data(tensor, graph):
        raise Refused("the weights are in an external file, and are not loaded")
    value = graph.constant(tensor)
    if value is None:
        raise Refused("the weights are computed")
    if value.dtype not in DTYPES:
        raise Refused(f"the weights are {value.dtype}, which loses too much in rounding")
    return value


def _bias(source: Node, graph: Graph, weights: Array, channels: int) -> Array:
    """The bias as it is added, one for each channel."""
    if not source.input(2):
        return np.zeros(channels)
    bias = _data(source.input(2), graph)
    if source.op_type == "Gemm":
        if bias.size not in (1, channels) or (bias.ndim == 2 and bias.shape[0] != 1):
            raise Refused("the bias is not one for each channel")
        bias = bias * source.attr_float("beta", 1.0)
    return np.broadcast_to(bias.ravel(), channels).astype(np.float64)


def _scaled(source: Node, weights: Array, factor: Array) -> Array:
    """Weights times the factor of the channel they write."""
    wide = weights.astype(np.float64)
    if source.op_type == "Gemm":
        return wide * (factor[:, None] if source.attr_int("transB", 0) else factor)
    rest = (1,) * (weights.ndim - 2)
    if source.op_type == "Conv":
        return wide * factor.reshape(-1, 1, *rest)
    groups = source.attr_int("group", 1)
    by_group = wide.reshape(groups, -1, *weights.shape[1:])
    return (by_group * factor.reshape(groups, 1, -1, *rest)).reshape(weights.shape)
