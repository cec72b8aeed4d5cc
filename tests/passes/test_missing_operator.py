"""Decompositions of operators without an importer, against the ONNX reference evaluator or numpy."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator
from support import parse

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
