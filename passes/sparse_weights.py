"""# sparse-weights

## What it does
Writes out the zeros of sparse weights: of sparse initializers, and of `Constant` nodes with a `sparse_value`.

## Why
No parser reads `sparse_initializer`: the weight does not exist ("Assertion failed: (ctx->tensors().count(inputName)):
Node input was not registered"). A Constant is turned down by name: "This version of TensorRT does not support the
sparse_value, value_string and value_strings attributes" (from 8.0 on; before, the value is missing all the same).
TensorRT's own sparsity, of two in four weights, is found in dense weights.

## Safety
Exact.

## When it refuses
When the dense weight would have more than 256 million elements.

## How to avoid it when exporting
Do not convert the weights to the sparse form; compress the file instead.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import SparseTensorProto, numpy_helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array

LIMIT = 1 << 28
"""Elements of a dense weight."""


class SparseWeights(Pass):
    """A node that reads sparse initializers, or a Constant that is sparse."""

    domains = ()
    examples = (
        Example(
            target="tensorrt-10.3",
            title="dense weights",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3] x) => (float[N,1] y) <float[3,1] w = {0, 2, 0}> { y = MatMul(x, w) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """Sparse Constant nodes alone, where the model has no sparse initializers."""
        if graph.model.proto.graph.sparse_initializer:
            return super().candidates(graph, target)
        return [node for node in graph.nodes_of(("Constant",), ("",)) if "sparse_value" in node.attributes]

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A sparse tensor among the inputs, or in the node."""
        if node.op_type == "Constant" and "sparse_value" in node.attributes:
            return refused(f"{target.title} takes no sparse constants")
        if _sparse_inputs(node, graph):
            return refused(f"{target.title} does not read sparse weights")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same node with dense weights."""
        r = Replacement(graph, node)
        if node.op_type == "Constant":
            value = _dense(node.attributes["sparse_value"].sparse_tensor)
            r.op("Constant", into=node.outputs[0], value=numpy_helper.from_array(value))
            return r
        found = _sparse_inputs(node, graph)
        proto = node.to_proto()
        dense = {name: r.constant(_dense(tensor), hint=name) for name, tensor in found.items()}
        proto.input[:] = [dense.get(t, t) for t in node.inputs]
        r.nodes.append(graph.model.read_node(proto, graph))
        return r


def _sparse_inputs(node: Node, graph: Graph) -> dict[str, SparseTensorProto]:
    sparse = graph.model.proto.graph.sparse_initializer
    return {t.values.name: t for t in sparse if t.values.name in node.inputs}


def _dense(tensor: SparseTensorProto) -> Array:
    """The tensor with its zeros; indices count elements, or name a place on each axis."""
    if math.prod(tensor.dims) > LIMIT:
        raise Refused(f"its weight would have {math.prod(tensor.dims)} elements")
    values, places = numpy_helper.to_array(tensor.values), numpy_helper.to_array(tensor.indices)
    out = np.zeros(list(tensor.dims), values.dtype)
    if places.ndim == 2:
        out[tuple(places.T)] = values
    else:
        out.reshape(-1)[places] = values
    return out
