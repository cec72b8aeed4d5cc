"""# loop-condition

## What it does
Puts an `Identity` between a network input and the `Loop` that takes it for its condition, and gives a Loop that has no
condition, and whose body reads one, the condition that is always true.

## Why
The importer gives the tensor of the condition the name that it has in the body. Of a network input it so changes the
name: the engine's input is called `cond_in` or whatever the body calls it, and nobody who feeds the model by its names
can run the engine. Without a condition the body's name stands for nothing ("Assertion failed:
(ctx->tensors().count(inputName)): Node input was not registered"). Read in the sources of 7.0 to 10.1, measured with
TensorRT-RTX 1.7.

## Safety
Exact.

## When it refuses
Never.

## How to avoid it when exporting
Write loops with a trip count alone: `for` over a range instead of `while`.
"""

from __future__ import annotations

import numpy as np

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused, silent


class LoopCondition(Pass):
    """A Loop's condition that is a network input, or missing and read."""

    ops = ("Loop",)
    after = ("unfolded-constants", "no-op-nodes")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, bool go) => (float[3] y) <int64 m = {3}> {
                    y = Loop(m, go, x) <body = b (int64 i, bool c, float[3] a) => (bool d, float[3] b) {
                        b = Add(a, a)
                        d = Identity(c)
                    }>
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, bool go) => (float[3] y) <int64 m = {3}> {
                    condition = Identity(go)
                    y = Loop(m, condition, x) <body = b (int64 i, bool c, float[3] a) => (bool d, float[3] b) {
                        b = Add(a, a)
                        d = Identity(c)
                    }>
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="a constant condition",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x) => (float[3] y) <int64 m = {3}, bool go = {1}> {
                    y = Loop(m, go, x) <body = b (int64 i, bool c, float[3] a) => (bool d, float[3] b) {
                        b = Add(a, a)
                        d = Identity(c)
                    }>
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A condition that the parser renames, or that the body misses."""
        if not target.has("Loop"):
            return None
        condition, body = node.input(1), node.subgraphs["body"]
        inner = list(body.inputs)[1]
        if not condition and (body.consumers(inner) or body.is_output(inner)):
            return refused("the body reads the condition of the Loop, which has none")
        if condition and condition in graph.model.main.inputs and graph.producer(condition) is None:
            return silent(f"the engine's input will be called {inner!r}, not {condition!r}")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same Loop on a copy, or on a constant."""
        r = Replacement(graph, node)
        proto = node.to_proto()
        proto.input[1] = r.op("Identity", node.input(1)) if node.input(1) else _always(r)
        r.nodes.append(graph.model.read_node(proto, graph))
        return r


def _always(r: Replacement) -> str:
    return r.constant(np.asarray(True), hint="condition")
