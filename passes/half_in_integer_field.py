"""# half-in-integer-field

## What it does
Stores FLOAT16 weights as raw bytes.

## Why
ONNX allows FLOAT16 data in `int32_data`, one value to a number. Parsers before TensorRT 8.4.1 take that field as it
is, two bytes to a value, and read other numbers, or past the end.

## Safety
Exact.

## When it refuses
Never.

## How to avoid it when exporting
`onnx.numpy_helper.from_array` writes raw bytes; `onnx.helper.make_tensor` does with `raw=True`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, numpy_helper

from trtconv.passes.core import Edit, Example, Graph, ModelPass, Node, Target, Trouble, silent

if TYPE_CHECKING:
    from trtconv.passes.core import Model


class HalfInIntegerField(ModelPass):
    """FLOAT16 initializers outside `raw_data`."""

    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float16[2] x) => (float16[2] y) <float16[2] w = {15360, 16384}> { y = Add(x, w) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float16[2] x) => (float16[2] y) <float16[2] w = {15360, 16384}> { y = Add(x, w) }""",
        ),
        Example(
            target="tensorrt-8.4.1",
            title="read since 8.4.1",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float16[2] x) => (float16[2] y) <float16[2] w = {15360, 16384}> { y = Add(x, w) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A node that reads such a weight, before 8.4.1."""
        if not target.before(8, 4, 1):
            return None
        name = next((t for t in node.inputs if t and _is_packed(graph.constant_proto(t))), None)
        return None if name is None else silent(f"{target.title} misreads FLOAT16 in int32_data, as {name} is stored")

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """Every such initializer and Constant, stored anew."""
        readers = [(g, n) for g in model.graphs() for n in g.nodes if self.find(n, g, target)]
        for graph in model.graphs() if readers else ():
            _unpack(graph)
        why = "its FLOAT16 weights are stored as bytes"
        return [Edit(self.name(), n.label, n.op_type, why, (), ()) for _, n in readers]


def _is_packed(proto: TensorProto | None) -> bool:
    return proto is not None and proto.data_type == TensorProto.FLOAT16 and len(proto.int32_data) > 0


def _unpack(graph: Graph) -> None:
    for name, proto in graph.initializers.items():
        if _is_packed(proto):
            graph.initializers[name] = numpy_helper.from_array(numpy_helper.to_array(proto), name)
    for node in graph.nodes_of(("Constant",), ("",)):
        value = node.attr_tensor("value")
        if value is not None and _is_packed(value):
            node.set_attribute("value", numpy_helper.from_array(numpy_helper.to_array(value)))
