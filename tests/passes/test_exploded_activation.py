"""GELU, Mish and SiLU in every order that exporters write them in, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, judge, parse, random_feed

import trtconv

NAME = "exploded-activation"
CONSTANTS = """<float root = {1.41421356}, float rootless = {0.70710678}, float one = {1}, float half = {0.5},
    float two = {2}, float three = {3}, float k = {0.79788456}, float c = {0.044715}, float ck = {0.035677408}>"""
ARGUMENTS = {
    "Erf": ("u = Div(x, root)", "u = Mul(rootless, x)"),
    "Tanh": (
        "p = Pow(x, three) q = Mul(p, c) s = Add(x, q) u = Mul(s, k)",
        "p = Mul(x, x) q = Mul(x, p) r = Mul(ck, q) s = Mul(k, x) u = Add(r, s)",
        "p = Mul(x, x) q = Mul(p, c) r = Add(one, q) s = Mul(x, k) u = Mul(s, r)",
        "p = Mul(x, k) q = Mul(c, x) r = Mul(q, x) s = Add(r, one) u = Mul(p, s)",
    ),
}
RESULTS = (
    "a = Add(g, one) m = Mul(x, a) y = Mul(m, half)",
    "a = Add(one, g) h = Mul(x, half) y = Mul(h, a)",
    "a = Add(g, one) h = Mul(half, a) y = Mul(h, x)",
    "a = Add(g, one) h = Div(x, two) y = Mul(a, h)",
    "m = Mul(x, g) a = Add(m, x) y = Div(a, two)",
)
OTHERS = (
    ("Mish", 18, "s = Softplus(x) t = Tanh(s) y = Mul(t, x)"),
    ("Swish", 24, "s = Sigmoid(x) y = Mul(x, s)"),
    ("Swish", 24, "m = Mul(x, two) s = Sigmoid(m) y = Mul(s, x)"),
)
GELUS = [("Gelu", 20, f"{u} g = {f}(u) {r}") for f, us in ARGUMENTS.items() for u in us for r in RESULTS]


def model(opset: int, body: str, dtype: str = "float") -> str:
    """With an x that is itself the outcome of arithmetic, which is no part of the activation."""
    return f"""<ir_version: 11, opset_import: ["": {opset}]> g ({dtype}[N,3] w) => ({dtype}[N,3] y)
        {CONSTANTS} {{ x = Mul(w, three) {body} }}"""


@settings(max_examples=60, deadline=None)
@given(case=st.sampled_from([*GELUS, *OTHERS]), rows=st.integers(0, 4), seed=st.integers(0, 99), ugly=st.booleans())
def test_parts_are_fused(case: tuple[str, int, str], rows: int, seed: int, ugly: bool) -> None:
    op_type, opset, body = case
    before = parse(model(opset, body))
    result = trtconv.fix(before, target="tensorrt-rtx-1.7", only=[NAME], evidence=False)
    assert [n.op_type for n in result.model.graph.node] == ["Mul", op_type]
    feed = random_feed(before, {"N": rows}, seed, ugly)
    feed["w"][np.abs(feed["w"]) > 1e30] = 20  # infinity times zero is NaN in the parts, and need not be in the whole
    assert_same(before, result.model, feed, "approximate")
    assert not trtconv.fix(result.model, target="tensorrt-rtx-1.7", only=[NAME], evidence=False).edits


@pytest.mark.parametrize(
    ("opset", "target", "body"),
    [
        (17, "tensorrt-10.3", GELUS[0][2]),
        (20, "tensorrt-9.3", GELUS[0][2]),
        (24, "tensorrt-10.16", OTHERS[1][2]),
        (20, "tensorrt-10.3", "u = Div(x, two) g = Erf(u) a = Add(g, one) m = Mul(x, a) y = Mul(m, half)"),
        (20, "tensorrt-10.3", "u = Div(x, root) g = Erf(u) a = Add(g, one) m = Mul(w, a) y = Mul(m, half)"),
        (
            20,
            "tensorrt-10.3",
            "u = Div(x, root) g = Erf(u) a = Add(g, one) m = Mul(x, a) n = Mul(m, half) y = Add(n, g)",
        ),
        (20, "tensorrt-10.3", "s = Softplus(w) t = Tanh(s) y = Mul(t, x)"),
        (24, "tensorrt-rtx-1.7", "s = Sigmoid(x) n = Exp(x) y = Mul(n, s)"),
        (24, "tensorrt-rtx-1.7", "s = Sigmoid(x) m = Mul(x, s) y = Add(m, s)"),
    ],
)
def test_near_misses_are_left_alone(opset: int, target: str, body: str) -> None:
    assert not trtconv.fix(parse(model(opset, body)), target=target, only=[NAME], evidence=False).edits


def test_the_parser_takes_the_operators() -> None:
    chosen = [GELUS[0], GELUS[-1], *OTHERS]
    models = [trtconv.fix(parse(model(o, b)), target="tensorrt-rtx-1.7").model for _, o, b in chosen]
    found = [n.op_type for m in models for n in m.graph.node if n.op_type not in ("Mul", "Constant")]
    assert found == [op_type for op_type, _, _ in chosen]
    assert judge([(m, {"w": [2, 3]}) for m in models]) == [None] * len(models)
