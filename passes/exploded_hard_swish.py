"""# exploded-hard-swish

## What it does
Fuses `x * HardSigmoid(x, alpha=1/6, beta=0.5)` into one `HardSwish`, from opset 14 on.

## Why
One node instead of two, for targets that have HardSwish (8.4 and later) and for every tool before them. TensorRT itself
builds the same two layers from either form (measured with TensorRT-RTX 1.7), so models of older opsets lose nothing.

## Safety
ONNX defines HardSwish by this formula; equal within rounding. NaN and infinities come out the same.

## When it refuses
Never: another alpha or beta (ONNX's default alpha is 0.2), a HardSigmoid that is read elsewhere, and element types
that the target does not take are left alone.

## How to avoid it when exporting
Export `torch.nn.Hardswish` at opset 14 or later.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, slow
from trtconv.passes.core.activations import FLOATS, close, hard_swish_refusal, inside


class ExplodedHardSwish(Pass):
    """HardSigmoid and Mul instead of HardSwish."""

    ops = ("Mul",)
    safety = Safety.ROUNDING
    after = ("exploded-hard-sigmoid",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) { s = HardSigmoid <alpha=0.16666667> (x) y = Mul(s, x) }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) { y = HardSwish(x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="alpha is 0.2 where it is not given",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) { s = HardSigmoid(x) y = Mul(s, x) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="no HardSwish before 8.4",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) { s = HardSigmoid <alpha=0.16666667> (x) y = Mul(s, x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """X times a HardSigmoid of x with alpha 1/6 and beta 1/2, where the target takes HardSwish."""
        gate = _gate(node, graph)
        if gate is None or graph.opset < 14:
            return None
        dtype = graph.dtype(gate.input(0))
        if dtype not in FLOATS or hard_swish_refusal(target, dtype):
            return None
        return slow("two nodes for one HardSwish")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """HardSwish."""
        gate = _gate(node, graph)
        assert gate is not None
        r = Replacement(graph, node)
        r.op("HardSwish", gate.input(0), into=node.outputs[0])
        r.remove(gate)
        return r


def _gate(node: Node, graph: Graph) -> Node | None:
    """The HardSigmoid(x, 1/6, 1/2) that nobody but `node` reads, where the other operand is x."""
    for x, gated in (node.inputs, node.inputs[::-1]):
        gate = inside(gated, node, graph)
        if gate is None or gate.op_type != "HardSigmoid" or gate.domain or gate.input(0) != x:
            continue
        alpha, beta, dtype = gate.attr_float("alpha", 0.2), gate.attr_float("beta", 0.5), graph.dtype(x)
        if close(alpha, 1 / 6, dtype) and close(beta, 0.5, dtype):
            return gate
    return None
