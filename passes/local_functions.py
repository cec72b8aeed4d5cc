"""# local-functions

## What it does
Writes the local functions of a model in place of the nodes that call them.

## Why
Parsers before TensorRT 9.0 look a call up as a plugin and stop ("Plugin not found, are the plugin name, version, and
namespace correct?"). Newer ones read the body, but check the name of the node first: a function that is called like
one of some forty operators that they reject by name (`CenterCropPad`, `Unique`, ...) is refused from 9.1 on, and one
that is called like an operator that the parser has (`Dropout`, `Gelu`, `LayerNormalization`) is taken for that one,
whatever its domain and its body (measured with TensorRT-RTX 1.7).

## Safety
Exact: a call means its body.

## When it refuses
Never. Functions whose weights are in an external file keep them there.

## How to avoid it when exporting
`torch.onnx.export` of PyTorch before 2.9 takes `export_modules_as_functions=False`, its default.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import onnx

from trtconv.passes.core import Edit, Example, Graph, ModelPass, Node, Target, Trouble, refused, silent

if TYPE_CHECKING:
    from onnx import FunctionProto

    from trtconv.passes.core import Model


class LocalFunctions(ModelPass):
    """Calls of functions that the model defines."""

    domains = ()
    examples = (
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 17, "lab": 1]>
                g (float[N,4] x) => (float[N,4] y) { y = lab.Twice(x) }
                <domain: "lab", opset_import: ["": 17]> Twice (a) => (b) { b = Add(a, a) }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) { y = Add(x, x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="the name of another operator",
            before="""<ir_version: 8, opset_import: ["": 17, "lab": 1]>
                g (float[N,4] x) => (float[N,4] y) { y = lab.Relu(x) }
                <domain: "lab", opset_import: ["": 17]> Relu (a) => (b) { b = Add(a, a) }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) { y = Add(x, x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="read since 9.0",
            before="""<ir_version: 8, opset_import: ["": 17, "lab": 1]>
                g (float[N,4] x) => (float[N,4] y) { y = lab.Twice(x) }
                <domain: "lab", opset_import: ["": 17]> Twice (a) => (b) { b = Add(a, a) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """Calls of local functions."""
        return graph.nodes_where(lambda op_type, domain: graph.model.has_function(domain, op_type))

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A call before 9.0; later, one of a name that is refused or taken for another, or of a function with such."""
        if not graph.model.has_function(node.domain, node.op_type):
            return None
        if target.before(9, 0):
            return refused(f"{target.title} reads no local functions")
        called = list(_called(node, graph.model))
        taken = next((f for f in called if target.has(f.name)), None)
        if taken is not None:
            return silent(f"{target.title} takes {taken.domain}.{taken.name} for the standard {taken.name}")
        rejected = next((f.name for f in called if onnx.defs.has(f.name)), None)
        if rejected is None or target.before(9, 1):
            return None
        return refused(f"{target.title} refuses {rejected} by its name, before it looks at the function")

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """All functions at once, when one of them has to go."""
        calls = [(g, n) for g in model.graphs() for n in self.candidates(g, target) if self.find(n, g, target)]
        if not calls:
            return []
        model.inline_functions()
        return [
            Edit(self.name(), node.label, node.op_type, "its function is written in its place", (), ())
            for _, node in calls
        ]


def _called(node: Node, model: Model) -> Iterator[FunctionProto]:
    """The function that a node calls, and those that its body calls, to any depth."""
    known = {(f.domain, f.name): f for f in model.proto.functions}
    waiting = [(node.domain, node.op_type)]
    for name in waiting:
        if name in known:
            function = known.pop(name)
            yield function
            waiting.extend((inner.domain, inner.op_type) for inner in function.node)
