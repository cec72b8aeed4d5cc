"""Decompositions of operators without an importer, against the ONNX reference evaluator or numpy."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator
from support import parse, run

import trtconv

SETTINGS = settings(max_examples=6, deadline=None)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def decomposed(model: onnx.ModelProto, target: str = "tensorrt-rtx-1.7") -> onnx.ModelProto:
    result = trtconv.fix(model, target=target, only=["missing-operator"])
    assert result.edits
    assert not result.crashes
    onnx.checker.check_model(result.model, full_check=True)
    return result.model


def reference(model: onnx.ModelProto, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return list(ReferenceEvaluator(model).run(None, feed))


def ugly(kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    info = np.iinfo(kind)
    special = np.array([info.min, info.max, 0, 1, 2, info.max // 2 + 1], kind)
    values = rng.integers(info.min, info.max, size, dtype=kind, endpoint=True)
    return np.where(rng.random(size) < 0.5, rng.choice(special, size), values)


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("kind", INTEGERS)
@SETTINGS
@given(seed=st.integers(0, 999))
def test_shift(kind: str, direction: str, seed: int) -> None:
    rng, width = np.random.default_rng(seed), np.iinfo(kind).bits
    model = parse(f"""<ir_version: 14, opset_import: ["": 28]>
        g ({kind}[50] x, {kind}[50] s) => ({kind}[50] y) {{ y = BitShift <direction = "{direction}"> (x, s) }}""")
    low = 0 if kind.startswith("u") else -3
    feed = {"x": ugly(kind, 50, rng), "s": rng.integers(low, width + 3, 50).astype(kind)}
    np.testing.assert_array_equal(reference(decomposed(model), feed)[0], reference(model, feed)[0])


@pytest.mark.parametrize("op_type", ["BitwiseAnd", "BitwiseOr", "BitwiseXor"])
@pytest.mark.parametrize("kind", INTEGERS)
@SETTINGS
@given(seed=st.integers(0, 999))
def test_combine(kind: str, op_type: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = parse(f"""<ir_version: 8, opset_import: ["": 18]>
        g ({kind}[3,1,20] a, {kind}[4,20] b) => ({kind}[3,4,20] y) {{ y = {op_type}(a, b) }}""")
    feed = {"a": ugly(kind, 60, rng).reshape(3, 1, 20), "b": ugly(kind, 80, rng).reshape(4, 20)}
    np.testing.assert_array_equal(reference(decomposed(model), feed)[0], reference(model, feed)[0])


@pytest.mark.parametrize("kind", INTEGERS)
def test_invert(kind: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 18]>
        g ({kind}[50] x) => ({kind}[50] y) {{ y = BitwiseNot(x) }}""")
    feed = {"x": ugly(kind, 50, np.random.default_rng(0))}
    np.testing.assert_array_equal(reference(decomposed(model), feed)[0], ~feed["x"])


@SETTINGS
@given(depth=st.sampled_from([1, 7, 258, 259, 700]), seed=st.integers(0, 99), kinds=st.sampled_from(["uu", "ui", "iu"]))
def test_integer_matmul_is_exact(depth: int, seed: int, kinds: str) -> None:
    left, right = ("uint8" if k == "u" else "int8" for k in kinds)
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g ({left}[3,{depth}] a, {right}[{depth},4] b, {left} za, {right} zb) => (int32[3,4] y) {{
            y = MatMulInteger(a, b, za, zb) }}""")
    rng = np.random.default_rng(seed)
    feed = {"a": ugly(left, 3 * depth, rng).reshape(3, -1), "b": ugly(right, 4 * depth, rng).reshape(-1, 4)}
    feed |= {"za": ugly(left, 1, rng)[0], "zb": ugly(right, 1, rng)[0]}
    np.testing.assert_array_equal(reference(decomposed(model), feed)[0], reference(model, feed)[0])


@SETTINGS
@given(seed=st.integers(0, 99), opset=st.sampled_from([10, 17]))
def test_quantized_convolution(seed: int, opset: int) -> None:
    rng = np.random.default_rng(seed)
    model = parse(f"""<ir_version: 7, opset_import: ["": {opset}]>
        g (uint8[1,2,5,6] x, int8[3,2,3,3] w, uint8 zx, int8[3] zw, uint8 zy, int32[3] bias) => (uint8[1,3,3,6] y)
        <float sx = {{0.5}}, float[3] sw = {{0.25, 0.125, 1.0}}, float sy = {{{rng.choice([4.0, 37.0])}}}> {{
            y = QLinearConv <pads = [0, 1, 0, 1]> (x, sx, zx, w, sw, zw, sy, zy, bias) }}""")
    feed = {"x": ugly("uint8", 60, rng).reshape(1, 2, 5, 6), "w": ugly("int8", 54, rng).reshape(3, 2, 3, 3)}
    feed |= {
        "zx": np.array(ugly("uint8", 1, rng)[0]),
        "zw": np.zeros(3, np.int8),
        "zy": np.array(ugly("uint8", 1, rng)[0]),
    }
    feed["bias"] = rng.integers(-9999, 9999, 3).astype(np.int32)
    np.testing.assert_array_equal(run(decomposed(model), feed)[0], run(model, feed)[0])


def test_round_without_round() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 11]> g (float[N] x) => (float[N] y) { y = Round(x) }""")
    special = [0.49999997, -0.49999997, 2.4999998, 8388609.0, 4194304.5, 3e38, np.inf, -np.inf, np.nan]
    halves = np.arange(-9, 9.5, 0.5)
    x = np.concatenate([special, halves, np.random.default_rng(0).uniform(-1e3, 1e3, 500)]).astype(np.float32)
    x = x[x != 4194304.5]
    np.testing.assert_array_equal(run(decomposed(model, "tensorrt-8.0"), {"x": x})[0], np.rint(x))
