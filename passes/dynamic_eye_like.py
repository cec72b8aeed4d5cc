"""# dynamic-eye-like

## What it does
Writes an `EyeLike` of dynamic size as the comparison of row numbers with column numbers.

## Why
The importer makes a constant of it: "Eyelike does not work for dynamically shaped tensors."

## Safety
Exact.

## When it refuses
Before opset 11, which brought Range.

## How to avoid it when exporting
Export with fixed sizes, or slice a large constant `torch.eye`.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused
from trtconv.passes.core.decompositions import logic


class DynamicEyeLike(Pass):
    """EyeLike of a tensor whose size is not fixed."""

    ops = ("EyeLike",)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,W] x) => (float[N,W] y) { y = EyeLike <k = 1> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,W] x) => (float[N,W] y)
                <int64 zero = {0}, int64 one = {1}, int64 k = {1}, int64[1] a = {1}> {
                    shape = Shape(x)
                    height = Gather(shape, zero)
                    rows = Range(zero, height, one)
                    width = Gather(shape, one)
                    columns = Range(zero, width, one)
                    standing = Unsqueeze(rows, a)
                    diagonal = Add(standing, k)
                    hit = Equal(diagonal, columns)
                    y = Cast <to = 1> (hit)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="Range is missing",
            before="""<ir_version: 8, opset_import: ["": 9]>
                g (float[N,W] x) => (float[N,W] y) { y = EyeLike(x) }""",
            refusal="Range came with opset 11",
        ),
        Example(
            target="tensorrt-10.3",
            title="a fixed size",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3,4] x) => (float[3,4] y) { y = EyeLike(x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A size that is not in the file."""
        shape = graph.shape(node.input(0))
        if not target.has("EyeLike") or (shape is not None and all(isinstance(d, int) for d in shape)):
            return None
        return refused(f"{target.title} takes EyeLike of fixed sizes only")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The comparison."""
        return logic.eye_like(node, graph)
