"""# dilated-transposed-convolution

## What it does
Writes the zeros between the taps of a `ConvTranspose` that has both strides and dilations into its weights, and drops
the dilations.

## Why
The builder of TensorRT-RTX has no kernel for both at once: "CHECK(false) failed. Strided & Dilated Deconv are currently
not supported" (measured with 1.7, in one to three dimensions). Either alone is built.

## Safety
The same products in another order, beside products with zero. Where the input is infinite or NaN, the zeros between
the taps make NaN of more places than the original does.

## When it refuses
When the weights are computed or in an external file.

## How to avoid it when exporting
`dilation=1` in a ConvTranspose with strides.
"""

from __future__ import annotations

import numpy as np

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.folding import reads_outside_data


class DilatedTransposedConvolution(Pass):
    """ConvTranspose with strides and dilations."""

    ops = ("ConvTranspose",)
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,W] x) => (float[N,1,M] y) <float[1,1,2] w = {2, 3}> {
                    y = ConvTranspose <strides = [2], dilations = [2]> (x, w)
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,W] x) => (float[N,1,M] y) <float[1,1,3] w = {2, 0, 3}> {
                    y = ConvTranspose <strides = [2]> (x, w)
                }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="the weights are computed",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,W] x, float[1,1,2] w) => (float[N,1,M] y) {
                    y = ConvTranspose <strides = [2], dilations = [2]> (x, w)
                }""",
            refusal="its weights are computed",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="dilations alone",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,W] x) => (float[N,1,M] y) <float[1,1,2] w = {2, 3}> {
                    y = ConvTranspose <dilations = [2]> (x, w)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Some stride and some dilation other than 1; known of TensorRT-RTX only."""
        strides, dilations = node.attr_ints("strides") or [], node.attr_ints("dilations") or []
        if not target.is_rtx or all(s == 1 for s in strides) or all(d == 1 for d in dilations):
            return None
        return refused(f"{target.title} builds no ConvTranspose with both strides and dilations")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Weights of the size that the dilated kernel covers."""
        name = node.input(1)
        weight = None if reads_outside_data(name, graph) else graph.constant(name)
        if weight is None:
            raise Refused("its weights are computed, or in an external file")
        dilations = node.attr_ints("dilations") or []
        sizes = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]
        spread = np.zeros((*weight.shape[:2], *sizes), weight.dtype)
        spread[tuple(slice(None, None, step) for step in (1, 1, *dilations))] = weight
        r = Replacement(graph, node)
        inputs = [node.input(0), r.constant(spread, hint="weight"), *node.inputs[2:]]
        r.clone(node, inputs, without=["dilations", "kernel_shape"])
        return r
