"""# too-many-dimensions

## What it does
Reports tensors of more than eight dimensions.

## Why
No TensorRT tensor has more ("Failed to convert ONNX dimensions to TensorRT dimensions.", "Number of dimensions (9)
is not in the valid range", "ONNX initializer ... cannot be imported into TensorRT!").

## Safety
Nothing is rewritten.

## When it refuses
Always: which dimensions can be one is for the author of the model to say.

## How to avoid it when exporting
Merge dimensions that stay together (`flatten`) before the reshapes and transposes that split windows or patches.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

MOST = 8


class TooManyDimensions(Pass):
    """A node that reads or writes such a tensor."""

    domains = ()
    after = ("no-op-nodes", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,2,1,2,1,2,1,2,N] x) => (float[1,2,1,2,1,2,1,2,N] y) { y = Relu(x) }""",
            refusal="which dimensions can be one is not in the file",
        ),
        Example(
            target="tensorrt-10.3",
            title="eight",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,2,1,2,1,2,1,N] x) => (float[1,2,1,2,1,2,1,N] y) { y = Relu(x) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """No node of a graph whose tensors all have few dimensions."""
        tensors = {t for node in graph.nodes for t in (*node.inputs, *node.outputs) if t}
        return super().candidates(graph, target) if any((graph.rank(t) or 0) > MOST for t in tensors) else []

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """More than eight dimensions on either side."""
        for tensor in (*node.inputs, *node.outputs):
            rank = graph.rank(tensor) if tensor else None
            if rank is not None and rank > MOST:
                return refused(f"{tensor} has {rank} dimensions, and no version takes more than {MOST}")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Not known."""
        raise Refused("which dimensions can be one is not in the file")
