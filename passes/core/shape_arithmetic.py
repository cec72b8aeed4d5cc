"""Is a tensor computed from shapes alone? Only then can TensorRT use it where it needs a shape tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnx import TensorProto

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph

SOURCES = ("Shape", "Size", "Constant")
# fmt: off
ARITHMETIC = frozenset((
    "Abs", "Add", "Cast", "Ceil", "Clip", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Flatten", "Floor",
    "Gather", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg",
    "Not", "Range", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Relu", "Reshape", "Slice", "Sub",
    "Squeeze", "Transpose", "Unsqueeze", "Where",
))
# fmt: on
INTEGERS = (TensorProto.INT32, TensorProto.INT64)


def arithmetic_sources(graph: Graph, tensor: str) -> Iterator[str]:
    """What `tensor` is computed from by arithmetic: network inputs and results of other operators, but no shapes."""
    waiting, seen = [tensor], set()
    while waiting:
        name = waiting.pop()
        if name in seen or graph.is_constant(name):
            continue
        seen.add(name)
        node = graph.producer(name)
        if node is not None and node.op_type in ARITHMETIC:
            waiting.extend(t for t in node.inputs if t)
        elif node is None or node.op_type not in SOURCES:
            yield name


def is_shape_arithmetic(graph: Graph, tensor: str) -> bool:
    """Whether `tensor` depends on constants, shapes and integer network inputs of rank 0 or 1 only."""
    return all(
        graph.producer(name) is None and _is_shape_input(graph, name) for name in arithmetic_sources(graph, tensor)
    )


def _is_shape_input(graph: Graph, name: str) -> bool:
    rank = graph.rank(name)
    return name in graph.inputs and graph.dtype(name) in INTEGERS and rank is not None and rank <= 1
