"""# branch-output-names

## What it does
Gives the outputs of the two branches of an If different names.

## Why
TensorRT 8.0 to 8.4.0 keeps the tensors of both branches in one table, and takes one output for the other where they
are called alike. Each branch is a scope of its own in ONNX, so that exporters may use a name twice.

## Safety
Exact: names inside a branch mean nothing outside.

## When it refuses
Never.

## How to avoid it when exporting
Exporters decide this; nothing in the network changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtconv.passes.core import Edit, Example, Graph, ModelPass, Node, Target, Trouble, refused

if TYPE_CHECKING:
    from trtconv.passes.core import Model


class BranchOutputNames(ModelPass):
    """Both branches of an If write outputs of one name."""

    ops = ("If",)
    after = ("constant-condition",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x, bool c) => (float[N] y) {
                    y = If(c) <
                        then_branch = a () => (float[N] p) { p = Relu(x) },
                        else_branch = b () => (float[N] p) { p = Neg(x) }>
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x, bool c) => (float[N] y) {
                    y = If(c) <
                        then_branch = a () => (float[N] p) { p = Relu(x) },
                        else_branch = b () => (float[N] q) { q = Neg(x) }>
                }""",
        ),
        Example(
            target="tensorrt-8.5",
            title="apart since 8.4.1",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x, bool c) => (float[N] y) {
                    y = If(c) <
                        then_branch = a () => (float[N] p) { p = Relu(x) },
                        else_branch = b () => (float[N] p) { p = Neg(x) }>
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A name that both branches give out, from 8.0 to 8.4.0."""
        shared = _shared(node)
        if not shared or target.before(8, 0) or not target.before(8, 4, 1):
            return None
        return refused(f"both branches call an output {shared[0]}, and {target.title} takes them for one tensor")

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """Other names in the second branch."""
        edits = []
        for graph in list(model.graphs()):
            for node in graph.nodes_of(self.ops):
                trouble = self.find(node, graph, target)
                if trouble is None:
                    continue
                for name in _shared(node):
                    _rename_output(node.subgraphs["else_branch"], name)
                edits.append(Edit(self.name(), node.label, node.op_type, trouble.why, (), ()))
        return edits


def _shared(node: Node) -> list[str]:
    first, second = (node.subgraphs.get(key) for key in ("then_branch", "else_branch"))
    if first is None or second is None:
        return []
    return [name for name in second.outputs if name in first.outputs and second.producer(name) is not None]


def _rename_output(graph: Graph, name: str) -> None:
    fresh = graph.unique(f"{name}/else")
    graph.rename(name, fresh)
    graph.outputs = [fresh if o == name else o for o in graph.outputs]
    graph.output_types = {fresh if o == name else o: t for o, t in graph.output_types.items()}
