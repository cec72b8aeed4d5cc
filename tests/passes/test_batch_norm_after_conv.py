"""Batch normalisation folded into random linear operators, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper
from support import assert_same, parse

import trtconv

NAME = "batch-norm-after-conv"


def linear_model(op: str, rng: np.random.Generator, groups: int, bias: bool, flag: int, spatial: int) -> ModelProto:
    channels, inside = 2 * groups, 3 * groups
    attributes: dict[str, object] = {}
    if op == "Gemm":
        shape, attributes = ((channels, inside) if flag else (inside, channels)), {"transB": flag, "beta": 0.5}
    elif op == "Conv":
        shape, attributes = (channels, 3, *(2,) * spatial), {"group": groups, "strides": [1 + flag] * spatial}
    else:
        shape, attributes = (inside, 2, *(2,) * spatial), {"group": groups, "strides": [1 + flag] * spatial}
    values = {
        "w": rng.standard_normal(shape),
        "b": rng.standard_normal(channels),
        "scale": rng.standard_normal(channels),
        "shift": rng.standard_normal(channels),
        "mean": rng.standard_normal(channels),
        "variance": rng.random(channels) * 3,
    }
    nodes = [
        helper.make_node(op, ["x", "w", *(["b"] if bias else [])], ["c"], "linear", **attributes),
        helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "variance"], ["y"], epsilon=1e-3),
    ]
    sizes = [] if op == "Gemm" else ["H", "W"][:spatial]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", inside, *sizes]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", channels, *(None for _ in sizes)]),
    ]
    weights = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in values.items() if k != "b" or bias]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["Conv", "ConvTranspose", "Gemm"]),
    st.integers(0, 99),
    st.integers(1, 3),
    st.booleans(),
    st.integers(0, 1),
    st.integers(1, 2),
)
def test_equal_within_rounding(op: str, seed: int, groups: int, bias: bool, flag: int, spatial: int) -> None:
    rng = np.random.default_rng(seed)
    model = linear_model(op, rng, groups, bias, flag, spatial)
    result = trtconv.fix(model, target="tensorrt-10.3", only=[NAME], evidence=False)
    assert [n.op_type for n in result.model.graph.node] == [op]
    assert [n.name for n in result.model.graph.node] == ["linear"]
    sizes = () if op == "Gemm" else (5, 4)[:spatial]
    for batch in (1, 3):
        x = rng.standard_normal((batch, 3 * groups, *sizes)).astype(np.float32)
        assert_same(model, result.model, {"x": x}, "rounding")


@pytest.mark.parametrize(
    ("weights", "nodes", "reason"),
    [
        ("float[1,1,1,1] w = {2}", "d = Conv(x, w) c = Conv(x, w) y0 = BatchNormalization(c, s, s, s, s)", "reads"),
        (
            "float[1,1,1,1] v = {2}",
            "w = Exp(v) c = Conv(x, w) d = Relu(x) y0 = BatchNormalization(c, s, s, s, s)",
            "computed",
        ),
    ],
    ids=["shared", "computed"],
)
def test_refusals(weights: str, nodes: str, reason: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,1,2,2] x) => (float[N,1,2,2] y)
        <{weights}, float[1,1,1,1] k = {{3}}, float[1] s = {{1}}> {{ {nodes} y = Add(y0, d) }}""")
    result = trtconv.fix(model, target="tensorrt-10.3", only=[NAME])
    assert not result.edits
    assert [reason in f.refusal for f in result.remaining if f.pass_name == NAME] == [True]


def test_statistics_of_every_place_stay() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 8]>
        g (float[1,1,1,2] x) => (float[1,1,1,2] y) <float[1,1,1,1] w = {2}, float[1,1,2] s = {1, 2}> {
            c = Conv(x, w)
            y = BatchNormalization <spatial = 0> (c, s, s, s, s)
        }""")
    result = trtconv.fix(model, target="tensorrt-7.0", only=[NAME])
    assert not result.edits
    assert not result.crashes
