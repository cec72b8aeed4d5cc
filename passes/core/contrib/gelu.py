"""The Gelus of ONNX Runtime: exact, by tanh, by sigmoid, with a bias in front."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trtconv.passes.core.rewrite import Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

OPSET_WITH_GELU = 20
QUICK_ALPHA = 1.702
"""Default of the attribute."""
CUBIC = 0.044715
"""Factor of x cubed in the approximation by tanh."""


def gelu(node: Node, graph: Graph) -> Replacement:
    """X / 2 * (1 + erf(x / sqrt(2)))."""
    r = Replacement(graph, node)
    _exact(r, node.input(0), node.input(0))
    return r


def bias_gelu(node: Node, graph: Graph) -> Replacement:
    """Gelu of the sum of both inputs."""
    r = Replacement(graph, node)
    _exact(r, r.op("Add", *node.inputs), node.input(0))
    return r


def fast_gelu(node: Node, graph: Graph) -> Replacement:
    """X / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), of x and a bias where there is one."""
    r, like = Replacement(graph, node), node.input(0)
    x = r.op("Add", like, node.input(1)) if node.input(1) else like
    if graph.opset >= OPSET_WITH_GELU:
        r.op("Gelu", x, into=node.outputs[0], approximate="tanh")
        return r
    cube = r.op("Mul", r.op("Mul", x, x), x)
    inner = r.op("Add", x, r.op("Mul", cube, r.scalar(CUBIC, like)))
    _half(r, x, r.op("Tanh", r.op("Mul", inner, r.scalar(math.sqrt(2 / math.pi), like))), like)
    return r


def quick_gelu(node: Node, graph: Graph) -> Replacement:
    """X * sigmoid(alpha * x)."""
    r, x = Replacement(graph, node), node.input(0)
    gate = r.op("Sigmoid", r.op("Mul", x, r.scalar(node.attr_float("alpha", QUICK_ALPHA), x)))
    r.op("Mul", x, gate, into=node.outputs[0])
    return r


def _exact(r: Replacement, x: str, like: str) -> None:
    if r.graph.opset >= OPSET_WITH_GELU:
        r.op("Gelu", x, into=r.node.outputs[0])
    else:
        _half(r, x, r.op("Erf", r.op("Mul", x, r.scalar(math.sqrt(0.5), like))), like)


def _half(r: Replacement, x: str, curve: str, like: str) -> None:
    """X / 2 * (1 + curve)."""
    half = r.op("Mul", x, r.scalar(0.5, like))
    r.op("Mul", half, r.op("Add", curve, r.scalar(1, like)), into=r.node.outputs[0])
