"""A graph whose floats are float64 throughout: what it computes but for the rounding of its own precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx.inliner
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)

ONLY_FLOAT = "tensor(float)"


class NotDoubled(Exception):
    """Why a graph has no float64 twin."""


def doubled(model: ModelProto) -> ModelProto:
    """A copy of `model`, whose weights it holds, with float64 for every other float type.

    Where an operator takes or gives float32 by its definition, as Resize does its scales, it still does. Raises
    NotDoubled for a graph with an operator that has no float64, such as QuantizeLinear, or that is not ONNX's own.
    """
    out = ModelProto()
    out.CopyFrom(model)
    if out.functions:
        out = onnx.inliner.inline_local_functions(out)
    versions = {o.domain: o.version for o in out.opset_import}
    _Doubling(versions).graph(out.graph)
    return out


class _Doubling:
    def __init__(self, versions: dict[str, int]) -> None:
        self._versions = versions
        self._count = 0

    def graph(self, graph: GraphProto) -> None:
        for value in (*graph.input, *graph.output):
            _double_type(value.type)
        del graph.value_info[:]
        for tensor in graph.initializer:
            _double_tensor(tensor)
        nodes = [new for node in graph.node for new in self._nodes(node)]
        del graph.node[:]
        graph.node.extend(nodes)

    def _nodes(self, node: NodeProto) -> Iterator[NodeProto]:
        """The node on float64, between the casts that its definition asks for."""
        for attribute in node.attribute:
            self._attribute(node, attribute)
        if node.op_type == "ConstantOfShape" and not node.attribute:  # which means a float32 zero
            node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(np.zeros(1))))
        schema = self._schema(node)
        after = []
        for index, name in enumerate(node.input):
            if name and self._type(schema, schema.inputs, index) == ONLY_FLOAT:
                node.input[index] = self._fresh(name)
                yield helper.make_node("Cast", [name], [node.input[index]], to=TensorProto.FLOAT)
        for index, name in enumerate(node.output):
            if name and self._type(schema, schema.outputs, index) == ONLY_FLOAT:
                node.output[index] = self._fresh(name)
                after.append(helper.make_node("Cast", [node.output[index]], [name], to=TensorProto.DOUBLE))
        yield node
        yield from after

    def _attribute(self, node: NodeProto, attribute: AttributeProto) -> None:
        if attribute.type == AttributeProto.GRAPH:
            self.graph(attribute.g)
        elif attribute.type == AttributeProto.TENSOR:
            _double_tensor(attribute.t)
        elif attribute.name in ("to", "dtype", "output_dtype") and attribute.i in FLOATS:
            attribute.i = TensorProto.DOUBLE
        elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
            value = np.array(helper.get_attribute_value(attribute), np.float64)
            attribute.CopyFrom(helper.make_attribute("value", numpy_helper.from_array(value)))

    def _schema(self, node: NodeProto) -> onnx.defs.OpSchema:
        domain = "" if node.domain == "ai.onnx" else node.domain
        try:
            return onnx.defs.get_schema(node.op_type, self._versions.get(domain, 1), domain)
        except onnx.defs.SchemaError as error:
            raise NotDoubled(f"{node.op_type} is no operator of ONNX") from error

    def _type(self, schema: onnx.defs.OpSchema, parameters: object, index: int) -> str:
        """The one type that a parameter may have, or the float that its type may be; empty for what is no float."""
        found = list(parameters)  # type: ignore[call-overload]  # a sequence of formal parameters
        parameter = found[min(index, len(found) - 1)]
        allowed = {t.type_param_str: t.allowed_type_strs for t in schema.type_constraints}.get(parameter.type_str)
        if allowed is None:
            return str(parameter.type_str)
        if ONLY_FLOAT in allowed and "tensor(double)" not in allowed:
            raise NotDoubled(f"{schema.name} knows no float64")
        return ""

    def _fresh(self, name: str) -> str:
        self._count += 1
        return f"{name}/float32/{self._count}"


def _double_type(found: TypeProto) -> None:
    if found.WhichOneof("value") == "tensor_type" and found.tensor_type.elem_type in FLOATS:
        found.tensor_type.elem_type = TensorProto.DOUBLE


def _double_tensor(tensor: TensorProto) -> None:
    if tensor.data_type in FLOATS:
        value = numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
