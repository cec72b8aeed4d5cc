"""Attributes that older parsers ignore, said in another way, against ONNX Runtime: ties, negatives, size 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support import assert_same, parse

import trtconv

SETTINGS = settings(max_examples=15, deadline=None)
NAME = "unread-attribute"


def ties(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)


def check(text: str, target: str, x: np.ndarray) -> None:
    before = parse(text)
    result = trtconv.fix(before, target=target, only=[NAME], evidence=False)
    assert result.edits
    assert not result.crashes
    assert_same(before, result.model, {"x": x})


@SETTINGS
@given(axis=st.integers(-2, 1), k=st.integers(1, 3), seed=st.integers(0, 99))
def test_smallest(axis: int, k: int, seed: int) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 13]> g (float[3,4] x) => (float[A,B] y, int64[A,B] i)
        <int64[1] k = {{{k}}}> {{ y, i = TopK <largest = 0, axis = {axis}> (x, k) }}"""
    check(text, "tensorrt-8.4", ties(3, 4, seed=seed))


@SETTINGS
@given(start=st.integers(-5, 5), end=st.none() | st.integers(-5, 5))
def test_part_of_shape(start: int, end: int | None) -> None:
    attributes = f"start = {start}" + ("" if end is None else f", end = {end}")
    text = f"""<ir_version: 8, opset_import: ["": 15]> g (float[2,3,1,4] x) => (int64[N] y) {{
        y = Shape <{attributes}> (x) }}"""
    check(text, "tensorrt-9.3", ties(2, 3, 1, 4))


@SETTINGS
@given(size=st.integers(4, 9), count=st.integers(2, 3))
def test_uneven_split(size: int, count: int) -> None:
    part = -(-size // count)
    sizes = [*[part] * (count - 1), size - part * (count - 1)]
    assume(sizes[-1] > 0)  # ONNX Runtime knows no empty last part
    outputs = ", ".join(f"float[2,{s}] y{i}" for i, s in enumerate(sizes))
    before = parse(f"""<ir_version: 8, opset_import: ["": 18]> g (float[2,{size}] x) => ({outputs}) {{
        {", ".join(f"y{i}" for i in range(count))} = Split <axis = 1, num_outputs = {count}> (x) }}""")
    result = trtconv.fix(before, target="tensorrt-9.3", only=[NAME])
    assert bool(result.edits) == (size % count != 0)
    assert_same(before, result.model, {"x": ties(2, size)})


@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_last_of_equals(op_type: str, axis: int) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 13]> g (float[5,6] x) => (int64[A,B] y) {{
        y = {op_type} <axis = {axis}, select_last_index = 1> (x) }}"""
    check(text, "tensorrt-7.2", ties(5, 6))


def test_scales_of_channels_get_their_axis() -> None:
    text = """<ir_version: 8, opset_import: ["": 13]> g (float[2,3] x) => (float[2,3] y)
        <float[3] s = {0.5, 1.0, 2.0}, int8[3] z = {0, 0, 0}> {
            q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }"""
    check(text, "tensorrt-10.3", ties(2, 3))


@pytest.mark.parametrize(("target", "count"), [("tensorrt-8.4", 0), ("tensorrt-8.6", 1), ("tensorrt-rtx-1.7", 0)])
def test_grid_sample_modes(target: str, count: int) -> None:
    model = parse("""<ir_version: 9, opset_import: ["": 20]> g (float[1,1,4,4] x, float[1,2,2,2] g)
        => (float[1,1,2,2] y) { y = GridSample <mode = "linear"> (x, g) }""")
    found = [f for f in trtconv.lint(model, target=target).findings if f.pass_name == NAME]
    assert [f.effect for f in found] == ["silent"] * count
