"""# axes-as-input

## What it does
Writes a Squeeze or Unsqueeze as a Reshape, and a Split as slices, for parsers that know these axes and
sizes as attributes only: they became inputs with opset 13.

## Why
Up to TensorRT 7.2.2 the importers read `axes` and `split` as attributes, and stop where these are missing. A Squeeze
that names no axes needs a shape without open dimensions up to 10.16 ("Cannot infer squeeze dimensions from a dynamic
shape!").

## Safety
Exact.

## When it refuses
When axes or sizes are computed, or the rank is not known; a Squeeze without axes when dimensions are open.

## How to avoid it when exporting
Export with opset 11 or 12 for TensorRT 7, and give `squeeze` its dimension.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

if TYPE_CHECKING:
    from trtconv.passes.core.types import Dim


class AxesAsInput(Pass):
    """Squeeze, Unsqueeze and Split of opset 13."""

    ops = ("Split", "Squeeze", "Unsqueeze")
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-7.2",
            before="""<ir_version: 7, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,1,3] y) <int64[1] a = {1}> { y = Unsqueeze(x, a) }""",
            after="""<ir_version: 7, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,1,3] y) <int64[3] s = {-1, 1, 3}> { y = Reshape(x, s) }""",
        ),
        Example(
            target="tensorrt-7.2",
            title="parts",
            before="""<ir_version: 7, opset_import: ["": 13]>
                g (float[N,5] x) => (float[N,2] y, float[N,3] z) <int64[2] s = {2, 3}> {
                    y, z = Split <axis = 1> (x, s) }""",
            after="""<ir_version: 7, opset_import: ["": 13]>
                g (float[N,5] x) => (float[N,2] y, float[N,3] z)
                <int64[1] zero = {0}, int64[1] two = {2}, int64[1] five = {5}, int64[1] a = {1}> {
                    y = Slice(x, zero, two, a)
                    z = Slice(x, two, five, a)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="without axes",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,M] x) => (float[N,M] y) { y = Squeeze(x) }""",
            refusal="it drops every open dimension that happens to be 1",
        ),
        Example(
            target="tensorrt-8.2",
            title="read since 7.2.3",
            before="""<ir_version: 7, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,1,3] y) <int64[1] a = {1}> { y = Unsqueeze(x, a) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The form of opset 13 before 7.2.3; no axes at all where the parser has to be told."""
        if node.op_type == "Squeeze" and not node.input(1) and "axes" not in node.attributes:
            shape = graph.type(node.input(0))
            if target.before(7, 2, 3) or (target.before(11, 0) and not (shape and shape.is_static)):
                return refused(f"{target.title} wants to be told the axes of Squeeze")
            return None
        if graph.opset < 13 or not node.input(1) or not target.before(7, 2, 3):
            return None
        what = "sizes" if node.op_type == "Split" else "axes"
        return refused(f"{target.title} reads no {what} of {node.op_type} that are an input")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Reshape or slices."""
        r, shape = Replacement(graph, node), graph.shape(node.input(0))
        if shape is None:
            raise Refused("the rank of its input is not known")
        if node.op_type == "Split":
            _slices(r)
            return r
        axes = _axes(node, graph, shape)
        _reshape(r, _reshaped(shape, axes, insert=node.op_type == "Unsqueeze"))
        return r


def _axes(node: Node, graph: Graph, shape: tuple[Dim, ...]) -> list[int]:
    """The axes that are dropped, or those of the result that are new; counted from the front."""
    if node.input(1):
        value = graph.constant(node.input(1))
        if value is None:
            raise Refused("its axes are computed")
        axes = [int(a) for a in value.reshape(-1)]
        rank = len(shape) + (len(axes) if node.op_type == "Unsqueeze" else 0)
        return sorted(a % rank for a in axes)
    if not all(isinstance(d, int) for d in shape):
        raise Refused("it drops every open dimension that happens to be 1: name the axes in the model")
    return [i for i, dim in enumerate(shape) if dim == 1]


def _reshaped(shape: tuple[Dim, ...], axes: list[int], *, insert: bool) -> list[tuple[Dim, int | None]]:
    """Each dimension of the result with the axis of the input that it comes from."""
    if not insert:
        return [(dim, i) for i, dim in enumerate(shape) if i not in axes]
    old = iter(enumerate(shape))
    places: list[tuple[Dim, int | None]] = []
    for i in range(len(shape) + len(axes)):
        if i in axes:
            places.append((1, None))
        else:
            axis, dim = next(old)
            places.append((dim, axis))
    return places


def _reshape(r: Replacement, places: list[tuple[Dim, int | None]]) -> None:
    """Reshape to constants with one -1; with more open dimensions, to what Shape says."""
    x, out = r.node.input(0), r.node.outputs[0]
    if sum(not isinstance(dim, int) for dim, _ in places) <= 1:
        r.reshape(x, [dim if isinstance(dim, int) else -1 for dim, _ in places], into=out)
        return
    shape = r.shape(x)
    parts = [
        r.constant([dim], np.int64)
        if isinstance(dim, int)
        else r.op("Gather", shape, r.constant([axis or 0], np.int64), axis=0)
        for dim, axis in places
    ]
    r.reshape(x, r.concat(parts, 0), into=out)


def _slices(r: Replacement) -> None:
    node = r.node
    sizes = r.graph.constant(node.input(1))
    if sizes is None:
        raise Refused("its sizes are computed")
    ends = [0, *accumulate(int(s) for s in sizes)]
    for out, (start, end) in zip(node.outputs, pairwise(ends), strict=True):
        if out:
            r.slice(node.input(0), [start], [end], [node.attr_int("axis", 0)], into=out)
