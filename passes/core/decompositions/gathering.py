"""GatherElements and GatherND as one Gather of the flattened data, and scatters as comparisons, for fixed shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.rewrite import Replacement
from trtconv.passes.core.scattering import fixed_shape, scatter

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node


def gather_elements(node: Node, graph: Graph) -> Replacement:
    """GatherElements: the places along the axis, and the constant places along all others."""
    data, index = (fixed_shape(graph, t) for t in node.inputs)
    axis = node.attr_int("axis", 0) % len(data)
    strides = _strides(data)
    others = np.zeros(index, np.int64)
    for i, stride in enumerate(strides):
        if i != axis:
            others += np.arange(index[i]).reshape([-1 if i == j else 1 for j in range(len(index))]) * stride
    r = Replacement(graph, node)
    along = r.op("Mul", _positive(r, node.input(1), data[axis]), r.constant(strides[axis], np.int64))
    linear = r.op("Add", along, r.constant(others))
    r.op("Gather", r.reshape(node.input(0), [-1]), linear, into=node.outputs[0], axis=0)
    return r


def gather_nd(node: Node, graph: Graph) -> Replacement:
    """GatherND: what each index names lies in one row of the data."""
    data, index = (fixed_shape(graph, t) for t in node.inputs)
    batch, named = node.attr_int("batch_dims", 0), index[-1]
    rows = data[: batch + named]
    strides = _strides(rows)
    offset = np.zeros(index[:batch], np.int64)
    for i in range(batch):
        offset += np.arange(data[i]).reshape([-1 if i == j else 1 for j in range(batch)]) * strides[i]
    r = Replacement(graph, node)
    positive = _positive(r, node.input(1), np.array(rows[batch:]))
    scaled = r.op("Mul", positive, r.constant(strides[batch:], np.int64))
    linear = r.reduce("ReduceSum", scaled, [len(index) - 1], keepdims=False)
    if batch:
        linear = r.op("Add", linear, r.constant(offset.reshape(*index[:batch], *[1] * (len(index) - 1 - batch))))
    flat = r.reshape(node.input(0), [-1, *data[batch + named :]])
    r.op("Gather", flat, linear, into=node.outputs[0], axis=0)
    return r


def scattered(node: Node, graph: Graph) -> Replacement:
    """A scatter without a reduction, or with one that the importer would not read either."""
    return scatter(node, graph, node.attr_string("reduction", "none"))


def _strides(shape: list[int]) -> list[int]:
    return [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]


def _positive(r: Replacement, index: str, size: int | np.ndarray) -> str:
    """INT64 indices, a negative one counted from the end."""
    if r.graph.dtype(index) != TensorProto.INT64:
        index = r.cast(index, TensorProto.INT64)
    lifted = r.op("Add", index, r.constant(size, np.int64))
    return r.op("Where", r.op("Less", index, r.constant(0, np.int64)), lifted, index)
