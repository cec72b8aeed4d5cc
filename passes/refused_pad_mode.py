"""# refused-pad-mode

## What it does
Turns a `Pad` of mode reflect, edge or wrap that the parser refuses into `Gather` and `Concat`.

## Why
Before TensorRT 8.2 the importer takes constant zeros only ("This version of TensorRT only supports constant 0
padding!"); `wrap`, new in opset 19, is refused until 10.0 ("Unsupported pad mode").

## Safety
Exact: elements are copied. An axis of known size becomes one Gather with constant indices; where the size is
dynamic, the border is cut off with Slice, put in order with Gather, and joined by Concat.

## When it refuses
When the pads are computed at run time or negative (`negative-pads` runs first), or when an axis of unknown size is
wrapped: ONNX allows a border longer than the axis then, which no fixed slice can give.

## How to avoid it when exporting
Use zero padding in the network, or give the input a fixed size, so that the border is cheap.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, padding, refused


class RefusedPadMode(Pass):
    """Reflect, edge or wrap padding where the parser has only constants."""

    ops = ("Pad",)
    after = ("negative-pads", "zero-pads")
    examples = (
        Example(
            target="tensorrt-7.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,5,7] x) => (float[N,3,8,7] y) <int64[8] p = {0, 0, 1, 0, 0, 0, 2, 0}>
                { y = Pad <mode="reflect"> (x, p) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,5,7] x) => (float[N,3,8,7] y) <int64[8] i = {1, 0, 1, 2, 3, 4, 3, 2}>
                { y = Gather <axis=2> (x, i) }""",
        ),
        Example(
            target="tensorrt-7.2",
            title="a dynamic axis",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,7] x) => (float[N,3,M,7] y) <int64[8] p = {0, 0, 1, 0, 0, 0, 2, 0}>
                { y = Pad <mode="reflect"> (x, p) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,7] x) => (float[N,3,M,7] y)
                <int64[1] i = {1}, int64[1] s = {-3}, int64[1] e = {-1}, int64[1] a = {2}, int64[2] j = {1, 0}> {
                    h = Gather <axis=2> (x, i)
                    c = Slice(x, s, e, a)
                    t = Gather <axis=2> (c, j)
                    y = Concat <axis=2> (h, x, t)
                }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="taken as it is since 8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,5,7] x) => (float[N,3,8,7] y) <int64[8] p = {0, 0, 1, 0, 0, 0, 2, 0}>
                { y = Pad <mode="reflect"> (x, p) }""",
        ),
        Example(
            target="tensorrt-8.0",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,5,7] x, int64[8] p) => (float[A,B,C,D] y) { y = Pad <mode="edge"> (x, p) }""",
            refusal="computed at run time",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any mode but constant before 8.2; wrap before 10.0."""
        how = padding.mode(node)
        if how != "constant" and target.before(8, 2):
            return refused(f"{target.title} pads with constant zeros only, not in mode {how}")
        if how == "wrap" and target.before(10, 0):
            return refused(f"{target.title} has no pad mode wrap")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Gather with constant indices, or slices put together."""
        pads = padding.read(node, graph)
        if pads is None:
            raise Refused("the pads are computed at run time")
        r = Replacement(graph, node)
        padding.without_pad(r, node.input(0), pads, None, padding.mode(node), node.outputs[0])
        return r
