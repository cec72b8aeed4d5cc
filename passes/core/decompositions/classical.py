"""Operators of `ai.onnx.ml` that are plain arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

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
    offset = r.constant(node.attr_floats("offset") or [0.0], np.float32)
    scale = r.constant(node.attr_floats("scale") or [1.0], np.float32)
    r.op("Mul", r.op("Sub", _in_float(r), offset), scale, into=node.outputs[0])
    return r


def normalizer(node: Node, graph: Graph) -> Replacement:
    """Normalizer: each row over its sum of magnitudes, its length or its largest number; a row of zeros stays."""
    rank = graph.rank(node.input(0))
    if rank is None:
        raise Refused("the rank of its input is not known")
    r, norm = Replacement(graph, node), node.attr_string("norm", "MAX")
    x = _in_float(r)
    by = {"L1": "ReduceL1", "L2": "ReduceL2", "MAX": "ReduceMax"}[norm]
    size = r.reduce(by, x, [rank - 1])
    zero = r.constant(0.0, np.float32)
    is_size = r.op("Or", r.op("Greater", size, zero), r.op("Less", size, zero))
    r.op("Div", x, r.op("Add", size, r.cast(r.op("Not", is_size), FLOAT)), into=node.outputs[0])
    return r


def linear_regressor(node: Node, graph: Graph) -> Replacement:
    """LinearRegressor: one MatMul and the intercepts."""
    targets = node.attr_int("targets", 1)
    if targets == 1 and node.attr_string("post_transform", "NONE") != "NONE":
        raise Refused("runtimes disagree on what a transform makes of a single target")
    r = Replacement(graph, node)
    transformed(r, _weighted(r, targets), node.attr_string("post_transform", "NONE"), into=node.outputs[0])
    return r


def linear_classifier(node: Node, graph: Graph) -> Replacement:
    """LinearClassifier: one MatMul and the intercepts for each class, and the label of the largest."""
    labels, transform = node.attr_ints("classlabels_ints"), node.attr_string("post_transform", "NONE")
    if not labels:
        raise Refused("its labels are texts, which TensorRT has no tensors of")
    r = Replacement(graph, node)
    rows = len(node.attr_floats("intercepts") or labels)
    scores = _weighted(r, rows)
    if rows == 1:
        if transform != "LOGISTIC":
            raise Refused("runtimes disagree on the scores of two classes with one row of weights")
        scores = r.concat([r.op("Neg", scores), scores], 1)
    labelled(r, scores, labels, into=node.outputs[0])
    if node.has_output(1):
        transformed(r, scores, transform, into=node.outputs[1])
    return r


def transformed(r: Replacement, scores: str, how: str, into: str) -> None:
    """The scores as probabilities; raises Refused for transforms that no operator does."""
    if how not in ("NONE", "LOGISTIC", "SOFTMAX"):
        raise Refused(f"its scores are transformed by {how}")
    if how == "SOFTMAX":
        r.op("Softmax", scores, axis=1, into=into)
    else:
        r.op("Sigmoid" if how == "LOGISTIC" else "Identity", scores, into=into)


def labelled(r: Replacement, scores: str, labels: Sequence[int], into: str) -> None:
    """The label of the largest score of each row, the first of several."""
    best = r.op("ArgMax", scores, axis=1, keepdims=0)
    r.op("Gather", r.constant(labels, np.int64, "labels"), best, axis=0, into=into)


def _weighted(r: Replacement, rows: int) -> str:
    """Each row of the input times each row of the weights, and the intercepts."""
    weights = np.array(r.node.attr_floats("coefficients") or [], np.float32).reshape(rows, -1).T
    product = r.op("MatMul", _in_float(r), r.constant(np.ascontiguousarray(weights)))
    return r.op("Add", product, r.constant(r.node.attr_floats("intercepts") or [0.0], np.float32))


def _in_float(r: Replacement) -> str:
    x = r.node.input(0)
    return x if r.graph.dtype(x) == FLOAT else r.cast(x, FLOAT)
