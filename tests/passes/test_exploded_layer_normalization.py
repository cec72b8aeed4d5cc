"""Layer normalization from its parts, against ONNX Runtime."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, parse, random_feed

import trtconv

NAME = "exploded-layer-normalization"


def parts(opset: int, axes: str, tail: str, square: str = "Mul(c, c)") -> str:
    old = opset < 18
    given = "" if old else f"a = Constant <value_ints = {axes}> ()"
    reduced, again = (
        f"{out} = ReduceMean <axes = {axes}> ({x})" if old else f"{out} = ReduceMean({x}, a)" for out, x in ("mx", "vq")
    )
    constants = "two = Constant <value = float {2}> () e = Constant <value = float {1}> ()"
    return f"""<ir_version: 9, opset_import: ["": {opset}]> g (float[N,3,4] x, float[N,3,1] r) => (float y)
        <float[4] s = {{1, 2, 3, 4}}, float[4] b = {{1, 0, 2, 1}}, float[3,4] w = {{1,2,3,4,5,6,7,8,9,1,2,3}}> {{
            {constants} {given} {reduced} c = Sub(x, m) q = {square} {again} f = Add(v, e) d = Sqrt(f) {tail} }}"""


@settings(max_examples=12, deadline=None)
@given(
    opset=st.sampled_from([17, 18]),
    axes=st.sampled_from(["[-1]", "[2]", "[1, 2]", "[-2, -1]"]),
    scaled=st.booleans(),
    shifted=st.booleans(),
    square=st.sampled_from(["Mul(c, c)", "Pow(c, two)"]),
    seed=st.integers(0, 99),
)
def test_fused(opset: int, axes: str, scaled: bool, shifted: bool, square: str, seed: int) -> None:
    weight = "w" if "," in axes else "s"
    tail = "n = Div(c, d)"
    tail += f" t = Mul({weight}, n)" if scaled else " t = Identity(n)"
    tail += " y = Add(t, b)" if shifted else " y = Identity(t)"
    before = parse(parts(opset, axes, tail, square))
    result = trtconv.fix(before, target="tensorrt-10.3", only=[NAME], evidence=False)
    assert [e.op_type for e in result.edits] == ["Div"]
    assert_same(before, result.model, random_feed(before, {"N": 2}, seed), "approximate")


@pytest.mark.parametrize(
    ("axes", "tail"),
    [
        ("[1]", "y = Div(c, d)"),
        ("[-1]", "n = Div(c, d) y = Add(n, d)"),
        ("[-1]", "n = Div(c, d) y = Mul(n, c)"),
        ("[-1]", "y = Div(m, d)"),
    ],
)
def test_left_alone(axes: str, tail: str) -> None:
    assert not trtconv.fix(parse(parts(17, axes, tail)), target="tensorrt-10.3", only=[NAME]).edits


def test_scale_for_each_row_stays() -> None:
    before = parse(parts(17, "[-1]", "n = Div(c, d) y = Mul(n, r)"))
    result = trtconv.fix(before, target="tensorrt-10.3", only=[NAME])
    assert [n.op_type for n in result.model.graph.node if n.op_type != "Constant"] == ["LayerNormalization", "Mul"]
    assert_same(before, result.model, random_feed(before, {"N": 2}), "approximate")
