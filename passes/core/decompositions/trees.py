"""Tree ensembles of `ai.onnx.ml`: every row walks down all trees at once, one level of comparisons at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core.decompositions import forest as forests
from trtconv.passes.core.decompositions.classical import labelled, transformed
from trtconv.passes.core.decompositions.forest import Branch, Forest
from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE
MAX_DEPTH = 64
"""Levels of comparisons, which wait for each other; each is about seven operators."""
REDUCTIONS = {"SUM": "ReduceSum", "AVERAGE": "ReduceMean", "MIN": "ReduceMin", "MAX": "ReduceMax"}
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
"""In the order of the numbers that TreeEnsemble gives them."""


def tree_ensemble(node: Node, graph: Graph) -> Replacement:
    """TreeEnsemble of opset 5."""
    r, forest = Replacement(graph, node), forests.of_tree_ensemble(node)
    how = ("AVERAGE", "SUM", "MIN", "MAX")[node.attr_int("aggregate_function", 1)]
    scores = _scores(r, forest, how)
    transform = TRANSFORMS[node.attr_int("post_transform", 0)]
    transformed(r, scores, transform, into=node.outputs[0])
    return r


def regressor(node: Node, graph: Graph) -> Replacement:
    """TreeEnsembleRegressor, which gives FLOAT whatever it is fed."""
    targets = node.attr_int("n_targets", 1)
    if targets == 1 and node.attr_string("post_transform", "NONE") != "NONE":
        raise Refused("runtimes disagree on what a transform makes of a single target")
    r, forest = Replacement(graph, node), forests.of_older_ensemble(node, "target", targets)
    scores = _based(r, _scores(r, forest, node.attr_string("aggregate_function", "SUM")), targets)
    transformed(r, r.cast(scores, FLOAT), node.attr_string("post_transform", "NONE"), into=node.outputs[0])
    return r


def classifier(node: Node, graph: Graph) -> Replacement:
    """TreeEnsembleClassifier of three classes or more: the scores, and the label of the largest."""
    labels = node.attr_ints("classlabels_int64s")
    if not labels:
        raise Refused("its labels are texts, which TensorRT has no tensors of")
    if len(labels) < 3:
        raise Refused("ONNX Runtime and the standard disagree on tree ensembles of two classes")
    r, forest = Replacement(graph, node), forests.of_older_ensemble(node, "class", len(labels))
    scores = r.cast(_based(r, _scores(r, forest, "SUM"), len(labels)), FLOAT)
    labelled(r, scores, labels, into=node.outputs[0])
    if node.has_output(1):
        transformed(r, scores, node.attr_string("post_transform", "NONE"), into=node.outputs[1])
    return r


def _scores(r: Replacement, forest: Forest, how: str) -> str:
    """[rows, targets]: what the leaves that a row comes to say together."""
    single = len(next(iter(forest.leaves.values()))) == 1
    if how in ("MIN", "MAX") and not single:
        raise Refused(f"the {how} of several targets leaves out trees without a vote")
    leaves = _Walk(r, forest).leaves()
    weights = np.zeros((forest.count, len(next(iter(forest.leaves.values())))))
    for leaf, row in forest.leaves.items():
        weights[leaf] = row
    table = r.constant(weights[:, 0] if single else weights, _kind(r), "weights")
    return r.reduce(REDUCTIONS[how], r.op("Gather", table, leaves, axis=0), [1], keepdims=single)


def _based(r: Replacement, scores: str, targets: int) -> str:
    """With the base values added."""
    base = r.node.attr_floats("base_values")
    if "base_values_as_tensor" in r.node.attributes:
        raise Refused("its base values are DOUBLE")
    if base and len(base) != targets:
        raise Refused(f"it has {len(base)} base values for {targets} targets")
    return r.op("Add", scores, r.constant(base, _kind(r))) if base else scores


def _kind(r: Replacement) -> np.dtype[Any]:
    """DOUBLE is compared and added as DOUBLE, everything else as FLOAT."""
    return np.dtype(np.float64 if r.graph.dtype(r.node.input(0)) == DOUBLE else np.float32)


class _Walk:
    """The way of every row down every tree, by tables of the forest."""

    def __init__(self, r: Replacement, forest: Forest) -> None:
        self.r, self.forest, self.depth = r, forest, forest.depth()
        if self.depth > MAX_DEPTH:
            raise Refused(f"its deepest tree takes {self.depth} comparisons, one after the other")
        if r.graph.rank(r.node.input(0)) != 2:
            raise Refused("its input is not known to be rows of features")
        if r.graph.opset < 12:
            raise Refused(f"LessOrEqual begins with opset 12, and this model imports {r.graph.opset}")
        self.x = r.cast(r.node.input(0), helper.np_dtype_to_tensor_dtype(_kind(r)))
        rest = Branch(0, 0.0, False, 0, 0, 0)
        nodes = [forest.branches.get(i, rest) for i in range(forest.count)]
        self.columns: dict[str, Any] = {
            "feature": np.array([b.feature for b in nodes]),
            "threshold": np.array([b.threshold for b in nodes], _kind(r)),
            "lax": np.array([not b.is_strict for b in nodes]),
        }
        for end in ("yes", "no", "missing"):
            numbers = [getattr(b, end) if i in forest.branches else i for i, b in enumerate(nodes)]
            self.columns[end] = np.array(numbers)
        self.tables: dict[str, str] = {}

    def leaves(self) -> str:
        """[rows, trees]: the leaf that each row comes to in each tree."""
        roots = np.array(self.forest.roots)
        features = self.r.constant(self.columns["feature"][roots])
        place = self._next(self.r.op("Gather", self.x, features, axis=1), roots)
        for _ in range(self.depth - 1):
            value = self.r.op("GatherElements", self.x, self._look("feature", place), axis=1)
            place = self._next(value, place)
        return place

    def _next(self, value: str, place: Any) -> str:
        """One comparison further."""
        r = self.r
        chosen = r.op("Where", self._holds(value, place), self._look("yes", place), self._look("no", place))
        if (self.columns["missing"] == self.columns["no"]).all():
            return chosen
        return r.op("Where", r.op("IsNaN", value), self._look("missing", place), chosen)

    def _holds(self, value: str, place: Any) -> str:
        """What is less than the threshold, and where a branch is lax, what equals it."""
        threshold, kinds = self._look("threshold", place), {b.is_strict for b in self.forest.branches.values()}
        if kinds <= {True}:
            return self.r.op("Less", value, threshold)
        at_most = self.r.op("LessOrEqual", value, threshold)
        if kinds == {False}:
            return at_most
        equal_too = self.r.op("And", at_most, self._look("lax", place))
        return self.r.op("Or", self.r.op("Less", value, threshold), equal_too)

    def _look(self, name: str, place: Any) -> str:
        """A column at `place`: a tensor of node numbers, or those of the roots."""
        if not isinstance(place, str):
            return self.r.constant(self.columns[name][place][None], hint=name)
        if name not in self.tables:
            self.tables[name] = self.r.constant(self.columns[name], hint=name)
        return self.r.op("Gather", self.tables[name], place, axis=0)
