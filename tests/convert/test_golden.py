"""Golden files: what a network once gave, to hold later exports to."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from support import parse

import trtconv
from trtconv.cli import main

ORT = ("onnxruntime",)
SWISH = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x, int64[N] n) => (float[N,4] y, int64[N] m) { y = HardSwish(x) m = Neg(n) }"""
GATED = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x, int64[N] n) => (float[N,4] y, int64[N] m)
    { s = HardSigmoid<alpha=%s, beta=0.5>(x) y = Mul(x, s) m = Neg(n) }"""


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    path = tmp_path / "swish.golden"
    parity = trtconv.verify(parse(SWISH), shapes="x:1-2-5x4,n:1-2-5", save_golden=path)
    assert parity.exit_code == 0
    assert parity.legs == ()
    assert parity.saved == path
    assert "3 cases kept in" in parity.verdict
    return path


def test_later_exports_are_held_to_it_without_a_reference(golden: Path) -> None:
    good = trtconv.verify(parse(GATED % 0.16666667), golden=golden, runtimes=ORT)
    assert good.exit_code == 0
    assert [(c.name, c.feed["x"].shape) for c in good.cases] == [("min", (1, 4)), ("opt", (2, 4)), ("max", (5, 4))]
    assert "swish.golden" in good.legs[0].expected
    assert any("onnxruntime" in note and "swish.golden was made from" in note for note in good.notes)
    bad = trtconv.verify(parse(GATED % 0.2), golden=golden, runtimes=ORT)
    assert bad.exit_code == 1
    assert {o.name for o in bad.outputs if not o.passed} == {"y"}


def test_numpy_reads_it_and_the_same_run_writes_the_same(golden: Path, tmp_path: Path) -> None:
    with np.load(golden) as archive:
        contents = json.loads(archive["golden.json"])
        assert archive["002/outputs/y"].shape == (5, 4)
    assert contents["schema"] == "trtconv-golden/1"
    assert set(contents["versions"]) == {"onnxruntime", "onnx", "numpy"}
    trtconv.verify(parse(SWISH), shapes="x:1-2-5x4,n:1-2-5", save_golden=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == golden.read_bytes()


def test_what_the_original_gives_is_kept(tmp_path: Path) -> None:
    options = {"reference": parse(SWISH), "shapes": "x:2x4,n:2", "runtimes": ORT}
    assert trtconv.verify(parse(GATED % 0.2), **options, save_golden=tmp_path / "g").exit_code == 1
    assert trtconv.verify(parse(SWISH), golden=tmp_path / "g", runtimes=ORT).exit_code == 0
    assert trtconv.verify(parse(GATED % 0.2), golden=tmp_path / "g", runtimes=ORT).exit_code == 1


def test_elements_of_sequences_and_types_unknown_to_numpy_are_kept(tmp_path: Path) -> None:
    sequence = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[4] x) => (seq(float[2]) y) <int64[2] s = {2, 2}> { y = SplitToSequence(x, s) }""")
    half = parse('<ir_version: 8, opset_import: ["": 17]> g (bfloat16[N,4] x) => (bfloat16[N,4] y) { y = Neg(x) }')
    for name, model in (("sequence", sequence), ("half", half)):
        trtconv.verify(model, save_golden=tmp_path / name)
        parity = trtconv.verify(model, golden=tmp_path / name, runtimes=ORT)
        assert parity.exit_code == 0
        assert all(o.difference.max_ulp == 0 for o in parity.outputs)


def test_an_output_that_came_or_went_is_said(golden: Path) -> None:
    fewer = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x, int64[N] n) => (float[N,4] y, float[N,4] z) { y = HardSwish(x) z = Neg(x) }""")
    parity = trtconv.verify(fewer, golden=golden, runtimes=ORT)
    assert parity.exit_code == 1
    assert {o.difference.why for o in parity.outputs if o.name == "m"} == {"the output is missing"}
    assert parity.legs[0].extra == ("z",)


INPUTS = {
    "another name": ("float[N,4] z, int64[N] n", "lacks the input 'z'"),
    "one more": ("float[N,4] x, int64[N] n, float[N] k", "lacks the input 'k'"),
    "one less": ("float[N,4] x", "no input: 'n'"),
    "another shape": ("float[N,5] x, int64[N] n", r"'x' has shape \[1, 4\]"),
    "another kind": ("int32[N,4] x, int64[N] n", "'x' holds float32"),
}


@pytest.mark.parametrize("change", INPUTS)
def test_a_network_with_other_inputs_is_an_error_that_names_them(change: str, golden: Path) -> None:
    inputs, words = INPUTS[change]
    name = inputs.split()[1].rstrip(",")
    model = parse(f'<ir_version: 8, opset_import: ["": 17]> g ({inputs}) => (float[N,4] y) {{ y = Identity({name}) }}')
    with pytest.raises(trtconv.BadInput, match=words) as caught:
        trtconv.verify(model, golden=golden, runtimes=ORT)
    assert "swish.golden" in str(caught.value)


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    with zipfile.ZipFile(path) as old:
        parts = {name: change(name, old.read(name)) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            if content is not None:
                new.writestr(name, content)


TAMPERED: dict[str, tuple[Callable[[str, bytes], bytes | None], str]] = {
    "one number": (lambda n, c: c[:-1] + bytes([c[-1] ^ 1]) if n == "001/outputs/y.npy" else c, "001/outputs/y is not"),
    "an input": (lambda n, c: c[:-1] + bytes([c[-1] ^ 1]) if n == "000/inputs/x.npy" else c, "000/inputs/x is not"),
    "contents": (lambda n, c: c.replace(b'"min"', b'"mon"'), "golden.json is not what it was"),
    "a lost array": (lambda n, c: None if n == "001/outputs/y.npy" else c, "damaged"),
    "lost contents": (lambda n, c: None if n == "golden.json" else c, "no golden file of trtconv"),
    "no JSON": (lambda n, c: b"{" if n == "golden.json" else c, "damaged"),
    "a later kind": (lambda n, c: c.replace(b"trtconv-golden/1", b"trtconv-golden/9"), "'trtconv-golden/9'"),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_a_changed_file_is_an_error(change: str, golden: Path) -> None:
    edit, words = TAMPERED[change]
    rewritten(golden, edit)
    with pytest.raises(trtconv.BadInput, match=words):
        trtconv.verify(parse(SWISH), golden=golden, runtimes=ORT)


def test_a_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", x=np.zeros(4))
    np.save(tmp_path / "in.npy", np.zeros(4))
    (tmp_path / "text").write_text("no")
    (tmp_path / "empty").touch()
    for name in ("in.npz", "in.npy", "text", "empty", "absent"):
        with pytest.raises(trtconv.BadInput, match=name):
            trtconv.verify(parse(SWISH), golden=tmp_path / name, runtimes=ORT)


def test_a_cut_off_file_is_an_error(golden: Path) -> None:
    golden.write_bytes(golden.read_bytes()[:-100])
    with pytest.raises(trtconv.BadInput, match="damaged"):
        trtconv.verify(parse(SWISH), golden=golden, runtimes=ORT)


def test_contradictions_are_an_error(golden: Path) -> None:
    with pytest.raises(trtconv.BadInput, match="two different things"):
        trtconv.verify(parse(SWISH), golden=golden, reference=parse(SWISH), runtimes=ORT)
    with pytest.raises(trtconv.BadInput, match="brings its own inputs"):
        trtconv.verify(parse(SWISH), golden=golden, ranges="x:0-1", runtimes=ORT)


def test_a_run_that_fails_leaves_no_file(tmp_path: Path) -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[M,4] y) <int64[2] s = {2, 4}> { y = Reshape(x, s) }""")
    with pytest.raises(trtconv.BadInput):
        trtconv.verify(model, shapes="x:2-3-3x4", save_golden=tmp_path / "g")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(trtconv.BadInput, match="no folder"):
        trtconv.verify(parse(SWISH), save_golden=tmp_path / "absent" / "g")


# --- command line and gate -----------------------------------------------------------------------


def test_a_ci_job_holds_an_export_to_last_months_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    onnx.save(parse(SWISH), "net.onnx")
    assert main(["verify", "net.onnx", "--save-golden", "net.golden"]) == 0
    assert "kept in net.golden" in capsys.readouterr().out
    Path("trtconv.toml").write_text(
        'runtimes = ["onnxruntime"]\ntarget = "tensorrt-7.2"\n[[models]]\npath = "net.onnx"\ngolden = "net.golden"\n'
    )
    assert main(["gate", "--steps", "verify"]) == 0
    assert main(["verify"]) == 0
    onnx.save(parse(GATED % 0.2), "net.onnx")
    assert main(["gate", "--steps", "verify", "--json"]) == 1
    assert main(["verify", "net.onnx", "--golden", "net.golden", "--runtimes", "onnxruntime"]) == 1
    Path("trtconv.toml").write_text('[[models]]\npath = "net.onnx"\ngolden = "net.golden"\nreference = "net.onnx"\n')
    capsys.readouterr()
    assert main(["gate"]) == 2
    assert "declare one of them" in capsys.readouterr().err


def test_what_a_golden_file_makes_pointless_is_refused(
    golden: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(golden.parent)
    onnx.save(parse(SWISH), "net.onnx")
    command = ["verify", "net.onnx", "--golden", golden.name, "--runtimes", "onnxruntime"]
    for more, reason in ((["--shapes", "x:2x4,n:2"], "shapes are for engines"), (["--bisect"], "two models only")):
        assert main([*command, *more]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert reason in said
        assert f"where: {more[0]}" in said
    assert main([*command, "--error-curve", "c.svg"]) == 2
    assert "--reference ORIGINAL" in " ".join(capsys.readouterr().err.split())
    assert main([*command, "--consistency", "--shapes", "x:2x4,n:2"]) == 0, "which feeds batches of that size"


def test_declared_shapes_that_only_the_engine_needs_stand_beside_it(
    golden: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(golden.parent)
    onnx.save(parse(SWISH), "net.onnx")
    Path("trtconv.toml").write_text(
        'runtimes = ["onnxruntime"]\nmixes_rows = ["y"]\nshapes = "x:1-2-5x4,n:1-2-5"\n[[models]]\n'
        f'path = "net.onnx"\ngolden = "{golden.name}"\n'
    )
    assert main(["verify"]) == 0
    assert main(["gate", "--steps", "verify"]) == 0
    assert main(["verify", "--mixes-rows", "y"]) == 2
    assert "add --consistency" in " ".join(capsys.readouterr().err.split())
