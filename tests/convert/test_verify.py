"""`verify` on real models in ONNX Runtime."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import parse

import trtconv
from trtconv.runtimes.products import product_named

ORT = ("onnxruntime",)
NO_GPU = shutil.which("nvidia-smi") is None

SWISH = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) { y = HardSwish(x) }"""
GATED = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) { s = HardSigmoid<alpha=%s, beta=0.5>(x) y = Mul(x, s) }"""


def verdicts(parity: trtconv.Parity) -> list[tuple[str, str]]:
    return [(leg.runtime, leg.status) for leg in parity.legs]


def test_equal_models_pass_at_every_corner() -> None:
    parity = trtconv.verify(parse(GATED % 0.16666667), reference=parse(SWISH), shapes="x:1-2-5x4", runtimes=ORT)
    assert parity.exit_code == 0
    assert [(c.name, c.feed["x"].shape) for c in parity.cases] == [("min", (1, 4)), ("opt", (2, 4)), ("max", (5, 4))]
    assert all(o.difference.max_ulp is not None and o.difference.max_ulp <= 4 for o in parity.outputs)


def test_a_wrong_alpha_is_caught_and_located() -> None:
    parity = trtconv.verify(parse(GATED % 0.2), reference=parse(SWISH), shapes="x:2x4", runtimes=ORT)
    assert parity.exit_code == 1
    (output,) = parity.outputs
    worst = output.difference.worst
    assert worst is not None
    x = float(parity.cases[0].feed["x"][worst])
    assert output.difference.expected == pytest.approx(x * (x / 6 + 0.5), rel=1e-5)
    assert output.difference.actual == pytest.approx(x * (x / 5 + 0.5), rel=1e-5)
    assert str(list(worst)) in str(parity)


@pytest.mark.parametrize(("options", "code"), [({}, 1), ({"rtol": 0.5}, 0), ({"atol": 10.0}, 0), ({"rtol": 1e-9}, 1)])
def test_tolerances_of_the_caller_win(options: dict[str, float], code: int) -> None:
    parity = trtconv.verify(
        parse(GATED % 0.17), reference=parse(GATED % 0.16), shapes="x:8x4", runtimes=ORT, seed=3, **options
    )
    assert parity.exit_code == code


@pytest.mark.skipif(not NO_GPU, reason="says what happens without a GPU")
def test_without_a_gpu_the_engine_is_not_run_and_that_is_no_success() -> None:
    parity = trtconv.verify(parse(SWISH), reference=parse(SWISH))
    assert parity.exit_code == 3
    assert verdicts(parity)[0] == ("onnxruntime", "passed")
    assert verdicts(parity)[1][1] == "not run"
    assert "GPU" in parity.legs[1].not_run
    assert trtconv.verify(parse(SWISH), runtimes=["tensorrt-rtx"]).exit_code == 3
    assert trtconv.verify(parse(GATED % 0.2), reference=parse(SWISH)).exit_code == 1, "a failure outweighs"


@pytest.mark.gpu
@pytest.mark.skipif(NO_GPU, reason="needs a GPU to run an engine")
@pytest.mark.parametrize("runtime", ["tensorrt", "tensorrt-rtx"])
def test_an_engine_is_built_and_compared(runtime: str) -> None:
    if not product_named(runtime).is_installed:
        pytest.skip(f"needs {runtime}, which is not installed")
    parity = trtconv.verify(parse(SWISH), reference=parse(SWISH), shapes="x:1-2-5x4", runtimes=[runtime])
    assert parity.exit_code == 0
    assert len(list(parity.outputs)) == 3
    wrong = trtconv.verify(parse(GATED % 0.2), reference=parse(SWISH), runtimes=[runtime])
    assert wrong.exit_code == 1


def test_nothing_to_compare_with_is_an_error() -> None:
    with pytest.raises(trtconv.BadInput, match="--reference"):
        trtconv.verify(parse(SWISH), runtimes=ORT)
    with pytest.raises(trtconv.BadInput, match="no runtime 'openvino'"):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), runtimes=["openvino"])


def test_shapes_that_contradict_the_graph_are_an_error() -> None:
    with pytest.raises(trtconv.BadInput, match="fixed to 4"):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), shapes="x:1x5", runtimes=ORT)


def test_nan_in_one_place_only_fails() -> None:
    before = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[N,4] y) { a = Abs(x) y = Sqrt(a) }""")
    after = parse('<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Sqrt(x) }')
    parity = trtconv.verify(after, reference=before, shapes="x:8x4", runtimes=ORT)
    (output,) = parity.outputs
    assert parity.exit_code == 1
    assert output.difference.nan_mismatches == int((parity.cases[0].feed["x"] < 0).sum()) > 0


def test_the_same_nan_and_infinity_on_both_sides_pass() -> None:
    model = parse('<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Log(x) }')
    feed = {"x": np.array([[-1.0, 0.0, 1.0, np.inf]], np.float32)}
    assert trtconv.verify(model, reference=model, inputs=feed, runtimes=ORT).exit_code == 0


def test_inputs_of_another_type_in_the_fixed_model_are_cast() -> None:
    before = parse('<ir_version: 8, opset_import: ["": 17]> g (int16[N] x) => (float[N] y) { y = Cast<to=1>(x) }')
    after = parse('<ir_version: 8, opset_import: ["": 17]> g (int32[N] x) => (float[N] y) { y = Cast<to=1>(x) }')
    assert trtconv.verify(after, reference=before, runtimes=ORT).exit_code == 0


def test_a_model_that_no_longer_runs_has_failed() -> None:
    before = parse('<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[M,4] y) { y = Identity(x) }')
    after = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[M,4] y) <int64[2] s = {1, 4}> { y = Reshape(x, s) }""")
    parity = trtconv.verify(after, reference=before, shapes="x:1-2-2x4", runtimes=ORT)
    assert parity.exit_code == 1
    assert "'opt'" in parity.legs[0].failure
    missing = parse('<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[M,4] z) { z = Identity(x) }')
    (output,) = trtconv.verify(missing, reference=before, shapes="x:1x4", runtimes=ORT).outputs
    assert output.difference.why == "the output is missing"


def test_an_output_that_only_one_side_has_is_never_passed_over() -> None:
    one = parse('<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }')
    two = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[N,4] y, float[N,4] z) { y = Relu(x) z = Neg(x) }""")
    more = trtconv.verify(two, reference=one, runtimes=ORT)
    assert more.exit_code == 0
    assert more.legs[0].extra == ("z",)
    assert any("compared with nothing: z" in note for note in more.notes)
    fewer = trtconv.verify(one, reference=two, runtimes=ORT)
    assert fewer.exit_code == 1
    assert {o.name for o in fewer.outputs if not o.passed} == {"z"}


def test_the_reference_evaluator_stands_in_where_onnxruntime_has_no_kernel() -> None:
    model = parse("""<ir_version: 3, opset_import: ["": 6]>
        g (float[1,1,4,4] x) => (float[1,1,2,2] y) { y = AveragePool<kernel_shape=[2,2], strides=[2,2]>(x) }""")
    parity = trtconv.verify(model, reference=model, runtimes=ORT)
    assert parity.exit_code == 0
    assert any("AveragePool" in note and "reference evaluator" in note for note in parity.notes)
    half = parse('<ir_version: 8, opset_import: ["": 17]> g (bfloat16[N,4] x) => (bfloat16[N,4] y) { y = Neg(x) }')
    assert trtconv.verify(half, reference=half, runtimes=ORT).exit_code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<ir_version: 8, opset_import: ["": 17, "my": 1]> g (float[4] x) => (float[4] y) { y = my.Frob(x) }', "Frob"),
        ('<ir_version: 8, opset_import: ["": 17]> g (float[4] x) => (float[4] y) { [bad] y = Add(x) }', "bad"),
        (
            """<ir_version: 8, opset_import: ["": 17]> g (float[4] x) => (float[M] y)
            <int64[1] s = {3}> { [shape] y = Reshape(x, s) }""",
            "shape",
        ),
    ],
    ids=["custom operator", "invalid node", "fails at run time"],
)
def test_what_onnxruntime_refuses_is_told_by_node(text: str, words: str) -> None:
    model = parse(text)
    with pytest.raises(trtconv.BadInput) as caught:
        trtconv.verify(model, reference=model, runtimes=ORT)
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "ONNXRuntimeError" not in str(caught.value)


def test_external_weights_are_found_beside_the_original(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.arange(4096, dtype=np.float32).reshape(64, 64), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 64]) for n in "xy"]
    graph = helper.make_graph([node], "g", value[:1], value[1:], [weight])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    in_memory = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    assert trtconv.verify(in_memory, reference=tmp_path / "m.onnx", runtimes=ORT).exit_code == 0


def test_limits_run_it_in_a_child_and_give_the_same_result() -> None:
    options = {"reference": parse(SWISH), "shapes": "x:2x4", "runtimes": ORT}
    inside = trtconv.verify(parse(GATED % 0.2), **options)
    outside = trtconv.verify(parse(GATED % 0.2), **options, time_limit=120)
    assert outside.to_json() == inside.to_json()
    with pytest.raises(trtconv.BadInput, match="fixed to 4"):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), shapes="x:1x5", runtimes=ORT, time_limit=120)
    with pytest.raises(trtconv.NativeFailure):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), runtimes=ORT, time_limit=0.01)


def test_sequences_are_compared_element_by_element() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[4] x) => (seq(float[2]) y) <int64[2] s = {2, 2}> { y = SplitToSequence(x, s) }""")
    parity = trtconv.verify(model, reference=model, runtimes=ORT)
    assert [o.name for o in parity.outputs] == ["y[0]", "y[1]"]
    assert parity.exit_code == 0


def test_verify_does_not_import_pytorch() -> None:
    """Which Polygraphy would do at the first inference, for seconds, wherever it is installed."""
    code = """
import sys, onnx, trtconv
text = '<ir_version: 8, opset_import: ["": 17]> g (float[N] x) => (float[N] y) { y = Relu(x) }'
model = onnx.parser.parse_model(text)
assert trtconv.verify(model, reference=model, runtimes=["onnxruntime"]).ok
assert "torch" not in sys.modules, "neither imported, nor left hidden"
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
