"""# resize-type

## What it does
Casts the integers that a `Resize` or `Upsample` works on to FLOAT and back; nearest sampling of INT32 and INT64,
whose large values FLOAT does not hold, becomes a Gather with constant indices.

## Why
TensorRT 7.1 to 8.4 refuse INT32 and BOOL ("does not support INT32 or BOOL input for the Resize operator."), every
later one BOOL and UINT8 ("Found unsupported input type of UINT8"). TensorRT-RTX 1.7 also refuses INT32 and INT64
("must have type Float, Half, BFloat16, ..."); it takes INT8 (measured).

## Safety
Nearest is exact; interpolated integers are computed in float32 and cut off, as ONNX Runtime does.

## When it refuses
For nearest sampling of INT32 and INT64 when height and width are not known.

## How to avoid it when exporting
Resize floats; turn labels into integers (argmax) afterwards.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.resizing import read, resampled

WIDE = (TensorProto.INT32, TensorProto.INT64)
NARROW = (TensorProto.BOOL, TensorProto.UINT8)


class ResizeType(Pass):
    """Resizing of integers."""

    ops = ("Resize", "Upsample")
    safety = Safety.ROUNDING
    after = ("resize-coordinates", "resize-with-axes", "outer-axis-resize")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (uint8[N,1,4,5] x) => (uint8[N,1,8,10] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="nearest"> (x, , s) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (uint8[N,1,4,5] x) => (uint8[N,1,8,10] y) <float[4] s = {1, 1, 2, 2}> {
                    f = Cast <to=1> (x)
                    g = Resize <mode="nearest"> (f, , s)
                    y = Cast <to=2> (g)
                }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[N,1,4,5] x) => (int32[N,1,8,5] y) <float[4] s = {1, 1, 2, 1}>
                { y = Resize <mode="nearest"> (x, , s) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[N,1,4,5] x) => (int32[N,1,8,5] y) <int64[8] i = {0, 0, 1, 1, 2, 2, 3, 3}>
                { y = Gather <axis=2> (x, i) }""",
        ),
        Example(
            target="tensorrt-8.5",
            title="INT32 is taken since 8.5",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[N,1,4,5] x) => (int32[N,1,8,5] y) <float[4] s = {1, 1, 2, 1}>
                { y = Resize <mode="nearest"> (x, , s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """BOOL and UINT8 from 7.1 on; INT32 and INT64 until 8.4, and on TensorRT-RTX."""
        dtype = graph.dtype(node.input(0))
        wide = dtype in WIDE and (target.before(8, 5) or target.is_rtx)
        if target.before(7, 1) or dtype is None or not (wide or dtype in NARROW):
            return None
        return refused(f"{target.title} does not resize {TensorProto.DataType.Name(dtype)}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Cast, Resize, Cast; or one Gather per axis."""
        r, dtype, asked = Replacement(graph, node), graph.dtype(node.input(0)), read(node, graph)
        if dtype in WIDE and asked.sampling.mode == "nearest":
            return resampled(r, node, asked)
        data = r.cast(node.input(0), TensorProto.FLOAT)
        resized = r.clone(node, [data, *node.inputs[1:]], into=[graph.unique(f"{node.label}/resized")])[0]
        r.cast(resized, int(dtype or 0), into=node.outputs[0])
        return r
