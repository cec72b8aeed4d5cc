"""What lint says: the passes, the real parser beside them, and where the two disagree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from onnx import TensorProto
from support import parse

import trtconv
from trtconv.cli import main
from trtconv.errors import BadInput, Unavailable
from trtconv.ignoring import Ignore
from trtconv.parser.judging import compare
from trtconv.parser.parsing import ParserVerdict
from trtconv.passes.core import Model

RTX = "tensorrt-rtx-1.7"
HEAD = '<ir_version: 8, opset_import: ["": 17]>'
RELU = f"{HEAD} g (float[N,4] x) => (float[N,4] y) {{ y = Relu(x) }}"
UNFORESEEN = f"""{HEAD} g (float[2,4] x) => (float[A,B] y) <float[5,2] w = {{1,2,3,4,5,6,7,8,9,10}}> {{
  [bad] y = MatMul(x, w)
}}"""
"""No pass is about sizes that do not fit each other: such a graph is no ONNX."""
DILATED = f"""{HEAD} g (float[1,1,9,9] x) => (float[1,1,5,5] y) {{
  [pool] y = MaxPool<kernel_shape = [3,3], dilations = [2,2]>(x)
}}"""
CRASHING = f"""{HEAD} g (float[2,3] x) => (float[2,3] y) {{
  y = Scan() <num_scan_inputs = 0, body = b (float[3] v) => (float[3] w) {{ w = Add(v, v) }}>
}}"""


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX: pip install 'trtconv[rtx]'")


def test_the_parser_is_asked_where_it_is_installed() -> None:
    result = trtconv.lint(parse(RELU), target=RTX)
    assert result.parser is not None
    assert result.parser.accepted
    assert result.verdict.startswith("parses for TensorRT-RTX 1.7, as 1.7.")
    assert result.to_json()["basis"] == "parser"


@pytest.mark.parametrize(("target", "parser"), [(RTX, False), ("tensorrt-10.3", None), ("tensorrt-rtx-1.4", None)])
def test_without_its_parser_the_verdict_is_a_prediction(target: str, parser: bool | None) -> None:
    result = trtconv.lint(parse(RELU), target=target, parser=parser)
    assert result.parser is None
    assert result.verdict == f"{result.title}, predicted: nothing known against it"
    assert result.to_json()["basis"] == "predicted"


@pytest.mark.parametrize("target", ["tensorrt-8.2", "tensorrt-rtx-1.4"])
def test_a_parser_that_is_insisted_on_has_to_be_there(target: str) -> None:
    with pytest.raises(Unavailable):
        trtconv.lint(parse(RELU), target=target, parser=True)


def test_what_no_pass_foresaw_is_a_finding_of_the_parser() -> None:
    result = trtconv.lint(parse(UNFORESEEN), target=RTX)
    (finding,) = (f for f in result.findings if f.effect == "refused")
    assert (finding.pass_name, finding.node, finding.op_type) == ("parser", "bad", "MatMul")
    assert finding.tensors == ("x", "w", "y")
    (disagreement,) = result.disagreements
    assert "no pass foresees it" in str(disagreement)
    assert result.exit_code == 1
    assert "does not parse" in result.verdict
    accepted = result.ignoring([Ignore("parser", "bad", "known"), Ignore("dilated-*", "*", "gone")])
    assert (accepted.findings, accepted.ignored, accepted.exit_code) == ((), result.findings, 0)
    assert accepted.unused_ignores == ("dilated-* at * (gone)",)


def test_what_a_pass_foresaw_is_said_once() -> None:
    result = trtconv.lint(parse(DILATED), target=RTX)
    assert [f.pass_name for f in result.findings if f.effect == "refused"] == ["dilated-max-pool"]
    assert not result.disagreements


def test_a_parser_that_accepts_what_passes_refuse_is_a_disagreement() -> None:
    model = Model(parse(DILATED))
    findings = trtconv.lint(parse(DILATED), target=RTX, parser=False).findings
    kept, disagreements = compare(findings, ParserVerdict("tensorrt-rtx", "1.7.1", True, ()), model)
    assert kept == findings
    (one,) = disagreements
    assert (one.node, one.passes) == ("pool", "dilated-max-pool says refused")
    assert "accepts it" in one.parser


def test_a_parser_that_crashes_is_a_refusal() -> None:
    result = trtconv.lint(parse(CRASHING), target=RTX)
    assert result.parser is not None
    assert not result.parser.accepted
    assert any(f.pass_name == "parser" and "crashed (SIGSEGV)" in f.why for f in result.findings)


def test_text_and_json_name_the_disagreement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(parse(UNFORESEEN).SerializeToString())
    assert main(["lint", str(path), "--target", RTX]) == 1
    assert "disagreement: bad: no pass foresees it" in capsys.readouterr().out
    assert main(["lint", str(path), "--target", RTX, "--json"]) == 1
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["disagreements"][0]["node"] == "bad"
    assert result["parser"]["accepted"] is False
    assert main(["lint", str(path), "--target", RTX, "--no-parser"]) == 0


@pytest.mark.parametrize(
    ("target", "opset", "says"),
    [
        ("tensorrt-13.0", 17, "TensorRT 13.0 is newer than what trtconv knows: these are the facts of TensorRT 11.4"),
        ("tensorrt-8.2", 17, "opset 17 is newer than the 13 documented for TensorRT 8.2.5"),
        ("tensorrt-8.2", 13, ""),
    ],
)
def test_notes_say_what_makes_it_less_certain(target: str, opset: int, says: str) -> None:
    model = parse(RELU.replace("17", str(opset)))
    for notes in (trtconv.lint(model, target=target).notes, trtconv.fix(model, target=target).notes):
        assert any(says in n for n in notes) if says else not notes


def test_a_finding_names_the_line_and_the_module() -> None:
    model = parse(DILATED)
    for key, value in (
        (
            "stack_trace",
            'File "net.py", line 12, in forward\n  x\n  File "/a/site-packages/torch/nn/x.py", line 3, in f',
        ),
        ("name_scopes", "['', 'stem', 'stem.pool', 'max_pool2d']"),
    ):
        model.graph.node[0].metadata_props.add(key=f"pkg.torch.onnx.{key}", value=value)
    (finding,) = trtconv.lint(model, target="tensorrt-10.3").findings
    assert (finding.source, finding.module) == ("net.py:12", "stem.pool")
    assert finding.to_json()["module"] == "stem.pool"


@pytest.mark.parametrize("scopes", ["", "[", "['']", "3", "['', 'relu']"])
def test_scopes_that_name_no_module(scopes: str) -> None:
    model = parse(DILATED)
    model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.name_scopes", value=scopes)
    (finding,) = trtconv.lint(model, target="tensorrt-10.3").findings
    assert finding.module == ""


def test_external_weights_are_never_read(tmp_path: Path) -> None:
    """One matrix of a tebibyte, in a sparse file: nothing here could hold it, or read it in time."""
    rows, size = 2**34, 2**40
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[rows, 16], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "w.bin"), ("offset", "0"), ("length", str(size))):
        weight.external_data.add(key=key, value=value)
    model = parse(f"{HEAD} g (float[N,{rows}] x) => (float[N,16] y) {{ y = MatMul(x, w) }}")
    model.graph.initializer.append(weight)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with (tmp_path / "w.bin").open("wb") as file:
        file.truncate(size)
    assert trtconv.lint(tmp_path / "m.onnx", target="tensorrt-10.3").ok


def test_weights_that_are_missing_are_bad_input(tmp_path: Path) -> None:
    model = parse(f"{HEAD} g (float[N,4] x) => (float[N,4] y) {{ y = MatMul(x, w) }}")
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4, 4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="w.bin")
    model.graph.initializer.append(weight)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BadInput, match=r"w\.bin"):
        trtconv.lint(tmp_path / "m.onnx", target=RTX)
