"""Branches put in the place of their If: names that collide, outputs that no node of the branch writes, nesting."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from support import assert_same, parse

import trtconv

BRANCHES = {
    "names that are taken outside": "p = Relu(x) a = Neg(p) q = Abs(a)",
    "an outer tensor handed through": "q = Identity(a)",
    "an initializer as output": "",
    "a nested If": """q = If(c) <
        then_branch = n () => (float[N] r) { r = Exp(a) }, else_branch = m () => (float[N] t) { t = Neg(a) }>""",
}


@pytest.mark.parametrize("taken", [0, 1])
@pytest.mark.parametrize("name", BRANCHES)
def test_the_branch_computes_the_same(name: str, taken: int) -> None:
    weights = "<float[N] q = {1, 2, 3}>".replace("N", "3") if not BRANCHES[name] else ""
    body = BRANCHES[name].replace("a = Neg(p) q = Abs(a)", "a2 = Neg(p) q = Abs(a2)")
    model = parse(f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[3] x, bool c) => (float[3] y) <bool known = {{{taken}}}> {{
            a = Sigmoid(x)
            z = If(known) <
                then_branch = b () => (float[3] q) {weights} {{ {body.replace("[N]", "[3]")} }},
                else_branch = e () => (float[3] o) {{ o = Tanh(a) }}>
            p = Floor(z)
            y = Add(p, z)
        }}""")
    result = trtconv.fix(model, target="tensorrt-10.3", only=["constant-condition"])
    assert len(result.edits) == 1
    assert not result.crashes
    onnx.checker.check_model(result.model, full_check=True)
    for c in (True, False):
        assert_same(model, result.model, {"x": np.array([-1.5, 0.5, 2], np.float32), "c": np.array(c)})


def test_a_condition_that_only_shapes_decide() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,1,4] x) => (float[A,B] y) <int64 one = {1}, int64[1] axis = {1}> {
            shape = Shape(x)
            size = Gather(shape, one)
            known = Equal(size, one)
            y = If(known) <
                then_branch = a () => (float[A,B] p) { p = Squeeze(x, axis) },
                else_branch = b () => (float[A,B,C] q) { q = Identity(x) }>
        }""")
    result = trtconv.fix(model, target="tensorrt-10.3")
    assert [n.op_type for n in result.model.graph.node] == ["Squeeze"]
    assert_same(model, result.model, {"x": np.ones((2, 1, 4), np.float32)})
