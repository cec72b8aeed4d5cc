"""Scatter with a reduction against ONNX Runtime: repeated places, negative indices, indices smaller than the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, parse

import trtconv

SETTINGS = settings(max_examples=12, deadline=None)
KINDS = st.sampled_from(["add", "mul", "max", "min"])
NAME = "scatter-reduction"


@SETTINGS
@given(kind=KINDS, axis=st.integers(-3, 2), seed=st.integers(0, 99), smaller=st.booleans())
def test_elements(kind: str, axis: int, seed: int, smaller: bool) -> None:
    rng, shape = np.random.default_rng(seed), (3, 4, 2)
    index = tuple(5 if i == axis % 3 else d - smaller for i, d in enumerate(shape))
    text = ",".join(map(str, index))
    before = parse(f"""<ir_version: 8, opset_import: ["": 18]>
        g (float[3,4,2] x, int64[{text}] i, float[{text}] u) => (float[3,4,2] y) {{
            y = ScatterElements <axis = {axis}, reduction = "{kind}"> (x, i, u) }}""")
    result = trtconv.fix(before, target="tensorrt-rtx-1.7", only=[NAME], evidence=False)
    assert result.edits
    size = shape[axis]
    feed = {"x": rng.standard_normal(shape), "i": rng.integers(-size, size, index), "u": rng.standard_normal(index)}
    assert_same(before, result.model, {k: v.astype("i8" if k == "i" else "f4") for k, v in feed.items()}, "rounding")


@SETTINGS
@given(kind=KINDS, named=st.integers(1, 3), dtype=st.sampled_from(["float", "int32"]), seed=st.integers(0, 99))
def test_nd(kind: str, named: int, dtype: str, seed: int) -> None:
    rng, shape = np.random.default_rng(seed), (3, 4, 2)
    updates = (2, 4, *shape[named:])
    before = parse(f"""<ir_version: 8, opset_import: ["": 18]>
        g ({dtype}[3,4,2] x, int64[2,4,{named}] i, {dtype}[{",".join(map(str, updates))}] u) => ({dtype}[3,4,2] y) {{
            y = ScatterND <reduction = "{kind}"> (x, i, u) }}""")
    result = trtconv.fix(before, target="tensorrt-10.10", only=[NAME], evidence=False)
    assert result.edits
    kind_of_number = "f4" if dtype == "float" else "i4"
    feed = {name: (rng.standard_normal(s) * 9).astype(kind_of_number) for name, s in (("x", shape), ("u", updates))}
    feed["i"] = np.stack([rng.integers(-d, d, (2, 4)) for d in shape[:named]], -1)
    assert_same(before, result.model, feed, "rounding")


@pytest.mark.parametrize(
    ("op_type", "target", "effect"),
    [
        ("ScatterElements", "tensorrt-9.3", ["silent"]),
        ("ScatterElements", "tensorrt-10.0", []),
        ("ScatterElements", "tensorrt-rtx-1.7", ["refused"]),
        ("ScatterND", "tensorrt-8.2", ["silent"]),
        ("ScatterND", "tensorrt-10.9", ["refused"]),
    ],
)
def test_effect(op_type: str, target: str, effect: list[str]) -> None:
    index = "int64[2,1] i, float[2,3] u" if op_type == "ScatterND" else "int64[2,3] i, float[2,3] u"
    model = parse(f"""<ir_version: 8, opset_import: ["": 18]> g (float[4,3] x, {index}) => (float[4,3] y) {{
        y = {op_type} <reduction = "add"> (x, i, u) }}""")
    assert [f.effect for f in trtconv.lint(model, target=target).findings if f.pass_name == NAME] == effect
