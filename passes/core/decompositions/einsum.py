"""Einsum: its equation read and written out, and the whole as Transpose, ReduceSum and MatMul."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Equation:
    """Labels of each operand's axes and of the output's; those of an ellipsis are `.0`, `.1`, ... from the right."""

    operands: tuple[Labels, ...]
    output: Labels

    @classmethod
    def of(cls, node: Node, graph: Graph) -> Equation:
        """The equation of an Einsum node. Raises Refused where an ellipsis stands for an unknown number of axes."""
        left, arrow, right = node.attr_string("equation", "").replace(" ", "").partition("->")
        operands = tuple(
            _labels(term, graph.rank(tensor)) for term, tensor in zip(left.split(","), node.inputs, strict=True)
        )
        count = Counter(label for labels in operands for label in labels)
        dots = tuple(sorted((label for label in count if label[0] == "."), key=lambda n: -int(n[1:])))
        if not arrow:
            once = sorted(label for label in count if count[label] == 1 and label[0] != ".")
            return cls(operands, (*dots, *once))
        before, ellipsis, after = right.partition("...")
        return cls(operands, (*before, *(dots if ellipsis else ()), *after))

    @property
    def has_diagonal(self) -> bool:
        """Whether a label stands twice in one operand."""
        return any(len(set(labels)) < len(labels) for labels in self.operands)

    def text(self) -> str:
        """The same with an output, without ellipses, in small letters. Raises Refused where there are too few."""
        labels = dict.fromkeys(label for operand in self.operands for label in operand)
        kept = [label for label in labels if label in string.ascii_lowercase]
        free = iter(c for c in string.ascii_lowercase if c not in kept)
        try:
            letters = {label: label if label in kept else next(free) for label in labels}
        except StopIteration as error:
            raise Refused("its equation has more axes than there are small letters") from error
        terms = ["".join(letters[label] for label in operand) for operand in (*self.operands, self.output)]
        return ",".join(terms[:-1]) + "->" + terms[-1]


def _labels(term: str, rank: int | None) -> Labels:
    before, ellipsis, after = term.partition("...")
    if not ellipsis:
        return tuple(term)
    if rank is None:
        raise Refused("the rank behind an ellipsis is not known")
    count = rank - len(before) - len(after)
    return (*before, *(f".{i}" for i in reversed(range(count))), *after)


@dataclass(frozen=True)
class Operand:
    """A tensor and the labels of its axes."""

    tensor: str
    labels: Labels


def einsum(node: Node, graph: Graph) -> Replacement:
    """An Einsum as products of two operands at a time, each a MatMul."""
    equation = Equation.of(node, graph)
    r = Replacement(graph, node)
    sizes = _sizes(r, equation)
    left = [
        _without_diagonal(r, Operand(tensor, labels), sizes)
        for tensor, labels in zip(node.inputs, equation.operands, strict=True)
    ]
    while len(left) > 1:
        wanted = {*equation.output, *(label for operand in left[2:] for label in operand.labels)}
        left[:2] = [_product(r, left[0], left[1], wanted, sizes)]
    last = _summed(r, left[0], set(equation.output))
    order = [last.labels.index(label) for label in equation.output]
    if order == sorted(order):
        r.op("Identity", last.tensor, into=node.outputs[0])
    else:
        r.transpose(last.tensor, order, into=node.outputs[0])
    return r


def _sizes(r: Replacement, equation: Equation) -> dict[str, int | None]:
    """Size of each label's axis, None where it is not fixed; among operands that broadcast, the larger."""
    found: dict[str, int | None] = {}
    for tensor, labels in zip(r.node.inputs, equation.operands, strict=True):
        for label, dim in zip(labels, r.graph.shape(tensor) or (None,) * len(labels), strict=True):
            if isinstance(dim, int):
                found[label] = max(dim, found.get(label) or 0)
            else:
                found.setdefault(label, None)
    return found


def _without_diagonal(r: Replacement, operand: Operand, sizes: dict[str, int | None]) -> Operand:
    """Axes of one label as one axis: what lies on their diagonal."""
    repeated = next((label for label, n in Counter(operand.labels).items() if n > 1), None)
    if repeated is None:
        return operand
    twins = [i for i, label in enumerate(operand.labels) if label == repeated][:2]
    size = sizes[repeated]
    if size is None:
        raise Refused("the size of a diagonal is not fixed")
    others = [i for i in range(len(operand.labels)) if i not in twins]
    moved = r.transpose(operand.tensor, [*others, *twins])
    flat = r.reshape(moved, [*[0] * len(others), size * size])
    diagonal = r.op("Gather", flat, r.constant(np.arange(size) * (size + 1), np.int64), axis=len(others))
    return _without_diagonal(r, Operand(diagonal, (*(operand.labels[i] for i in others), repeated)), sizes)


def _summed(r: Replacement, operand: Operand, wanted: set[str]) -> Operand:
    """The sum over the axes that nothing else asks for."""
    axes = [i for i, label in enumerate(operand.labels) if label not in wanted]
    if not axes:
        return operand
    kept = tuple(label for label in operand.labels if label in wanted)
    return Operand(r.reduce("ReduceSum", operand.tensor, axes, keepdims=False), kept)


def _product(r: Replacement, a: Operand, b: Operand, wanted: set[str], sizes: dict[str, int | None]) -> Operand:
    """MatMul of [shared..., own of a, summed] and [shared..., summed, own of b]."""
    a, b = _summed(r, a, wanted | set(b.labels)), _summed(r, b, wanted | set(a.labels))
    both = [label for label in a.labels if label in b.labels]
    shared, summed = ([x for x in both if (x in wanted) is chosen] for chosen in (True, False))
    mine, other = ([x for x in operand.labels if x not in both] for operand in (a, b))
    left = _as_matrices(r, a, shared, mine, summed, sizes)
    right = _as_matrices(r, b, shared, summed, other, sizes)
    product = r.op("MatMul", left, right)
    if len(mine) != 1 or len(other) != 1:
        product = r.reshape(product, [*[0] * len(shared), *_at_most_one_open([sizes[x] for x in (*mine, *other)])])
    return Operand(product, (*shared, *mine, *other))


def _as_matrices(
    r: Replacement,
    operand: Operand,
    shared: list[str],
    rows: list[str],
    columns: list[str],
    sizes: dict[str, int | None],
) -> str:
    """Axes in the order shared, rows, columns, the last two groups as one axis each."""
    order = [operand.labels.index(label) for label in (*shared, *rows, *columns)]
    x = operand.tensor if order == sorted(order) else r.transpose(operand.tensor, order)
    if len(rows) == len(columns) == 1:
        return x
    merged = [_merged([sizes[x] for x in group]) for group in (rows, columns)]
    return r.reshape(x, [*[0] * len(shared), *_at_most_one_open(merged)])


def _merged(group: Sequence[int | None]) -> int | None:
    return None if None in group else math.prod(size for size in group if size is not None)


def _at_most_one_open(shape: Sequence[int | None]) -> list[int]:
    """The shape for a Reshape, -1 for what is not fixed. Raises Refused where that is more than one axis."""
    if list(shape).count(None) > 1:
        raise Refused("the sizes of too many axes are not fixed")
    return [-1 if size is None else size for size in shape]
