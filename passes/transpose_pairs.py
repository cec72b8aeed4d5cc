"""# transpose-pairs

## What it does
Turns two `Transpose` nodes in a row into one, or into none where the second undoes the first.

## Why
Exporters of channels-last frameworks (tf2onnx, Paddle2ONNX) wrap operators in Transposes. Each is a copy of the whole
tensor unless the builder finds the pair by itself.

## Safety
Exact: only the order of elements is concerned.

## When it refuses
Never.

## How to avoid it when exporting
tf2onnx's `--inputs-as-nchw` and `--outputs-as-nchw` keep Transposes out of the middle of the graph.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, slow


class TransposePairs(Pass):
    """A Transpose of a Transpose."""

    ops = ("Transpose",)
    after = ("no-op-nodes",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,3,H,W] x) => (float[N,3,H,W] y) {
                    a = Transpose <perm=[0, 2, 3, 1]> (x)
                    b = Transpose <perm=[0, 3, 1, 2]> (a)
                    y = Relu(b)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,3,H,W] x) => (float[N,3,H,W] y) { y = Relu(x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,3,H,W] x) => (float[W,3,H,N] y) {
                    a = Transpose <perm=[0, 2, 3, 1]> (x)
                    y = Transpose <perm=[2, 3, 1, 0]> (a)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,3,H,W] x) => (float[W,3,H,N] y) { y = Transpose <perm=[3, 1, 2, 0]> (x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="one alone",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,3,H,W] x) => (float[N,H,W,3] y) { y = Transpose <perm=[0, 2, 3, 1]> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A Transpose whose input comes from another, both with their order written down."""
        first = graph.producer(node.input(0))
        if first is None or first.op_type != "Transpose" or first.domain:
            return None
        if node.attr_ints("perm") is None or first.attr_ints("perm") is None:
            return None
        return slow("it transposes what was just transposed")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One Transpose by both orders, or the tensor itself."""
        first = graph.producer(node.input(0))
        assert first is not None
        before, order = first.attr_ints("perm") or [], node.attr_ints("perm") or []
        both = [before[i] for i in order]
        r = Replacement(graph, node)
        if both == sorted(both) and not graph.is_output(node.outputs[0]):
            r.alias(node.outputs[0], first.input(0))
        else:
            r.transpose(first.input(0), both, into=node.outputs[0])
        return r
