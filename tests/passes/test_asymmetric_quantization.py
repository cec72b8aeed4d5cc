"""Quantization that TensorRT lacks, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, parse, random_feed

import trtconv

ZERO_POINTS = {"uint8": (0, 3, 128, 255), "int8": (-128, 5), "uint16": (0, 1000, 65535), "int16": (0, -7)}
NAME = "asymmetric-quantization"


@pytest.mark.parametrize("kind", ZERO_POINTS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), per_axis=st.booleans(), scale=st.sampled_from([0.25, 0.1, 7.0]), data=st.data())
def test_pair(kind: str, seed: int, per_axis: bool, scale: float, data: st.DataObject) -> None:
    zero = data.draw(st.sampled_from(ZERO_POINTS[kind]))
    if per_axis:
        constants = f"<float[3] s = {{{scale}, 0.5, 2.0}}, {kind}[3] z = {{{zero}, {zero}, {zero}}}>"
    else:
        constants = f"<float s = {{{scale}}}, {kind} z = {{{zero}}}>"
    before = parse(f"""<ir_version: 10, opset_import: ["": 21]> g (float[2,3,4] x) => (float[2,3,4] y) {constants} {{
        q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }}""")
    result = trtconv.fix(before, target="tensorrt-10.3", only=[NAME])
    assert result.edits
    assert not result.crashes
    feed = random_feed(before, seed=seed)
    feed["x"] = np.where(feed["x"] > 4, np.float32(1e9), np.where(feed["x"] > 1, np.float32(scale * 2.5), feed["x"]))
    assert_same(before, result.model, feed, "rounding")


def test_weights_of_bytes_become_int8() -> None:
    before = parse("""<ir_version: 8, opset_import: ["": 13]> g (float[2,2] x) => (float[2,2] y)
        <uint8[2,2] w = {0, 127, 128, 255}, float s = {0.5}, uint8 z = {128}> {
            d = DequantizeLinear(w, s, z) y = MatMul(x, d) }""")
    result = trtconv.fix(before, target="tensorrt-10.3", only=[NAME])
    assert [n.op_type for n in result.model.graph.node] == ["DequantizeLinear", "MatMul"]
    assert_same(before, result.model, random_feed(before))


def test_newer_parsers_read_bytes_as_int8() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]> g (float[2] x) => (uint8[2] y)
        <float s = {0.5}, uint8 z = {0}> { y = QuantizeLinear(x, s, z) }""")
    effects = {
        target: [f.effect for f in trtconv.lint(model, target=target).findings if f.pass_name == NAME]
        for target in ("tensorrt-8.6", "tensorrt-9.0", "tensorrt-10.3")
    }
    assert effects == {"tensorrt-8.6": ["refused"], "tensorrt-9.0": ["silent"], "tensorrt-10.3": ["silent"]}
