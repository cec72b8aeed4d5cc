"""# exploded-activation

## What it does
Fuses the parts of an activation into the operator that ONNX has for it by now: `Gelu` (opset 20, with Erf or with
Tanh), `Mish` (18) and `Swish` (24, which is SiLU).

## Why
Exporters write them as a handful of nodes, each a layer that the builder has to find together again. Parsers have
Gelu and Mish from TensorRT 10.0 on, Swish from 11.0 on and in TensorRT-RTX from 1.5 on.

## Safety
The same function, within rounding. Products of the parts overflow beyond half of the largest number, and multiply
infinity by zero; the operator need not.

## When it refuses
Never. Left alone are parts that are read elsewhere, other constants than those of the function, models of opsets
before the operator, and element types that the target does not take.

## How to avoid it when exporting
`torch.nn.GELU`, `Mish` and `SiLU` in the network, and the newest opset that the target reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, slow
from trtconv.passes.core.parts import is_closed
from trtconv.passes.core.polynomials import Arithmetic, Polynomial, below, equal

HALF_SUM: Polynomial = {(1, 0): 0.5, (1, 1): 0.5}
GATED: Polynomial = {(1, 1): 1.0}
SLOPE = math.sqrt(2 / math.pi)
SINCE_OPSET = {"Gelu": 20, "Mish": 18, "Swish": 24}
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
NOT_TAKEN = {("Mish", TensorProto.BFLOAT16)}


@dataclass(frozen=True)
class Form:
    """How an activation is written: the function g in its midst, and its result as a polynomial of x and g."""

    op_type: str
    function: str
    argument: Polynomial
    """What g is of, as a polynomial of x; without a coefficient to compare with where it is an attribute."""
    result: Polynomial
    attributes: dict[str, Any] = field(default_factory=dict)


FORMS = (
    Form("Gelu", "Erf", {(1, 0): math.sqrt(0.5)}, HALF_SUM),
    Form("Gelu", "Tanh", {(1, 0): SLOPE, (3, 0): SLOPE * 0.044715}, HALF_SUM, {"approximate": "tanh"}),
    Form("Mish", "Tanh", {}, GATED),
    Form("Swish", "Sigmoid", {}, GATED),
)


@dataclass(frozen=True)
class Parts:
    """The nodes of an exploded activation, the last one last, and the one node instead."""

    nodes: tuple[Node, ...]
    x: str
    op_type: str
    attributes: dict[str, Any]


class ExplodedActivation(Pass):
    """GELU, Mish and SiLU in parts."""

    ops = ("Erf", "Sigmoid", "Tanh")
    safety = Safety.ROUNDING
    after = ("missing-operator", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 10, opset_import: ["": 20]>
                g (float[N,4] x) => (float[N,4] y) <float root = {1.41421356}, float one = {1}, float half = {0.5}> {
                    a = Div(x, root) e = Erf(a) s = Add(e, one) m = Mul(x, s) y = Mul(m, half) }""",
            after="""<ir_version: 10, opset_import: ["": 20]> g (float[N,4] x) => (float[N,4] y) { y = Gelu(x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 10, opset_import: ["": 18]>
                g (float[N,4] x) => (float[N,4] y) { s = Softplus(x) t = Tanh(s) y = Mul(x, t) }""",
            after="""<ir_version: 10, opset_import: ["": 18]> g (float[N,4] x) => (float[N,4] y) { y = Mish(x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="of an opset before the operator",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) <float root = {1.41421356}, float one = {1}, float half = {0.5}> {
                    a = Div(x, root) e = Erf(a) s = Add(e, one) m = Mul(x, s) y = Mul(m, half) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The function in the midst of the parts of an operator that model and target have."""
        parts = _parts(node, graph, target)
        return slow(f"{len(parts.nodes)} nodes for one {parts.op_type}") if parts else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One node where the last of them stood."""
        parts = _parts(node, graph, target)
        if parts is None:
            raise Refused("these are no longer the parts of an activation")
        r = Replacement(graph, parts.nodes[-1])
        r.remove(*parts.nodes)
        r.op(parts.op_type, parts.x, into=parts.nodes[-1].outputs[0], **parts.attributes)
        return r


def _parts(node: Node, graph: Graph, target: Target) -> Parts | None:
    for form in FORMS:
        known = graph.opset >= SINCE_OPSET[form.op_type] and target.has(form.op_type)
        found = _of_form(node, graph, form) if known and form.function == node.op_type else None
        dtype = graph.dtype(node.input(0)) if found else None
        if found is not None and dtype in FLOATS and (form.op_type, dtype) not in NOT_TAKEN:
            return found
    return None


def _of_form(node: Node, graph: Graph, form: Form) -> Parts | None:
    inner = _argument(node, graph, form)
    if inner is None:
        return None
    x, before, attributes = inner
    arithmetic, tensor = Arithmetic(graph, x, node.outputs[0]), node.outputs[0]
    while (reader := graph.only_consumer(tensor)) is not None and len(reader.outputs) == 1:
        tensor = reader.outputs[0]
        result = arithmetic.of(tensor)
        if result is None:
            return None
        if equal(result, form.result, graph.dtype(x)):
            nodes = (*(n for n in dict.fromkeys((*before, node, *arithmetic.nodes)) if n is not reader), reader)
            return Parts(nodes, x, form.op_type, attributes) if is_closed(nodes, graph) else None
    return None


def _argument(node: Node, graph: Graph, form: Form) -> tuple[str, list[Node], dict[str, Any]] | None:
    """The tensor x, the nodes between it and the function, and the attributes of the operator."""
    dtype, given = graph.dtype(node.input(0)), node.input(0)
    if form.op_type == "Mish":
        soft = graph.producer(given)
        return (soft.input(0), [soft], {}) if soft is not None and soft.op_type == "Softplus" else None
    for x in below(given, graph):
        arithmetic = Arithmetic(graph, x)
        found = arithmetic.of(given)
        if form.argument and equal(found, form.argument, dtype):
            return x, list(arithmetic.nodes), form.attributes
        if not form.argument and found is not None and found.keys() == {(1, 0)} and x in _multiplied(node, graph):
            alpha = found[1, 0]
            return x, list(arithmetic.nodes), {} if alpha == 1 else {"alpha": alpha}
    return None


def _multiplied(node: Node, graph: Graph) -> list[str]:
    """What the one reader of a node multiplies it by."""
    reader = graph.only_consumer(node.outputs[0])
    return [] if reader is None or reader.op_type != "Mul" else reader.inputs
