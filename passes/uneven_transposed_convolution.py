"""# uneven-transposed-convolution

## What it does
Writes a ConvTranspose over three axes with other pads at the end than at the beginning as one without pads, and a
Slice.

## Why
TensorRT 7.1 to 8.2 takes equal pads only there ("TensorRT does not support asymmetrical padding for 3D
deconvolutions!").

## Safety
Exact: pads of a transposed convolution cut its result.

## When it refuses
When the result is shorter than its pads, or a size is given by `output_shape`.

## How to avoid it when exporting
Use equal padding, and cut the result in the network.
"""

from __future__ import annotations

import numpy as np

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused

AXES = 3


class UnevenTransposedConvolution(Pass):
    """Pads that differ, over three axes."""

    ops = ("ConvTranspose",)
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,4,4,4] x) => (float[N,1,5,5,4] y) <float[1,1,2,2,2] w = {1,2,3,4,5,6,7,8}> {
                    y = ConvTranspose <pads = [0,0,0,0,0,1]> (x, w)
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,4,4,4] x) => (float[N,1,5,5,4] y)
                <float[1,1,2,2,2] w = {1,2,3,4,5,6,7,8},
                 int64[1] s = {0}, int64[1] e = {-1}, int64[1] a = {4}> {
                    whole = ConvTranspose(x, w)
                    y = Slice(whole, s, e, a)
                }""",
        ),
        Example(
            target="tensorrt-8.4",
            title="taken since 8.4",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,4,4,4] x) => (float[N,1,5,5,4] y) <float[1,1,2,2,2] w = {1,2,3,4,5,6,7,8}> {
                    y = ConvTranspose <pads = [0,0,0,0,0,1]> (x, w)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Three axes, from 7.1 to 8.2."""
        pads = node.attr_ints("pads") or []
        if target.before(7, 1) or not target.before(8, 4) or len(pads) != 2 * AXES or pads[:AXES] == pads[AXES:]:
            return None
        return refused(f"{target.title} takes equal pads only in a ConvTranspose over three axes")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """No pads, then the cut."""
        pads = node.attr_ints("pads") or []
        if "output_shape" in node.attributes:
            raise Refused("its size is given by output_shape")
        r = Replacement(graph, node)
        whole = r.clone(node, node.inputs, into=[None], without=["pads"])[0]
        cut = [i for i in range(AXES) if pads[i] or pads[i + AXES]]
        starts = [pads[i] for i in cut]
        ends = [-pads[i + AXES] if pads[i + AXES] else int(np.iinfo(np.int64).max) for i in cut]
        r.slice(whole, starts, ends, [i + 2 for i in cut], into=node.outputs[0])
        return r
