"""Reductions whose axes older parsers do not read, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, parse

import trtconv

MENDED = ("ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceMax", "ReduceMin", "ReduceLogSum")
NAME = "unread-reduction-axes"


@settings(max_examples=40, deadline=None)
@given(
    op_type=st.sampled_from(MENDED),
    axes=st.lists(st.integers(0, 2), unique=True, max_size=3),
    negative=st.booleans(),
    keepdims=st.booleans(),
    noop=st.booleans(),
    target=st.sampled_from(["tensorrt-7.2", "tensorrt-9.3"]),
    free=st.sampled_from([(), (0,), (1,), (2,), (0, 2)]),
)
def test_same(
    op_type: str, axes: list[int], negative: bool, keepdims: bool, noop: bool, target: str, free: tuple[int, ...]
) -> None:
    written = ", ".join(str(a - 3 if negative else a) for a in axes)
    reduced = axes or ([] if noop else [0, 1, 2])
    kept = ["1" if i in reduced else "?" for i in range(3) if keepdims or i not in reduced]
    shape = ",".join(f"D{i}" if d == "?" else d for i, d in enumerate(kept))
    given = ",".join(f"F{i}" if i in free else str(size) for i, size in enumerate((2, 3, 4)))
    before = parse(f"""<ir_version: 8, opset_import: ["": 18]> g (float[{given}] x) => (float[{shape}] y)
        <int64[{len(axes)}] a = {{{written}}}> {{
            y = {op_type} <keepdims = {int(keepdims)}, noop_with_empty_axes = {int(noop)}> (x, a) }}""")
    result = trtconv.fix(before, target=target, only=[NAME], evidence=False)
    assert result.edits or free
    assert not result.crashes
    x = np.random.default_rng(0).uniform(0.5, 3, (2, 3, 4)).astype(np.float32)
    assert_same(before, result.model, {"x": x if op_type == "ReduceLogSum" else x - 2}, "rounding")


@pytest.mark.parametrize("op_type", ["ReduceL2", "ReduceLogSum"])
def test_roots_and_logarithms_of_integers_stay(op_type: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 18]>
        g (int32[2,3] x) => (int32[2,1] y) <int64[1] a = {{1}}> {{ y = {op_type}(x, a) }}""")
    result = trtconv.fix(model, target="tensorrt-9.3", only=[NAME], evidence=False)
    assert not result.edits
    assert [f.refusal for f in result.remaining if f.pass_name == NAME] == ["Sqrt and Log take no integers"]
