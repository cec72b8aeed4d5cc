"""# wide-integers

## What it does
Names arithmetic on INT64 tensors of two and more axes.

## Why
Exporters make every integer INT64. Since TensorRT 9.0 that is what it stays, at twice the memory traffic of INT32
and without the fusions that INT32 gets; before, it was INT32 in any case. Vectors and numbers are left alone: they
are shapes and indices for the most part, which the builder computes beforehand.

## Safety
Nothing is rewritten.

## When it refuses
Always: whether every value fits INT32 is not in the file.

## How to avoid it when exporting
Cast masks, positions and token numbers to `int32` where they enter the network.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, slow

LEAST_RANK = 2


class WideIntegers(Pass):
    """INT64 arithmetic on what is no shape."""

    ops = ("Abs", "Add", "Div", "Max", "Min", "Mod", "Mul", "Neg", "ReduceMax", "ReduceMin", "ReduceSum", "Sign", "Sub")
    after = ("no-op-nodes", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int64[N,4] x, int64[N,4] z) => (int64[N,4] y) { y = Add(x, z) }""",
            refusal="whether every value fits INT32 is not in the file",
        ),
        Example(
            target="tensorrt-8.6",
            title="INT32 before 9.0",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int64[N,4] x, int64[N,4] z) => (int64[N,4] y) { y = Add(x, z) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """INT64 in and two axes or more, since 9.0."""
        found = graph.type(node.input(0))
        if target.before(9, 0) or found is None or found.dtype != TensorProto.INT64 or (found.rank or 0) < LEAST_RANK:
            return None
        return slow(f"{node.op_type} of INT64 moves twice the memory of INT32")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The range of values is not known."""
        raise Refused("whether every value fits INT32 is not in the file")
