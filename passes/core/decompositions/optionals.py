"""Optional values whose presence the file tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node


def _value(tensor: str, graph: Graph) -> str:
    """The tensor behind an optional value, empty where there is none. Raises Refused where the caller decides."""
    maker = graph.producer(tensor)
    if maker is not None and maker.op_type == "Optional":
        return maker.input(0)
    if tensor and graph.type(tensor) is None:
        raise Refused("whether the value is there is not told by the file")
    return tensor


def has_element(node: Node, graph: Graph) -> Replacement:
    """OptionalHasElement: a constant."""
    r = Replacement(graph, node)
    r.op("Identity", r.constant(bool(_value(node.input(0), graph)), np.bool_), into=node.outputs[0])
    return r


def get_element(node: Node, graph: Graph) -> Replacement:
    """OptionalGetElement: the tensor itself."""
    value = _value(node.input(0), graph)
    if not value:
        raise Refused("there is no value to get")
    r = Replacement(graph, node)
    r.op("Identity", value, into=node.outputs[0])
    return r
