"""# missing-opset-import

## What it does
Adds the import of the standard operator set to a model that has none.

## Why
A model whose operators are all of other domains (`ai.onnx.ml`) need not import the standard set. Where there is one
import, the parser takes its version for that of the standard operators, whatever its domain: with `ai.onnx.ml` 1 to 5,
what such a model is rewritten to, or parsed as, counts as older than opset 7 ("Pre-opset 7 broadcasting is unsupported
in this version of the ONNX parser"). Where there are several, none of them the standard one, it finds no version at all
and stops at the first importer that asks for it, without a word ("Invalid Node", measured with TensorRT-RTX 1.7).

## Safety
Exact: no node of the model is of the standard set.

## When it refuses
Never.

## How to avoid it when exporting
Name the target opset of both domains (`target_opset={"": 17, "ai.onnx.ml": 3}` in skl2onnx).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtconv.passes.core import Edit, Example, Graph, ModelPass, Node, Target, Trouble, refused, silent

if TYPE_CHECKING:
    from trtconv.passes.core import Model

NEWEST = 17
"""Every ONNX Runtime of the last years has it, and it needs no newer file format than version 8."""


class MissingOpsetImport(ModelPass):
    """A model without a version of the standard operators."""

    domains = ()
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["ai.onnx.ml": 3]>
                g (float[N,4] x) => (float[N,4] y) { y = ai.onnx.ml.Binarizer <threshold = 1.0> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 17, "ai.onnx.ml": 3]>
                g (float[N,4] x) => (float[N,4] y) { y = ai.onnx.ml.Binarizer <threshold = 1.0> (x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="both imported",
            before="""<ir_version: 8, opset_import: ["": 17, "ai.onnx.ml": 3]>
                g (float[N,4] x) => (float[N,4] y) { y = ai.onnx.ml.Binarizer <threshold = 1.0> (x) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """No node of a model that has the import."""
        return [] if _has_import(graph.model) else super().candidates(graph, target)

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Every node of a model without the import, but for those that want it themselves."""
        if _has_import(graph.model) or not node.domain:
            return None
        if len(graph.model.proto.opset_import) > 1:
            return refused(f"{target.title} finds no version of the standard operators among the imports")
        return silent(f"{target.title} takes the version of {node.domain} for that of the standard operators")

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """Import a version that the target documents."""
        nodes = [n for g in model.graphs() for n in g.nodes]
        if _has_import(model) or not nodes or not all(n.domain for n in nodes):
            return []
        version = min(NEWEST, target.documented_opset[1])
        model.add_import("", version)
        why = f"the model imports no standard operators: version {version} is added"
        return [Edit(self.name(), nodes[0].label, nodes[0].op_type, why, (), ())]


def _has_import(model: Model) -> bool:
    return any(o.domain in ("", "ai.onnx") for o in model.proto.opset_import)
