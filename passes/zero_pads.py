"""# zero-pads

## What it does
Removes a `Pad` whose pads are all zero.

## Why
It does nothing; TensorRT from 8.0 on imports it as an identity layer, older ones as a padding layer, which copies.
Exporters leave such Pads behind, and other rewrites may make them.

## Safety
Exact.

## When it refuses
Never; pads that are computed at run time are left alone.

## How to avoid it when exporting
Leave out `F.pad` where it adds nothing.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, padding, slow


class ZeroPads(Pass):
    """A Pad that adds nothing."""

    ops = ("Pad",)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,3] y) <int64[4] p = {0, 0, 0, 0}> { h = Relu(x) y = Pad(h, p) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,3] y) { y = Relu(x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="pads that add something",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,4] y) <int64[4] p = {0, 0, 0, 1}> { y = Pad(x, p) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Constant pads that are all zero, whatever the target."""
        pads = padding.read(node, graph)
        return slow("the Pad adds nothing") if pads is not None and not pads.axes else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Readers take the data itself."""
        r = Replacement(graph, node)
        r.alias(node.outputs[0], node.input(0))
        return r
