"""# quantized-constant

## What it does
Lets nothing but a `DequantizeLinear` read an INT8 constant. A table of bytes that is gathered from and dequantized then
is dequantized first; any other INT8 constant becomes a FLOAT one behind a `QuantizeLinear` of scale 1.

## Why
The builder takes every INT8 constant for quantized weights: "Quantized constant (...) is only allowed before DQ or
PLUGIN_V2 or kPLUGIN_V3 node" (measured with TensorRT-RTX 1.7). ONNX Runtime's quantizer writes embeddings as a Gather
of an INT8 table with the DequantizeLinear behind it. Network inputs of INT8, and what is computed in INT8, are taken.

## Safety
Exact: FLOAT holds every INT8, and to gather and to scale are independent of each other.

## When it refuses
When the constant is in an external file, and is not just gathered and dequantized.

## How to avoid it when exporting
Keep small integers in `int32`; leave embeddings out of the quantization (`op_types_to_quantize`).
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused
from trtconv.passes.core.folding import reads_outside_data

INT8 = TensorProto.INT8
QUANTIZING = ("QuantizeLinear", "DequantizeLinear")
PICKING = ("Gather", "GatherND", "GatherElements")


class QuantizedConstant(Pass):
    """An INT8 constant that something else than DequantizeLinear reads."""

    after = ("unfolded-constants", "asymmetric-quantization", "missing-operator", "unsupported-integer-type")
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            title="a quantized embedding",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int64[N] i) => (float[N,1] y) <int8[5,1] w = {1, -2, 3, 127, -128}, float s = {0.1}, int8 z = {0}> {
                    rows = Gather(w, i)
                    y = DequantizeLinear(rows, s, z)
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (int64[N] i) => (float[N,1] y) <int8[5,1] w = {1, -2, 3, 127, -128}, float s = {0.1}, int8 z = {0}> {
                    table = DequantizeLinear(w, s, z)
                    y = Gather(table, i)
                }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[N,3] x) => (int8[M,3] y) <int8[1,3] w = {1, 2, 3}> { y = Concat <axis = 0> (x, w) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (int8[N,3] x) => (int8[M,3] y) <float[1,3] w = {1, 2, 3}, float s = {1}, int8 z = {0}> {
                    q = QuantizeLinear(w, s, z)
                    y = Concat <axis = 0> (x, q)
                }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="quantized weights",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,2] x) => (float[N,1] y) <int8[2,1] w = {1, 2}, float s = {0.1}, int8 z = {0}> {
                    d = DequantizeLinear(w, s, z)
                    y = MatMul(x, d)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An INT8 constant among the inputs; known of TensorRT-RTX only."""
        if not target.is_rtx or node.op_type in QUANTIZING or not target.has(node.op_type) or not _places(node, graph):
            return None
        return refused(f"{target.title} builds no INT8 constant that {node.op_type} reads")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The DequantizeLinear first, else the constant as FLOAT, quantized in the engine."""
        reader = graph.only_consumer(node.outputs[0])
        r, places = Replacement(graph, node), _places(node, graph)
        if node.op_type in PICKING and places == [0] and reader is not None and _is_of_one_scale(reader, graph):
            table = r.op("DequantizeLinear", node.input(0), *reader.inputs[1:])
            r.clone(node, [table, *node.inputs[1:]], into=reader.outputs)
            r.remove(reader)
            return r
        inputs = [_in_float(r, t) if i in places else t for i, t in enumerate(node.inputs)]
        proto = node.to_proto()
        proto.input[:] = inputs
        r.nodes.append(graph.model.read_node(proto, graph))
        return r


def _places(node: Node, graph: Graph) -> list[int]:
    types = ((i, graph.constant_type(t)) for i, t in enumerate(node.inputs) if t)
    return [i for i, found in types if found is not None and found.dtype == INT8]


def _is_of_one_scale(node: Node, graph: Graph) -> bool:
    return node.op_type == "DequantizeLinear" and graph.rank(node.input(1)) == 0


def _in_float(r: Replacement, name: str) -> str:
    value = None if reads_outside_data(name, r.graph) else r.graph.constant(name)
    if value is None:
        raise Refused("the constant is in an external file")
    wide = r.constant(value.astype(np.float32), hint="float")
    return r.op("QuantizeLinear", wide, r.constant(1, np.float32), r.constant(0, np.int8))
