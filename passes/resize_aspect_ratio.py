"""# resize-aspect-ratio

## What it does
Computes the output size of a `Resize` that keeps the aspect ratio (`keep_aspect_ratio_policy`, opset 18), and asks
for it directly.

## Why
TensorRT up to 9.3 does not read the policy, and stretches, silently; from 10.0 on it is refused ("Only `stretch` is
supported currently"), as in TensorRT-RTX 1.7 (measured).

## Safety
Rounding. The policy has one scale for all axes, which the rounded size does not give back: where asking by scales
gives the same output size, scales are used; else the sampling is written out as constants (see
`resize-coordinates`). ONNX Runtime 1.31 overlooks axes that are named from the end here; the rewrite follows the
standard.

## When it refuses
When height and width are not known.

## How to avoid it when exporting
Compute the size before the network.
"""

from __future__ import annotations

from dataclasses import replace

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused, silent
from trtconv.passes.core.resizing import grids, read, resampled, restated
from trtconv.passes.core.sampling import F32


class ResizeAspectRatio(Pass):
    """`not_larger` and `not_smaller`, which no parser implements."""

    ops = ("Resize",)
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[1,3,4,8] x) => (float[1,3,6,12] y) <int64[2] z = {12, 12}>
                { y = Resize <mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_larger"> (x, , , z) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[1,3,4,8] x) => (float[1,3,6,12] y) <float[4] s = {1, 1, 1.5, 1.5}>
                { y = Resize <mode="linear"> (x, , s) }""",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[1,3,H,8] x) => (float[1,3,P,Q] y) <int64[2] z = {12, 12}>
                { y = Resize <mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_larger"> (x, , , z) }""",
            refusal="fixed height and width",
        ),
        Example(
            target="tensorrt-10.3",
            title="stretch is the default",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[1,3,4,8] x) => (float[1,3,12,12] y) <int64[4] z = {1, 3, 12, 12}>
                { y = Resize <mode="linear", keep_aspect_ratio_policy="stretch"> (x, , , z) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any policy but stretch; it means something with sizes only."""
        policy = node.attr_string("keep_aspect_ratio_policy", "stretch")
        if policy == "stretch" or (not node.input(3) and target.before(10, 0)):
            return None
        if target.before(10, 0):
            return silent(f"{target.title} does not read the policy {policy}, and stretches")
        return refused(f"{target.title} only stretches, and has no policy {policy}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same scale for all axes, or the samples."""
        r, asked = Replacement(graph, node), read(node, graph)
        if asked.given == "scales":
            r.clone(node, node.inputs, without=("keep_aspect_ratio_policy",))
            return r
        found = grids(asked)
        if asked.sampling.antialias or any(int(F32(g.scale) * F32(g.size)) != g.out for g in found.values()):
            return resampled(r, node, asked)
        scales = tuple(found[a].scale if a in found else 1.0 for a in range(len(asked.dims or ())))
        restated(r, node, replace(asked, scales=scales), asked.sampling, "scales")
        return r
