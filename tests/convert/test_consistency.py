"""A model against itself: rows of a batch alone, in another order, with other rows beside them."""

from __future__ import annotations

import json
import shutil
from math import gcd
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto
from support import parse

import trtconv
from trtconv.cli import main
from trtconv.feeding.batches import odd
from trtconv.feeding.rows import rows_of
from trtconv.runtimes.products import product_named
from trtconv.shapes import Span
from trtconv.storage.loading import load

ORT = ("onnxruntime",)
FIXTURES = Path(__file__).parents[2] / "fixtures"
HEAD = '<ir_version: 8, opset_import: ["": 17]> g '


def model(text: str) -> ModelProto:
    return parse(HEAD + text)


def checked(text: str, **options: object) -> trtconv.Parity:
    return trtconv.verify(model(text), consistency=True, runtimes=ORT, **options)  # type: ignore[arg-type]


SOUND = {
    "elementwise": "(float[N,4] x) => (float[N,4] y) { y = HardSwish(x) }",
    "softmax over classes": "(float[N,4] x) => (float[N,4] y) { y = Softmax<axis=1>(x) }",
    "folds the batch and unfolds it": """(float[N,3,4] x) => (float[N,3,4] y)
        <int64[2] fold = {-1, 4}, int64[3] unfold = {-1, 3, 4}>
        { f = Reshape(x, fold) r = Relu(f) y = Reshape(r, unfold) }""",
    "several places a row": "(float[N,3,4] x) => (float[M,4] y) <int64[2] s = {-1, 4}> { y = Reshape(x, s) }",
    "an output without rows": """(float[N,4] x) => (float[N,4] y, float[8,2] anchors)
        <float[8,2] a = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}> { y = Relu(x) anchors = Identity(a) }""",
    "an input without rows": "(float[N,4] x, float[4] scale) => (float[N,4] y) { y = Mul(x, scale) }",
    "labels": "(float[N,4] x) => (int64[N] y) { y = ArgMax<axis=1, keepdims=0>(x) }",
    "a fixed batch": "(float[4,3] x) => (float[4,3] y) { y = Relu(x) }",
    "a fixed batch and an output without rows": """(float[4,3] x) => (float[4,3] y, float[4] c)
        <float[4] k = {1, 2, 3, 4}> { y = Relu(x) c = Neg(k) }""",
}


@pytest.mark.parametrize("name", SOUND)
def test_networks_whose_rows_are_their_own_pass(name: str) -> None:
    parity = checked(SOUND[name])
    assert parity.exit_code == 0, str(parity)
    (leg,) = parity.legs
    assert (leg.kind, leg.status) == ("consistency", "passed")
    assert leg.outputs
    assert any("the same rows were fed otherwise" in note for note in parity.notes)


BROKEN = {
    "softmax over the batch": (
        "(float[N,4] x) => (float[N,4] y) { [wrong] y = Softmax<axis=0>(x) }",
        "Softmax wrong (tensor y)",
    ),
    "centred over the batch": (
        """(float[N,4] x) => (float[N,4] y) <int64[1] a = {0}>
        { [sum] m = ReduceSum<keepdims=1>(x, a) [wrong] y = Sub(x, m) }""",
        "ReduceSum sum, Sub wrong (tensor y)",
    ),
    "mean over the batch": ("(float[N,4] x) => (float[4] y) { y = ReduceMean<axes=[0], keepdims=0>(x) }", ""),
    "a Reshape that swaps batch and channels": (
        """(float[N,3,4] x) => (float[N,12] y) <int64[3] s = {3, -1, 4}, int64[2] flat = {-1, 12}>
        { [wrong] r = Reshape(x, s) [back] t = Transpose<perm=[1, 0, 2]>(r) y = Reshape(t, flat) }""",
        "Reshape wrong, Transpose back (tensor t)",
    ),
    "rows that attend to each other": (
        """(float[N,4] x) => (float[N,4] y)
        { [t] t = Transpose(x) m = MatMul(x, t) s = Softmax(m) [wrong] y = MatMul(s, x) }""",
        "",
    ),
    "a batch of one written into a Reshape": (
        "(float[N,3,4] x) => (float[N,12] y) <int64[2] s = {1, 12}> { y = Reshape(x, s) }",
        "",
    ),
    "a batch of one that swallows the others": (
        "(float[N,3,4] x) => (float[N,M] y) <int64[2] s = {1, -1}> { y = Reshape(x, s) }",
        "",
    ),
    "rows in a fixed order": ("(float[4,3] x) => (float[4,3] y) <float[4,1] w = {1, 2, 3, 4}> { y = Mul(x, w) }", ""),
    "the first row for all": (
        """(float[N,3] x) => (float[N,3] y) <int64[1] z = {0}, int64[1] o = {1}>
        { [first] f = Slice(x, z, o, z) [wrong] y = Add(x, f) }""",
        "Slice first, Add wrong (tensor y)",
    ),
    "rows added up": (
        "(float[N,3] x) => (float[N,3] y) <int64 z = {0}> { [wrong] y = CumSum(x, z) }",
        "CumSum wrong (tensor y)",
    ),
    "rows joined behind each other": (
        """(float[N,3] x) => (float[N,6] y) <int64[2] s = {-1, 6}>
        { [join] c = Concat<axis=0>(x, x) y = Reshape(c, s) }""",
        "Concat join (tensor c)",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_networks_that_mix_rows_or_fix_the_batch_are_caught(name: str) -> None:
    text, culprit = BROKEN[name]
    parity = checked(text)
    assert parity.exit_code == 1, str(parity)
    if culprit:
        assert any(f"rows of the batch meet at {culprit}" in note for note in parity.notes), parity.notes


def test_the_node_at_which_rows_meet_is_named_not_one_behind_it() -> None:
    parity = checked("""(float[N,4] x) => (float[N,4] y)
        { [before] a = Relu(x) [culprit] b = Softmax<axis=0>(a) [behind] c = Neg(b) y = Abs(c) }""")
    assert "rows of the batch meet at Softmax culprit (tensor b)" in parity.notes


def test_what_is_there_to_mix_rows_is_recognised() -> None:
    parity = checked("""(float[N,3,4] x) => (float[N,3,4] y, float[N,3,4] z)
        <float[3] s = {1, 1, 1}, float[3] b = {0, 0, 0}, float[3] m = {0, 0, 0}, float[3] v = {1, 1, 1}>
        { y, rm, rv = BatchNormalization<training_mode=1>(x, s, b, m, v) z = Relu(x) }""")
    assert parity.exit_code == 0
    assert {o.name for o in parity.outputs} == {"z"}
    assert any("output y is not compared" in note and "BatchNormalization" in note for note in parity.notes)


def test_outputs_can_be_excused() -> None:
    text = "(float[N,4] x) => (float[N,4] y, float[N,4] z) { y = Softmax<axis=0>(x) z = Relu(x) }"
    assert checked(text).exit_code == 1
    parity = checked(text, mixes_rows=["y"])
    assert parity.exit_code == 0
    assert {o.name for o in parity.outputs} == {"z"}
    assert "output y may mix rows, as was said" in parity.notes
    assert checked(text, mixes_rows="*").exit_code == 3, "nothing is left to check"
    with pytest.raises(trtconv.BadInput, match="no output is called 'w'"):
        checked(text, mixes_rows=["y", "w"])


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("(float[1,4] x) => (float[1,4] y) { y = Relu(x) }", {}, "fixed to one row"),
        ("(float[N,4] x) => (float[N,4] y) { y = Relu(x) }", {"shapes": "x:1x4"}, "no more than one row"),
        ("(float[time,batch,4] x) => (float[time,batch,4] y) { y = Relu(x) }", {}, "axis 0 of the inputs is no batch"),
    ],
)
def test_where_there_is_nothing_to_check_that_is_said(text: str, options: dict[str, str], words: str) -> None:
    parity = checked(text, **options)
    assert parity.exit_code == 3
    assert words in parity.legs[0].not_run


def test_what_is_found_in_the_data_is_not_compared_by_rows() -> None:
    parity = checked("(float[N,4] x) => (int64[2,M] found, float[N,4] y) { found = NonZero(x) y = Relu(x) }")
    assert parity.exit_code == 0
    assert any("as many elements as NonZero finds" in note for note in parity.notes)


def test_every_corner_and_an_odd_size_of_each_profile_is_tried() -> None:
    parity = checked(
        "(float[N,3,H,H] x) => (float[N,3,H,H] y) { y = Relu(x) }", shapes="x:1-2-6x3x32-64-128x32-64-128;x:2x3x32x32"
    )
    (note,) = (n for n in parity.notes if "fed otherwise" in n)
    for shape in ("6x3x32x32", "6x3x64x64", "6x3x128x128", "6x3x96x96", "2x3x32x32"):
        assert f"x:{shape}" in note
    assert "each row alone" in note
    assert "a row repeated" in note, "of the second profile"
    assert parity.exit_code == 0


def test_a_network_that_breaks_at_an_odd_size_is_caught() -> None:
    text = "(float[N,M] x) => (float[N,K,16] y) <int64[3] s = {0, -1, 16}> { y = Reshape(x, s) }"
    parity = checked(text, shapes="x:1-2-4x16-32-80")
    assert parity.exit_code == 0
    parity = checked(text, shapes="x:1-2-4x16-32-72")
    assert parity.exit_code == 1
    assert "do not run" in parity.legs[0].failure


@settings(max_examples=200, deadline=None)
@given(st.tuples(*[st.integers(1, 600)] * 3))
def test_odd_sizes_lie_inside_on_the_steps_that_the_three_share(sizes: tuple[int, int, int]) -> None:
    span = Span(*sorted(sizes))
    size = odd(span)
    assert span.min <= size <= span.max
    assert size % gcd(*span) == 0
    if size != span.opt:
        assert size not in span


def test_the_users_own_rows_are_used() -> None:
    text = "(float[N,4] x) => (float[N,4] y) { y = Softmax<axis=0>(x) }"
    rng = np.random.default_rng(0)
    rows = [{"x": rng.standard_normal((1, 4)).astype(np.float32)} for _ in range(3)]
    parity = checked(text, inputs=rows)
    assert parity.exit_code == 1
    assert "3 cases together" in parity.legs[0].outputs[0].case
    whole = {"x": rng.standard_normal((5, 4)).astype(np.float32)}
    assert checked(text, inputs=whole).exit_code == 1
    assert checked("(float[N,4] x) => (float[N,4] y) { y = Softmax<axis=1>(x) }", inputs=whole).exit_code == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.integers(1, 4), st.booleans())
def test_any_axis_of_softmax_is_told(rank: int, seed: int, over_batch: bool) -> None:
    dims = ",".join(["N", *"234567"[: rank - 1]])
    axis = 0 if over_batch else 1 + seed % (rank - 1)
    parity = checked(f"(float[{dims}] x) => (float[{dims}] y) {{ y = Softmax<axis={axis}>(x) }}", seed=seed)
    assert parity.exit_code == int(over_batch)


INPUTS = {
    "(float[N,4] x, float[N] z) => (float[N,4] y)": (("x", "z"), False),
    "(float[batch_x,4] x, float[batch_x,2] z) => (float[N,4] y)": (("x", "z"), False),
    "(float[boxes,4] x, float[batch,2] z) => (float[N,4] y)": (("z",), False),
    "(float[N,4] x, float[4] z) => (float[N,4] y)": (("x",), False),
    "(float[2,4] x, float[2] z, float[3] k) => (float[2,4] y)": (("x", "z"), True),
}


@pytest.mark.parametrize("text", INPUTS)
def test_inputs_that_are_made_of_rows(text: str) -> None:
    found = rows_of(load(model(text + " { y = Relu(x) }")).main)
    assert found is not None
    assert (found.inputs, found.fixed) == INPUTS[text]


@pytest.mark.parametrize("name", ["pooling_ts17", "attention_ts17", "upsampling_dynamo18", "fixedpadding_ts11"])
def test_real_exports_agree_with_themselves(name: str) -> None:
    parity = trtconv.verify(FIXTURES / f"{name}.onnx", consistency=True, runtimes=ORT)
    assert parity.exit_code == 0, str(parity)


def test_beside_a_reference_both_are_reported() -> None:
    text = "(float[N,4] x) => (float[N,4] y) { y = Softmax<axis=0>(x) }"
    parity = trtconv.verify(model(text), reference=model(text), consistency=True, runtimes=ORT, bisect=True)
    assert [(leg.kind, leg.status) for leg in parity.legs] == [("parity", "passed"), ("consistency", "failed")]
    assert parity.parting is None


@pytest.mark.gpu
@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="needs a GPU to run an engine")
@pytest.mark.parametrize("runtime", ["tensorrt", "tensorrt-rtx"])
def test_engines_are_checked_against_themselves(runtime: str) -> None:
    if not product_named(runtime).is_installed:
        pytest.skip(f"needs {runtime}, which is not installed")
    sound = trtconv.verify(model(SOUND["elementwise"]), consistency=True, runtimes=[runtime], shapes="x:1-2-5x4")
    assert [leg.kind for leg in sound.legs] == ["parity", "consistency"]
    assert sound.exit_code == 0


def test_an_output_of_another_shape_shows_no_error_of_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, axes in (("a", "[0, 1]"), ("b", "[1, 0]")):
        onnx.save(model(f"(float[N,4] x) => (float[A,B] y) {{ y = Transpose<perm={axes}>(x) }}"), tmp_path / name)
    command = ["verify", str(tmp_path / "b"), "--reference", str(tmp_path / "a"), "--shapes", "x:2x4"]
    assert main([*command, "--runtimes", "onnxruntime", "--noise", "off"]) == 1
    said = capsys.readouterr().out
    assert "max abs" not in said
    assert "shape [4, 2] instead of [2, 4]" in said


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="says what happens without a GPU")
def test_engines_that_cannot_run_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(model(SOUND["elementwise"]), tmp_path / "m.onnx")
    assert main(["verify", str(tmp_path / "m.onnx"), "--consistency", "--json"]) == 3
    legs = json.loads(capsys.readouterr().out)["results"][0]["legs"]
    assert [(leg["kind"], leg["status"]) for leg in legs] == [
        ("consistency", "passed"),
        ("parity", "not run"),
        ("consistency", "not run"),
    ]
    assert main(["verify", str(tmp_path / "m.onnx"), "--consistency", "--runtimes", "onnxruntime"]) == 0
    assert "batches of ONNX Runtime" in capsys.readouterr().out
