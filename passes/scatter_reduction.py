"""# scatter-reduction

## What it does
Writes a `ScatterElements` or `ScatterND` with `reduction` as a comparison of every index with every place, a selection
of the updates, and one reduction.

## Why
From TensorRT 8.2 to 9.3 the attribute is not read: updates overwrite each other, and nobody says so. From 10.0 on
ScatterND refuses it ("ScatterND with reduction is not supported."; up to 10.8 even where it says `none`), and
ScatterElements needs a plugin that TensorRT-RTX does not have ("Unsupported reduction type").

## Safety
The same terms in another order.

## When it refuses
When shapes are not fixed, or when places times updates make more than 16 million comparisons.

## How to avoid it when exporting
Sum over a one-hot matrix product, or scatter once to places that do not repeat.
"""

from __future__ import annotations

import numpy as np
from onnx import helper

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

MAX_COMPARISONS = 1 << 24
OPERATORS = {
    "add": ("ReduceSum", "Add"),
    "mul": ("ReduceProd", "Mul"),
    "max": ("ReduceMax", "Max"),
    "min": ("ReduceMin", "Min"),
}


class ScatterReduction(Pass):
    """Scatter that adds, multiplies, or keeps the largest or smallest."""

    ops = ("ScatterElements", "ScatterND")
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-10.10",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[5,3] x, int64[2,1] i, float[2,3] u) => (float[5,3] y) {
                    y = ScatterND <reduction = "add"> (x, i, u)
                }""",
            after="""<ir_version: 8, opset_import: ["": 18]>
                g (float[5,3] x, int64[2,1] i, float[2,3] u) => (float[5,3] y)
                <int64 zero = {0}, int64[1] sizes = {5}, int64[1] strides = {1},
                 int64[1] last = {-1}, int64[1] one = {1},
                 int64[2] s = {2, 3}, int64[2] xs = {5, 3}, int64[3] e = {1, 2, 1}, int64[3] us = {1, 2, 3},
                 int64[5,1,1] places = {0, 1, 2, 3, 4}, float none = {0}> {
                    below = Less(i, zero)
                    lifted = Add(i, sizes)
                    index = Where(below, lifted, i)
                    scaled = Mul(index, strides)
                    linear = ReduceSum <keepdims = 0> (scaled, last)
                    row = Reshape(linear, e)
                    hit = Equal(row, places)
                    updates = Reshape(u, us)
                    chosen = Where(hit, updates, none)
                    total = ReduceSum <keepdims = 0> (chosen, one)
                    flat = Reshape(x, xs)
                    sum = Add(flat, total)
                    y = Reshape(sum, xs)
                }""",
        ),
        Example(
            target="tensorrt-10.10",
            title="the last one wins",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[5,3] x, int64[2,1] i, float[2,3] u) => (float[5,3] y) { y = ScatterND(x, i, u) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A reduction that is not read (before 10.0), or refused; before 8.2 there is no scatter of this form."""
        if "reduction" not in node.attributes or not target.has(node.op_type):
            return None
        if node.attr_string("reduction", "none") == "none":
            reads_it = not target.before(10, 0) and target.before(10, 9) and node.op_type == "ScatterND"
            return refused("ScatterND with the attribute reduction is refused, whatever it says") if reads_it else None
        if target.before(10, 0):
            return silent("reduction is not read: updates of one place overwrite each other")
        if node.op_type == "ScatterND" or target.is_rtx:
            return refused(f"{node.op_type} with reduction is not supported")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Comparison, selection, reduction; without the attribute where that says nothing."""
        r = Replacement(graph, node)
        kind = node.attr_string("reduction", "none")
        if kind == "none":
            r.clone(node, node.inputs, without=["reduction"])
        elif node.op_type == "ScatterND":
            _scatter_nd(r, node, kind)
        else:
            _scatter_elements(r, node, kind)
        return r


def _fixed_shape(graph: Graph, tensor: str) -> list[int]:
    shape = graph.shape(tensor)
    if shape is None or not all(isinstance(d, int) for d in shape):
        raise Refused("the shapes of its inputs are not all fixed")
    return [d for d in shape if isinstance(d, int)]


def _check_size(count: int) -> None:
    if count > MAX_COMPARISONS:
        raise Refused(f"it would take {count} comparisons")


def _not_negative(r: Replacement, index: str, sizes: list[int] | int) -> str:
    kind = helper.tensor_dtype_to_np_dtype(r.graph.dtype(r.node.input(1)) or 7)
    below = r.op("Less", index, r.constant(0, kind))
    return r.op("Where", below, r.op("Add", index, r.constant(sizes, kind)), index)


def _neutral(r: Replacement, kind: str) -> str:
    """What changes nothing: 0, 1, or the least or greatest value of the type."""
    dtype = helper.tensor_dtype_to_np_dtype(r.graph.dtype(r.node.input(0)) or 1)
    if kind in ("add", "mul"):
        return r.constant(0 if kind == "add" else 1, dtype)
    if dtype.kind in "iu":
        return r.constant(np.iinfo(dtype).min if kind == "max" else np.iinfo(dtype).max, dtype)
    return r.constant(-np.inf if kind == "max" else np.inf, dtype)


def _scatter_nd(r: Replacement, node: Node, kind: str) -> None:
    """Both as matrices: places by the size of what an index names."""
    data, index = (_fixed_shape(r.graph, t) for t in node.inputs[:2])
    named = index[-1]
    places, rest, count = (int(np.prod(part)) for part in (data[:named], data[named:], index[:-1]))
    _check_size(places * count * rest)
    integer = helper.tensor_dtype_to_np_dtype(r.graph.dtype(node.input(1)) or 7)
    strides = np.append(np.cumprod(data[1:named][::-1])[::-1], 1).astype(integer)
    positive = _not_negative(r, node.input(1), data[:named])
    linear = r.reduce("ReduceSum", r.op("Mul", positive, r.constant(strides)), [-1], keepdims=False)
    row = r.reshape(linear, [1, count, 1])
    hit = r.op("Equal", row, r.constant(np.arange(places, dtype=integer).reshape(-1, 1, 1)))
    chosen = r.op("Where", hit, r.reshape(node.input(2), [1, count, rest]), _neutral(r, kind))
    reduction, combination = OPERATORS[kind]
    total = r.reduce(reduction, chosen, [1], keepdims=False)
    combined = r.op(combination, r.reshape(node.input(0), [places, rest]), total)
    r.reshape(combined, data, into=node.outputs[0])


def _scatter_elements(r: Replacement, node: Node, kind: str) -> None:
    """Along the axis, moved to the end; indices are filled up with a place that does not exist."""
    data, index = (_fixed_shape(r.graph, t) for t in node.inputs[:2])
    axis, rank = node.attr_int("axis", 0) % len(data), len(data)
    if rank >= 8:
        raise Refused("it would take a tensor of more than 8 axes")
    length = data[axis]
    _check_size(int(np.prod(data)) * index[axis])
    integer = helper.tensor_dtype_to_np_dtype(r.graph.dtype(node.input(1)) or 7)
    missing = [0] * rank + [0 if i == axis else d - n for i, (d, n) in enumerate(zip(data, index, strict=True))]
    positive, updates = _not_negative(r, node.input(1), length), node.input(2)
    if any(missing):
        pads = r.constant(missing, np.int64)
        positive = r.op("Pad", positive, pads, r.constant(length, integer))
        updates = r.op("Pad", updates, pads)
    order = [*(i for i in range(rank) if i != axis), axis]
    index_rows, update_rows = (r.unsqueeze(r.transpose(t, order), [rank - 1]) for t in (positive, updates))
    hit = r.op("Equal", index_rows, r.constant(np.arange(length, dtype=integer).reshape(-1, 1)))
    chosen = r.op("Where", hit, update_rows, _neutral(r, kind))
    reduction, combination = OPERATORS[kind]
    total = r.reduce(reduction, chosen, [rank], keepdims=False)
    back = r.transpose(total, np.argsort(order).tolist())
    r.op(combination, node.input(0), back, into=node.outputs[0])
