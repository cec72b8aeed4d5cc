"""Operators of `ai.onnx.ml` that are plain arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph, Node

FLOAT = TensorProto.FLOAT


def array_feature_extractor(node: Node, graph: Graph) -> Replacement:
    """ArrayFeatureExtractor: columns of the last axis, a vector being one row."""
    rank = graph.rank(node.input(0))
    if rank is None:
        raise Refused("the rank of its input is not known")
    r = Replacement(graph, node)
    chosen = r.op("Gather", node.input(0), r.reshape(node.input(1), [-1]), axis=rank - 1)
    if rank == 1:
        r.unsqueeze(chosen, [0], into=node.outputs[0])
    else:
        r.op("Identity", chosen, into=node.outputs[0])
    return r


def binarizer(node: Node, graph: Graph) -> Replacement:
    """Binarizer: 1 above the threshold, else 0."""
    dtype = graph.dtype(node.input(0))
    if dtype is None:
        raise Refused("the element type of its input is not known")
    r = Replacement(graph, node)
    above = r.op("Greater", node.input(0), r.scalar(node.attr_float("threshold", 0.0), node.input(0)))
    r.cast(above, dtype, into=node.outputs[0])
    return r


def scaler(node: Node, graph: Graph) -> Replacement:
    """Scaler: less the offset, times the scale."""
    r = Replacement(graph, node)
    x = node.input(0) if graph.dtype(node.input(0)) == FLOAT else r.cast(node.input(0), FLOAT)
    offset = r.constant(node.attr_floats("offset") or [0.0], np.float32)
    scale = r.constant(node.attr_floats("scale") or [1.0], np.float32)
    r.op("Mul", r.op("Sub", x, offset), scale, into=node.outputs[0])
    return r


def linear_regressor(node: Node, graph: Graph) -> Replacement:
    """LinearRegressor without a transform of its result: one MatMul and the intercepts."""
    if node.attr_string("post_transform", "NONE") != "NONE":
        raise Refused("it transforms its result")
    targets = node.attr_int("targets", 1)
    r = Replacement(graph, node)
    x = node.input(0) if graph.dtype(node.input(0)) == FLOAT else r.cast(node.input(0), FLOAT)
    weights = np.array(node.attr_floats("coefficients") or [], np.float32).reshape(targets, -1).T
    product = r.op("MatMul", x, r.constant(np.ascontiguousarray(weights)))
    r.op("Add", product, r.constant(node.attr_floats("intercepts") or [0.0], np.float32), into=node.outputs[0])
    return r
