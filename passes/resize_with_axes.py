"""# resize-with-axes

## What it does
Writes `scales` or `sizes` of a `Resize` that names `axes` (opset 18) for every axis, and drops `axes`.

## Why
TensorRT up to 9.3 does not read `axes`, and misses the other numbers ("The shape of input scales must align with
the input rank."). From 10.0 on constant scales and any sizes are taken; computed scales are not ("`axes` attribute
is supported with `scales` tensor only when it's trivial"), nor in TensorRT-RTX 1.7 (measured).

## Safety
Exact: the same numbers, written out.

## When it refuses
When the rank is not known, or when the aspect ratio is kept or a crop resized, which their own passes write out.

## How to avoid it when exporting
Export with an opset below 18.
"""

from __future__ import annotations

import numpy as np

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused
from trtconv.passes.core.padding import shape_of
from trtconv.passes.core.resizing import named_axes, shape_inputs


class ResizeWithAxes(Pass):
    """`axes` of opset 18, not read before 10.0."""

    ops = ("Resize",)
    after = ("resize-aspect-ratio", "antialiased-resize", "resize-coordinates", "cubic-resize", "outer-axis-resize")
    examples = (
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[2] s = {2, 3}>
                { y = Resize <axes=[3, 2], mode="linear"> (x, , s) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 3, 2}>
                { y = Resize <mode="linear"> (x, , s) }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="sizes of a dynamic batch",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,4,5] x) => (float[N,3,8,9] y) <int64[2] z = {8, 9}>
                { y = Resize <axes=[-2, -1], mode="linear"> (x, , , z) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,4,5] x) => (float[N,3,8,9] y)
                <int64[3] z = {3, 8, 9}, int64[1] i = {0}, int64[1] j = {1}> {
                    s = Shape(x)
                    n = Slice(s, i, j, i)
                    full = Concat <axis=0> (n, z)
                    y = Resize <mode="linear"> (x, , , full)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="constant scales are taken since 10.0",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[2] s = {2, 3}>
                { y = Resize <axes=[3, 2], mode="linear"> (x, , s) }""",
        ),
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <int64[2] z = {8, 8}>
                { y = Resize <axes=[2, 3], keep_aspect_ratio_policy="not_smaller"> (x, , , z) }""",
            refusal="policy",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any axes before 10.0; later with computed scales only."""
        if node.attr_ints("axes") is None:
            return None
        if target.before(10, 0):
            return refused(f"{target.title} does not read the axes of Resize, and wants a number for each")
        _, scales, _ = shape_inputs(node, graph)
        if scales and not graph.is_constant(scales):
            return refused(f"{target.title} takes axes with constant scales only")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Scales or sizes of full rank: a constant, or gathered from computed ones."""
        policy = node.attr_string("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            raise Refused(f"the policy {policy} looks at the named axes only")
        if node.attr_string("coordinate_transformation_mode", "") == "tf_crop_and_resize":
            raise Refused("the region of interest names the same axes")
        rank = graph.rank(node.input(0))
        axes = named_axes(node, rank)
        if rank is None or axes is None:
            raise Refused("the rank of the data is not known")
        r, (_, scales, sizes) = Replacement(graph, node), shape_inputs(node, graph)
        full = _spread(r, scales or sizes, axes, rank, bool(scales))
        r.clone(node, [node.input(0), "", *([full] if scales else ["", full])], without=("axes",))
        return r


def _spread(r: Replacement, named: str, axes: list[int], rank: int, is_scales: bool) -> str:
    """The numbers for every axis: 1, or the data's own size, where none is given."""
    value, x = r.graph.constant(named), r.node.input(0)
    dims = r.graph.shape(x) or ()
    if value is not None and is_scales:
        full = np.ones(rank, value.dtype)
        full[axes] = value
        return r.constant(full, hint="scales")
    if value is not None:
        wanted = dict(zip(axes, value.tolist(), strict=True))
        return shape_of(r, x, [wanted.get(a, d) for a, d in enumerate(dims)])
    rest_tensor = r.constant(np.ones(rank, np.float32)) if is_scales else r.shape(x)
    where = list(range(rank))
    for i, axis in enumerate(axes):
        where[axis] = rank + i
    return r.op("Gather", r.concat([rest_tensor, named], 0), r.constant(where, np.int64, "indices"), axis=0)
