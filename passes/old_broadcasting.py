"""# old-broadcasting

## What it does
Reports arithmetic of several operands in models of opsets before 7.

## Why
Until opset 7 operands were brought to one shape by the attributes `broadcast` and `axis`. No parser reads these, and
importers of such operators stop at the opset alone ("Pre-opset 7 broadcasting is unsupported in this version of the
ONNX parser"), also where both operands have one shape (measured with TensorRT-RTX 1.7).

## Safety
Nothing is rewritten.

## When it refuses
Always: the opset is one for the whole model.

## How to avoid it when exporting
Export again with a newer opset; or convert the file by `onnx.version_converter.convert_version(model, 13)`, and compare
both by `trtconv verify`.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

FIRST_OPSET = 7


class OldBroadcasting(Pass):
    """Two operands before opset 7."""

    ops = (
        *("Add", "And", "Div", "Equal", "Gemm", "Greater", "Less", "Max", "Mean", "Min", "Mul", "Or", "Pow", "Sub"),
        *("Sum", "Xor"),
    )
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 3, opset_import: ["": 6]>
                g (float[N,3] x, float[3] b) => (float[N,3] y) { y = Add <broadcast = 1> (x, b) }""",
            refusal="opset 7 or newer",
        ),
        Example(
            target="tensorrt-10.3",
            title="as since opset 7",
            before="""<ir_version: 3, opset_import: ["": 7]>
                g (float[N,3] x, float[3] b) => (float[N,3] y) { y = Add(x, b) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """No node of a model of a newer opset."""
        return super().candidates(graph, target) if graph.opset < FIRST_OPSET else []

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Such a node of such a model; a Gemm only where it has to bring its addend to the shape of the product."""
        if graph.opset >= FIRST_OPSET or (node.op_type == "Gemm" and graph.rank(node.input(2)) == 2):
            return None
        return refused(f"{target.title} takes no {node.op_type} of opset {graph.opset}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Not node by node."""
        raise Refused("the whole model has to be of opset 7 or newer")
