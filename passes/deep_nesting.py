"""# deep-nesting

## What it does
Reports subgraphs within subgraphs, more than 24 deep.

## Why
From TensorRT 10.0 on the parser stops there ("... nested structures that exceed the maximum allowed ...").

## Safety
Nothing is rewritten.

## When it refuses
Always. Conditions that are known take a level away each (constant-condition).

## How to avoid it when exporting
Chains of `elif` are exported as one If within another: choose by a table, or by Where.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

DEEPEST = 24


def _nested(depth: int) -> str:
    """An If in the branch of an If, and so on, in ONNX text."""
    text = f"{{ y{depth} = Relu(x) }}"
    for level in reversed(range(depth)):
        inner = f"b{level} () => (float[N] y{level + 1}) {text}"
        other = f"c{level} () => (float[N] z{level + 1}) {{ z{level + 1} = Neg(x) }}"
        text = f"{{ y{level} = If(c) <then_branch = {inner}, else_branch = {other}> }}"
    return f'<ir_version: 8, opset_import: ["": 13]> g (float[N] x, bool c) => (float[N] y0) {text}'


class DeepNesting(Pass):
    """A node with a subgraph that is one too deep."""

    ops = ("If", "Loop", "Scan")
    after = ("constant-condition",)
    examples = (
        Example(target="tensorrt-10.3", before=_nested(DEEPEST + 1), refusal="the structure is the model's meaning"),
        Example(target="tensorrt-10.3", title="one level less", before=_nested(DEEPEST)),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The first level that is too deep."""
        depth, outer = 1, graph.parent
        while outer is not None:
            depth, outer = depth + 1, outer.parent
        if target.before(10, 0) or depth != DEEPEST + 1:
            return None
        return refused(f"its subgraph is {depth} deep, and {target.title} goes down {DEEPEST}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Not possible."""
        raise Refused("the structure is the model's meaning")
