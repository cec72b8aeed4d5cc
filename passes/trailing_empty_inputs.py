"""# trailing-empty-inputs

## What it does
Drops empty names at the end of an input list: `Pad(x, pads, "")` becomes `Pad(x, pads)`.

## Why
Up to TensorRT 8.4 (7.2 for Clip) importers count inputs instead of looking whether each is there, and convert a
null tensor; for Slice the newest still do (measured with TensorRT-RTX 1.7: "Invalid Node"). PyTorch's exporter writes
such a third input for Pad from opset 11 on.

## Safety
Exact: ONNX defines both forms as the same.

## When it refuses
Never.

## How to avoid it when exporting
Exporters decide this; nothing in the network changes it.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused

NEVER = (999,)


class TrailingEmptyInputs(Pass):
    """Optional inputs that are spelled out as absent, where the parser counts instead of looking."""

    ops = ("Pad", "Resize", "Clip", "Slice")
    examples = (
        Example(
            target="tensorrt-8.4",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,4] y) <int64[4] p = {0, 0, 0, 1}> { y = Pad(x, p, "") }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,4] y) <int64[4] p = {0, 0, 0, 1}> { y = Pad(x, p) }""",
        ),
        Example(
            target="tensorrt-8.5",
            title="read properly since 8.5",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,4] y) <int64[4] p = {0, 0, 0, 1}> { y = Pad(x, p, "") }""",
        ),
        Example(
            target="tensorrt-8.4",
            title="an empty input that others follow",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,3] x) => (float[1,6] y) <float[2] s = {1, 2}> { y = Resize(x, , s) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An empty last input, before 8.5 (before 8.0 for Clip; TensorRT-RTX 1.7 still does so for Slice)."""
        fixed_in = {"Clip": (8, 0), "Slice": NEVER}.get(node.op_type, (8, 5))
        if not node.inputs or node.inputs[-1] or not target.before(*fixed_in):
            return None
        return refused(f"{target.title} converts the empty last input of {node.op_type} as if it were there")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same node with a shorter input list."""
        r, inputs = Replacement(graph, node), list(node.inputs)
        while inputs and not inputs[-1]:
            inputs.pop()
        r.clone(node, inputs)
        return r
