"""# undefined-form

## What it does
Reports nodes in a form that ONNX defines no result for, and at which parsers stop: a `Slice` that names an axis twice,
a `Gemm` of anything but matrices, convolutions and pools with negative pads.

## Why
Some runtimes take what the standard leaves open, each in its own way. Importers of Slice look for axes that are named
twice up to TensorRT 10.2, and the builders after them find the same ("scatter has duplicate index value of 0", measured
with TensorRT-RTX 1.7); those of Gemm want two axes from 8.0 on ("GEMM must have 2D inputs!"). No layer has negative
pads ("IConvolutionLayer::setPrePadding: ... Parameter check failed").

## Safety
Nothing is rewritten.

## When it refuses
Always: no form of the node is known to mean what its author meant.

## How to avoid it when exporting
Slice once for each bound, or once for each axis; multiply tensors of more axes by `MatMul`, and add the bias behind it;
crop by `Slice` before the convolution.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

PADDED = ("AveragePool", "Conv", "ConvTranspose", "LpPool", "MaxPool")


class UndefinedForm(Pass):
    """What ONNX leaves open."""

    ops = ("Gemm", "Slice", *PADDED)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[A,B] y) <int64[2] s = {0, 1}, int64[2] e = {3, 2}, int64[2] a = {1, -1}> {
                    y = Slice(x, s, e, a) }""",
            refusal="ONNX leaves open",
        ),
        Example(
            target="tensorrt-10.3",
            title="two axes",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[A,B] y) <int64[2] s = {0, 1}, int64[2] e = {3, 2}, int64[2] a = {0, -1}> {
                    y = Slice(x, s, e, a) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An axis of Slice twice, an operand of Gemm that is no matrix, a pad below 0."""
        if node.op_type in PADDED:
            negative = min(node.attr_ints("pads") or [0]) < 0
            return refused(f"the {node.op_type} has negative pads") if negative else None
        form = _repeated_axis(node, graph) if node.op_type == "Slice" else _no_matrix(node, graph, target)
        return refused(form) if form else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Nothing that could be known to be meant."""
        raise Refused("what it computes is something that ONNX leaves open")


def _repeated_axis(node: Node, graph: Graph) -> str:
    given = node.attr_ints("axes") if graph.opset < 10 else None
    if node.input(3):
        known = graph.constant(node.input(3))
        given = None if known is None else known.reshape(-1).tolist()
    rank = graph.rank(node.input(0)) if given and min(given) < 0 else None
    axes = [a + rank if a < 0 and rank is not None else a for a in given or []]
    again = next((a for i, a in enumerate(axes) if a in axes[:i]), None)
    return "" if again is None else f"the Slice names axis {again} twice"


def _no_matrix(node: Node, graph: Graph, target: Target) -> str:
    ranks = [graph.rank(t) for t in node.inputs[:2]]
    odd = next((r for r in ranks if r not in (None, 2)), None)
    return "" if odd is None or target.before(8, 0) else f"an operand of the Gemm has {odd} axes instead of 2"
