"""# unread-reduction-axes

## What it does
Writes a reduction whose axes stand in an input as one that the parser reads: a mean or maximum over height and width as
global pooling, others through ReduceSum, whose axes it knows, or TopK for the largest and smallest. Before 8.0, where
no reduction knows them, the tensor is seen as a picture whose height is what is reduced, and pooled. A reduction
over no axes at all goes.

## Why
Parsers up to 9.3 read axes from the attribute only. From opset 18 on the axes of ReduceMean, ReduceMax and the others
are an input, so every axis is reduced, without an error; ReduceSum, whose axes moved in opset 13, is right from 8.0
on. `noop_with_empty_axes` is not read either.

## Safety
The same arithmetic in another order.

## When it refuses
For ReduceProd and ReduceLogSumExp, for axes that are computed, for a sum of which the number of values is not fixed
before 8.0, for integers but sums of them, and where pooling would have to guess two sizes.

## How to avoid it when exporting
Export with opset 17 or below (12 or below for TensorRT 7).
"""

from __future__ import annotations

from collections.abc import Callable

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
from trtconv.passes.core.pooled import FLOATS, pooled

GLOBAL_POOL = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}


class UnreadReductionAxes(Pass):
    """Reductions with axes as an input."""

    ops = (
        *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin"),
        *("ReduceProd", "ReduceSum", "ReduceSumSquare"),
    )
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,4] x) => (float[N,1] y) <int64[1] a = {1}> { y = ReduceMean(x, a) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,4] x) => (float[N,1] y) <int64[1] a = {1}, float share = {0.25}> {
                    total = ReduceSum(x, a)
                    y = Mul(total, share)
                }""",
        ),
        Example(
            target="tensorrt-7.2",
            title="a mean over height and width",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3] y) <int64[2] a = {2, 3}>
                { y = ReduceMean <keepdims = 0> (x, a) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,H,W] x) => (float[N,3] y) <int64[2] s = {0, 0}> {
                    p = GlobalAveragePool(x)
                    y = Reshape(p, s)
                }""",
        ),
        Example(
            target="tensorrt-7.2",
            title="no reduction knows its axes",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,W] x) => (float[N,3,1] y) <int64[1] a = {2}> { y = ReduceMean(x, a) }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,3,W] x) => (float[N,3,1] y) <int64[4] v = {0, 3, -1, 1}, int64[3] s = {0, 3, 1}> {
                    picture = Reshape(x, v)
                    p = GlobalAveragePool(picture)
                    y = Reshape(p, s)
                }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="products",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,4] x) => (float[N,1] y) <int64[1] a = {1}> { y = ReduceProd(x, a) }""",
            refusal="ReduceProd has no form whose axes this parser reads",
        ),
        Example(
            target="tensorrt-10.0",
            title="read since 10.0",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,4] x) => (float[N,1] y) <int64[1] a = {1}> { y = ReduceMean(x, a) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Axes as an input, or none that mean nothing, before 10.0 (ReduceSum with axes: before 8.0)."""
        if not target.before(10, 0):
            return None
        if node.attr_int("noop_with_empty_axes", 0) and _axes(node, graph) in ((), None):
            return silent("noop_with_empty_axes is not read: every axis is reduced")
        if node.input(1) and (node.op_type != "ReduceSum" or target.before(8, 0)):
            return silent("its axes are an input, which is not read: every axis is reduced")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Identity, TopK, or arithmetic around ReduceSum."""
        if node.op_type in ("ReduceL2", "ReduceLogSum") and integers.is_integer(graph.dtype(node.input(0))):
            raise Refused("Sqrt and Log take no integers")
        axes = _axes(node, graph)
        r = Replacement(graph, node)
        if axes == () and node.attr_int("noop_with_empty_axes", 0):
            _of_each(r, node)
        elif axes is not None and _is_global_pool(node, graph, axes):
            _pool(r, node)
        elif axes is None:
            raise Refused("its axes are computed")
        elif target.before(8, 0) or _is_mean_of_unknown(node, graph, axes or _all_axes(node, graph)):
            _by_pool(r, node, axes or _all_axes(node, graph))
        elif node.op_type in ("ReduceMax", "ReduceMin"):
            _extreme(r, node, axes or _all_axes(node, graph))
        else:
            _by_sum(r, node, axes or _all_axes(node, graph))
        return r


def _of_each(r: Replacement, node: Node) -> None:
    """What is left of a reduction over nothing: what it does to each value."""
    x, out = node.input(0), node.outputs[0]
    if node.op_type in ("ReduceL1", "ReduceL2"):
        r.op("Abs", x, into=out)
    elif node.op_type == "ReduceSumSquare":
        r.op("Mul", x, x, into=out)
    elif node.op_type == "ReduceLogSum":
        r.op("Log", x, into=out)
    else:
        r.op("Identity", x, into=out)


def _is_global_pool(node: Node, graph: Graph, axes: tuple[int, ...]) -> bool:
    """Whether it reduces every axis behind batch and channels, as GlobalAveragePool and GlobalMaxPool do."""
    found = graph.type(node.input(0))
    if found is None or found.rank is None or node.op_type not in GLOBAL_POOL:
        return False
    return found.rank in (4, 5) and sorted(axes) == list(range(2, found.rank)) and found.dtype in FLOATS


def _pool(r: Replacement, node: Node) -> None:
    if node.attr_int("keepdims", 1):
        r.op(GLOBAL_POOL[node.op_type], node.input(0), into=node.outputs[0])
    else:
        r.reshape(r.op(GLOBAL_POOL[node.op_type], node.input(0)), [0, 0], into=node.outputs[0])


def _all_axes(node: Node, graph: Graph) -> tuple[int, ...]:
    rank = graph.rank(node.input(0))
    if rank is None:
        raise Refused("the rank of its input is unknown")
    return tuple(range(rank))


def _axes(node: Node, graph: Graph) -> tuple[int, ...] | None:
    """Constant axes, counted from 0; none at all are all of them, but for noop_with_empty_axes. None where computed."""
    if not node.input(1):
        return ()
    value, rank = graph.constant(node.input(1)), graph.rank(node.input(0))
    return None if value is None or rank is None else tuple(int(a) % rank for a in value)


def _extreme(r: Replacement, node: Node, axes: tuple[int, ...]) -> None:
    """TopK of 1 along one axis after the other."""
    dtype = r.graph.dtype(node.input(0))
    if dtype is None or integers.is_integer(dtype):
        raise Refused("TopK of integers is refused by these parsers")
    x, one = node.input(0), r.constant([1], np.int64)
    negate = node.op_type == "ReduceMin"
    x = r.op("Neg", x) if negate else x
    for axis in axes:
        x = r.ops("TopK", x, one, into=[None, None], axis=axis)[0]
    x = r.op("Neg", x) if negate else x
    if node.attr_int("keepdims", 1):
        r.op("Identity", x, into=node.outputs[0])
    else:
        r.squeeze(x, axes, into=node.outputs[0])


def _by_sum(r: Replacement, node: Node, axes: tuple[int, ...]) -> None:
    x, keepdims = node.input(0), bool(node.attr_int("keepdims", 1))
    if node.op_type == "ReduceMean":
        share = r.scalar(1 / _count(r.graph, x, axes), x)
        r.op("Mul", r.reduce("ReduceSum", x, axes, keepdims), share, into=node.outputs[0])
    else:
        _around_sum(r, node, lambda t, into: r.reduce("ReduceSum", t, axes, keepdims, into=into))


def _by_pool(r: Replacement, node: Node, axes: tuple[int, ...]) -> None:
    """A mean or an extreme as pooling, and any sum as a mean times the number of its values."""
    x, out, keepdims = node.input(0), node.outputs[0], bool(node.attr_int("keepdims", 1))
    if node.op_type == "ReduceMean":
        pooled(r, "GlobalAveragePool", x, axes, keepdims, like=x, into=out)
    elif node.op_type == "ReduceMax":
        pooled(r, "GlobalMaxPool", x, axes, keepdims, like=x, into=out)
    elif node.op_type == "ReduceMin":
        r.op("Neg", pooled(r, "GlobalMaxPool", r.op("Neg", x), axes, keepdims, like=x), into=out)
    else:
        count = r.scalar(_count(r.graph, x, axes), x)
        mean = "GlobalAveragePool"
        _around_sum(r, node, lambda t, into: r.op("Mul", pooled(r, mean, t, axes, keepdims, like=x), count, into=into))


def _around_sum(r: Replacement, node: Node, total: Callable[[str, str | None], str]) -> None:
    """Something before a sum, and something behind it."""
    x, out = node.input(0), node.outputs[0]
    if node.op_type == "ReduceSum":
        total(x, out)
    elif node.op_type == "ReduceL1":
        total(r.op("Abs", x), out)
    elif node.op_type == "ReduceSumSquare":
        total(r.op("Mul", x, x), out)
    elif node.op_type == "ReduceL2":
        r.op("Sqrt", total(r.op("Mul", x, x), None), into=out)
    elif node.op_type == "ReduceLogSum":
        r.op("Log", total(x, None), into=out)
    else:
        raise Refused(f"{node.op_type} has no form whose axes this parser reads")


def _is_mean_of_unknown(node: Node, graph: Graph, axes: tuple[int, ...]) -> bool:
    shape = graph.shape(node.input(0))
    return node.op_type == "ReduceMean" and shape is not None and not all(isinstance(shape[a], int) for a in axes)


def _count(graph: Graph, x: str, axes: tuple[int, ...]) -> int:
    shape = graph.shape(x)
    sizes = [shape[a] for a in axes] if shape else [None]
    if integers.is_integer(graph.dtype(x)) or not all(isinstance(s, int) and s for s in sizes):
        raise Refused("the number of values that are summed is not fixed, or they are integers")
    return int(np.prod([s for s in sizes if isinstance(s, int)]))
