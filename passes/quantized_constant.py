"""# quantized-constant

## What it does
Lets nothing but a `DequantizeLinear` read an INT8 or FLOAT8 constant, a network output being no reader either. A
table of bytes that is gathered from and dequantized then is dequantized first; any other such constant becomes a FLOAT
one behind a `QuantizeLinear` of scale 1.

## Why
The builder takes every such constant for quantized weights: "Quantized constant (...) is only allowed before DQ or
PLUGIN_V2 or kPLUGIN_V3 node", "Tensor ... has datatype FP8 but is not consumed by ..." (measured with TensorRT-RTX
1.7). ONNX Runtime's quantizer writes embeddings as a Gather of an INT8 table with the DequantizeLinear behind it.
Network inputs of INT8, and what is computed in INT8, are taken; FLOAT8 is only moved and dequantized.

## Safety
Exact: FLOAT holds them both, and to gather and to scale are independent of each other.

## When it refuses
When the constant is in an external file, and is not just gathered and dequantized. FLOAT8 that is computed with.

## How to avoid it when exporting
Keep small integers in `int32`; leave embeddings out of the quantization (`op_types_to_quantize`).
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused
from trtconv.passes.core.folding import reads_outside_data

STORED = (TensorProto.INT8, TensorProto.FLOAT8E4M3FN)
MAKING = ("Constant", "ConstantOfShape")
MOVING = ("Concat", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""What is done with FLOAT8 besides quantizing."""
QUANTIZING = ("QuantizeLinear", "DequantizeLinear")
PICKING = ("Gather", "GatherND", "GatherElements")


class QuantizedConstant(Pass):
    """A constant of a storage type that something else than DequantizeLinear reads."""

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
            title="an output",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x) => (float[N] y, int8[2] z) { y = Relu(x) z = Constant <value = int8[2] {1, 2}> () }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x) => (float[N] y, int8[2] z) <float[2] w = {1, 2}, float s = {1}, int8 p = {0}> {
                    y = Relu(x)
                    z = QuantizeLinear(w, s, p)
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
        """Such a constant among the inputs, or as an output of the network; known of TensorRT-RTX only."""
        if not target.is_rtx or node.op_type in QUANTIZING or not target.has(node.op_type):
            return None
        places = _places(node, graph)
        if places:
            name = _name(graph.dtype(node.input(places[0])))
            return refused(f"{target.title} builds no {name} constant that {node.op_type} reads")
        if node.op_type not in MAKING or graph.dtype(node.outputs[0]) not in STORED:
            return None
        if node.op_type == "Constant" and not graph.is_output(node.outputs[0]):
            return None  # its readers are looked at
        return refused(f"{target.title} builds no {_name(graph.dtype(node.outputs[0]))} constant but to dequantize it")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The DequantizeLinear first, else the constant as FLOAT, quantized in the engine."""
        if node.op_type in MAKING:
            return _made(node, graph)
        reader = graph.only_consumer(node.outputs[0])
        r, places = Replacement(graph, node), _places(node, graph)
        if node.op_type in PICKING and places == [0] and reader is not None and _is_of_one_scale(reader, graph):
            table = r.op("DequantizeLinear", node.input(0), *reader.inputs[1:])
            r.clone(node, [table, *node.inputs[1:]], into=reader.outputs)
            r.remove(reader)
            return r
        dtypes = {graph.dtype(node.input(i)) for i in places}
        if node.op_type not in MOVING and dtypes != {TensorProto.INT8}:
            raise Refused(f"{target.title} computes nothing in {_name(next(iter(dtypes - {TensorProto.INT8})))}")
        inputs = [_in_float(r, t) if i in places else t for i, t in enumerate(node.inputs)]
        proto = node.to_proto()
        proto.input[:] = inputs
        r.nodes.append(graph.model.read_node(proto, graph))
        return r


def _name(dtype: int | None) -> str:
    return str(TensorProto.DataType.Name(dtype or 0))


def _places(node: Node, graph: Graph) -> list[int]:
    types = ((i, graph.constant_type(t)) for i, t in enumerate(node.inputs) if t)
    return [i for i, found in types if found is not None and found.dtype in STORED]


def _made(node: Node, graph: Graph) -> Replacement:
    """A Constant, or a ConstantOfShape, as FLOAT behind a QuantizeLinear."""
    r, value = Replacement(graph, node), node.attr_tensor("value")
    if node.op_type == "ConstantOfShape" and value is not None:
        fill = numpy_helper.from_array(numpy_helper.to_array(value).astype(np.float32))
        wide = r.clone(node, node.inputs, into=[None], value=fill)[0]
        _quantized(r, wide, value.data_type, into=node.outputs[0])
    else:
        _in_float(r, node.outputs[0], into=node.outputs[0])
    return r


def _is_of_one_scale(node: Node, graph: Graph) -> bool:
    return node.op_type == "DequantizeLinear" and graph.rank(node.input(1)) == 0


def _in_float(r: Replacement, name: str, into: str | None = None) -> str:
    value, dtype = None if reads_outside_data(name, r.graph) else r.graph.constant(name), r.graph.dtype(name)
    if value is None or dtype is None:
        raise Refused("the constant is in an external file")
    return _quantized(r, r.constant(value.astype(np.float32), hint="float"), dtype, into)


def _quantized(r: Replacement, x: str, dtype: int, into: str | None = None) -> str:
    zero = r.constant(np.zeros((), helper.tensor_dtype_to_np_dtype(dtype)))
    return r.op("QuantizeLinear", x, r.constant(1, np.float32), zero, into=into)
