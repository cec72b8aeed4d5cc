"""# uncounted-loop

## What it does
Counts the iterations of a `Loop` that has no trip count, or the largest integer for one, and whose body reads their
number.

## Why
A trip count that is not in the file, or not below 2**31 - 1, is what converters write for `while`. From 8.4 on the
importer leaves both out and with them the number of the iteration, which the body then misses: "Assertion failed:
(ctx->tensors().count(inputName)): Node input was not registered". Read in the sources of 8.4 to 10.1, measured with
TensorRT-RTX 1.7.

## Safety
Exact.

## When it refuses
Never.

## How to avoid it when exporting
Keep a counter among the variables of the loop, or give the loop a trip count.
"""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused
from trtconv.passes.core.loops import add_state

LIMIT = 2**31 - 1
"""From here on a trip count means that there is none."""


class UncountedLoop(Pass):
    """A Loop without a trip count whose body reads the number of the iteration."""

    ops = ("Loop",)
    after = ("unfolded-constants", "loop-condition")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int64 x) => (int64 y) <int64 m = {9223372036854775807}, bool go = {1}, int64 k = {9}> {
                    y = Loop(m, go, x) <body = b (int64 i, bool c, int64 a) => (bool d, int64 b) {
                        b = Add(a, i)
                        d = Less(b, k)
                    }>
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (int64 x) => (int64 y)
                <int64 m = {9223372036854775807}, bool go = {1}, int64 k = {9}, int64 z = {0}> {
                    last, y = Loop(m, go, z, x) <
                        body = b (int64 n, bool c, int64 i, int64 a) => (bool d, int64 j, int64 b) <int64 one = {1}> {
                            j = Add(i, one)
                            b = Add(a, i)
                            d = Less(b, k)
                        }>
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="a trip count",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int64 x) => (int64 y) <int64 m = {9}, bool go = {1}> {
                    y = Loop(m, go, x) <body = b (int64 i, bool c, int64 a) => (bool d, int64 b) {
                        b = Add(a, i)
                        d = Identity(c)
                    }>
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A body that reads the number of the iteration where the importer has none."""
        if target.before(8, 4) or not _is_uncounted(node, graph):
            return None
        body = node.subgraphs["body"]
        number = next(iter(body.inputs))
        if not body.consumers(number) and not body.is_output(number):
            return None
        return refused(f"{target.title} does not number the iterations of a Loop without a trip count")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The number of the iteration as a state variable of the name that the body reads."""
        r, proto = Replacement(graph, node), node.to_proto()
        body = next(a.g for a in proto.attribute if a.name == "body")
        number, one = body.input[0].name, graph.unique(f"{node.label}/one")
        body.input[0].name = graph.unique(f"{node.label}/iteration")
        body.initializer.append(numpy_helper.from_array(np.asarray(1, np.int64), one))
        following, name = (graph.unique(f"{node.label}/{n}") for n in ("next_number", "count"))
        count = helper.make_node("Add", [number, one], [following], name)
        add_state(r, proto, np.asarray(0, np.int64), number, count, before=(2, 2, 1))
        r.nodes.append(graph.model.read_node(proto, graph))
        return r


def _is_uncounted(node: Node, graph: Graph) -> bool:
    if not node.input(0):
        return True
    trips = graph.constant(node.input(0))
    return trips is not None and trips.size == 1 and int(trips.reshape(())) >= LIMIT
