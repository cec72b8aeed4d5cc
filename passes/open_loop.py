"""# open-loop

## What it does
Reports a Loop that collects an output of every step without a limit to the number of steps.

## Why
The parser has to know how many steps there can be. Up to TensorRT 10.10 it makes an output of another length, and
says nothing; from 10.11 on it stops ("TensorRT cannot infer the shape of scan output ... since no trip limit was
set").

## Safety
Nothing is rewritten.

## When it refuses
Always: how long the loop may run is not in the file.

## How to avoid it when exporting
Loop over `range(limit)` with a limit that is a number, and leave by a condition.
"""

from __future__ import annotations

import numpy as np

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused, silent

FOREVER = int(np.iinfo(np.int32).max)
"""A trip count from here on is no limit."""


class OpenLoop(Pass):
    """Scan outputs of a Loop without a trip count."""

    ops = ("Loop",)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.12",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[2] x, bool c) => (float[2] last, float[K,2] all) {
                    last, all = Loop("", c, x) <
                        body = b (int64 i, bool ci, float[2] p) => (bool co, float[2] q, float[2] s) {
                            q = Neg(p)  s = Abs(p)  t = ReduceMax <keepdims = 0> (q)
                            z = Constant <value_float = 0.0> ()
                            co = Less(t, z) }>
                }""",
            refusal="how long the loop may run is not in the file",
        ),
        Example(
            target="tensorrt-10.12",
            title="with a limit",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[2] x, bool c, int64 n) => (float[2] last, float[K,2] all) {
                    last, all = Loop(n, c, x) <
                        body = b (int64 i, bool ci, float[2] p) => (bool co, float[2] q, float[2] s) {
                            q = Neg(p)  s = Abs(p)  co = Identity(ci) }>
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """No trip count, or one that is as good as none, and outputs beyond the carried values."""
        body = node.subgraphs.get("body")
        carried = len(node.inputs) - 2
        if body is None or len(body.outputs) <= carried + 1:
            return None
        limit = graph.constant(node.input(0)) if node.input(0) else None
        if node.input(0) and (limit is None or (limit < FOREVER).all()):
            return None
        if target.before(10, 11):
            return silent("the Loop has no limit: what it collects gets another length")
        return refused(f"{target.title} wants a limit to a Loop that collects what each step gives")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Nobody knows the limit."""
        raise Refused("how long the loop may run is not in the file")
