"""Mod, for parsers that have none and for floats with the sign of the divisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtconv.passes.core.integers import is_integer
from trtconv.passes.core.rewrite import Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node


def mod(node: Node, graph: Graph) -> Replacement:
    """Mod by division: the quotient is cut towards 0, then the sign is mended where it is to follow the divisor."""
    r = Replacement(graph, node)
    x, y = node.inputs
    quotient = r.op("Div", x, y)
    if not is_integer(graph.dtype(x)):
        zero = r.scalar(0, x)
        quotient = r.op("Where", r.op("Less", quotient, zero), r.op("Ceil", quotient), r.op("Floor", quotient))
    rest = r.op("Sub", x, r.op("Mul", quotient, y))
    if node.attr_int("fmod", 0):
        r.op("Identity", rest, into=node.outputs[0])
    else:
        follow_divisor(r, rest, y, node.outputs[0])
    return r


def of_floats(node: Node, graph: Graph) -> Replacement:
    """Mod of floats with fmod=0: with fmod=1, and the divisor added where the signs differ."""
    r = Replacement(graph, node)
    follow_divisor(r, r.clone(node, node.inputs, into=[None], fmod=1)[0], node.input(1), node.outputs[0])
    return r


def follow_divisor(r: Replacement, rest: str, y: str, out: str) -> None:
    """A remainder with the sign of the dividend, moved to that of the divisor."""
    zero = r.scalar(0, y)
    negative, below, above = r.op("Less", y, zero), r.op("Less", rest, zero), r.op("Greater", rest, zero)
    differs = r.op("Or", r.op("And", above, negative), r.op("And", below, r.op("Not", negative)))
    r.op("Where", differs, r.op("Add", rest, y), rest, into=out)
