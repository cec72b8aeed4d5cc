"""# computed-resize-sizes

## What it does
Replaces sizes that a `Resize` gets from shape arithmetic by constant scales, where height and width are known on
both sides and only batch and channels are taken from the data.

## Why
`F.interpolate(x, size=y.shape[2:])` exports as Shape, Slice and Concat even for fixed images; with a dynamic batch,
folding leaves `Concat(Slice(Shape(x)), [H, W])`. Every engine then computes a shape on the host before each run,
and TensorRT 7 takes fewer coordinate modes with sizes than with scales.

## Safety
Exact: only where the scale in single precision gives back exactly the size that is asked for; it is the scale that
ONNX defines for sizes.

## When it refuses
Never; sizes whose scale would not be exact, or that the target takes as sizes only, are left alone.

## How to avoid it when exporting
Write `F.interpolate(x, scale_factor=2)`.
"""

from __future__ import annotations

from dataclasses import replace

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, slow
from trtconv.passes.core.resizing import Resizing, read, restated, scales_of, shape_inputs

NEEDS_SIZES = ("align_corners",)
"""Coordinate modes that TensorRT 7 gets right with sizes only."""


class ComputedResizeSizes(Pass):
    """Shape arithmetic for a size that is known."""

    ops = ("Resize",)
    after = ("unfolded-constants", "resize-aspect-ratio", "antialiased-resize")
    examples = (
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,4,5] x) => (float[N,3,8,15] y)
                <int64[1] a = {0}, int64[1] b = {2}, int64[2] hw = {8, 15}> {
                    s = Shape(x)
                    nc = Slice(s, a, b)
                    z = Concat <axis=0> (nc, hw)
                    y = Resize <mode="linear"> (x, , , z)
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,4,5] x) => (float[N,3,8,15] y) <float[4] s = {1, 1, 2, 3}>
                { y = Resize <mode="linear"> (x, , s) }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="dynamic height and width",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,W] x, float[N,3,P,Q] o) => (float[N,3,P,Q] y)
                { z = Shape(o) y = Resize <mode="linear"> (x, , , z) }""",
        ),
        Example(
            target="tensorrt-7.2",
            title="a mode that TensorRT 7 takes with sizes only",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,4,5] x) => (float[N,3,8,15] y)
                <int64[1] a = {0}, int64[1] b = {2}, int64[2] hw = {8, 15}> {
                    s = Shape(x)
                    nc = Slice(s, a, b)
                    z = Concat <axis=0> (nc, hw)
                    y = Resize <mode="linear", coordinate_transformation_mode="align_corners"> (x, , , z)
                }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="a crop, which sizes describe fully",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,4,5] x) => (float[N,3,8,15] y)
                <int64[1] a = {0}, int64[1] b = {2}, int64[2] hw = {8, 15}, float[8] roi = {0, 0, 0, 0, 1, 1, 1, 1}> {
                    s = Shape(x)
                    nc = Slice(s, a, b)
                    z = Concat <axis=0> (nc, hw)
                    y = Resize <mode="linear", coordinate_transformation_mode="tf_crop_and_resize"> (x, roi, , z)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Computed sizes whose scales are known and exact."""
        return (
            None
            if _known(node, graph, target) is None
            else slow("height and width are known, and computed all the same")
        )

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same Resize with constant scales."""
        r, asked = Replacement(graph, node), _known(node, graph, target)
        if asked is None:
            raise Refused("the scales are not known exactly")
        restated(r, node, asked, asked.sampling, "scales")
        return r


def _known(node: Node, graph: Graph, target: Target) -> Resizing | None:
    """The node with its sizes known from the output's shape; None where that says too little."""
    _, _, sizes = shape_inputs(node, graph)
    if not sizes or graph.is_constant(sizes) or node.attr_ints("axes") is not None:
        return None
    asked = read(node, graph)
    mode = asked.sampling.coordinates
    if mode == "tf_crop_and_resize" or (mode in NEEDS_SIZES and target.before(8, 0)):
        return None
    if asked.policy != "stretch":
        return None
    try:
        return replace(asked, scales=tuple(scales_of(asked)), sizes=None)
    except Refused:
        return None
