"""Element types of what nodes write, read off the schemas of their operators: no inference, no walk."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto

if TYPE_CHECKING:
    from trtconv.passes.core.node import Node

FIXED, LIKE = True, False
Rule = tuple[bool, int] | None
"""(FIXED, element type), (LIKE, index of the input that has the same), or None where the schema does not say."""


def of_output(node: Node, index: int, opset: int) -> int | str | None:
    """Element type of output `index`, the name of an input of the same type, or None where neither is known."""
    if node.domain:
        return None
    if node.op_type == "Cast":
        return node.attr_int("to", 0) or None
    if node.op_type == "ConstantOfShape":
        value = node.attr_tensor("value")
        return TensorProto.FLOAT if value is None else value.data_type
    rules = _rules(node.op_type, opset)
    rule = rules[min(index, len(rules) - 1)] if rules else None
    if rule is None:
        return None
    return rule[1] if rule[0] is FIXED else node.input(rule[1]) or None


@functools.cache
def _rules(op_type: str, opset: int) -> tuple[Rule, ...]:
    try:
        schema = onnx.defs.get_schema(op_type, opset, "")
    except onnx.defs.SchemaError:
        return ()
    inputs = [i.type_str if i.is_homogeneous else "" for i in schema.inputs]
    return tuple(_rule(output, inputs) for output in schema.outputs)


def _rule(output: onnx.defs.OpSchema.FormalParameter, inputs: list[str]) -> Rule:
    if output.is_homogeneous and output.type_str in inputs:
        return LIKE, inputs.index(output.type_str)
    types = list(output.types)
    if len(types) != 1 or not types[0].startswith("tensor("):
        return None
    return FIXED, TensorProto.DataType.Value(types[0][len("tensor(") : -1].upper())
