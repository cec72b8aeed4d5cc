"""What targets take of HardSwish, and the parts that exporters write activations in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node
    from trtconv.passes.core.target import Target

HARD_SWISH_TYPES = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.DOUBLE)
"""What HardSwish takes from 8.5 on; DOUBLE becomes FLOAT before. Read in the source, measured with TensorRT-RTX 1.7."""

FLOATS: dict[int | None, float] = {
    TensorProto.FLOAT: 2.0**-23,
    TensorProto.FLOAT16: 2.0**-10,
    TensorProto.BFLOAT16: 2.0**-7,
}
"""Element types of activations to be recognised, with their precision."""


def hard_swish_refusal(target: Target, dtype: int | None) -> str:
    """Why the target does not take HardSwish of this element type; empty where it does."""
    if not target.has("HardSwish"):
        return f"{target.title} has no importer for HardSwish"
    if not target.before(8, 5) and dtype is not None and dtype not in HARD_SWISH_TYPES:
        return f"HardSwish of {TensorProto.DataType.Name(dtype)} is refused: FLOAT, HALF or INT8 only"
    return ""


def close(value: float, wanted: float, dtype: int | None) -> bool:
    """Whether `value` is `wanted` as far as the element type (float32 where unknown) can tell."""
    return abs(value - wanted) <= 2 * FLOATS.get(dtype, 2.0**-23) * abs(wanted)


@dataclass(frozen=True)
class Clamp:
    """min(max(x, low), high), however it is written; `nodes` from last to first."""

    x: str
    low: float
    high: float
    nodes: tuple[Node, ...]


def clamp(node: Node | None, graph: Graph) -> Clamp | None:
    """Read a Clip, or a pair of Relu, Max and Min, that ends in `node`."""
    if node is None or node.domain:
        return None
    if node.op_type == "Clip":
        return _clip(node, graph)
    outer = _bound(node, graph)
    inner = _bound(inside(outer[0], node, graph), graph) if outer else None
    if outer is None or inner is None:
        return None
    low, high = max(outer[1], inner[1]), min(outer[2], inner[2])
    first = graph.producer(outer[0])
    if first is None or np.isinf(low) or np.isinf(high):
        return None
    return Clamp(inner[0], low, high, (node, first))


def _clip(node: Node, graph: Graph) -> Clamp | None:
    x = node.input(0)
    if graph.opset < 11:
        low, high = node.attr_float("min", -np.inf), node.attr_float("max", np.inf)
        return Clamp(x, low, high, (node,))
    bounds = [uniform(graph, t, x) for t in (node.input(1), node.input(2))]
    return None if bounds[0] is None or bounds[1] is None else Clamp(x, bounds[0], bounds[1], (node,))


def _bound(node: Node | None, graph: Graph) -> tuple[str, float, float] | None:
    """Input, low and high of a Relu, of Max or Min with a constant."""
    if node is None or node.domain:
        return None
    if node.op_type == "Relu":
        return node.input(0), 0.0, np.inf
    found = with_constant(node, graph) if node.op_type in ("Max", "Min") and len(node.inputs) == 2 else None
    if found is None:
        return None
    x, value = found
    return (x, value, np.inf) if node.op_type == "Max" else (x, -np.inf, value)


def inside(tensor: str, reader: Node, graph: Graph) -> Node | None:
    """The node that writes `tensor`, where nobody but `reader` sees it."""
    return graph.producer(tensor) if graph.only_consumer(tensor) is reader else None


def with_constant(node: Node, graph: Graph) -> tuple[str, float] | None:
    """The computed operand and the constant of a binary node; of Div and Sub the second has to be the constant."""
    if len(node.inputs) != 2 or node.domain:
        return None
    pairs = [(node.inputs[0], node.inputs[1])]
    if node.op_type not in ("Div", "Sub"):
        pairs.append((node.inputs[1], node.inputs[0]))
    for x, constant in pairs:
        value = uniform(graph, constant, x)
        if value is not None and not graph.is_constant(x):
            return x, value
    return None


def uniform(graph: Graph, constant: str, like: str) -> float | None:
    """The one value of a float constant that broadcasts to the shape of `like` without enlarging it, else None."""
    found = graph.constant_type(constant)
    if found is None or found.dtype not in FLOATS or found.shape is None or not _fits(graph, found.shape, like):
        return None
    value = graph.constant(constant)
    if value is None or not value.size:
        return None
    flat = value.reshape(-1).astype(np.float64)
    return float(flat[0]) if (flat == flat[0]).all() else None


def _fits(graph: Graph, shape: tuple[object, ...], like: str) -> bool:
    """Whether a constant of this shape leaves the shape of `like` as it is: judged before its data is read."""
    if not shape:
        return True
    wanted = graph.shape(like)
    if wanted is None or len(shape) > len(wanted):
        return False
    return all(d in (1, w) for d, w in zip(reversed(shape), reversed(wanted), strict=False))
