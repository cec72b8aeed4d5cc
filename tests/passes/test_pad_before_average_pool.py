"""A Pad in front of AveragePool, of every opset's form: folded exactly where that is exact."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from support import assert_same, parse, random_feed

import trtconv

TARGETS = ("tensorrt-7.2", "tensorrt-8.2", "tensorrt-10.3", "tensorrt-rtx-1.7")
ONLY = ["pad-before-average-pool"]


@st.composite
def padded_pools(draw: st.DrawFn) -> onnx.ModelProto:
    opset = draw(st.sampled_from([7, 9, 10, 11, 13, 17, 18, 22]))
    low = draw(st.sampled_from([0, 0, 0, -1]))
    pads = draw(st.lists(st.integers(low, 2), min_size=4, max_size=4))
    mode = draw(st.sampled_from(["constant", "constant", "constant", "edge"]))
    value = draw(st.sampled_from([0.0, 0.0, 0.0, 1.0]))
    own = draw(st.sampled_from([[0, 0, 0, 0], [1, 0, 1, 1]]))
    pool: dict[str, object] = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": own}
    pool["count_include_pad"] = draw(st.integers(0, 1))
    if opset >= 10:
        pool["ceil_mode"] = draw(st.integers(0, 1))
    constants: dict[str, np.ndarray] = {}
    if opset < 11:
        flat = [0, 0, *pads[:2], 0, 0, *pads[2:]]
        pad = helper.make_node("Pad", ["x"], ["t"], mode=mode, pads=flat, value=value)
    elif opset >= 18 and draw(st.booleans()):
        order = draw(st.sampled_from([[2, 3], [-2, -1]]))
        constants = {"p": np.array(pads), "v": np.float32(value), "axes": np.array(order)}
        pad = helper.make_node("Pad", ["x", "p", "v", "axes"], ["t"], mode=mode)
    else:
        constants = {"p": np.array([0, 0, *pads[:2], 0, 0, *pads[2:]]), "v": np.float32(value)}
        pad = helper.make_node("Pad", ["x", "p", "v"], ["t"], mode=mode)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, 5, 7])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2, None, None])
    weights = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph([pad, helper.make_node("AveragePool", ["t"], ["y"], **pool)], "g", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@settings(max_examples=150, deadline=None)
@given(padded_pools(), st.sampled_from(TARGETS), st.integers(1, 3))
def test_folding_keeps_the_means(model: onnx.ModelProto, target: str, batch: int) -> None:
    fixed = trtconv.fix(model, target=target, only=ONLY, evidence=False)
    assert not fixed.crashes
    feed = random_feed(model, {"N": batch})
    assert_same(model, fixed.model, feed, "rounding")
    assert not trtconv.fix(fixed.model, target=target, only=ONLY, evidence=False).edits


@pytest.mark.parametrize(
    ("body", "outputs"),
    [
        ("t = Pad(x, p) y = AveragePool <kernel_shape=[3,3]> (t)", ", float[N,2,7,9] t"),
        ("t = Pad(x, p) a = AveragePool <kernel_shape=[3,3]> (t) b = ReduceMax(t) y = Add(a, b)", ""),
        ('t = Pad(x, p) y = AveragePool <kernel_shape=[3,3], auto_pad="SAME_UPPER"> (t)', ""),
        ("t = Pad(x, channels) y = AveragePool <kernel_shape=[3,3]> (t)", ""),
        ("t = Pad(x, q) y = AveragePool <kernel_shape=[3,3]> (t)", ""),
        ("t = Pad(x, p) y = AveragePool <kernel_shape=[1,1]> (t)", ""),
    ],
    ids=["output", "read twice", "SAME", "channels", "computed", "as wide as the window"],
)
def test_what_cannot_be_folded_stays(body: str, outputs: str) -> None:
    model = parse(
        f"""<ir_version: 8, opset_import: ["": 13]> g (float[N,2,5,7] x, int64[8] q) => (float[A,B,C,D] y{outputs})
        <int64[8] p={{0,0,1,1,0,0,1,1}}, int64[8] channels={{0,1,0,0,0,0,0,0}}> {{ {body} }}"""
    )
    assert not trtconv.fix(model, target="tensorrt-10.3", only=ONLY).edits


def test_equal_pads_are_folded_and_counted() -> None:
    model = parse(
        """<ir_version: 10, opset_import: ["": 18]> g (float[N,2,H,W] x) => (float[N,2,A,B] y)
        <int64[4] p={1,1,1,1}, int64[2] axes={-1,2}> {
            t = Pad(x, p, , axes) y = AveragePool <kernel_shape=[3,3], strides=[2,2], count_include_pad=1> (t) }"""
    )
    node = trtconv.fix(model, target="tensorrt-7.2", only=ONLY).model.graph.node[0]
    found = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    assert (node.op_type, found["pads"], found["count_include_pad"]) == ("AveragePool", [1, 1, 1, 1], 1)
