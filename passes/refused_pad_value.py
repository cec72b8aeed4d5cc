"""# refused-pad-value

## What it does
Turns a constant `Pad` whose value the target refuses, or misreads, into `Concat` with blocks of that value.

## Why
Before TensorRT 8.2 only zero is taken ("only supports constant 0 padding!"), and a computed value is refused ("The
input constant_value is required to be an initializer."). 8.2.0 to 8.4.0 read the bits of an integer value as a
float, silently. TensorRT-RTX takes no INT8 constant in front of a Pad (measured with 1.7).

## Safety
Exact: the value itself is put around the data. Padding `x - c` with zeros and adding `c`, as one reads elsewhere,
is not: it rounds, and turns an infinite `c` into NaN.

## When it refuses
When the pads are computed at run time or negative, and for an INT8 value other than zero on TensorRT-RTX.

## How to avoid it when exporting
Pad with zeros. For a max pooling that needs minus infinity, give the pooling its own padding.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import (
    Example,
    Graph,
    Node,
    Pass,
    Refused,
    Replacement,
    Target,
    Trouble,
    padding,
    refused,
    silent,
)

INTEGERS = (TensorProto.INT8, TensorProto.INT32, TensorProto.INT64)


class RefusedPadValue(Pass):
    """A border of something else than zeros, where the target cannot have it."""

    ops = ("Pad",)
    after = ("negative-pads", "zero-pads", "pad-before-max-pool")
    examples = (
        Example(
            target="tensorrt-7.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,5] x) => (float[N,3,6] y)
                <int64[6] p = {0, 0, 1, 0, 0, 0}, float v = {0.5}> { y = Pad(x, p, v) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,5] x) => (float[N,3,6] y)
                <float v = {0.5}, int64[1] z = {0}, int64[1] one = {1}, int64[1] three = {3}> {
                    s = Shape(x)
                    n = Slice(s, z, one, z)
                    shape = Concat <axis=0> (n, three, one)
                    b = Expand(v, shape)
                    y = Concat <axis=2> (b, x)
                }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="an INT8 zero is the default anyway",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[1,3,5] x) => (int8[1,3,6] y) <int64[6] p = {0, 0, 1, 0, 0, 0}, int8 v = {0}>
                { y = Pad(x, p, v) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[1,3,5] x) => (int8[1,3,6] y) <int64[6] p = {0, 0, 1, 0, 0, 0}> { y = Pad(x, p) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="floats are taken since 8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,5] x) => (float[N,3,6] y)
                <int64[6] p = {0, 0, 1, 0, 0, 0}, float v = {0.5}> { y = Pad(x, p, v) }""",
        ),
        Example(
            target="tensorrt-8.0",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,3,5] x, int64[6] p) => (float[A,B,C] y) <float v = {0.5}> { y = Pad(x, p, v) }""",
            refusal="computed at run time",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Anything but a zero before 8.2, integers from 8.2.0 to 8.4.0, INT8 on TensorRT-RTX."""
        if padding.mode(node) != "constant":
            return None
        filling, dtype = padding.value(node, graph), graph.dtype(node.input(0))
        if filling is None:
            return refused(f"{target.title} wants the border's value as a constant") if target.before(8, 2) else None
        if target.is_rtx and dtype == TensorProto.INT8 and node.input(2):
            return refused(f"{target.title} takes no INT8 constant in front of Pad")
        if not filling.any():
            return None
        if target.before(8, 2):
            return refused(f"{target.title} pads with zeros only, not with {filling}")
        if target.before(8, 4, 1) and dtype in INTEGERS:
            return silent(f"{target.title} reads the bits of the integer {filling} as a float")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Blocks of the value around the data, axis by axis."""
        pads, filling = padding.read(node, graph), padding.value(node, graph)
        r = Replacement(graph, node)
        if target.is_rtx:
            if filling is None or filling.any():
                raise Refused("TensorRT-RTX takes INT8 constants only in front of DequantizeLinear")
            r.clone(node, [node.input(0), node.input(1), *(["", node.input(3)] if node.input(3) else [])])
            return r
        if pads is None:
            raise Refused("the pads are computed at run time")
        scalar = node.input(2) if filling is None else filling
        padding.without_pad(r, node.input(0), pads, scalar, "constant", node.outputs[0])
        return r
