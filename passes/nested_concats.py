"""# nested-concats

## What it does
Writes a `Concat` whose parts are themselves a `Concat` along the same axis, read nowhere else, as one.

## Why
Exporters write shapes and skip connections part by part. Each `Concat` is a copy of all that lies in it.

## Safety
Exact: the same elements in the same order.

## When it refuses
Never. An inner Concat that is read elsewhere, or is an output of the graph, stays: it is needed all the same.

## How to avoid it when exporting
One `torch.cat` of all the parts.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, slow


class NestedConcats(Pass):
    """A Concat of a Concat."""

    ops = ("Concat",)
    after = ("no-op-nodes", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,2,H,W] a, float[N,3,H,W] b) => (float[N,7,H,W] y) {
                    c = Concat <axis = 1> (a, b)
                    y = Concat <axis = -3> (a, c)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,2,H,W] a, float[N,3,H,W] b) => (float[N,7,H,W] y) { y = Concat <axis = -3> (a, a, b) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="along another axis",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] a, float[N,4] b) => (float[M,8] y) {
                    c = Concat <axis = 1> (a, b)
                    y = Concat <axis = 0> (c, c)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A Concat with parts that only it reads."""
        inner = [t for t in node.inputs if _parts(t, node, graph)]
        return slow(f"{inner[0]} is a Concat along the same axis, read here alone") if inner else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One Concat of all the parts."""
        r = Replacement(graph, node)
        inputs: list[str] = []
        for tensor in node.inputs:
            parts = _parts(tensor, node, graph)
            inputs.extend(parts or [tensor])
            if parts and (inner := graph.producer(tensor)) is not None:
                r.remove(inner)
        r.clone(node, inputs)
        return r


def _parts(tensor: str, node: Node, graph: Graph) -> list[str]:
    """What lies in `tensor`, where that is a Concat along the axis of `node`, which alone reads it; else nothing."""
    inner = graph.producer(tensor)
    if inner is None or inner.op_type != "Concat" or inner.domain or graph.only_consumer(tensor) is not node:
        return []
    mine, its = _axis(node), _axis(inner)
    if mine == its:
        return inner.inputs
    rank = graph.rank(tensor)
    return inner.inputs if rank and mine % rank == its % rank else []


def _axis(node: Node) -> int:
    return node.attr_int("axis", 1)  # 1 up to opset 3, a must since
