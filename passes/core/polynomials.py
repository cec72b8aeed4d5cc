"""Elementwise arithmetic read as polynomials: whatever order exporters write sums and products in, it is the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trtconv.passes.core.activations import close, uniform

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

Polynomial = dict[tuple[int, int], float]
"""Coefficients by the powers of two tensors, x and g: 0.5 * x * (1 + g) is {(1, 0): 0.5, (1, 1): 0.5}."""

DEPTH = 6
"""Nodes in a row that are read; the longest form of an activation has five."""
DEGREE = 4


class Arithmetic:
    """Reads tensors as polynomials of `x` and `g`; `nodes` are those that were read."""

    def __init__(self, graph: Graph, x: str, g: str = "") -> None:
        self.graph, self.x, self.g = graph, x, g
        self.nodes: dict[Node, None] = {}

    def of(self, tensor: str, depth: int = DEPTH) -> Polynomial | None:
        """The polynomial that `tensor` is, or None where it is none."""
        if tensor in (self.x, self.g):
            return {(1, 0) if tensor == self.x else (0, 1): 1.0}
        constant = uniform(self.graph, tensor, self.x)
        if constant is not None:
            return {(0, 0): constant}
        node = self.graph.producer(tensor)
        if node is None or node.domain or not depth or node.op_type not in OPERATORS:
            return None
        self.nodes[node] = None
        found = [self.of(t, depth - 1) for t in node.inputs]
        operands = [p for p in found if p is not None]
        return _combined(node.op_type, operands) if len(operands) == len(found) else None


OPERATORS = ("Add", "Div", "Mul", "Neg", "Pow", "Sub")


def equal(one: Polynomial | None, other: Polynomial, dtype: int | None) -> bool:
    """Whether the coefficients are the same as far as constants of the element type can tell."""
    return one is not None and one.keys() == other.keys() and all(close(one[k], other[k], dtype) for k in other)


def below(tensor: str, graph: Graph, depth: int = DEPTH) -> Iterator[str]:
    """Computed tensors that `tensor` may be a polynomial of, the nearest first."""
    level = [tensor]
    for _ in range(depth):
        level = [t for t in dict.fromkeys(level) if t and not graph.is_constant(t)]
        yield from level
        producers = (graph.producer(t) for t in level)
        level = [t for n in producers if n is not None and n.op_type in OPERATORS for t in n.inputs]


def _combined(op_type: str, operands: list[Polynomial]) -> Polynomial | None:
    first = operands[0]
    if op_type == "Neg":
        return {k: -c for k, c in first.items()}
    second = operands[1]
    if op_type in ("Add", "Sub"):
        sign = 1 if op_type == "Add" else -1
        return {k: first.get(k, 0.0) + sign * second.get(k, 0.0) for k in {**first, **second}}
    if op_type == "Mul":
        return _product(first, second)
    constant = second[0, 0] if second.keys() == {(0, 0)} else 0.0
    if op_type == "Div":
        return {k: c / constant for k, c in first.items()} if constant else None
    if constant not in (2.0, 3.0):
        return None
    square = _product(first, first)
    return square if constant == 2 or square is None else _product(square, first)


def _product(one: Polynomial, other: Polynomial) -> Polynomial | None:
    found: Polynomial = {}
    for (i, j), a in one.items():
        for (k, m), b in other.items():
            found[i + k, j + m] = found.get((i + k, j + m), 0.0) + a * b
    return found if max(sum(powers) for powers in found) <= DEGREE else None
