"""Sequences that are made and taken apart in the same graph: the tensors themselves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node


def _parts(sequence: str, graph: Graph, r: Replacement) -> list[str]:
    """Tensors in a sequence that a SequenceConstruct or a SplitToSequence of this graph makes."""
    maker = graph.producer(sequence)
    if maker is not None and maker.op_type == "SequenceConstruct":
        return list(maker.inputs)
    if maker is not None and maker.op_type == "SplitToSequence":
        return _split(maker, graph, r)
    raise Refused("its sequence is not made by SequenceConstruct or SplitToSequence in the same graph")


def _split(maker: Node, graph: Graph, r: Replacement) -> list[str]:
    axis, shape = maker.attr_int("axis", 0), graph.shape(maker.input(0))
    size = shape[axis] if shape else None
    if not isinstance(size, int):
        raise Refused("the size of the split axis is not fixed")
    sizes = _sizes(maker, graph, size)
    bounds = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    parts = [r.slice(maker.input(0), [a], [b], [axis]) for a, b in itertools.pairwise(bounds)]
    if maker.input(1) or maker.attr_int("keepdims", 1):
        return parts
    return [r.squeeze(part, [axis]) for part in parts]


def _sizes(maker: Node, graph: Graph, size: int) -> list[int]:
    if not maker.input(1):
        return [1] * size
    given = graph.constant(maker.input(1))
    if given is None:
        raise Refused("the sizes of the parts are computed")
    if given.ndim:
        return [int(g) for g in given]
    part = int(given)
    return [min(part, size - start) for start in range(0, size, part)]


def at(node: Node, graph: Graph) -> Replacement:
    """SequenceAt with a constant position."""
    position = graph.constant(node.input(1))
    if position is None:
        raise Refused("its position is computed")
    r = Replacement(graph, node)
    parts = _parts(node.input(0), graph, r)
    r.op("Identity", parts[int(position)], into=node.outputs[0])
    return r


def concat(node: Node, graph: Graph) -> Replacement:
    """ConcatFromSequence: Concat, each part with a new axis where they are stacked."""
    r, axis = Replacement(graph, node), node.attr_int("axis", 0)
    parts = _parts(node.input(0), graph, r)
    if node.attr_int("new_axis", 0):
        parts = [r.unsqueeze(part, [axis]) for part in parts]
    r.concat(parts, axis, into=node.outputs[0])
    return r


def length(node: Node, graph: Graph) -> Replacement:
    """SequenceLength: a constant."""
    r = Replacement(graph, node)
    r.op("Identity", r.constant(len(_parts(node.input(0), graph, r)), np.int64), into=node.outputs[0])
    return r
