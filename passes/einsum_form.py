"""# einsum-form

## What it does
Writes the equation of an Einsum in the form that the parser reads: small letters, the output spelled out, letters
for an ellipsis; and an Einsum that the parser takes in no form as Transpose, ReduceSum and MatMul.

## Why
Capitals stop every parser ("Invalid character(s) in Einsum equation"). From TensorRT 8.2 to 8.6 an ellipsis, an
equation without output and more than two operands are not understood, before 10.12 an axis named twice in one
operand and axes of an ellipsis that broadcast are not, and from 11.0 on integers are refused ("Found unsupported
input type of INT32"). Before 8.2 there is no Einsum at all (missing-operator).

## Safety
An equation in other letters is the same. Products are the same terms in another order.

## When it refuses
When the rank behind an ellipsis, the size of a diagonal, or the sizes of several axes that become one are not
known.

## How to avoid it when exporting
Write two operands, small letters and the output; or `torch.matmul`.
"""

from __future__ import annotations

import string

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.decompositions.einsum import Equation, einsum
from trtconv.passes.core.integers import is_integer


class EinsumForm(Pass):
    """Equations that a parser does not read."""

    ops = ("Einsum",)
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x, float[3,4] w) => (float[N,4] y) { y = Einsum <equation = "Nc, cD -> ND"> (x, w) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x, float[3,4] w) => (float[N,4] y) { y = Einsum <equation = "ac,cb->ab"> (x, w) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="three operands",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x, float[3,4] v, float[4,2] w) => (float[N,2] y) {
                    y = Einsum <equation = "ij,jk,kl"> (x, v, w) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x, float[3,4] v, float[4,2] w) => (float[N,2] y) {
                    a = MatMul(x, v) b = MatMul(a, w) y = Identity(b) }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="small letters, two operands, an output",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x, float[3,4] w) => (float[N,4] y) { y = Einsum <equation = "ij,jk->ik"> (x, w) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A form that the version does not read."""
        why = _why_refused(node, graph, target) if target.has("Einsum") else ""
        return refused(f"{target.title} reads no {why}") if why else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The equation written out, where that is enough; else the products."""
        text = Equation.of(node, graph).text()
        r = Replacement(graph, node)
        r.clone(node, node.inputs, equation=text)
        return einsum(node, graph) if _why_refused(r.nodes[0], graph, target) else r


def _why_refused(node: Node, graph: Graph, target: Target) -> str:
    """What the parser stumbles over; empty for what it takes."""
    text = node.attr_string("equation", "")
    if not target.before(11, 0) and is_integer(graph.dtype(node.input(0))):
        return "Einsum of integers"
    if target.before(9, 0):
        if len(node.inputs) > 2:
            return "Einsum of more than two operands"
        if "..." in text or "->" not in text:
            return "equation of Einsum with an ellipsis, or without an output"
    if any(c not in string.ascii_lowercase + ",->. " for c in text):
        return "capitals in the equation of Einsum"
    return _why_not_plain(node, graph) if target.before(10, 12) else ""


def _why_not_plain(node: Node, graph: Graph) -> str:
    try:
        equation = Equation.of(node, graph)
    except Refused:
        return ""
    if equation.has_diagonal:
        return "axis twice in one operand of Einsum"
    sizes: dict[str, set[int]] = {}
    for tensor, labels in zip(node.inputs, equation.operands, strict=True):
        for label, dim in zip(labels, graph.shape(tensor) or (), strict=False):
            if isinstance(dim, int):
                sizes.setdefault(label, set()).add(dim)
    return "Einsum of axes that broadcast" if any(len(found) > 1 for found in sizes.values()) else ""
