"""# integer-activation

## What it does
Writes a Relu, PRelu or Clip of integers as Max, Min, Mul and Where.

## Why
Activation layers take floats only: Relu and PRelu of INT32 stop the parser ("does not support activations on INT32
or BOOL inputs!", "Found unsupported input type of INT32"), those of INT64 as well up to 8.6, where INT64 is INT32.
Clip is an activation up to TensorRT 8.0.1. Elementwise layers take integers in every version.

## Safety
Exact.

## When it refuses
Never.

## How to avoid it when exporting
Write `torch.clamp(x, min=0)` for integers, which is exported as Max in most versions, or activate before the cast.
"""

from __future__ import annotations

from onnx import TensorProto, helper

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused

INT32, INT64 = TensorProto.INT32, TensorProto.INT64


class IntegerActivation(Pass):
    """Activations of integers."""

    ops = ("Clip", "PRelu", "Relu")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (int32[N,4] x) => (int32[N,4] y) { y = Relu(x) }""",
            after="""<ir_version: 8, opset_import: ["": 14]>
                g (int32[N,4] x) => (int32[N,4] y) <int32 zero = {0}> { y = Max(x, zero) }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="leaky",
            before="""<ir_version: 8, opset_import: ["": 16]>
                g (int64[N,4] x, int64[4] s) => (int64[N,4] y) { y = PRelu(x, s) }""",
            after="""<ir_version: 8, opset_import: ["": 16]>
                g (int64[N,4] x, int64[4] s) => (int64[N,4] y) <int64 zero = {0}> {
                    negative = Less(x, zero)
                    scaled = Mul(x, s)
                    y = Where(negative, scaled, x)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="64 bits",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (int64[N,4] x) => (int64[N,4] y) { y = Relu(x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """INT32 always, INT64 before 9.0; Clip before 8.0.3."""
        dtype = graph.dtype(node.input(0))
        if dtype != INT32 and not (dtype == INT64 and target.before(9, 0)):
            return None
        if node.op_type == "Clip" and not target.before(8, 0, 3):
            return None
        return refused(f"{target.title} takes no integers in {node.op_type}, which is an activation layer")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Elementwise layers."""
        r, x, out = Replacement(graph, node), node.input(0), node.outputs[0]
        if node.op_type == "Relu":
            r.op("Max", x, _zero(r, x), into=out)
        elif node.op_type == "PRelu":
            r.op("Where", r.op("Less", x, _zero(r, x)), r.op("Mul", x, node.input(1)), x, into=out)
        else:
            at_least = r.op("Max", x, node.input(1)) if node.input(1) else x
            r.op(*(("Min", at_least, node.input(2)) if node.input(2) else ("Identity", at_least)), into=out)
        return r


def _zero(r: Replacement, x: str) -> str:
    return r.constant(0, helper.tensor_dtype_to_np_dtype(r.graph.dtype(x) or INT32))
