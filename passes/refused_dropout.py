"""# refused-dropout

## What it does
Takes a Dropout that drops nothing out of the way of a parser that stops at it.

## Why
Up to TensorRT 7.2 Dropout is refused in every model of opset 10 or newer (`ctx->getOpsetVersion() < 10`). From 8.0 on
it is refused in training mode ("TensorRT does not support the Dropout operator in training mode.").

## Safety
Exact.

## When it refuses
In training mode with a ratio other than 0, which is random, and where the mask is read.

## How to avoid it when exporting
`model.eval()` before the export.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused


class RefusedDropout(Pass):
    """A Dropout that stops the parser."""

    ops = ("Dropout",)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-7.2",
            before="""<ir_version: 6, opset_import: ["": 11]>
                g (float[N,4] x) => (float[N,4] y) { y = Dropout <ratio = 0.5> (x) }""",
            after="""<ir_version: 6, opset_import: ["": 11]>
                g (float[N,4] x) => (float[N,4] y) { y = Identity(x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="at random",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y) <float r = {0.5}, bool t = {1}> { y = Dropout(x, r, t) }""",
            refusal="what it drops is random",
        ),
        Example(
            target="tensorrt-10.3",
            title="of a network in evaluation mode",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y) { y = Dropout(x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any from opset 10 on before 8.0; later, one in training mode."""
        if target.before(8, 0):
            return refused(f"{target.title} refuses Dropout from opset 10 on") if graph.opset >= 10 else None
        return refused(f"{target.title} refuses Dropout in training mode") if _is_training(node, graph) else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The input itself."""
        if node.has_output(1) and (graph.consumers(node.outputs[1]) or graph.is_output(node.outputs[1])):
            raise Refused("its mask is read")
        ratio = graph.constant(node.input(1)) if node.input(1) else None
        if _is_training(node, graph) and (ratio is None or ratio.any()):
            raise Refused("what it drops is random")
        r = Replacement(graph, node)
        r.op("Identity", node.input(0), into=node.outputs[0])
        return r


def _is_training(node: Node, graph: Graph) -> bool:
    """Whether a constant says so; what is computed, computed-argument reports."""
    mode = graph.constant(node.input(2)) if graph.opset >= 12 and node.input(2) else None
    return mode is not None and bool(mode.any())
