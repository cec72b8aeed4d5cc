"""Recurrences in the form that parsers take, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import assert_same, random_feed

import trtconv

HIDDEN, INPUT = 3, 2
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
NAMES = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
OTHER = {"LSTM": ["Sigmoid", "Relu", "Tanh"], "GRU": ["Sigmoid", "Relu"], "RNN": ["Relu"]}


def model(op_type: str, directions: int, *, full: bool, **attributes: object) -> onnx.ModelProto:
    rng, gates = np.random.default_rng(0), GATES[op_type]
    shapes = {"w": (directions, gates * HIDDEN, INPUT), "r": (directions, gates * HIDDEN, HIDDEN)}
    names = ["x", "w", "r"]
    if full:
        shapes |= {"b": (directions, 2 * gates * HIDDEN)}
        names += ["b", "", "h"]
        if op_type == "LSTM":
            shapes |= {"p": (directions, 3 * HIDDEN)}
            names += ["c", "p"]
    weights = [numpy_helper.from_array(rng.standard_normal(s).astype(np.float32), n) for n, s in shapes.items()]
    fed = {"x": (4, 2, INPUT)} | {n: (directions, 2, HIDDEN) for n in ("h", "c") if n in names}
    outputs = ["y", "y_h", "y_c"][: 3 if op_type == "LSTM" else 2]
    node = helper.make_node(op_type, names, outputs, "cell", hidden_size=HIDDEN, **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in fed.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("op_type", ["LSTM", "GRU", "RNN"])
def test_directions_with_activations_of_their_own(op_type: str, full: bool) -> None:
    names = NAMES[op_type] + OTHER[op_type]
    before = model(op_type, 2, full=full, direction="bidirectional", activations=names)
    result = trtconv.fix(before, target="tensorrt-10.3", only=["recurrence-form"])
    assert [e.node for e in result.edits] == ["cell"]
    assert [n.op_type for n in result.model.graph.node if n.op_type == op_type] == [op_type] * 2
    assert_same(before, result.model, random_feed(before), "rounding")


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_coupled_gates(direction: str, full: bool) -> None:
    before = model("LSTM", 1 + (direction == "bidirectional"), full=full, direction=direction, input_forget=1)
    result = trtconv.fix(before, target="tensorrt-10.3", only=["recurrence-form"])
    (node,) = result.model.graph.node
    assert "input_forget" not in {a.name for a in node.attribute}
    assert_same(before, result.model, random_feed(before), "rounding")
