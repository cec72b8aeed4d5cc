"""# unsupported-element-type

## What it does
Reports tensors of an element type that the target has not, and that no wider type stands in for.

## Why
BFLOAT16 and FLOAT8E4M3FN came with TensorRT 9.0, INT4 with 10.0, FLOAT4E2M1 with 10.8; strings, complex numbers,
UINT4 and the other FLOAT8 types are in no version ("Found unsupported datatype (N) when importing initializer",
"Failed to convert ONNX date type to TensorRT data type.", "Unsupported data type for the Cast operator!").

## Safety
Nothing is rewritten.

## When it refuses
Always.

## How to avoid it when exporting
Export in `float16` or `float32` for older versions, and quantize to INT8 or FLOAT8E4M3FN. Leave text to the host.
"""

from __future__ import annotations

import functools

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused
from trtconv.passes.core.integers import WIDER
from trtconv.passes.core.target import Version, facts, parse_version

NO_TENSORS = ("Constant", "ConstantOfShape")
"""Looked at through their readers: nothing reads what folding leaves behind."""


@functools.cache
def _refused_types() -> dict[int, list[tuple[Version, Version | None]]]:
    """Per element type, the ranges of versions that refuse it; those that other passes carry are not among them."""
    found: dict[int, list[tuple[Version, Version | None]]] = {}
    for name, since, until, what, _ in facts()["element_types"]:
        dtype = TensorProto.DataType.Value(name)
        if what == "refused" and dtype not in WIDER and dtype != TensorProto.DOUBLE:
            found.setdefault(dtype, []).append((parse_version(since), parse_version(until) if until else None))
    return found


class UnsupportedElementType(Pass):
    """A node that reads or writes such a type."""

    domains = ()
    after = ("asymmetric-quantization", "missing-operator", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (bfloat16[N] x) => (bfloat16[N] y) { y = Relu(x) }""",
            refusal="no wider type stands in for BFLOAT16",
        ),
        Example(
            target="tensorrt-9.0",
            title="taken since 9.0",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (bfloat16[N] x) => (bfloat16[N] y) { y = Relu(x) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """No node of a model without such a type."""
        occurs = not _refused_types().keys().isdisjoint(graph.model.element_types())
        return super().candidates(graph, target) if occurs else []

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An input or an output of a type that the version refuses."""
        name = "" if node.op_type in NO_TENSORS else _refused_type(node, graph, target)
        return refused(f"{target.title} has no tensors of {name}") if name else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """No other type will do."""
        raise Refused(f"no wider type stands in for {_refused_type(node, graph, target)}")


def _refused_type(node: Node, graph: Graph, target: Target) -> str:
    for tensor in (*node.inputs, *node.outputs):
        dtype = graph.dtype(tensor) if tensor else None
        for since, until in _refused_types().get(dtype or 0, ()):
            if since <= target.parser and (until is None or target.parser < until):
                return str(TensorProto.DataType.Name(dtype or 0))
    return ""
