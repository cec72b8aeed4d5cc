"""What the real TensorRT-RTX parser says, asked in a child process."""

import importlib.metadata
import os

import pytest
from support import parse

from trtconv.errors import BadInput, NativeFailure, Unavailable
from trtconv.parser.parsing import parse_with
from trtconv.runtimes.network import parsed_node, plain_text

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
GOOD = f"{HEAD} g (float[N,4] x, int64[2] s) => (float[a,b] y) {{ r = Relu(x)  y = Reshape(r, s) }}"
DILATED = f"""{HEAD} g (float[1,1,9,9] x) => (float[1,1,5,5] y, float[1,1,5,5] z) {{
  y = MaxPool<kernel_shape = [3,3], dilations = [2,2]>(x)
  [named] z = MaxPool<kernel_shape = [3,3], dilations = [2,2]>(x)
}}"""
IN_A_BODY = f"""{HEAD} g (float[2,3] x, int64 n, bool c) => (float[2,3] y) {{
  y = Loop(n, c, x) <body = b (int64 i, bool ci, float[2,3] v) => (bool co, float[2,3] vo) {{
    co = Identity(ci)
    vo = NoSuchOperator(v)
  }}>
}}"""
FUNCTIONS = """<ir_version: 8, opset_import: ["" : 17, "mine" : 1]>
g (float[2,3] x) => (float[2,3] y) { [outer] y = mine.Outer(x) }
<opset_import: ["" : 17], domain: "mine"> Outer (v) => (w) { [inner] w = NoSuchOperator(v) }
"""
CRASHING = f"""{HEAD} g (float[2,3] x) => (float[2,3] y) {{
  y = Scan() <num_scan_inputs = 0, body = b (float[3] v) => (float[3] w) {{ w = Add(v, v) }}>
}}"""
"""A Scan without inputs, which no checker lets through, ends the parser of TensorRT-RTX 1.7.1 by a SIGSEGV."""


def test_an_accepted_model_comes_with_the_network_inputs_and_outputs():
    verdict = parse_with("tensorrt-rtx", parse(GOOD))
    assert verdict.accepted
    assert not verdict.errors
    assert verdict.version == importlib.metadata.version("tensorrt_rtx")
    found = {t.name: (t.dtype, t.shape, t.is_input, t.is_shape_tensor) for t in verdict.tensors}
    assert found == {
        "x": ("float32", (-1, 4), True, False),
        "s": ("int64", (2,), True, True),
        "y": ("float32", (-1, -1), False, False),
    }
    assert verdict.to_json()["accepted"] is True


def test_every_refused_node_is_named_once():
    verdict = parse_with("tensorrt-rtx", parse(DILATED))
    assert not verdict.accepted
    assert [(e.node, e.op_type) for e in verdict.errors] == [("y", "MaxPool"), ("named", "MaxPool")]
    assert {e.message for e in verdict.errors} == {"This version of TensorRT does not support dilations other than 1."}
    assert {e.code for e in verdict.errors} == {"UNSUPPORTED_NODE"}
    assert verdict.text.splitlines()[1].startswith("y (MaxPool): This version")
    assert verdict.to_json()["errors"][0]["node"] == "y"


def test_a_node_in_a_subgraph_is_named():
    (error,) = parse_with("tensorrt-rtx", parse(IN_A_BODY)).errors
    assert (error.node, error.op_type) == ("vo", "NoSuchOperator")


def test_a_node_in_a_local_function_is_named_with_the_calls_around_it():
    verdict = parse_with("tensorrt-rtx", parse(FUNCTIONS))
    (error,) = verdict.errors
    assert (error.node, error.functions) == ("inner", ("outer (Outer)",))
    assert "inner (NoSuchOperator) in outer (Outer): Plugin not found" in verdict.text


def test_a_crash_of_the_parser_names_the_node_it_was_at():
    with pytest.raises(
        NativeFailure, match=r"parsing model.onnx with TensorRT-RTX crashed \(SIGSEGV\); .* node .*\(Scan\)"
    ):
        parse_with("tensorrt-rtx", parse(CRASHING))


def test_a_parser_that_takes_too_long_is_ended():
    with pytest.raises(NativeFailure, match="did not end within"):
        parse_with("tensorrt-rtx", parse(GOOD), time_limit=0.01)


def test_a_product_that_is_not_there_says_what_to_install():
    with pytest.raises(BadInput, match="no product 'openvino'"):
        parse_with("openvino", parse(GOOD))


@pytest.mark.skipif("tensorrt" in {d.name for d in importlib.metadata.distributions()}, reason="without TensorRT only")
def test_tensorrt_that_is_not_installed():
    with pytest.raises(Unavailable, match="TensorRT is not installed") as caught:
        parse_with("tensorrt", parse(GOOD))
    assert "pip install 'trtconv[tensorrt]'" in caught.value.do


def test_a_file_name_need_not_be_utf_8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.onnx")
    path.write_bytes(parse(GOOD).SerializeToString())
    assert parse_with("tensorrt-rtx", path).accepted


def test_an_unreadable_file_is_said_before_a_child_starts(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"\x08")
    with pytest.raises(BadInput, match="does not parse"):
        parse_with("tensorrt-rtx", tmp_path / "m.onnx", time_limit=0)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('(dilations[i] == 1) && "No dilations."', "No dilations."),
        ("Assertion failed: rank == 4: Only 4D.", "Only 4D."),
        (
            "Invalid Node - n\nITensor::f: Error Code 4: Internal Error (n: bad axis In f at /_src/a.cpp:7)",
            "n: bad axis",
        ),
        ("[checkMacros.cpp::catchCudaError::250] Error Code 1: Cuda Runtime (no GPU)", ""),
        ('only this and " "that', "only this and that"),
        ("plain words", "plain words"),
        (
            "[a.cpp::f::48] Error Code 2: Internal Error (Assertion !x failed. No runner. In f at /_src/a.cpp:7)",
            "No runner",
        ),
        ("ModelImporter.cpp:1071: Make sure.", "Make sure."),
        ("[myelin_graph.h:1295: attach] MyelinCheckException: a.cpp:59: CHECK(ok(1)) failed. No kernel.", "No kernel."),
        ("MyelinCheckException: a.cpp:59: CHECK(ok) failed.", "MyelinCheckException: a.cpp:59: CHECK(ok) failed."),
    ],
)
def test_messages_without_the_cpp_around_them(text, plain):
    assert plain_text(text) == plain


def test_the_node_in_the_parsers_own_log():
    assert parsed_node("Parsing node: /head/conv [1] [Conv]") == "node /head/conv [1] (Conv)"
    assert parsed_node("Searching for input: x") == ""
