"""Narrow and unsigned integers in INT32 and INT64, over their whole range, against the ONNX reference evaluator."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator
from support import parse, run

import trtconv

SETTINGS = settings(max_examples=15, deadline=None)
KINDS = {"int16": np.int16, "uint16": np.uint16, "uint8": np.uint8, "uint32": np.uint32, "uint64": np.uint64}
BINARY = ("Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal")
NAME = "unsupported-integer-type"


def ugly(kind: str, size: int, seed: int) -> np.ndarray:
    info, rng = np.iinfo(KINDS[kind]), np.random.default_rng(seed)
    values = rng.integers(info.min, info.max, size, dtype=KINDS[kind], endpoint=True)
    special = np.array([info.min, info.max, 0, 1, 2, 3, info.max // 2, info.max // 2 + 1], KINDS[kind])
    return np.where(rng.random(size) < 0.5, rng.choice(special, size), values)


def retyped(model: onnx.ModelProto, target: str = "tensorrt-10.3") -> onnx.ModelProto:
    result = trtconv.fix(model, target=target, only=[NAME])
    assert result.edits
    assert not result.crashes
    onnx.checker.check_model(result.model, full_check=True)
    return result.model


def outputs(model: onnx.ModelProto, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Outputs of the retyped model, fed the same values (of UINT64: the same bits) in the type that it asks for."""
    types = {v.name: onnx.helper.tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type) for v in model.graph.input}
    with np.errstate(over="ignore"):
        typed = {name: value.astype(types[name]) for name, value in feed.items()}
        return list(ReferenceEvaluator(model).run(None, typed))  # ORT's INT64 Min and Max compare 32 bits only


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("op_type", BINARY)
@SETTINGS
@given(seed=st.integers(0, 999))
def test_binary(kind: str, op_type: str, seed: int) -> None:
    a, b = ugly(kind, 40, seed), ugly(kind, 40, seed + 1)
    if op_type in ("Div", "Mod"):
        b = np.where(b == 0, KINDS[kind](3), b)
    if op_type == "Div" and kind == "int16":  # the one quotient that numpy and C++ leave undefined
        b = np.where(b == -1, np.int16(1), b)
    boolean = op_type in BINARY[7:]
    before = parse(f"""<ir_version: 8, opset_import: ["": 18]>
        g ({kind}[40] a, {kind}[40] b) => ({"bool" if boolean else kind}[40] y) {{ y = {op_type}(a, b) }}""")
    (got,) = outputs(retyped(before), {"a": a, "b": b})
    with np.errstate(all="ignore"):
        want = expected(op_type, a, b)
        np.testing.assert_array_equal(got.astype(want.dtype), want)


def expected(op_type: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if op_type == "Div":
        exact = [abs(int(p)) // abs(int(q)) * (1 if (p < 0) == (q < 0) else -1) for p, q in zip(a, b, strict=True)]
        return np.array(exact, object).astype(a.dtype)
    table = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Mod": np.mod, "Max": np.maximum, "Min": np.minimum}
    compared = {"Less": np.less, "LessOrEqual": np.less_equal, "Greater": np.greater, "Equal": np.equal}
    result: np.ndarray = (table | compared | {"GreaterOrEqual": np.greater_equal})[op_type](a, b)
    return result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["int64", "int32", "int8", "bool"])
def test_cast_wraps(kind: str, source: str) -> None:
    before = parse(f"""<ir_version: 8, opset_import: ["": 18]>
        g ({source}[30] x) => ({kind}[30] y) {{
            narrow = Cast <to = {onnx.helper.np_dtype_to_tensor_dtype(np.dtype(KINDS[kind]))}> (x)
            y = Transpose(narrow) }}""")
    rng = np.random.default_rng(1)
    info = np.iinfo(source) if source != "bool" else np.iinfo(np.uint8)
    x = rng.integers(info.min, info.max, 30, np.int64, endpoint=True).astype(source)
    (got,) = outputs(retyped(before), {"x": x})
    np.testing.assert_array_equal(got.astype(KINDS[kind]), x.astype(KINDS[kind]))


def test_unsigned_bits_become_floats() -> None:
    before = parse("""<ir_version: 8, opset_import: ["": 18]>
        g (uint64[5] x) => (float[5] y) { t = Transpose(x) y = Cast <to = 1> (t) }""")
    x = np.array([0, 1, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
    (got,) = outputs(retyped(before), {"x": x})
    np.testing.assert_allclose(got, x.astype(np.float32), rtol=1e-7)


def test_weights_subgraphs_and_attributes_follow() -> None:
    before = parse("""<ir_version: 8, opset_import: ["": 18]>
        g (uint16[4] x, bool c) => (uint16[4] y) <uint16[4] w = {1, 2, 3, 65535}, int64[1] n = {4}> {
            filled = ConstantOfShape <value = uint16[1] {7}> (n)
            y = If (c) <
                then_branch = one () => (uint16[4] a) { a = Add(x, w) },
                else_branch = two () => (uint16[4] b) { b = Mul(x, filled) }> }""")
    after = retyped(before)
    x = np.array([0, 1, 9362, 65535], np.uint16)
    for condition in (True, False):
        feed = {"x": x, "c": np.array(condition)}
        (got,) = outputs(after, feed)
        want = x + np.array([1, 2, 3, 65535], np.uint16) if condition else x * np.uint16(7)
        np.testing.assert_array_equal(got.astype(np.uint16), want)


def test_bytes_at_the_rim_stay() -> None:
    before = parse("""<ir_version: 8, opset_import: ["": 18]>
        g (uint8[4] x) => (uint8[4] y, float[4] z) { y = Add(x, x) z = Cast <to = 1> (x) }""")
    after = retyped(before, "tensorrt-rtx-1.7")
    assert [v.type.tensor_type.elem_type for v in (*after.graph.input, after.graph.output[0])] == [2, 2]
    x = np.array([0, 1, 200, 255], np.uint8)
    got = run(after, {"x": x})
    np.testing.assert_array_equal(got[0], x + x)
    np.testing.assert_array_equal(got[1], x)


def test_old_parsers_take_no_bytes_at_all() -> None:
    before = parse("""<ir_version: 8, opset_import: ["": 13]>
        g (uint8[4] x) => (float[4] z) { z = Cast <to = 1> (x) }""")
    after = retyped(before, "tensorrt-8.2")
    assert after.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT32
