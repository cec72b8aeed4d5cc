"""# outer-axis-resize

## What it does
Writes the part of a `Resize` that interpolates an axis the target cannot reach as a MatMul with constant weights.

## Why
TensorRT interpolates linearly along the last three axes and cubically along the last two ("only supports linear
resizing on the outermost 3 dimensions" means those). Its parser checks constant scales; linear sizes stop in the
builder (measured with TensorRT-RTX 1.7, which takes cubic sizes).

## Safety
Rounding. An infinity or NaN in the data spreads along its row.

## When it refuses
When the size of the axis is not known, and for integers.

## How to avoid it when exporting
Interpolate height and width only; move other axes there with `permute`.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.resizing import Resizing, read, resampled

REACH = {"linear": 3, "cubic": 2}


class OuterAxisResize(Pass):
    """Interpolation along an axis too far out."""

    ops = ("Resize", "Upsample")
    safety = Safety.ROUNDING
    after = ("resize-coordinates", "cubic-resize")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[2,2,3,4] x) => (float[4,2,3,4] y) <float[4] s = {2, 1, 1, 1}>
                { y = Resize <mode="linear"> (x, , s) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[2,2,3,4] x) => (float[4,2,3,4] y) <float[2,4] w = {0, 0, 0, 0, 0, 0, 0, 0}> {
                    a = Transpose <perm=[3, 1, 2, 0]> (x)
                    b = MatMul(a, w)
                    y = Transpose <perm=[3, 1, 2, 0]> (b)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,2,3,4] x) => (float[M,2,3,4] y) <float[4] s = {2, 1, 1, 1}>
                { y = Resize <mode="linear"> (x, , s) }""",
            refusal="axis 0 is not known",
        ),
        Example(
            target="tensorrt-10.3",
            title="channels are within reach of linear",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,2,3,4] x) => (float[1,4,6,8] y) <float[4] s = {1, 2, 2, 2}>
                { y = Resize <mode="linear"> (x, , s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A linear scale before the last three axes, a cubic one before the last two; from 7.1 on."""
        asked = read(node, graph)
        axis = _too_far(asked)
        if axis is None or target.before(7, 1) or (asked.sampling.mode == "cubic" and target.before(8, 5)):
            return None
        return refused(f"{target.title} does not interpolate along axis {axis} in mode {asked.sampling.mode}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One MatMul per axis."""
        return resampled(Replacement(graph, node), node, read(node, graph))


def _too_far(asked: Resizing) -> int | None:
    reach, rank = REACH.get(asked.sampling.mode), len(asked.dims or asked.scales or ())
    if reach is None or (asked.sampling.mode == "cubic" and asked.given == "sizes"):
        return None
    return next((axis for axis in asked.resized if axis < rank - reach), None)
