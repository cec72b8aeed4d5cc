"""Products and convolutions with what ONNX Runtime fused into them: transposes, a factor, an addend, an activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

PARAMETERS = {
    "Elu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "LeakyRelu": ("alpha",),
    "Relu": (),
    "Sigmoid": (),
    "Tanh": (),
}
"""Activations and the attributes that their parameters are, in order."""


def activate(r: Replacement, name: str, x: str, parameters: Sequence[float], into: str) -> None:
    """The activation that a fused node ends with; an empty name is none."""
    if not name:
        r.op("Identity", x, into=into)
    elif name == "Clip" and len(parameters) == 2:
        r.clip(x, parameters[0], parameters[1], into=into)
    elif name in PARAMETERS:
        given: dict[str, Any] = dict(zip(PARAMETERS[name], parameters, strict=False))
        r.op(name, x, into=into, **given)
    else:
        raise Refused(f"the activation {name} that is fused into it is not known")


def conv(node: Node, graph: Graph) -> Replacement:
    """FusedConv: Conv, an addend, an activation."""
    r = Replacement(graph, node)
    result = r.op("Conv", *_trimmed(node.inputs[:3]))
    r.nodes[-1].attributes = {k: a for k, a in node.attributes.items() if not k.startswith("activation")}
    if node.input(3):
        result = r.op("Add", result, node.input(3))
    parameters = node.attr_floats("activation_params") or []
    activate(r, node.attr_string("activation", ""), result, parameters, node.outputs[0])
    return r


def gemm(node: Node, graph: Graph) -> Replacement:
    """FusedGemm: Gemm and an activation."""
    r = Replacement(graph, node)
    result = r.op("Gemm", *_trimmed(node.inputs))
    r.nodes[-1].attributes = {k: a for k, a in node.attributes.items() if not k.startswith("activation")}
    given = [f"activation_{k}" for k in ("alpha", "beta", "gamma")]
    parameters = [node.attr_float(k, 0.0) for k in given if k in node.attributes]
    activate(r, node.attr_string("activation", ""), result, parameters, node.outputs[0])
    return r


def matmul(node: Node, graph: Graph) -> Replacement:
    """FusedMatMul and TransposeMatMul: either factor transposed, the product scaled."""
    r = Replacement(graph, node)
    a, b = (_transposed(r, node, i, side) for i, side in enumerate("AB"))
    alpha = node.attr_float("alpha", 1.0)
    if alpha == 1:
        r.op("MatMul", a, b, into=node.outputs[0])
    else:
        r.op("Mul", r.op("MatMul", a, b), r.scalar(alpha, node.input(0)), into=node.outputs[0])
    return r


def _transposed(r: Replacement, node: Node, index: int, side: str) -> str:
    """A factor in the order of a plain MatMul: batch axes, rows, columns."""
    x, last, batch = node.input(index), node.attr_int(f"trans{side}", 0), node.attr_int(f"transBatch{side}", 0)
    if not last and not batch:
        return x
    rank = r.graph.rank(x)
    if rank is None:
        raise Refused("the rank of a factor is unknown, so that it cannot be transposed")
    if rank < 2:
        return x
    order = [*range(1, rank - 1), 0, rank - 1] if batch else list(range(rank))
    if last:
        order[-2:] = reversed(order[-2:])
    return r.transpose(x, order)


def _trimmed(inputs: Sequence[str]) -> list[str]:
    kept = list(inputs)
    while kept and not kept[-1]:
        kept.pop()
    return kept
