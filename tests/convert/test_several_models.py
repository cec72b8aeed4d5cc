"""Commands over several declared models: one that fails does not keep the others from being looked at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import parse

from trtconv.cli import main
from trtconv.errors import worst

RELU = """<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.onnx").write_bytes(parse(RELU).SerializeToString())
    names = ("gone", "good")
    Path("trtconv.toml").write_text("".join(f"[[models]]\npath = '{n}.onnx'\nshapes = 'x:1-2-4x4'\n" for n in names))


@pytest.mark.parametrize("command", [["lint"], ["fix"], ["verify", "--runtimes", "onnxruntime"]])
def test_the_others_go_on(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if command[0] == "verify":
        assert main(["fix", "good.onnx"]) == 0
        capsys.readouterr()
    assert main(command) == 2
    shown = capsys.readouterr()
    assert "good" in shown.out
    assert "gone" in shown.err
    assert main([*command, "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    first, second = document["results"]
    assert (first["exit_code"], first["error"]["exit_code"]) == (2, 2)
    assert (second["exit_code"], document["error"]) == (0, None)


@pytest.mark.parametrize(
    ("codes", "expected"), [([], 0), ([0, 3], 3), ([3, 1], 1), ([1, 2, 3], 2), ([2, 4, 0], 4), ([0, 0], 0)]
)
def test_what_was_not_run_hides_nothing(codes: list[int], expected: int) -> None:
    assert worst(codes) == expected


def test_outputs_without_a_number_do_not_pass(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["verify", "good.onnx", "--reference", "good.onnx", "--runtimes", "onnxruntime", "--inputs", "x.npz"]
    np.savez("x.npz", x=np.full((2, 4), np.inf, np.float32))
    assert main(command) == 1
    assert "every element is NaN or infinite on both sides" in " ".join(capsys.readouterr().out.split())
    np.savez("x.npz", x=np.array([[1, 2, 3, np.inf]], np.float32))
    assert main(command) == 0
    assert "1 of 4 elements are NaN or infinite on both sides" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--range", "0-1e39"], "'x' is float32, which reaches from -3.40282e+38 to 3.40282e+38"),
        (["--seed", "-1"], "-1"),
    ],
)
def test_what_cannot_be_fed_is_refused(options: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "good.onnx", "--reference", "good.onnx", "--runtimes", "onnxruntime", *options]) == 2
    assert text in " ".join(capsys.readouterr().err.split())


def test_a_gate_without_steps_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "good.onnx", "--steps", ""]) == 2
    assert "no step is named" in capsys.readouterr().err


def test_what_is_declared_holds_for_a_model_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("trtconv.toml").read_text()
    Path("trtconv.toml").write_text('target = "tensorrt-8.2"\n' + text)
    assert main(["fix", "good.onnx"]) == 0
    shown = capsys.readouterr()
    assert "for TensorRT 8.2" in shown.out
    assert "using what trtconv.toml declares for good.onnx" in shown.err
    assert main(["lint", "good.onnx", "--target", "tensorrt-10.3"]) == 0
    assert "for TensorRT 10.3" in capsys.readouterr().out
    assert main(["verify", "good.fixed.onnx", "--runtimes", "onnxruntime", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert [case["name"] for case in result["cases"]] == ["min", "opt", "max"]
    assert result["legs"][0]["expected"].endswith("on the original")


def test_the_config_says_nothing_of_other_models(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.onnx").write_bytes(Path("good.onnx").read_bytes())
    assert main(["lint", "other.onnx", "--target", "tensorrt-8.2"]) == 0
    assert "using" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("rtol", '"tight"', "rtol of gone.onnx in trtconv.toml does not take 'tight'"),
        ("atol", "-1", "a tolerance is zero or more"),
        ("metric", '"closest"', "metrics are elementwise"),
        ("ranges", '{ x = "5" }', "ranges of gone.onnx in trtconv.toml"),
        ("runtimes", '["onnxruntme"]', "there is no runtime 'onnxruntme'"),
    ],
)
def test_a_setting_that_cannot_be_read_is_told_before_the_work(
    key: str, value: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("trtconv.toml").write_text(f"[[models]]\npath = 'gone.onnx'\n{key} = {value}\n")
    assert main(["gate"]) == 2
    shown = capsys.readouterr()
    assert text in " ".join(shown.err.split())
    assert "lint of" not in shown.err


@pytest.mark.parametrize("options", [["--junit", "no/gate.xml"], ["--runtimes", "onnxruntme"]])
def test_a_gate_that_could_not_end_does_not_begin(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "good.onnx", *options]) == 2
    assert "lint of" not in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--range", "0-1"], ["--batches", "3"], ["--seed", "7"]])
def test_given_inputs_leave_nothing_to_make_up(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("x.npz", x=np.ones((2, 4), np.float32))
    command = ["verify", "good.onnx", "--reference", "good.onnx", "--runtimes", "onnxruntime", "--inputs", "x.npz"]
    assert main(command) == 0
    assert main([*command, *options]) == 2
    assert "fed as they are" in capsys.readouterr().err


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_narrow_table_cuts_no_number(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    other = parse(RELU.replace("Relu(x)", "Elu(x)"))
    Path("other.onnx").write_bytes(other.SerializeToString())
    command = ["verify", "other.onnx", "--reference", "good.onnx", "--runtimes", "onnxruntime"]
    assert main([*command, "--json"]) == 1
    (leg,) = json.loads(capsys.readouterr().out)["results"][0]["legs"]
    assert main(command) == 1
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert shown.count("FAILED") == 1 + len(leg["outputs"])
    assert all(f"{output['max_abs']:.3g}" in shown and "worst" in shown for output in leg["outputs"])


def test_given_inputs_win_over_declared_ranges() -> None:
    np.savez("x.npz", x=np.full((2, 4), 5, np.float32))
    Path("trtconv.toml").write_text("[[models]]\npath = 'good.onnx'\nreference = 'good.onnx'\nranges = 'x:0-1'\n")
    assert main(["verify", "good.onnx", "--runtimes", "onnxruntime", "--inputs", "x.npz"]) == 0
