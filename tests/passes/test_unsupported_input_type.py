"""Casts around operators, on every row of the table, against ONNX Runtime or the reference evaluator."""

from __future__ import annotations

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from support import assert_same, parse, random_feed

import trtconv

CASES = [
    ("tensorrt-8.2", "bool[2,3] x, bool[2,3] z", "bool[2,3] y", "y = Where(x, z, x)", ""),
    ("tensorrt-8.2", "bool[2,3] x", "bool[2,1] y", "y = GatherElements <axis = 1> (x, i)", "int64[2,1] i = {0, 1}"),
    ("tensorrt-7.2", "bool[2,4] x", "bool[2,2] y, bool[2,2] z", "y, z = Split <axis = 1> (x)", ""),
    ("tensorrt-7.2", "bool[2,1] x", "bool[2,3] y", "y = Expand(x, s)", "int64[2] s = {2, 3}"),
    ("tensorrt-7.1", "bool[2,1] x, bool[2,3] z", "bool[2,4] y", "y = Concat <axis = 1> (x, z)", ""),
    ("tensorrt-8.4", "bool[2,3] x, bool[3] z", "bool[2,3] y", "y = Equal(x, z)", ""),
]


@pytest.mark.parametrize(("target", "inputs", "outputs", "body", "constants"), CASES)
def test_same(target: str, inputs: str, outputs: str, body: str, constants: str) -> None:
    header = '<ir_version: 7, opset_import: ["": 12]>'
    before = parse(f"{header} g ({inputs}) => ({outputs}) {f'<{constants}>' if constants else ''} {{ {body} }}")
    result = trtconv.fix(before, target=target, only=["unsupported-input-type"])
    assert result.edits
    assert not result.crashes
    assert_same(before, result.model, random_feed(before))
    assert not trtconv.lint(before, target="tensorrt-10.3").findings


@pytest.mark.parametrize("op_type", ["ReduceMax", "ReduceMin"])
def test_reduced_booleans(op_type: str) -> None:
    before = parse(f"""<ir_version: 9, opset_import: ["": 20]> g (bool[3,4] x) => (bool[3,1] y)
        <int64[1] a = {{1}}> {{ y = {op_type}(x, a) }}""")
    result = trtconv.fix(before, target="tensorrt-rtx-1.7", only=["unsupported-input-type"])
    assert [n.op_type for n in result.model.graph.node] == ["Cast", op_type, "Greater"]
    assert_same(before, result.model, random_feed(before))


def test_reduced_nothing() -> None:
    before = parse("""<ir_version: 9, opset_import: ["": 20]> g (bool[3,0] x) => (bool[3] y, bool[3] z)
        <int64[1] a = {1}> { y = ReduceMax <keepdims = 0> (x, a) z = ReduceMin <keepdims = 0> (x, a) }""")
    after = trtconv.fix(before, target="tensorrt-rtx-1.7", only=["unsupported-input-type"]).model
    most, least = ReferenceEvaluator(after).run(None, {"x": np.zeros((3, 0), np.bool_)})
    assert not most.any()
    assert least.all()
