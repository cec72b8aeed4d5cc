"""Squeeze and Unsqueeze whose axes are fed: the same as numpy does, and taken by the parser."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto
from support import assert_same, judge, parse

import trtconv

SETTINGS = settings(max_examples=25, deadline=None)


def fixed(model: ModelProto) -> ModelProto:
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", only=["computed-argument"], evidence=False)
    assert not {"Squeeze", "Unsqueeze"} & {n.op_type for n in result.model.graph.node}
    onnx.checker.check_model(result.model, full_check=True)
    return result.model


def model_of(op_type: str, rank: int, count: int, results: int) -> ModelProto:
    sizes, wanted = (f"[{','.join(names)}]" if names else "" for names in ("ABCDEF"[:rank], "UVWXYZ"[:results]))
    return parse(f"""<ir_version: 8, opset_import: ["": 14]>
        g (float{sizes} x, int64[{count}] a) => (float{wanted} y) {{ y = {op_type}(x, a) }}""")


@SETTINGS
@given(shape=st.lists(st.integers(0, 3), max_size=3), count=st.integers(1, 3), data=st.data())
def test_unsqueeze(shape: list[int], count: int, data: st.DataObject) -> None:
    rank = len(shape) + count
    axes = data.draw(st.lists(st.integers(0, rank - 1), min_size=count, max_size=count, unique=True))
    signs = data.draw(st.lists(st.sampled_from([0, rank]), min_size=count, max_size=count))
    before = model_of("Unsqueeze", len(shape), count, rank)
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    feed = {"x": x, "a": np.array([a - s for a, s in zip(axes, signs, strict=True)])}
    assert_same(before, fixed(before), feed)


@SETTINGS
@given(shape=st.lists(st.integers(0, 3), min_size=1, max_size=4), data=st.data())
def test_squeeze(shape: list[int], data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    shape[axis] = 1
    before = model_of("Squeeze", len(shape), 1, len(shape) - 1)
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    assert_same(before, fixed(before), {"x": x, "a": np.array([axis - data.draw(st.sampled_from([0, len(shape)]))])})


@pytest.mark.parametrize(
    ("axes", "body", "why"),
    [
        ("int64[K] a", "y = Unsqueeze(x, a)", "the rank that Unsqueeze gives is not known"),
        ("int64[2] a", "y = Squeeze(x, a)", "their order decides"),
        ("float[1] w", "s = Sqrt(w) a = Cast <to = 7> (s) y = Unsqueeze(x, a)", "depends on the values of tensors"),
    ],
)
def test_what_stays(axes: str, body: str, why: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g (float[N,1,1] x, {axes}) => (float y) {{ {body} }}""")
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", evidence=False)
    assert any(why in f.refusal for f in result.remaining if f.pass_name == "computed-argument")


def test_the_parser_takes_them() -> None:
    models = [model_of("Unsqueeze", 2, 1, 3), model_of("Unsqueeze", 2, 2, 4), model_of("Squeeze", 2, 1, 1)]
    values = [{"x": [2, 1], "a": a} for a in ([1], [-1, 0], [1])]
    assert None not in judge(list(zip(models, values, strict=True)))
    assert judge([(fixed(m), v) for m, v in zip(models, values, strict=True)]) == [None] * 3
