"""What the commands print and how they end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from support import parse

import trtconv
from trtconv.cli import COMMANDS, main
from trtconv.passes.core import Safety

HARD_SWISH = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) { [act] y = HardSwish(x) }"""
RELU = """<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""
HEAVY = ("numpy", "onnx", "onnxruntime", "torch", "tensorrt", "tensorrt_rtx", "polygraphy", "rich.table")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("swish.onnx", HARD_SWISH), ("relu.onnx", RELU)):
        (tmp_path / name).write_bytes(parse(text).SerializeToString())
    return tmp_path


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"import sys; sys.argv[1:] = {arguments}; from trtconv.cli import entry; entry()"
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert "trtconv.cli" in imported
    assert not imported & set(HEAVY)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert "Usage: trtconv" in capsys.readouterr().out


def test_lint_exit_codes(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "relu.onnx", "--target", "tensorrt-8.2"]) == 0
    assert main(["lint", "swish.onnx", "--target", "tensorrt-8.2"]) == 1
    assert "missing-operator" in capsys.readouterr().out


def test_fix_writes_beside_and_leaves_the_input(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("swish.onnx").read_bytes()
    assert main(["fix", "swish.onnx", "--target", "tensorrt-8.2"]) == 0
    assert Path("swish.onnx").read_bytes() == before
    fixed = onnx.load("swish.fixed.onnx")
    assert [n.op_type for n in fixed.graph.node] == ["HardSigmoid", "Mul"]
    assert "wrote swish.fixed.onnx" in capsys.readouterr().out


def test_dry_run_writes_nothing(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(workspace.rglob("*"))
    assert main(["fix", "swish.onnx", "--target", "tensorrt-8.2", "--dry-run", "--diff"]) == 0
    assert sorted(workspace.rglob("*")) == before
    shown = capsys.readouterr().out
    assert "- y = HardSwish(x)" in shown
    assert "+ act/HS_X = HardSigmoid(x)" in shown


def test_only_and_skip(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for choice in (["--only", "unfolded-constants"], ["--skip", "missing-operator"]):
        assert main(["fix", "swish.onnx", "--target", "tensorrt-8.2", *choice]) == 1
        assert [n.op_type for n in onnx.load("swish.fixed.onnx").graph.node] == ["HardSwish"]
    assert main(["fix", "swish.onnx", "--only", "no-such-pass"]) == 2
    assert "there is no pass called 'no-such-pass'" in capsys.readouterr().err


@pytest.mark.parametrize("choice", [("--only", "no-op-nodes"), ("--skip", "unfolded-constants")])
def test_what_was_left_out_is_called_left_out(
    workspace: Path, capsys: pytest.CaptureFixture[str], choice: tuple[str, str]
) -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[N,4] y) <float[4] a = {1,2,3,4}> { b = Add(a, a) y = Mul(x, b) }"""
    Path("constants.onnx").write_bytes(parse(text).SerializeToString())
    assert main(["fix", "constants.onnx", "--target", "tensorrt-8.2", *choice]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Add of constants is computed anew in every build; not mended: this pass was left out" in shown


def test_unknown_target_names_the_known_ranges(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "relu.onnx", "--target", "openvino-3"]) == 2
    assert "tensorrt-7.0 to 11.4 and tensorrt-rtx-1.4 to 1.7" in capsys.readouterr().err


def test_the_words_in_the_list_of_passes_are_explained_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["passes"]) == 0
    listed = capsys.readouterr().out
    rows, _, legend = listed.partition("\n\n")
    used = {word for word in re.findall(r"^\S+ +(\w+) ", rows, re.MULTILINE) if word in {s.value for s in Safety}}
    assert used == set(re.findall(r"^  (\w+): ", legend, re.MULTILINE))


def test_explain_suggests_near_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "hardswish-type"]) == 2
    assert "did you mean hard-swish-type" in capsys.readouterr().err
    assert main(["explain", "hard-swish-type"]) == 0
    assert "## How to avoid it when exporting" in capsys.readouterr().out


def test_no_model_names_both_ways(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("lint", "fix", "verify", "build"):
        assert main([command]) == 2
        shown = capsys.readouterr().err
        assert f"trtconv {command} model.onnx" in shown or "trtconv COMMAND model.onnx" in shown
        assert "trtconv.toml" in shown


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["lint", "swish.onnx", "--target", "tensorrt-8.2"], 1),
        (["fix", "swish.onnx", "--target", "tensorrt-8.2"], 0),
        (["passes"], 0),
        (["doctor"], 0),
        (["targets"], 0),
        (["explain", "hard-swish-type"], 0),
        (["lint", "none.onnx"], 2),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_json_is_one_document(
    workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    assert main([*arguments, "--json"]) == code
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["schema"] == "trtconv/1"
    assert document["trtconv"] == trtconv.__version__
    assert document["exit_code"] == code
    assert (document["error"] is None) == (code != 2)


def test_output_into_a_pipe_has_no_escape_codes(workspace: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trtconv", "lint", "swish.onnx", "--target", "tensorrt-8.2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr


CONFIG = """
target = "tensorrt-8.2"
[[models]]
path = "swish.onnx"
ignore = [
    { pass = "missing-*", node = "act", reason = "a plugin does it" },
    { pass = "no-such", reason = "left over" },
    { pass = "missing-operators", reason = "misspelt" },
]
[[models]]
path = "relu.onnx"
"""


def test_declared_models_and_suppressions(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("trtconv.toml").write_text(CONFIG)
    assert main(["lint"]) == 0
    shown = capsys.readouterr()
    assert "using what trtconv.toml declares" in shown.err
    assert "ignored, as the configuration says" in shown.out
    assert "unused suppression: no-such at * (left over): there is no such pass" in shown.out
    assert "did you mean missing-operator?" in shown.out
    assert "relu.onnx" in shown.out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("target = 3\n[[models]]\npath='a'", "target = 3"),
        ("[[models]]\nshapes='a:1'", "has no path"),
        ("[[models]]\npath='a'\nshape='b'", "did you mean 'shapes'"),
        ("models = 3", "is not a list of tables"),
        ("[[models]]\npath='a'\nignore=[{pass='p'}]", "lacks its pass or its reason"),
        ("not toml", "is not valid TOML"),
    ],
)
def test_wrong_configuration(workspace: Path, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    Path("trtconv.toml").write_text(text)
    assert main(["lint"]) == 2
    assert message in capsys.readouterr().err


def test_library_takes_a_proto_and_leaves_it(workspace: Path) -> None:
    model = parse(HARD_SWISH)
    before = model.SerializeToString()
    result = trtconv.fix(model, target="tensorrt-8.2")
    assert isinstance(result.model, onnx.ModelProto)
    assert model.SerializeToString() == before
    assert [e.pass_name for e in result.edits] == ["missing-operator"]


def test_bisect_names_node_and_pass_of_the_last_fix(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", "swish.onnx", "--target", "tensorrt-8.2"]) == 0
    broken = onnx.load("swish.fixed.onnx")
    next(a for n in broken.graph.node for a in n.attribute if a.name == "alpha").f = 0.2
    onnx.save(broken, "swish.fixed.onnx")
    capsys.readouterr()
    assert main(["verify", "--bisect", "--runtimes", "onnxruntime", "--shapes", "x:3x4"]) == 1
    shown = capsys.readouterr().out
    assert "FAILED" in shown
    assert "missing-operator" in shown
    assert "act" in shown


def test_timing_is_shown_where_it_is_asked_for(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["fix", "swish.onnx", "--target", "tensorrt-8.2"]
    assert main([*arguments, "--timing"]) == 0
    shown = capsys.readouterr().out
    assert "together" in shown
    assert "import" in shown
    assert main(arguments) == 0
    assert "together" not in capsys.readouterr().out
    assert main([*arguments, "--timing", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert {"import", "read", "missing-operator", "evidence", "what is left", "write"} <= set(result["seconds"])
    assert all(seconds >= 0 for seconds in result["seconds"].values())
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["seconds"] == {}
