"""# hard-swish-type

## What it does
Turns a `HardSwish` of an element type that the importer refuses into `HardSigmoid` and `Mul`.

## Why
From TensorRT 8.5 on the importer of HardSwish takes FLOAT, HALF and INT8 only, so a BF16 network stops there ("Only
FLOAT, HALF or INT8 input is supported for the HardSwish operator", TensorRT-RTX 1.7 included), although the operator
tables list BF16. Every version imports HardSigmoid, of BF16 too. Where HardSwish is missing altogether, before 8.4,
missing-operator does the same.

## Safety
Exact by definition: ONNX defines HardSwish(x) as x * HardSigmoid(x, alpha=1/6, beta=0.5). Runtimes evaluate the
two forms in a different order, so results agree within rounding; NaN and infinities come out the same.

## When it refuses
Never.

## How to avoid it when exporting
Export with an opset below 14: the exporters then write HardSigmoid and Mul by themselves.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.activations import hard_swish_refusal


class HardSwishType(Pass):
    """HardSwish of a type that its importer refuses."""

    ops = ("HardSwish",)
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 10, opset_import: ["": 22]>
                g (bfloat16[N,4] x) => (bfloat16[N,4] y) { y = HardSwish(x) }""",
            after="""<ir_version: 10, opset_import: ["": 22]>
                g (bfloat16[N,4] x) => (bfloat16[N,4] y) {
                    s = HardSigmoid <alpha=0.16666667, beta=0.5> (x) y = Mul(x, s) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="taken as it is",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) { y = HardSwish(x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """HardSwish of BF16, say; where there is no importer at all, missing-operator says so."""
        why = hard_swish_refusal(target, graph.dtype(node.input(0))) if target.has("HardSwish") else ""
        return refused(why) if why else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """HardSigmoid and Mul, as the ONNX function body has it."""
        r = Replacement(graph, node)
        gate = r.op("HardSigmoid", node.input(0), alpha=1 / 6, beta=0.5)
        r.op("Mul", node.input(0), gate, into=node.outputs[0])
        return r
