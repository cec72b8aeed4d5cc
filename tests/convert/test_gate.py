"""The CI gate: one table, one exit code, JUnit and annotations."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import parse

from trtconv.cli import main

RELU = """<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""
WEIGHTED = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) <float[4] w = {1,2,3,4}> { y = Mul(x, w) }"""
UNKNOWN = """<ir_version: 8, opset_import: ["": 17, "my.ops": 1]>
    g (float[N,4] x) => (float[N,4] y) { [custom] y = my.ops.Mystery(x) }"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    for name, text in (("relu", RELU), ("weighted", WEIGHTED), ("unknown", UNKNOWN)):
        Path(f"{name}.onnx").write_bytes(parse(text).SerializeToString())
    return tmp_path


def declare(*models: str) -> None:
    entries = [f'[[models]]\npath = "{m}.onnx"\nshapes = "x:1-2-4x4"\n' for m in models]
    Path("trtconv.toml").write_text('runtimes = ["onnxruntime"]\n' + "\n".join(entries))


def test_everything_passes(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare("relu", "weighted")
    before = sorted(workspace.rglob("*"))
    assert main(["gate", "--junit", "gate.xml"]) == 0
    shown, progress = capsys.readouterr()
    assert "lint of relu.onnx\nfix of relu.onnx\n" in progress
    assert "relu.onnx" in shown
    assert "exit code 0" in shown
    assert sorted(workspace.rglob("*")) == sorted([*before, workspace / "gate.xml"])
    suites = ElementTree.parse("gate.xml").getroot()
    assert suites.get("tests") == "8"
    assert suites.get("failures") == suites.get("errors") == suites.get("skipped") == "0"


@pytest.mark.parametrize(("ignored", "expected"), [("computed-pads", 1), ("foreign-*", 0)])
def test_lint_alone_fails_on_what_is_not_ignored(
    workspace: Path, capsys: pytest.CaptureFixture[str], ignored: str, expected: int
) -> None:
    declare("unknown")
    with Path("trtconv.toml").open("a") as file:
        file.write(f'ignore = [{{ pass = "{ignored}", reason = "a plugin has it" }}]\n')
    assert main(["gate", "--steps", "lint", "--junit", "gate.xml"]) == expected
    shown = capsys.readouterr().out
    failures = [f.text or "" for f in ElementTree.parse("gate.xml").iter("failure")]
    assert ("unused suppression: computed-pads" in shown) == (expected == 1)
    assert ("foreign-operator" in shown) == (expected == 1)
    assert ["foreign-operator at custom" in text for text in failures] == [True] * expected


def test_worst_exit_code_and_annotations(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    declare("relu", "unknown")
    assert main(["gate", "--steps", "lint,fix", "--junit", "gate.xml"]) == 1
    shown = capsys.readouterr().out
    assert "::error file=" in shown
    assert "custom" in shown
    assert ElementTree.parse("gate.xml").getroot().get("failures") == "1"


def test_a_reference_that_differs_fails(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = parse(WEIGHTED)
    other.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array([1, 2, 3, 5], np.float32), "w"))
    onnx.save(other, "other.onnx")
    Path("trtconv.toml").write_text(
        'runtimes = ["onnxruntime"]\n'
        '[[models]]\npath = "weighted.onnx"\nreference = "other.onnx"\nshapes = "x:1-2-4x4"\n'
    )
    assert main(["gate", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    steps = {s["name"]: s["status"] for s in document["results"][0]["steps"]}
    assert steps == {"lint": "passed", "fix": "passed", "verify": "failed", "build": "passed"}
    summary = document["results"][0]["steps"][2]["summary"]
    assert "on the model: y (" in summary
    assert "outside the tolerance" in summary


def test_missing_gpu_is_never_a_silent_pass(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import trtconv

    if trtconv.doctor().gpus:
        pytest.skip("says what happens without a GPU")
    assert main(["gate", "relu.onnx", "--steps", "verify"]) == 3
    assert "NOT RUN" in " ".join(capsys.readouterr().out.split())


def test_time_limit(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare("relu")
    text = Path("trtconv.toml").read_text()
    Path("trtconv.toml").write_text("time_limit = 0.01\n" + text)
    assert main(["gate", "--steps", "lint"]) == 4
    assert "did not end within 0.01 s" in capsys.readouterr().out


def test_unreadable_model_does_not_hide_the_others(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("relu.onnx").write_bytes(b"")
    declare("relu", "weighted")
    assert main(["gate", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    codes = [r["exit_code"] for r in document["results"]]
    assert codes == [2, 0]


def test_unknown_step(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "relu.onnx", "--steps", "lint,deploy"]) == 2
    assert "there is no step 'deploy'" in capsys.readouterr().err


def test_a_model_that_mixes_rows_fails_where_consistency_is_declared(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixing = '<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Softmax<axis=0>(x) }'
    Path("mixing.onnx").write_bytes(parse(mixing).SerializeToString())
    declare("mixing")
    text = Path("trtconv.toml").read_text()
    assert main(["gate", "--steps", "verify"]) == 0
    Path("trtconv.toml").write_text("consistency = true\n" + text)
    assert main(["gate", "--steps", "verify", "--json"]) == 1
    capsys.readouterr()
    Path("trtconv.toml").write_text('consistency = true\nmixes_rows = ["y"]\n' + text)
    assert main(["gate", "--steps", "verify"]) == 3
    Path("trtconv.toml").write_text('consistency = "yes"\n' + text)
    capsys.readouterr()
    assert main(["gate"]) == 2
    assert "is not true or false" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("declared", "arguments", "expected"),
    [
        ([], [], ["lint", "fix", "verify", "build"]),
        (["lint"], [], ["lint"]),
        (["lint", "fix"], ["--steps", "lint,fix,verify"], ["lint", "fix", "verify"]),
    ],
)
def test_steps_of_one_model(
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    declared: list[str],
    arguments: list[str],
    expected: list[str],
) -> None:
    declare("relu", "weighted")
    if declared:
        with Path("trtconv.toml").open("a") as file:
            file.write(f"steps = {declared}\n")
    assert main(["gate", "--json", *arguments]) == 0
    first, second = json.loads(capsys.readouterr().out)["results"]
    assert [s["name"] for s in second["steps"]] == expected
    assert len(first["steps"]) == (len(expected) if arguments else 4)


def test_shapes_and_tolerances_without_a_configuration(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["gate", "weighted.onnx", "--runtimes", "onnxruntime"]
    assert main(arguments) == 2
    assert "--shapes x:1-4-8x4" in " ".join(capsys.readouterr().out.split())
    assert main([*arguments, "--shapes", "x:1-4-8x4", "--rtol", "y:1e-3"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shapes", "x"], "cannot read the shapes"),
        (["--rtol", "little"], "--rtol does not take 'little'"),
        (["--steps", ""], "no step is named"),
        (["--target", "tensorrt-6"], "older than the oldest known"),
        (["--shapes", "x:4x4"], "--shapes are those of one model"),
    ],
)
def test_what_cannot_be_read_is_said_before_the_work(
    workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    declare("relu", "weighted")
    assert main(["gate", *arguments]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "lint of" not in shown


def test_an_unknown_step_in_the_configuration(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare("relu")
    with Path("trtconv.toml").open("a") as file:
        file.write('steps = ["lint", "ship"]\n')
    assert main(["gate"]) == 2
    assert "there is no step 'ship'" in capsys.readouterr().err
