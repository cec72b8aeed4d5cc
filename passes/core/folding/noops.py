"""Which nodes hand an input on unchanged, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trtconv.passes.core.folding.dims import equal
from trtconv.passes.core.folding.shapes import RULES, Shape, axes_of, reshape_target
from trtconv.passes.core.folding.values import INT_MAX, MALFORMED, slice_bounds

if TYPE_CHECKING:
    from trtconv.passes.core.folding.shapes import Known
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

    Rule = Callable[[Node, Graph, Known], str]

SAME_SHAPE_MEANS_SAME = ("Expand", "Flatten", "Squeeze", "Tile", "Unsqueeze")
"""Operators that only move elements, and keep their order: with the shape of the input, they give the input."""

ONE_INPUT = ("Concat", "Max", "Mean", "Min", "Sum")
"""Operators of any number of inputs, which hand a single one on."""


def why_no_op(node: Node, graph: Graph, known: Known) -> str:
    """Why output 0 of `node` is its input 0; empty where it is not, or where that cannot be told."""
    if node.domain or not node.input(0) or any(graph.consumers(o) or graph.is_output(o) for o in node.outputs[1:]):
        return ""
    rule = _RULES.get(node.op_type)
    try:
        return "" if rule is None else rule(node, graph, known)
    except MALFORMED:
        return ""


def _identity(node: Node, graph: Graph, known: Known) -> str:
    return "Identity hands its input on"


def _cast(node: Node, graph: Graph, known: Known) -> str:
    same = node.attr_int("to", 0) == known.dtype(node.input(0))
    return "the element type is that of the input" if same else ""


def _dropout(node: Node, graph: Graph, known: Known) -> str:
    if known.opset < 7 and not node.attr_int("is_test", 0):
        return ""
    training = known.value(node.input(2)) if node.input(2) else None
    off = not node.input(2) or (training is not None and training.ints() == [0])
    return "Dropout does nothing outside training" if off else ""


def _transpose(node: Node, graph: Graph, known: Known) -> str:
    perm = node.attr_ints("perm")
    return "the order of the axes stays as it is" if perm is not None and perm == sorted(perm) else ""


def _slice(node: Node, graph: Graph, known: Known) -> str:
    shape, bounds = known.shape(node.input(0)), slice_bounds(node, known.opset, known.value)
    if shape is None or bounds is None:
        return ""
    for start, end, axis, step in bounds:
        reaches = equal(end, shape[axis]) or (isinstance(end, int) and end >= INT_MAX)
        size = shape[axis]
        beyond = isinstance(end, int) and isinstance(size, int) and end >= size
        if start != 0 or step != 1 or not (reaches or beyond):
            return ""
    return "the slice is the whole tensor"


def _reshape(node: Node, graph: Graph, known: Known) -> str:
    shape, wanted = known.shape(node.input(0)), reshape_target(node, known)
    if shape is None or wanted is None or len(shape) != len(wanted):
        return ""
    copies = not node.attr_int("allowzero", 0)
    settled = [size == mine or (size == 0 and copies) for size, mine in zip(wanted, shape, strict=True)]
    left = [size for size, done in zip(wanted, settled, strict=True) if not done]
    # A single -1 is the size that is left over, unless a size of 0 beside it makes that ambiguous (an error).
    return "the shape is that of the input" if not left or left == [-1] else ""


def _same_shape(node: Node, graph: Graph, known: Known) -> str:
    shape = known.shape(node.input(0))
    after = RULES[node.op_type](node, known)
    return "the shape is that of the input" if shape is not None and after and _same(after[0], shape) else ""


def _same(a: Shape | None, b: Shape) -> bool:
    return a is not None and len(a) == len(b) and all(x == y for x, y in zip(a, b, strict=True))


def _only_input(node: Node, graph: Graph, known: Known) -> str:
    return f"{node.op_type} of one tensor is that tensor" if len(node.inputs) == 1 else ""


def _split(node: Node, graph: Graph, known: Known) -> str:
    return "Split into one part" if len(node.outputs) == 1 and not node.input(1) else ""


def _reduce(node: Node, graph: Graph, known: Known) -> str:
    shape = known.shape(node.input(0))
    axes = None if shape is None else axes_of(node, known, len(shape), 13 if node.op_type == "ReduceSum" else 18)
    if not axes or not node.attr_int("keepdims", 1) or shape is None:
        return ""
    return "every reduced axis has one element" if all(shape[a] == 1 for a in axes) else ""


_RULES: dict[str, Rule] = {
    "Identity": _identity,
    "Cast": _cast,
    "Dropout": _dropout,
    "Transpose": _transpose,
    "Slice": _slice,
    "Reshape": _reshape,
    "Split": _split,
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"), _reduce),
    **dict.fromkeys(SAME_SHAPE_MEANS_SAME, _same_shape),
    **dict.fromkeys(ONE_INPUT, _only_input),
}

OPERATORS = frozenset(_RULES)
"""Operators that may hand their input on."""
