"""# foreign-operator

## What it does
Reports operators of a domain that ONNX does not define: custom operators, and those of ONNX Runtime (`com.microsoft`).

## Why
The parser looks at the operator's name alone, never at its domain. A name that it does not know is looked up as a
plugin ("Plugin not found, are the plugin name, version, and namespace correct?"). A name that it does know goes to
the importer of the standard operator, whose inputs and meaning may be others: `com.microsoft.Attention` is not
`Attention`.

## Safety
Nothing is rewritten.

## When it refuses
Always: what the operator computes is not in the file. Register a plugin of that name and ignore the finding in the
configuration, with that as the reason; or take the operator out of the network.

## How to avoid it when exporting
Do not run ONNX Runtime's graph optimisations before TensorRT, and export without custom operators.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused, silent

ONNX_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.training", "ai.onnx.preview.training")


class ForeignOperator(Pass):
    """An operator of a domain that ONNX does not define, and that is no local function."""

    domains = ()
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17, "my.ops": 1]>
                g (float[N,4] x) => (float[N,4] y) { y = my.ops.Mystery(x) }""",
            refusal="what my.ops.Mystery computes is not in the file",
        ),
        Example(
            target="tensorrt-10.3",
            title="a standard operator",
            before="""<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A foreign domain: refused where the name is unknown, misread where the parser knows another of that name."""
        if node.domain in ONNX_DOMAINS or graph.model.has_function(node.domain, node.op_type):
            return None
        if target.has(node.op_type):
            return silent(f"{target.title} takes {_full_name(node)} for the standard {node.op_type}")
        return refused(f"{target.title} has no importer for {_full_name(node)}: it needs a plugin of that name")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Nothing can be done without knowing what the operator computes."""
        raise Refused(f"what {_full_name(node)} computes is not in the file")


def _full_name(node: Node) -> str:
    return f"{node.domain}.{node.op_type}"
