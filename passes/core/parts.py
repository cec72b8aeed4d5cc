"""Parts of fused operators: what the passes that put them together again look for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core.rewrite import Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array, Graph
    from trtconv.passes.core.node import Node


FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)
"""Element types of the normalizations that are put together."""


@dataclass(frozen=True)
class NormParts:
    """A normalization over the last axes in parts: its nodes, the last one last, and what the one node is to say."""

    nodes: tuple[Node, ...]
    x: str
    sizes: tuple[int, ...]
    epsilon: float
    scale: str = ""
    bias: str = ""

    def fused(self, op_type: str, graph: Graph) -> Replacement:
        """One `op_type` where the last of the nodes stood; a scale that there is none of is ones."""
        r = Replacement(graph, self.nodes[-1])
        r.remove(*self.nodes)
        kind = helper.tensor_dtype_to_np_dtype(graph.dtype(self.x) or TensorProto.FLOAT)
        inputs = [self.x, self.scale or r.constant(np.ones(self.sizes, kind)), *([self.bias] if self.bias else [])]
        r.op(op_type, *inputs, into=self.nodes[-1].outputs[0], axis=-len(self.sizes), epsilon=self.epsilon)
        return r


def is_closed(nodes: Sequence[Node], graph: Graph) -> bool:
    """Whether nobody but the nodes reads what they write, but for the last."""
    parts = set(nodes)
    return not any(
        graph.is_output(o) or not parts.issuperset(graph.consumers(o)) for n in nodes[:-1] for o in n.outputs
    )


def is_square(node: Node, x: str, graph: Graph) -> bool:
    """Whether `node` is x * x or x to the power of 2."""
    if node.op_type == "Mul":
        return node.inputs == [x, x]
    exponent = graph.constant(node.input(1)) if node.op_type == "Pow" and node.input(0) == x else None
    return exponent is not None and exponent.size == 1 and exponent.item() == 2


def constant_operand(node: Node, other: str, graph: Graph) -> Array | None:
    """The value of the operand that is not `other`, where it is in the file."""
    name = next((t for t in node.inputs if t != other), "")
    return graph.constant(name) if name else None


def reduced_axes(node: Node, graph: Graph) -> list[int] | None:
    """The axes of a reduction that keeps them, where they are in the file."""
    if not node.attr_int("keepdims", 1):
        return None
    if node.input(1):
        axes = graph.constant(node.input(1))
        return None if axes is None else axes.reshape(-1).tolist()
    return node.attr_ints("axes")


def last_sizes(node: Node, graph: Graph) -> tuple[int, ...] | None:
    """Sizes of the axes of a reduction over the last ones, where they are fixed."""
    shape, axes = graph.shape(node.input(0)), reduced_axes(node, graph)
    if shape is None or axes is None:
        return None
    rank = len(shape)
    if sorted(a % rank for a in axes) != list(range(rank - len(axes), rank)):
        return None
    fixed = tuple(d for d in shape[rank - len(axes) :] if isinstance(d, int))
    return fixed if len(fixed) == len(axes) else None


def follower(node: Node, op_type: str, sizes: tuple[int, ...], graph: Graph) -> tuple[Node, str] | None:
    """The one reader of `node`, an `op_type` with a constant of shape `sizes`, and that constant."""
    reader = graph.only_consumer(node.outputs[0])
    if reader is None or reader.op_type != op_type or reader.domain:
        return None
    name = next((t for t in reader.inputs if t != node.outputs[0]), "")
    known = graph.constant_type(name) if name else None
    return (reader, name) if known is not None and known.shape == sizes else None
