"""RMS normalization from its parts, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, judge, parse, random_feed

import trtconv

NAME = "exploded-rms-normalization"
SQUARES = ("q = Mul(x, x)", "q = Pow(x, two)")
QUOTIENTS = ("n = Div(x, r)", "i = Reciprocal(r) n = Mul(i, x)", "i = Div(one, r) n = Mul(x, i)")


def parts(axes: str, square: str, quotient: str, tail: str, opset: int = 23) -> str:
    return f"""<ir_version: 11, opset_import: ["": {opset}]> g (float[N,3,4] x) => (float y)
        <float two = {{2}}, float one = {{1}}, float e = {{0.01}}, int64[{axes.count(",") + 1}] a = {{{axes}}},
         float[4] s = {{1, 2, 3, 4}}, float[3,4] w = {{1,2,3,4,5,6,7,8,9,1,2,3}}, float[3,1] u = {{1, 2, 3}}> {{
            {square} m = ReduceMean(q, a) f = Add(m, e) r = Sqrt(f) {quotient} {tail} }}"""


@settings(max_examples=20, deadline=None)
@given(
    axes=st.sampled_from(["-1", "2", "1, 2", "-2, -1"]),
    square=st.sampled_from(SQUARES),
    quotient=st.sampled_from(QUOTIENTS),
    scaled=st.booleans(),
    rows=st.integers(0, 3),
    seed=st.integers(0, 99),
    ugly=st.booleans(),
)
def test_fused(axes: str, square: str, quotient: str, scaled: bool, rows: int, seed: int, ugly: bool) -> None:
    weight = "w" if "," in axes else "s"
    before = parse(parts(axes, square, quotient, f"y = Mul(n, {weight})" if scaled else "y = Relu(n)"))
    result = trtconv.fix(before, target="tensorrt-rtx-1.7", only=[NAME], evidence=False)
    assert [n.op_type for n in result.model.graph.node] == ["RMSNormalization", *([] if scaled else ["Relu"])]
    feed = random_feed(before, {"N": rows}, seed, ugly)
    feed["x"][~np.isfinite(feed["x"]) | (np.abs(feed["x"]) > 1e15)] = 9  # their squares overflow
    assert_same(before, result.model, feed, "approximate")


@pytest.mark.parametrize(
    ("axes", "quotient", "tail", "opset"),
    [
        ("1", QUOTIENTS[0], "y = Relu(n)", 23),
        ("-1", QUOTIENTS[0], "y = Add(n, r)", 23),
        ("-1", "n = Div(r, x)", "y = Relu(n)", 23),
        ("-1", "i = Div(two, r) n = Mul(x, i)", "y = Relu(n)", 23),
        ("-1", QUOTIENTS[0], "y = Relu(n)", 22),
    ],
)
def test_left_alone(axes: str, quotient: str, tail: str, opset: int) -> None:
    model = parse(parts(axes, SQUARES[0], quotient, tail, opset))
    assert not trtconv.fix(model, target="tensorrt-rtx-1.7", only=[NAME], evidence=False).edits


def test_the_parser_takes_it() -> None:
    model = parse(parts("-1", SQUARES[1], QUOTIENTS[1], "y = Mul(n, u)"))
    result = trtconv.fix(model, target="tensorrt-rtx-1.7")
    assert [n.op_type for n in result.model.graph.node] == ["RMSNormalization", "Mul"]
    assert judge([(result.model, {"x": [2, 3, 4]})]) == [None]
