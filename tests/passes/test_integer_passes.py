"""Integers where TensorRT takes floats only, against ONNX Runtime or numpy: ties, negatives, size 1, wrap-around."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto
from onnx.reference import ReferenceEvaluator
from support import assert_same, parse, run

import trtconv

SETTINGS = settings(max_examples=15, deadline=None)
KINDS = st.sampled_from(["int32", "int64"])


def mended(text: str, target: str, name: str) -> tuple[ModelProto, ModelProto]:
    before = parse(text)
    result = trtconv.fix(before, target=target, only=[name], evidence=False)
    assert result.edits
    assert not result.crashes
    assert not [f for f in result.remaining if f.pass_name == name]
    return before, result.model


def ties(rng: np.random.Generator, kind: str, *shape: int) -> np.ndarray:
    extremes = np.iinfo(np.int32)
    values = np.array([extremes.min, extremes.max, extremes.max - 1, -1, 0, 0, 1, 1 << 25, (1 << 25) + 1])
    return rng.choice(values, shape).astype(kind)


@SETTINGS
@given(kind=KINDS, rows=st.integers(0, 3), seed=st.integers(0, 99))
def test_relu(kind: str, rows: int, seed: int) -> None:
    text = f'<ir_version: 8, opset_import: ["": 14]> g ({kind}[{rows},4] x) => ({kind}[{rows},4] y) {{ y = Relu(x) }}'
    before, after = mended(text, "tensorrt-8.6", "integer-activation")
    x = ties(np.random.default_rng(seed), kind, rows, 4)
    np.testing.assert_array_equal(run(after, {"x": x})[0], np.maximum(x, 0))
    assert [o.name for o in before.graph.output] == [o.name for o in after.graph.output]


@SETTINGS
@given(kind=KINDS, seed=st.integers(0, 99))
def test_prelu(kind: str, seed: int) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 16]> g ({kind}[3,4] x, {kind}[4] s) => ({kind}[3,4] y) {{
        y = PRelu(x, s) }}"""
    before, after = mended(text, "tensorrt-8.6", "integer-activation")
    rng = np.random.default_rng(seed)
    feed = {"x": rng.integers(-9, 9, (3, 4)).astype(kind), "s": rng.integers(-9, 9, 4).astype(kind)}
    assert_same(before, after, feed)


@pytest.mark.parametrize("bounds", ["x, a, b", "x, a", 'x, "", b', "x"])
def test_clip(bounds: str) -> None:
    text = f"""<ir_version: 7, opset_import: ["": 12]> g (int32[4,5] x) => (int32[4,5] y)
        <int32 a = {{-3}}, int32 b = {{5}}> {{ y = Clip({bounds}) }}"""
    before, after = mended(text, "tensorrt-7.2", "integer-activation")
    assert_same(before, after, {"x": ties(np.random.default_rng(0), "int32", 4, 5)})


SHAPES = [((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)), ((2, 1, 3, 4), (5, 4, 2))]


@pytest.mark.parametrize("opset", [9, 13])
@pytest.mark.parametrize("kind", ["int32", "int64"])
@pytest.mark.parametrize(("a", "b"), SHAPES, ids=str)
def test_matrix_product(a: tuple[int, ...], b: tuple[int, ...], kind: str, opset: int) -> None:
    text = f"""<ir_version: 4, opset_import: ["": {opset}]>
        g ({kind}{list(a)} x, {kind}{list(b)} w) => ({kind} y) {{ y = MatMul(x, w) }}"""
    before, after = mended(text, "tensorrt-10.3", "integer-product")
    assert "MatMul" not in {n.op_type for n in after.graph.node}
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-20000, 20000, s).astype(kind) for s in (a, b))
    assert before.graph.output[0].name == "y"
    np.testing.assert_array_equal(run(after, {"x": x, "w": w})[0], np.matmul(x, w))


@pytest.mark.parametrize("addend", ["", ", c"])
@pytest.mark.parametrize(("left", "right"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_gemm(left: int, right: int, addend: str) -> None:
    a, b = ([4, 3] if left else [3, 4]), ([2, 4] if right else [4, 2])
    text = f"""<ir_version: 8, opset_import: ["": 13]> g (int32{a} x, int32{b} w, int32[2] c) => (int32[3,2] y) {{
        y = Gemm <transA = {left}, transB = {right}> (x, w{addend}) }}"""
    _, after = mended(text, "tensorrt-10.3", "integer-product")
    rng = np.random.default_rng(0)
    feed = {n: rng.integers(-9, 9, s).astype(np.int32) for n, s in (("x", a), ("w", b), ("c", [2]))}
    want = (feed["x"].T if left else feed["x"]) @ (feed["w"].T if right else feed["w"]) + (feed["c"] if addend else 0)
    np.testing.assert_array_equal(run(after, feed)[0], want)


@SETTINGS
@given(
    op_type=st.sampled_from(["ArgMax", "ArgMin"]),
    axis=st.integers(-2, 1),
    keep=st.booleans(),
    last=st.booleans(),
    kind=KINDS,
    seed=st.integers(0, 99),
)
def test_place_of_the_extreme(op_type: str, axis: int, keep: bool, last: bool, kind: str, seed: int) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 13]> g ({kind}[5,6] x) => (int64 y) {{
        y = {op_type} <axis = {axis}, keepdims = {int(keep)}, select_last_index = {int(last)}> (x) }}"""
    before, after = mended(text, "tensorrt-8.5", "integer-ranking")
    assert_same(before, after, {"x": ties(np.random.default_rng(seed), kind, 5, 6)})


@SETTINGS
@given(
    axis=st.integers(-3, 2), size=st.integers(1, 6), k=st.integers(1, 6), largest=st.booleans(), seed=st.integers(0, 99)
)
def test_top_k(axis: int, size: int, k: int, largest: bool, seed: int) -> None:
    shape, count = [2, 3, 2], min(k, size)
    shape[axis] = size
    text = f"""<ir_version: 8, opset_import: ["": 13]> g (int32{shape} x) => (int32[A,B,C] y, int64[A,B,C] i)
        <int64[1] k = {{{count}}}> {{ y, i = TopK <axis = {axis}, largest = {int(largest)}> (x, k) }}"""
    before, after = mended(text, "tensorrt-8.5", "integer-ranking")
    assert "TopK" not in {n.op_type for n in after.graph.node}
    assert_same(before, after, {"x": ties(np.random.default_rng(seed), "int32", *shape)})


@SETTINGS
@given(kind=KINDS, exponent=st.integers(0, 9), seed=st.integers(0, 99))
def test_power_of_integers(kind: str, exponent: int, seed: int) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 15]> g ({kind}[4,5] x) => ({kind}[4,5] y)
        <int64 e = {{{exponent}}}> {{ y = Pow(x, e) }}"""
    before, after = mended(text, "tensorrt-8.6", "integer-power")
    assert_same(before, after, {"x": np.random.default_rng(seed).integers(-9, 9, (4, 5)).astype(kind)})


def test_powers_that_broadcast_and_wrap() -> None:
    text = """<ir_version: 8, opset_import: ["": 15]> g (int32[4] x) => (int32[3,4] y)
        <int64[3,1] e = {0, 1, 5}> { y = Pow(x, e) }"""
    _, after = mended(text, "tensorrt-8.6", "integer-power")
    x = np.array([3, -2, 1000, 0], np.int32)
    want = np.stack([np.ones_like(x), x, x * x * x * x * x])
    np.testing.assert_array_equal(run(after, {"x": x})[0], want)


@pytest.mark.parametrize("base", ["float", "float16"])
def test_float_to_an_integer_power(base: str) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 15]> g ({base}[6] x, int64[6] e) => ({base}[6] y) {{
        y = Pow(x, e) }}"""
    before, after = mended(text, "tensorrt-8.6", "integer-power")
    x = np.array([2, -2, 0, np.inf, np.nan, -1.5]).astype({"float": "float32"}.get(base, base))
    assert_same(before, after, {"x": x, "e": np.array([3, -2, 0, 2, 1, 3])}, "rounding")


@pytest.mark.parametrize("exponent", ["int64 e = {-2}", "float e = {0.5}", "int64 e = {65}"])
def test_no_power_by_other_than_small_whole_numbers(exponent: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 15]> g (int32[N] x) => (int32[N] y) <{exponent}> {{
        y = Pow(x, e) }}""")
    (left,) = (f for f in trtconv.fix(model, target="tensorrt-8.6").remaining if f.pass_name == "integer-power")
    assert "whole numbers from 0 to 64" in left.refusal


@pytest.mark.parametrize(("op_type", "kind"), [("Erf", "int32"), ("NonZero", "int64"), ("Mish", "bfloat16")])
def test_types_with_a_cast(op_type: str, kind: str) -> None:
    out = "int64" if op_type == "NonZero" else kind
    text = f'<ir_version: 10, opset_import: ["": 22]> g ({kind}[2,5] x) => ({out} y) {{ y = {op_type}(x) }}'
    before, after = mended(text, "tensorrt-10.3", "unsupported-input-type")
    x = {"x": np.random.default_rng(0).integers(-3, 3, (2, 5))}
    feed = {"x": x["x"].astype(before_type(before))}
    got, want = (ReferenceEvaluator(m).run(None, feed)[0] for m in (after, before))
    np.testing.assert_allclose(np.asarray(got).astype(np.float64), np.asarray(want).astype(np.float64), rtol=1e-2)


def before_type(model: ModelProto) -> np.dtype:
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type)


def test_double_becomes_float_with_its_constants_and_ends() -> None:
    text = """<ir_version: 7, opset_import: ["": 11]> g (double[2,3] x) => (double[2,3] y, float[2,3] z)
        <double w = {0.1}> {
            c = Constant <value = double[1] {3.0}> ()
            a = Mul(x, w) y = Add(a, c) z = Cast <to = 1> (y) }"""
    before, after = mended(text, "tensorrt-7.2", "double-precision")
    assert {v.type.tensor_type.elem_type for v in (*after.graph.input, *after.graph.output)} == {1}
    x = np.random.default_rng(0).standard_normal((2, 3))
    for want, got in zip(run(before, {"x": x}), run(after, {"x": x.astype(np.float32)}), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("location", ["Slice(x, s, h, s)", "Max(x, h)"])
def test_sentinels_are_no_trouble(location: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]> g (int64[5] x) => (int64[N] y)
        <int64[1] s = {{0}}, int64[1] h = {{9223372036854775807}}> {{ y = {location} }}""")
    assert not [f for f in trtconv.lint(model, target="tensorrt-8.6").findings if f.pass_name == "large-integers"]
