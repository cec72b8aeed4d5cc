"""# antialiased-resize

## What it does
Writes a `Resize` with `antialias` (opset 18) as one MatMul with constant weights per axis, or drops the attribute
where nothing is made smaller.

## Why
TensorRT up to 9.3 does not read `antialias`, and samples without the filter, silently; from 10.0 on it refuses it
("Antialiasing is not supported currently."), as TensorRT-RTX 1.7 does (measured).

## Safety
Rounding. The weights are those of ONNX Runtime and of the reference evaluator, which agree. An infinity or NaN in
the data spreads along its row and column.

## When it refuses
When something is made smaller and height and width are not known.

## How to avoid it when exporting
Use `antialias=False`, or resize images before the network.
"""

from __future__ import annotations

from dataclasses import replace

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
from trtconv.passes.core.resizing import Resizing, grids, read, resampled


class AntialiasedResize(Pass):
    """`antialias`, which no parser implements."""

    ops = ("Resize",)
    safety = Safety.ROUNDING
    after = ("resize-aspect-ratio",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,4,4] x) => (float[N,3,2,2] y) <float[4] s = {1, 1, 0.5, 0.5}>
                { y = Resize <mode="linear", antialias=1> (x, , s) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,4,4] x) => (float[N,3,2,2] y)
                <float[2,4] h = {0, 0, 0, 0, 0, 0, 0, 0}, float[4,2] w = {0, 0, 0, 0, 0, 0, 0, 0}>
                { t = MatMul(h, x) y = MatMul(t, w) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="nothing is made smaller",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 2, 2.5}>
                { y = Resize <mode="linear", antialias=1> (x, , s) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 2, 2.5}>
                { y = Resize <mode="linear"> (x, , s) }""",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 0.5, 0.5}>
                { y = Resize <mode="linear", antialias=1> (x, , s) }""",
            refusal="fixed height and width",
        ),
        Example(
            target="tensorrt-10.3",
            title="switched off",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 0.5, 0.5}>
                { y = Resize <mode="linear", antialias=0> (x, , s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """`antialias=1`, whatever the target."""
        if not node.attr_int("antialias", 0):
            return None
        if not target.before(10, 0):
            return refused(f"{target.title} has no antialiasing")
        return silent(f"{target.title} does not read antialias") if _reduces(read(node, graph)) else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One MatMul per axis, or the node without the attribute."""
        r, asked = Replacement(graph, node), read(node, graph)
        if not _reduces(asked):
            r.clone(node, node.inputs, without=("antialias",))
            return r
        return resampled(r, node, asked)


def _reduces(asked: Resizing) -> bool:
    """Whether any axis gets smaller, as far as is known."""
    if not asked.sampling.antialias:
        return False
    if asked.scales is not None:
        return min(asked.scales, default=1.0) < 1
    try:
        return any(grid.scale < 1 for grid in grids(replace(asked, roi=None)).values())
    except Refused:
        return True
