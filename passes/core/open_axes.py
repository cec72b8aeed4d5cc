"""Squeeze and Unsqueeze whose axes only run time knows, as a Reshape to a computed shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.rewrite import Refused, Replacement
from trtconv.passes.core.shape_arithmetic import is_shape_arithmetic

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node


def reshaped(node: Node, graph: Graph) -> Replacement:
    """Squeeze of one axis, or Unsqueeze of any number, for axes in whatever order, counted from either end.

    Raises Refused where the number of axes or the rank is not known, or where the axes are no shape arithmetic.
    """
    rank, axes = graph.rank(node.input(0)), graph.shape(node.input(1))
    count = axes[0] if axes else 1  # a single axis may be a scalar
    if rank is None or axes is None or not isinstance(count, int):
        raise Refused(f"the rank that {node.op_type} gives is not known")
    if not is_shape_arithmetic(graph, node.input(1)):
        raise Refused(f"axes of {node.op_type} depends on the values of tensors")
    r = Replacement(graph, node)
    given = r.reshape(r.cast(node.input(1), TensorProto.INT64), [-1])
    sizes = _with_ones(r, given, rank, count) if node.op_type == "Unsqueeze" else _without_one(r, given, rank, count)
    zero = 1 if graph.opset >= 14 else None  # before, a 0 in the shape copies the dimension at its place
    r.op("Reshape", node.input(0), sizes, into=node.outputs[0], allowzero=zero)
    return r


def _with_ones(r: Replacement, axes: str, rank: int, count: int) -> str:
    """The dimensions of the input, in their order, around ones at `axes`."""
    if not rank:
        return r.constant([1] * count, np.int64)
    places, one = r.constant(np.arange(rank + count)), r.constant([1], np.int64)
    source, is_new = places, r.constant(np.zeros(rank + count, bool))
    for i in range(count):
        axis = _from_the_front(r, r.op("Gather", axes, r.constant([i], np.int64), axis=0), rank + count)
        source = r.op("Sub", source, r.cast(r.op("Less", axis, places), TensorProto.INT64))
        is_new = r.op("Or", is_new, r.op("Equal", places, axis))
    within = r.op("Min", source, r.constant([rank - 1], np.int64))
    return r.op("Where", is_new, one, r.op("Gather", r.shape(r.node.input(0)), within, axis=0))


def _without_one(r: Replacement, axes: str, rank: int, count: int) -> str:
    """The dimensions of the input but for one."""
    if count != 1:
        raise Refused(f"{count} axes of Squeeze are computed: their order decides which dimensions stay")
    places = r.constant(np.arange(rank - 1))
    before = r.op("Less", places, _from_the_front(r, axes, rank))
    source = r.op("Where", before, places, r.op("Add", places, r.constant([1], np.int64)))
    return r.op("Gather", r.shape(r.node.input(0)), source, axis=0)


def _from_the_front(r: Replacement, axis: str, rank: int) -> str:
    is_negative = r.op("Less", axis, r.constant([0], np.int64))
    return r.op("Where", is_negative, r.op("Add", axis, r.constant([rank], np.int64)), axis)
