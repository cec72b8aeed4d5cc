"""# pad-with-axes

## What it does
Writes the pads of a `Pad` that names `axes` (opset 18) for every axis, and drops `axes`.

## Why
TensorRT up to 8.4 never reads the fourth input: it applies the pads to the trailing axes, ignores the value as
well, and says nothing. 8.5 to 9.3 refuse it even when constant ("TensorRT does not support dynamic axes for pad!");
from 10.0 constant axes are taken, and from 10.4 computed ones.

## Safety
Exact: the same pads, written out.

## When it refuses
When the axes are computed at run time, or the rank of the data is not known.

## How to avoid it when exporting
Export with an opset below 18.
"""

from __future__ import annotations

import numpy as np

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


class PadWithAxes(Pass):
    """`axes` of opset 18 that the parser does not read, or refuses."""

    ops = ("Pad",)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.4",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,5,7] x) => (float[N,3,8,7] y)
                <int64[2] p = {1, 2}, float v = {3}, int64[1] a = {-2}> { y = Pad(x, p, v, a) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,5,7] x) => (float[N,3,8,7] y)
                <int64[8] p = {0, 0, 1, 0, 0, 0, 2, 0}, float v = {3}> { y = Pad(x, p, v) }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="computed pads, constant axes",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,5,7] x, int64[2] p) => (float[A,B,C,D] y)
                <int64[1] a = {3}> { y = Pad <mode="edge"> (x, p, , a) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,5,7] x, int64[2] p) => (float[A,B,C,D] y)
                <int64[1] zero = {0}, int64[8] i = {2, 2, 2, 0, 2, 2, 2, 1}> {
                    z = Concat <axis=0> (p, zero)
                    full = Gather <axis=0> (z, i)
                    y = Pad <mode="edge"> (x, full)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="constant axes are taken since 10.0",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,5,7] x) => (float[N,3,8,7] y)
                <int64[2] p = {1, 2}, int64[1] a = {2}> { y = Pad(x, p, , a) }""",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,5,7] x, int64[1] a) => (float[A,B,C,D] y) <int64[2] p = {1, 2}> { y = Pad(x, p, , a) }""",
            refusal="computed at run time",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any axes before 10.0, computed ones before 10.4."""
        if not node.input(3):
            return None
        if target.before(8, 5):
            return silent(f"{target.title} does not read the axes of Pad, and pads the trailing ones")
        if target.before(10, 0):
            return refused(f"{target.title} refuses a Pad that names its axes")
        if target.before(10, 4) and not graph.is_constant(node.input(3)):
            return refused(f"{target.title} wants constant axes")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Pads of full rank: a constant, or gathered from computed ones."""
        axes, rank = padding.constant_axes(node, graph), graph.rank(node.input(0))
        if axes is None or rank is None:
            raise Refused("the rank is not known" if rank is None else "the axes are computed at run time")
        r, pads = Replacement(graph, node), padding.read(node, graph)
        full = r.constant(pads.flat, np.int64, "pads") if pads else _spread(r, node.input(1), axes, rank)
        r.clone(node, [node.input(0), full, *([node.input(2)] if node.input(2) else [])])
        return r


def _spread(r: Replacement, pads: str, axes: list[int], rank: int) -> str:
    """Computed pads for every axis; axes not named take the zero that is put behind them."""
    where = np.full(2 * rank, 2 * len(axes))
    for i, axis in enumerate(axes):
        where[axis], where[rank + axis] = i, len(axes) + i
    padded = r.concat([pads, r.constant([0], np.int64)], 0)
    return r.op("Gather", padded, r.constant(where, np.int64, "indices"), axis=0)
