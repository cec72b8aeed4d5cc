"""# negative-pads

## What it does
Splits a `Pad` with negative pads into a `Slice` for those and a `Pad` for the rest.

## Why
TensorRT 8.2 to 10.3 refuse constant negative pads ("Failed to convert padding!"). Older parsers, whose padding
layer crops, and 10.4 and later take them.

## Safety
Exact. ONNX Runtime crops first and pads what is left, in every mode; so does the rewrite.

## When it refuses
When the pads are computed at run time, or when they take more from an axis than it has.

## How to avoid it when exporting
Write `x[..., 1:-1]` in the network instead of `F.pad(x, (-1, -1))`.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, padding, refused
from trtconv.passes.core.padding import Pads


class NegativePads(Pass):
    """Constant pads below zero where the parser cannot convert them."""

    ops = ("Pad",)
    after = ("pad-with-axes",)
    examples = (
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <int64[8] p = {0, 0, -1, 2, 0, 0, 1, -3}>
                { y = Pad(x, p) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y)
                <int64[2] s = {1, 0}, int64[2] e = {9223372036854775807, -3}, int64[2] a = {2, 3},
                 int64[8] p = {0, 0, 0, 2, 0, 0, 1, 0}> {
                    c = Slice(x, s, e, a)
                    y = Pad(c, p)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="nothing but a crop",
            before="""<ir_version: 8, opset_import: ["": 9]>
                g (float[N,3,5,7] x) => (float[N,3,5,5] y) { y = Pad <pads=[0, 0, 0, -1, 0, 0, 0, -1]> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 9]>
                g (float[N,3,5,7] x) => (float[N,3,5,5] y) { y = Slice <starts=[1], ends=[-1], axes=[3]> (x) }""",
        ),
        Example(
            target="tensorrt-10.4",
            title="taken as it is since 10.4",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,5,7] x) => (float[N,3,5,5] y) <int64[8] p = {0, 0, 0, -1, 0, 0, 0, -1}>
                { y = Pad(x, p) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Constant pads below zero, from 8.2 to 10.3; before, those beside a border of something but zeros."""
        pads = padding.read(node, graph) if target.before(10, 4) else None
        if pads is None or not pads.has_crop:
            return None
        if target.before(8, 2):
            filling = padding.value(node, graph)
            is_filled = padding.mode(node) == "constant" and filling is not None and filling.any()
            return refused(f"{target.title} crops while it pads with zeros only") if is_filled else None
        return refused(f"{target.title} does not convert negative pads")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Slice, then Pad with what is left of the pads."""
        pads = padding.read(node, graph)
        if pads is None:
            raise Refused("the pads are computed at run time")
        _refuse_empty(pads, padding.dims_of(graph, node.input(0), pads.rank))
        r = Replacement(graph, node)
        rest = [max(0, p) for p in pads.flat]
        if not any(rest):
            padding.crop(r, node.input(0), pads, into=node.outputs[0])
            return r
        inside = padding.crop(r, node.input(0), pads)
        if padding.pads_in(graph) == "attribute":
            r.clone(node, [inside], pads=rest)
        else:
            value = [node.input(2)] if node.input(2) else []
            r.clone(node, [inside, r.constant(rest, "int64", "pads"), *value])
        return r


def _refuse_empty(pads: Pads, dims: list[int | str | None]) -> None:
    for axis, dim in enumerate(dims):
        taken = max(0, -pads.begins[axis]) + max(0, -pads.ends[axis])
        if isinstance(dim, int) and taken > dim:
            raise Refused(f"axis {axis} has {dim} elements, and the pads take away {taken}")
