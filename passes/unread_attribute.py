"""# unread-attribute

## What it does
Says with other nodes what an attribute says that the parser of the target never reads: `largest=0` of TopK, `start`
and `end` of Shape, `num_outputs` of Split, `select_last_index` of ArgMax and ArgMin, and the default `axis` of
quantization.

## Why
Importers ignore attributes that they do not know, and the network computes something else without an error. TopK
gives the largest values up to 8.4; Shape the whole shape up to 9.3; Split rounds every part down up to 9.3; ArgMax
the first of equal values up to 7.2; and quantization for each channel without `axis` takes axis 0, not 1, up to
10.16. A GridSample of opset 20 in mode `linear` or `cubic` takes the nearest value from 8.5 to 11.0 (TensorRT-RTX 1.7
reads them): it becomes arithmetic on coordinates and a Gather for each neighbour.

## Safety
Exact, but for GridSample, which becomes the same sums in another order.

## When it refuses
When the size of the axis is not fixed (Split, ArgMax) or the shapes are not (GridSample), and for TopK of integers.

## How to avoid it when exporting
Export with opset 13: these attributes came later, but for `largest` and `select_last_index`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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
    integers,
    silent,
)
from trtconv.passes.core.decompositions.grid_sample import grid_sample
from trtconv.passes.core.target import Version


@dataclass(frozen=True)
class Row:
    """One attribute, the versions that do not read it, and what to write in its place."""

    ops: tuple[str, ...]
    matters: Callable[[Node, Graph], bool]
    until: Version
    why: str
    rewrite: Callable[[Node, Graph], Replacement]
    since: Version = (7, 0)


class UnreadAttribute(Pass):
    """Attributes that a parser ignores."""

    ops = (
        *("ArgMax", "ArgMin", "DequantizeLinear", "GridSample"),
        *("QuantizeLinear", "Shape", "Split", "TopK"),
    )
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,2] y, int64[N,2] i) <int64[1] k = {2}> {
                    y, i = TopK <largest = 0> (x, k)
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,2] y, int64[N,2] i) <int64[1] k = {2}> {
                    negative = Neg(x)
                    most, i = TopK(negative, k)
                    y = Neg(most)
                }""",
        ),
        Example(
            target="tensorrt-9.3",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,5] x) => (float[N,3] y, float[N,2] z) { y, z = Split <axis = 1, num_outputs = 2> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,5] x) => (float[N,3] y, float[N,2] z) <int64[2] s = {3, 2}> {
                    y, z = Split <axis = 1> (x, s)
                }""",
        ),
        Example(
            target="tensorrt-8.5",
            title="read since 8.5",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,2] y, int64[N,2] i) <int64[1] k = {2}> {
                    y, i = TopK <largest = 0> (x, k)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A row of the table whose attribute is there and not read."""
        row = _row(node, graph, target)
        return None if row is None or not target.has(node.op_type) else silent(row.why)

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """What the row says."""
        row = _row(node, graph, target)
        if row is None:
            raise Refused("the attribute is read")
        return row.rewrite(node, graph)


def _row(node: Node, graph: Graph, target: Target) -> Row | None:
    fits = (r for r in ROWS if node.op_type in r.ops and r.since <= target.parser < r.until and r.matters(node, graph))
    return next(fits, None)


def _smallest(node: Node, graph: Graph) -> Replacement:
    dtype = graph.dtype(node.input(0))
    if dtype is None or integers.is_integer(dtype):
        raise Refused("the least integer has no negative")
    r = Replacement(graph, node)
    into = [None if i == 0 and o else o for i, o in enumerate(node.outputs)]
    values = r.clone(node, [r.op("Neg", node.input(0)), *node.inputs[1:]], into=into, without=["largest"])[0]
    if node.outputs[0]:
        r.op("Neg", values, into=node.outputs[0])
    return r


def _part_of_shape(node: Node, graph: Graph) -> Replacement:
    r = Replacement(graph, node)
    start, end = node.attr_int("start", 0), node.attr_int("end", np.iinfo(np.int64).max)
    r.slice(r.shape(node.input(0)), [start], [end], [0], into=node.outputs[0])
    return r


def _is_uneven(node: Node, graph: Graph) -> bool:
    size = _size(node, graph)
    return "num_outputs" in node.attributes and not node.input(1) and (size is None or size % len(node.outputs) != 0)


def _size(node: Node, graph: Graph) -> int | None:
    shape = graph.shape(node.input(0))
    size = shape[node.attr_int("axis", 0)] if shape else None
    return size if isinstance(size, int) else None


def _with_sizes(node: Node, graph: Graph) -> Replacement:
    size, count = _size(node, graph), len(node.outputs)
    if size is None:
        raise Refused("the size of the split axis is not fixed")
    part = -(-size // count)
    if size < part * (count - 1):
        raise Refused(f"{size} does not split into {count} parts of {part}")
    r = Replacement(graph, node)
    sizes = [*[part] * (count - 1), size - part * (count - 1)]
    r.clone(node, [node.input(0), r.constant(sizes, np.int64)], without=["num_outputs"])
    return r


def _last_of_equals(node: Node, graph: Graph) -> Replacement:
    size, axis = _size(node, graph), node.attr_int("axis", 0)
    if size is None:
        raise Refused("the size of the axis is not fixed")
    r = Replacement(graph, node)
    reversed_ = r.slice(node.input(0), [-1], [np.iinfo(np.int64).min], [axis], [-1])
    first = r.clone(node, [reversed_], into=[None], without=["select_last_index"])[0]
    r.op("Sub", r.constant(size - 1, np.int64), first, into=node.outputs[0])
    return r


def _has_implied_axis(node: Node, graph: Graph) -> bool:
    shape = graph.shape(node.input(1))
    return "axis" not in node.attributes and shape is not None and len(shape) == 1 and shape != (1,)


def _with_axis(node: Node, graph: Graph) -> Replacement:
    if graph.opset < 13:
        raise Refused("quantization has no axis before opset 13")
    r = Replacement(graph, node)
    r.clone(node, node.inputs, axis=1)
    return r


ROWS = (  # facts: tensorrt_limits.md 3
    Row(
        ("TopK",),
        lambda n, g: n.attr_int("largest", 1) == 0,
        (8, 5),
        "largest is not read: the largest values come out",
        _smallest,
    ),
    Row(
        ("Shape",),
        lambda n, g: bool({"start", "end"} & n.attributes.keys()),
        (10, 0),
        "start and end are not read: the whole shape comes out",
        _part_of_shape,
    ),
    Row(("Split",), _is_uneven, (10, 0), "num_outputs is not read: every part is rounded down", _with_sizes),
    Row(
        ("ArgMax", "ArgMin"),
        lambda n, g: n.attr_int("select_last_index", 0) != 0,
        (8, 0),
        "select_last_index is not read: the first of equal values wins",
        _last_of_equals,
    ),
    Row(
        ("QuantizeLinear", "DequantizeLinear"),
        _has_implied_axis,
        (11, 0),
        "without an axis the scales belong to axis 0, not to axis 1",
        _with_axis,
    ),
    Row(
        ("GridSample",),
        lambda n, g: n.attr_string("mode", "") in ("linear", "cubic"),
        (11, 1),
        "this mode is not read: the nearest value comes out",
        grid_sample,
        since=(8, 5),
    ),
)
