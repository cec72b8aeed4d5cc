"""The noise floor: a model against itself, computed another way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper
from support import parse

import trtconv
from trtconv.cli import main
from trtconv.comparison.noise import DOUBLE, FUSED
from trtconv.runtimes.doubled import NotDoubled, doubled
from trtconv.runtimes.onnxruntime import open_session, run_evaluator

ORT = ("onnxruntime",)


def linear(weight: np.ndarray) -> ModelProto:
    """y = x @ weight, over any number of rows."""
    value = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", size])
        for n, size in zip("xy", weight.shape, strict=True)
    ]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", value[:1], value[1:], [numpy_helper.from_array(weight, "w")])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 300), st.integers(1, 4), st.integers(0, 2**32))
def test_float64_tells_the_rounding_of_float32(inner: int, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((inner, 3)).astype(np.float32)
    model = linear(weight)
    feed = {"x": rng.standard_normal((rows, inner)).astype(np.float32)}
    parity = trtconv.verify(model, reference=model, inputs=feed, runtimes=ORT, noise="float64")
    exact = feed["x"][:1].astype(np.float64) @ weight.astype(np.float64)
    session = open_session(model)
    wanted = np.abs(session.run(None, {"x": feed["x"][:1]})[0] - exact).max()
    assert parity.noise is not None
    assert parity.noise.spread[DOUBLE]["y"] == pytest.approx(wanted, rel=1e-6, abs=1e-12)
    assert wanted <= np.abs(feed["x"]).max() * np.abs(weight).max() * inner * inner * 2**-24
    (output,) = parity.outputs
    assert output.noise == max(found["y"] for found in parity.noise.spread.values())


def test_one_row_of_the_smallest_case_is_enough_and_said() -> None:
    model = linear(np.ones((4, 2), np.float32))
    parity = trtconv.verify(model, reference=model, shapes="x:3-5-8x4", runtimes=ORT)
    assert parity.noise is not None
    assert parity.noise.what == "the model (equal to the original)"
    assert parity.noise.case == "the first row of case 'min'"
    assert set(parity.noise.spread) == {FUSED}
    fixed = parse('<ir_version: 8, opset_import: ["": 17]> g (float[3,4] x) => (float[3,4] y) { y = Relu(x) }')
    whole = trtconv.verify(fixed, reference=fixed, runtimes=ORT).noise
    assert whole is not None
    assert whole.case == "case 'static'"


def test_it_can_be_left_out() -> None:
    model = linear(np.ones((4, 2), np.float32))
    parity = trtconv.verify(model, reference=model, runtimes=ORT, noise="off")
    assert parity.noise is None
    assert parity.to_json()["noise"] is None
    assert all(o.noise is None for o in parity.outputs)


def test_what_onnxruntime_cannot_do_in_float64_the_evaluator_does() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]> g (float[N,3,8,8] x) => (float[N,3,12,12] y)
        <float[3,3,1,1] w = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9},
         float[4] s = {1, 1, 1.5, 1.5}, float[0] r = {}>
        { c = Conv(x, w) h = HardSwish(c) y = Resize<mode="nearest">(h, r, s) }""")
    noise = trtconv.verify(model, reference=model, runtimes=ORT, noise="float64").noise
    assert noise is not None
    assert 0 < noise.spread[DOUBLE]["y"] < 1e-5


def test_what_has_no_float64_is_said() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y)
        <float s = {0.1}, int8 z = {0}> { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }""")
    noise = trtconv.verify(model, reference=model, runtimes=ORT, noise="float64").noise
    assert noise is not None
    assert DOUBLE not in noise.spread
    assert noise.unavailable[DOUBLE] == "QuantizeLinear knows no float64"
    assert "float64 not available" in str(noise)


DOUBLED = {
    "constants of every kind": """(float[2] x) => (float[2] y) {
        a = Constant<value_float = 2.0>() b = Constant<value_floats = [1.0, 2.0]>() c = Mul(x, a) y = Add(c, b) }""",
    "zeros": "(float[2] x) => (float[2] y) { s = Shape(x) z = ConstantOfShape(s) y = Add(x, z) }",
    "casts": "(float16[2] x) => (float[2] y) { h = Cast<to=1>(x) i = Cast<to=10>(h) y = Cast<to=1>(i) }",
    "subgraphs": """(float[2] x, bool c) => (float[2] y) {
        y = If (c) <then_branch = t () => (float[2] p) { p = Add(x, x) },
                    else_branch = e () => (float[2] q) <float[2] w = {3, 4}> { q = Mul(x, w) }> }""",
    "scales that are float32 by definition": """(float[1,1,2,2] x) => (float[1,1,4,4] y)
        <float[4] s = {1, 1, 1, 1}, float[0] r = {}>
        { a = Constant<value_floats = [1.0, 1.0, 2.0, 2.0]>() b = Mul(a, s) y = Resize<mode="nearest">(x, r, b) }""",
}


@pytest.mark.parametrize("name", DOUBLED)
def test_a_doubled_graph_computes_the_same_in_float64(name: str) -> None:
    model = parse(f'<ir_version: 8, opset_import: ["": 17]> g {DOUBLED[name]}')
    before = model.SerializeToString()
    twin = doubled(model)
    assert model.SerializeToString() == before
    onnx.checker.check_model(twin, full_check=True)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.arange(1, 1 + np.prod(shape), dtype=np.float64).reshape(shape)
    rest = {"c": np.array(False)} if len(model.graph.input) > 1 else {}
    (wide,) = run_evaluator(twin, {"x": x, **rest})
    dtype = helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type)
    (usual,) = open_session(model).run(None, {"x": x.astype(dtype), **rest})
    assert wide.dtype == np.float64
    assert np.array_equal(wide, usual)


def test_foreign_operators_have_no_twin() -> None:
    model = parse('<ir_version: 8, opset_import: ["": 17, "my": 1]> g (float[2] x) => (float[2] y) { y = my.Op(x) }')
    with pytest.raises(NotDoubled, match="Op is no operator of ONNX"):
        doubled(model)


def test_the_command_line_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(linear(np.ones((64, 2), np.float32) / 3), tmp_path / "m.onnx")
    ask = ["verify", str(tmp_path / "m.onnx"), "--reference", str(tmp_path / "m.onnx"), "--runtimes", "onnxruntime"]
    assert main([*ask, "--noise", "float64"]) == 0
    shown = capsys.readouterr().out
    floor = "noise floor, the model (equal to the original) against itself on case 'small': all optimisations"
    assert floor in " ".join(shown.split())
    assert main([*ask, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["results"][0]
    assert set(result["noise"]) == {"what", "case", "spread", "unavailable"}
    assert result["legs"][0]["outputs"][0]["noise"] is not None


@pytest.mark.parametrize(("factor", "of"), [(1, "the model (equal to the original)"), (2, "the original")])
def test_what_gives_the_same_as_the_original_stands_in_for_it(factor: float, of: str) -> None:
    weight = np.ones((64, 2), np.float32) / 3
    result = trtconv.verify(linear(weight * factor), reference=linear(weight), runtimes=["onnxruntime"])
    assert result.noise is not None
    assert result.noise.what == of
    assert result.ok == (factor == 1)


def reordered(weight: np.ndarray, seed: int) -> ModelProto:
    """The same sums, added up in another order."""
    order = np.random.default_rng(seed).permutation(len(weight))
    model = linear(np.ascontiguousarray(weight[order]))
    model.graph.node.insert(0, helper.make_node("Gather", ["x", "order"], ["x2"], axis=1))
    model.graph.node[1].input[0] = "x2"
    model.graph.initializer.append(numpy_helper.from_array(order, "order"))
    return model


def cancelling(left: float) -> dict[str, object]:
    """Sums that cancel but for a share `left`: the same, added up in two orders, and an input for both."""
    rng = np.random.default_rng(0)
    half = rng.standard_normal((256, 64)).astype(np.float32)
    weights = np.concatenate([half * np.float32(1 + left), -half])
    x = np.tile(1 + rng.random((1, 256)), 2).astype(np.float32)
    return {
        "source": reordered(weights, 2),
        "reference": reordered(weights, 1),
        "inputs": {"x": x},
        "runtimes": ORT,
    }


def test_an_error_that_is_noise_alone_passes_unless_a_tolerance_was_given() -> None:
    options = cancelling(1e-3)
    parity = trtconv.verify(**options, noise="float64")
    (output,) = parity.outputs
    assert output.noise is not None
    assert 0 < output.difference.max_abs <= 2 * output.noise
    assert output.difference.why == "within the noise floor"
    assert parity.exit_code == 0
    assert trtconv.verify(**options, noise="float64", rtol=1e-3, atol=1e-12).exit_code == 1
    assert trtconv.verify(**options, noise="off").exit_code == 1


def test_noise_as_large_as_the_output_excuses_nothing() -> None:
    parity = trtconv.verify(**cancelling(0.0), noise="float64")
    (output,) = parity.outputs
    assert output.noise is not None
    assert output.difference.max_abs <= 2 * output.noise
    assert parity.exit_code == 1
    assert any("its comparison says little" in note for note in parity.notes)


def test_an_error_above_the_noise_fails_as_ever() -> None:
    model = linear(np.full((64, 4), 0.1, np.float32))
    other = linear(np.full((64, 4), 0.1001, np.float32))
    parity = trtconv.verify(other, reference=model, shapes="x:2x64", runtimes=ORT, rtol=1e-5)
    assert parity.exit_code == 1
    wrong = linear(np.full((64, 4), 0.11, np.float32))
    assert trtconv.verify(wrong, reference=model, shapes="x:2x64", runtimes=ORT, noise="float64").exit_code == 1
