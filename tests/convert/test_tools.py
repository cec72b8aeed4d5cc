"""Other optimizers on top: what they may do stands, what they may not is undone and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import optimizers
import pytest
from onnx import ModelProto
from support import assert_same, parse, random_feed

import trtconv
from trtconv.cli import main
from trtconv.tools import TOOLS, Tool

TEXT = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y, float[N,4] z) <float[4] w = {1, 2, 3, 4}> {
        [a] h = Mul(x, w) [b] p = Relu(h) [c] z = Elu(p) [d] y = Add(p, z) }"""


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, str], None]], str]:
    def add(run: Callable[[str, str], None]) -> str:
        monkeypatch.setitem(TOOLS, run.__name__, Tool(run.__name__, "onnx", run))
        return run.__name__

    return add


def test_a_sound_tool_is_one_more_edit(register: Callable[..., str]) -> None:
    name = register(optimizers.sound)
    result = trtconv.fix(parse(TEXT), target="tensorrt-10.3", tools=[name])
    (edit,) = [e for e in result.edits if e.pass_name == name]
    assert (edit.node, edit.why) == ("the graph", "4 nodes become 4")
    assert [n.label for n in edit.before] == [n.label for n in edit.after] == ["c"]
    assert edit.evidence is not None
    assert (edit.evidence.verdict, edit.evidence.cases) == ("bit-equal", 3)
    assert not result.undone
    assert [n.op_type for n in result.model.graph.node] == ["Mul", "Relu", "Relu", "Add"]
    assert_same(parse(TEXT), result.model, random_feed(parse(TEXT), {"N": 3}))
    assert name in result.seconds


BAD: dict[Callable[[str, str], None], str] = {
    optimizers.other_outputs: "outside the tolerance",
    optimizers.freezes_the_batch: "it fixes the dimension N at 1: axis 0 of the input x",
    optimizers.freezes_the_batch_inside: "does not run",
    optimizers.renames_an_input: "the inputs x are renamed afterwards",
    optimizers.drops_an_output: "the outputs y, z are y afterwards",
    optimizers.changes_the_type: "it changes the element type of the output y",
    optimizers.unknown_operator: "my.ops",
    optimizers.raises: "ValueError: cannot do this one",
    optimizers.crashes: "crashed (SIGABRT)",
    optimizers.writes_nothing: "there is no file",
    optimizers.writes_noise: "truncated or damaged",
}


@pytest.mark.parametrize("run", BAD, ids=lambda run: run.__name__)
def test_a_bad_tool_is_undone_by_name(run: Callable[[str, str], None], register: Callable[..., str]) -> None:
    name = register(run)
    plain = trtconv.fix(parse(TEXT), target="tensorrt-8.2")
    result = trtconv.fix(parse(TEXT), target="tensorrt-8.2", tools=[name])
    (undone,) = result.undone
    assert undone.pass_name == name
    assert undone.evidence is not None
    assert BAD[run] in undone.evidence.why
    assert result.model == plain.model
    assert [(e.pass_name, e.node) for e in result.edits] == [(e.pass_name, e.node) for e in plain.edits]


@pytest.mark.parametrize("evidence", [False, None])
def test_the_interface_is_looked_at_without_evidence_too(evidence: bool | None, register: Callable[..., str]) -> None:
    frozen, other = register(optimizers.freezes_the_batch), register(optimizers.other_outputs)
    result = trtconv.fix(parse(TEXT), target="tensorrt-10.3", tools=[frozen, other], evidence=evidence)
    assert [e.pass_name for e in result.undone] == [frozen] if evidence is False else [frozen, other]
    assert [e.evidence for e in result.edits] == ([None] if evidence is False else [])


def test_what_cannot_be_compared_is_undone(register: Callable[..., str]) -> None:
    text = TEXT.replace('"": 17', '"": 17, "my": 1').replace("[d] y = Add(p, z)", "[d] y = my.Frob(p, z)")
    result = trtconv.fix(parse(text), target="tensorrt-10.3", tools=[register(optimizers.sound)])
    assert [e.evidence.verdict for e in result.undone if e.evidence] == ["not checkable"]
    assert "Frob" in str(result.undone[0].evidence)


def test_a_tool_that_is_not_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TOOLS, "onnxsim", Tool("onnxsim", "no_such_package", optimizers.sound))
    onnx.save(parse(TEXT), tmp_path / "m.onnx")
    assert main(["fix", str(tmp_path / "m.onnx"), "--with", "onnxsim"]) == 3
    shown = capsys.readouterr().err
    assert "onnxsim is not installed" in shown
    assert "pip install 'trtconv[onnxsim]'" in shown
    assert main(["fix", str(tmp_path / "m.onnx"), "--with", "onnxoptimizer"]) == 2
    assert "known are onnxsim, onnxslim" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_on_the_command_line_and_as_declared(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    register: Callable[..., str],
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(parse(TEXT), "m.onnx")
    good, bad = register(optimizers.sound), register(optimizers.other_outputs)
    assert main(["fix", "m.onnx", "--with", good, "--with", bad, "--target", "tensorrt-10.3"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "fixed 1 x sound 4 nodes become 4" in shown
    assert "undone 1 x other_outputs at the graph: differs" in shown
    Path("trtconv.toml").write_text(f'tools = ["{good}"]\n[[models]]\npath = "m.onnx"\nruntimes = ["onnxruntime"]\n')
    assert main(["fix", "--json", "--target", "tensorrt-10.3"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert [e["pass"] for e in result["edits"]] == [good]
    assert result["edits"][0]["evidence"]["verdict"] == "bit-equal"


@pytest.mark.parametrize("name", ["onnxsim", "onnxslim"])
def test_the_real_ones(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed: pip install 'trtconv[{name}]'")
    model = convolution()
    onnx.save(model, tmp_path / "m.onnx")
    skip = ["batch-norm-after-conv"]
    result = trtconv.fix(tmp_path / "m.onnx", target="tensorrt-10.3", tools=[name], skip=skip)
    assert not result.undone
    assert [e.pass_name for e in result.edits] == [name]
    assert all(e.evidence is not None and e.evidence.holds for e in result.edits)
    assert [n.op_type for n in result.model.graph.node] == ["Conv", "Relu"]
    assert_same(model, result.model, random_feed(model, {"N": 3}), "rounding")
    result.save(tmp_path / "out.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "out.onnx"), full_check=True)


def convolution() -> ModelProto:
    """A Conv whose BatchNormalization these tools fold."""
    rng = np.random.default_rng(0)
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,3,8,8] x) => (float[N,4,8,8] y) {
            h = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(x, w) n = BatchNormalization(h, s, b, m, v) y = Relu(n) }""")
    shapes = {"w": (4, 3, 3, 3), "s": (4,), "b": (4,), "m": (4,), "v": (4,)}
    for name, shape in shapes.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(rng.random(shape).astype(np.float32) + 0.1, name))
    return model
