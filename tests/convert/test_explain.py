"""`explain` for TensorRT's own texts, operators and targets; `targets diff`."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from support import parse

from trtconv.cli import main
from trtconv.known import compare
from trtconv.parser.explaining import explain_error
from trtconv.parser.messages import MESSAGES
from trtconv.passes.core.catalogue import catalogue

TEXTS = [
    ("ITopKLayer y: K exceeds the maximum value allowed (3840).", "more than 3840 values", "large-top-k"),
    ("Coupled input/forget is unsupported in the LSTM converter", "coupled gates", "recurrence-form"),
    ("scan output s since no trip limit was set. For better", "how many turns", "open-loop"),
    ("Number of dimensions (9) is not in the valid range", "more than eight dimensions", "too-many-dimensions"),
    ("TensorRT does not support the Dropout operator in training mode.", "in training mode", "refused-dropout"),
    ("Assertion failed: Only FLOAT32 or FLOAT16 input is supported for Mish", "element type", "unsupported-input-type"),
    ("Pre-opset 7 broadcasting is unsupported in this version", "no standard operator set", "missing-opset-import"),
    ("UNSUPPORTED_NODE: false", "by its name alone", "missing-operator"),
    (
        "In node 0 with name: r and operator: BitShift (f): UNSUPPORTED_NODE: Assertion failed: false",
        "by its name",
        "missing-operator",
    ),
    (
        "Could not find any implementation for node {ForeignNode[/a/Add.../b/Softmax]}.",
        "from /a/Add to /b/Softmax",
        "unfolded-constants",
    ),
    (
        "No importer registered for op: NMSRotated. Attempting to import as plugin.",
        "does not know the operator NMSRotated",
        "missing-operator",
    ),
    (
        "Plugin not found, are the plugin name, version, and namespace correct?",
        "takes for the name of a plugin",
        "foreign-operator",
    ),
    ("getPluginCreator could not find plugin: DCNv2 version: 1", "no plugin DCNv2", "foreign-operator"),
    ("Assertion failed: inputs.at(1).is_weights()", "computed in the graph", "computed-pads"),
    (
        'Assertion failed: (inputs.at(1).is_weights()) && "Resize scales must be an initializer!"',
        "computed in the graph",
        "computed-resize-scales",
    ),
    (
        "This version of TensorRT only supports input K as an initializer.",
        "computed in the graph",
        "unfolded-constants",
    ),
    ("Version tag does not match. Note: Current Version: 232, Serialized Engine Version: 205", "another version", ""),
    (
        "IIfConditionalOutputLayer inputs must have the same shape. Shapes are [1,8] and [8].",
        "branches of an If",
        "constant-condition",
    ),
    ("Unsupported ONNX data type: UINT16 (4)", "nothing with the element type UINT16", "unsupported-integer-type"),
    (
        "Your ONNX model has been generated with INT64 weights, while TensorRT does not natively support it.",
        "harmless",
        "",
    ),
    ("TRT only supports symmetric quantization - zeroPt must be all zeros", "symmetrically", "asymmetric-quantization"),
    ("This version of TensorRT does not support dilations other than 1.", "dilations", "dilated-max-pool"),
    ("ROIAlign plugin was not found in the plugin registry!", "hands ROIAlign on", "missing-operator"),
    ("node_of_nms_0 has no runners that implement it", "no kernel", ""),
    ("Parse was called with a non-empty network definition", "once only", ""),
    ("Network has dynamic or shape inputs, but no optimization profile has been defined.", "no range", ""),
    ("Assertion failed: _importer_ctx.tensors().at(output.name()).is_tensor()", "is a constant", ""),
    ("In function combineTensorsElementwise:\n[8] Assertion failed", "different numbers of axes", ""),
    ("[5] Assertion failed: ctx->tensors().count(inputName)", "left out", "trailing-empty-inputs"),
    ("[5] Assertion failed: tensors.count(input_name)", "no graph input", "unfolded-constants"),
    ("Assertion failed: convertOnnxWeights(initializer, &weights, ctx)", "data of a weight", "weights-out-of-reach"),
    (
        "for node {ForeignNode[(Unnamed Layer* 7) [Shuffle].../layers.7/Transpose_2 + /layers.7/Reshape_4]}.",
        "to /layers.7/Transpose_2",
        "unfolded-constants",
    ),
    ("(/OneHot: an IIOneHotLayer cannot be used to compute a shape tensor)", "compute shapes", "unfolded-constants"),
    ("R_3: IShuffleLayer applied to shape tensor must have 0 or 1 reshape", "compute shapes", "data-dependent-shape"),
    ("Layer: Where_493's output can not be used as shape tensor.", "compute shapes", "unfolded-constants"),
    ("Error Code 4: Internal Error (Network must have at least one output)", "network is empty", ""),
    ("Concat_351: dimensions not compatible for concatenation)", "do not fit each other", ""),
    ("Serialization assertion plan->header.magicTag ==rt::kPLAN_MAGIC_TAG failed.", "no engine of this product", ""),
    ("ONNX model has a newer ir_version (0.0.6) than this parser was built against", "file format is newer", ""),
    ("One or more weights outside the range of INT32 was clamped", "harmless", "large-integers"),
    ("In function importGemm: [7] Assertion failed: GEMM must have 2D inputs!", "no result for", "undefined-form"),
    ("Parameter check failed. Address is not set for input tensor x.", "no memory for x", ""),
    ("Running layernorm after self-attention in FP16 may overflow", "in parts", "exploded-layer-normalization"),
    ("Could not load library libcudnn_ops_infer.so.8. Error", "was not found", ""),
    ("Optimization profile 0 is missing values for shape input tensor a. In validate", "the input a decide", ""),
    ("Network input r is a shape tensor and must have type Int32 or Int64.", "floating point", "data-dependent-shape"),
    ("Sub-byte quantization with odd tensor volume is not supported.", "half a byte", "odd-four-bit-count"),
    ("TensorRT doesn't support sequence_lens input for this node!", "opset 8", "refused-scan"),
    ("Scale coefficients must all be positive", "0 or negative", "negative-scale"),
    ("The shape of the scale input must be (C, )", "every place", "batch-norm-parameters"),
    ("CUDA initialization failure with error: 35", "driver or a GPU", ""),
    ("Error Code 2: OutOfMemory (no further information)", "not enough GPU memory", ""),
    ("Error Code 1: Cuda Runtime (out of memory)", "not enough GPU memory", ""),
    ("Static dimension mismatch while setting input shape.", "fixed in the file", ""),
    ("kMIN dimensions in profile 0 are [1,3] but input has static dimensions [8,3].", "fixed in the file", ""),
    ("IShuffleLayer /Reshape: reshape changes volume. Reshaping [2,8] to [1,8].", "another number of elements", ""),
    ("In function convertAxis: [8] Assertion failed: axis >= 0 && axis < nbDims", "outside the tensor", ""),
    ("CUDA lazy loading is not enabled. Enabling it can significantly reduce memory", "a warning", ""),
]


@pytest.mark.parametrize(("text", "means", "one_pass"), TEXTS, ids=[t[:40] for t, _, _ in TEXTS])
def test_a_text_of_tensorrt_in_plain_words(text: str, means: str, one_pass: str) -> None:
    found = explain_error(text).explanations
    assert any(means in e.means for e in found)
    assert all(e.do for e in found)
    assert not one_pass or any(one_pass in e.passes for e in found)


def test_nodes_and_operators_are_read_out_of_the_text() -> None:
    log = """[E] ModelImporter.cpp:771: While parsing node number 12 [Resize -> "up.1"]:
    [E] ModelImporter.cpp:775: input: "x" output: "up.1" name: "/up/Resize" op_type: "Resize"
    [E] In node 12 with name: /up/Resize and operator: Resize (importResize): Assertion failed: false"""
    found = explain_error(log)
    assert set(found.nodes) == {"up.1", "/up/Resize"}
    assert found.op_types == ("Resize",)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("Could not find any implementation for node /m/Conv + PWN(/m/LeakyRelu).", "/m/Conv"),
        ("for node {ForeignNode[(Unnamed Layer* 3) [Shuffle].../a.7/Add]}.", "/a.7/Add"),
        ("Internal Error (/OneHot: an IIOneHotLayer cannot be used to compute a shape tensor)", "/OneHot"),
        ("Internal Error (Reshape_3: IShuffleLayer applied to shape tensor must have 0 or 1", "Reshape_3"),
        ("Layer: Where_493's output can not be used as shape tensor.", "Where_493"),
        ("condition '==' violated. Concat_351: dimensions not compatible for concatenation)", "Concat_351"),
    ],
)
def test_names_of_layers_are_names_of_nodes(text: str, node: str) -> None:
    assert node in explain_error(text).nodes


def test_every_row_is_sound() -> None:
    for message in MESSAGES:
        names = set(re.compile(message.pattern).groupindex) | {"last"}
        assert set(re.findall(r"\{(\w+)\}", message.means)) <= names
        assert set(message.passes) <= set(catalogue())
        assert message.do


def test_a_text_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain_error("all is well").text == ""
    assert main(["explain", "all is well"]) == 2
    assert "paste the whole message" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["HardSwish"], ("TensorRT 7.0 to 8.2.5 does not source", "hard-swish-type")),
        (["NonZero"], ("TensorRT-RTX 1.5 to 1.7 does not measured", "plugin creator")),
        (["Det"], ("TensorRT 7.0 to 10.10 does not source",)),
        (["tensorrt-8.2"], ("opset 7 to 13 documentation", "scales of Resize", "clamped: DOUBLE source")),
        (["rtx-1.7"], ("facts its own measured", "parser as of TensorRT 11.4 inferred", "axes of Unsqueeze measured")),
        (["tensorrt-10.14"], ("facts its own documentation", "DOUBLE inferred", "TopK: at most 3,840 documentation")),
        (["tensorrt-11.4"], ("those of TensorRT 11.1, as nothing is known of its own inferred",)),
        (["tensorrt-99"], ("is newer than what", "those of TensorRT 11.4, the nearest", "opset 9 to 25 inferred")),
        (["Plugin", "not", "found"], ("means: the operator is not supported",)),
        (["negative-pads"], ("# negative-pads",)),
    ],
)
def test_what_can_be_explained(
    arguments: list[str],
    shown: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["explain", *arguments]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert all(text in out for text in shown)
    assert main(["explain", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["page"]


def test_facts_stand_in_columns_in_a_pipe_and_in_a_table_in_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["explain", "HardSwish"]) == 0
    out = capsys.readouterr().out
    starts = {found.start() - out.rfind("\n", 0, found.start()) for found in re.finditer("takes it|does not", out)}
    assert len(starts) == 1
    assert "|" not in out
    assert main(["explain", "HardSwish", "--json"]) == 0
    assert "| TensorRT 7.0 to 8.2.5 | does not | source |" in json.loads(capsys.readouterr().out)["page"]


@pytest.mark.parametrize("name", ["tensort-8.2", "tensorrt-6", "8.2", "trtt8.2"])
def test_what_looks_like_a_target_is_told_as_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 2
    assert "tensorrt-7.0 to 11.4" in capsys.readouterr().err


def test_a_file_is_no_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "build.log").write_text("Plugin not found")
    assert main(["explain", str(tmp_path / "build.log")]) == 2
    assert "trtconv explain - < " in capsys.readouterr().err


def test_an_error_from_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("line\nPlugin not found, are the plugin name ...\n"))
    assert main(["explain", "-"]) == 0
    assert "means:" in capsys.readouterr().out


def test_what_an_upgrade_gains_and_loses() -> None:
    found = compare("tensorrt-8.2", "tensorrt-10.3")
    assert "HardSwish" in found.gained
    assert not found.lost
    back = compare("tensorrt-10.3", "tensorrt-8.2")
    assert (back.gained, back.lost) == (found.lost, found.gained)
    assert {"DeformConv", "NonZero", "NonMaxSuppression"} <= set(compare("tensorrt-11.1", "rtx-1.7").lost)


def test_what_an_upgrade_does_to_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '<ir_version: 8, opset_import: ["": 14]> g (float[N,4] x) => (float[N,4] y) { [act] y = HardSwish(x) }'
    path = tmp_path / "m.onnx"
    path.write_bytes(parse(text).SerializeToString())
    assert main(["targets", "diff", "tensorrt-8.2", "tensorrt-10.3", str(path)]) == 0
    assert "that disappear: 1" in capsys.readouterr().out
    assert main(["targets", "diff", "tensorrt-10.3", "tensorrt-8.2", str(path), "--json"]) == 1
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert [f["node"] for f in result["appear"]] == ["act"]
    assert result["disappear"] == []


def test_a_bare_version_is_no_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets", "diff", "8.2", "tensorrt-10.3"]) == 2
    assert "did you mean tensorrt-8.2?" in capsys.readouterr().err


def test_long_words_stand_below_their_label(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["explain", "Plugin not found, are the plugin name, version, and namespace correct?"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert any(line.startswith(" " * 7) for line in lines)


def test_wrong_names_are_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets", "diff", "tensorrt-8.2", "openvino"]) == 2
    assert "unknown target" in capsys.readouterr().err
    assert main(["targets", "diff", "tensorrt-8.2", "tensorrt-10.3", "none.onnx"]) == 2
