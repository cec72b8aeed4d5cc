"""Recurrences in the form that parsers take, against ONNX Runtime: one step, one unit, ragged sequences, infinities."""

from __future__ import annotations

import numpy as np
import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from support import Feed, assert_same, random_feed

import trtconv

SETTINGS = settings(max_examples=15, deadline=None)
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
NAMES = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
OTHER = {"LSTM": ["Sigmoid", "Relu", "Tanh"], "GRU": ["Sigmoid", "Relu"], "RNN": ["Relu"]}


def model(
    op_type: str, directions: int, sizes: tuple[int, int, int, int], *, full: bool, ragged: bool, **attributes: object
) -> onnx.ModelProto:
    """A recurrence with seeded weights; `sizes` are steps, batch, inputs and hidden units."""
    (steps, batch, inputs, hidden), gates = sizes, GATES[op_type]
    rng = np.random.default_rng(0)
    shapes = {"w": (directions, gates * hidden, inputs), "r": (directions, gates * hidden, hidden)}
    names = ["x", "w", "r", *(["b"] if full else [""]), *(["n"] if ragged else [""])]
    if full:
        shapes["b"] = (directions, 2 * gates * hidden)
        names.append("h")
        if op_type == "LSTM":
            shapes["p"] = (directions, 3 * hidden)
            names += ["c", "p"]
    weights = [numpy_helper.from_array(rng.standard_normal(s).astype(np.float32), n) for n, s in shapes.items()]
    fed = {"x": (steps, batch, inputs)} | {n: (directions, batch, hidden) for n in ("h", "c") if n in names}
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in fed.items()]
    if ragged:
        values.append(helper.make_tensor_value_info("n", TensorProto.INT32, [batch]))
    outputs = ["y", "y_h", "y_c"][: 3 if op_type == "LSTM" else 2]
    node = helper.make_node(op_type, names, outputs, "cell", hidden_size=hidden, **attributes)
    results = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs]
    graph = helper.make_graph([node], "g", values, results, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def fed(before: onnx.ModelProto, steps: int, seed: int, *, ugly: bool) -> Feed:
    """Random values, or infinities and huge ones among them; sequences of any length but none."""
    feed = random_feed(before, seed=seed, ugly=ugly)
    if "n" in feed:
        feed["n"] = np.random.default_rng(seed).integers(1, steps + 1, feed["n"].shape).astype(np.int32)
    return feed


def check(before: onnx.ModelProto, feed: Feed) -> onnx.ModelProto:
    result = trtconv.fix(before, target="tensorrt-10.3", only=["recurrence-form"], evidence=False)
    assert [e.node for e in result.edits] == ["cell"]
    assert_same(before, result.model, feed, "rounding")
    return result.model


SIZES = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))


@SETTINGS
@given(
    op_type=st.sampled_from(list(GATES)),
    sizes=SIZES,
    full=st.booleans(),
    ragged=st.booleans(),
    ugly=st.booleans(),
    clip=st.sampled_from([{}, {"clip": 0.5}]),
    seed=st.integers(0, 99),
)
def test_directions_with_activations_of_their_own(
    op_type: str,
    sizes: tuple[int, int, int, int],
    full: bool,
    ragged: bool,
    ugly: bool,
    clip: dict[str, float],
    seed: int,
) -> None:
    names = NAMES[op_type] + OTHER[op_type]
    before = model(op_type, 2, sizes, full=full, ragged=ragged, direction="bidirectional", activations=names, **clip)
    after = check(before, fed(before, sizes[0], seed, ugly=ugly))
    assert [n.op_type for n in after.graph.node if n.op_type == op_type] == [op_type] * 2


@SETTINGS
@given(
    direction=st.sampled_from(["forward", "reverse", "bidirectional"]),
    sizes=SIZES,
    full=st.booleans(),
    ragged=st.booleans(),
    seed=st.integers(0, 99),
)
def test_coupled_gates(direction: str, sizes: tuple[int, int, int, int], full: bool, ragged: bool, seed: int) -> None:
    directions = 1 + (direction == "bidirectional")
    before = model("LSTM", directions, sizes, full=full, ragged=ragged, direction=direction, input_forget=1)
    (node,) = check(before, fed(before, sizes[0], seed, ugly=False)).graph.node
    assert "input_forget" not in {a.name for a in node.attribute}
