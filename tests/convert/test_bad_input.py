"""Wrong inputs as a new user would give them: a clear message, the right exit code, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from support import parse

from trtconv.cli import COMMANDS, main

GOOD = """<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""


def save(path: Path, model: onnx.ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def with_external(folder: Path, location: str, length: int = 16) -> Path:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[N,4] y) <float[4] w = {1,2,3,4}> { y = Add(x, w) }""")
    weight = model.graph.initializer[0]
    weight.CopyFrom(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL))
    for key, value in {"location": location, "offset": "0", "length": str(length)}.items():
        weight.external_data.add(key=key, value=value)
    return save(folder / "external.onnx", model)


def content(name: str, data: bytes) -> Callable[[Path], Path]:
    """A maker of one file."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def zipped(name: str, *inside: str) -> Callable[[Path], Path]:
    """A maker of a zip archive with files of these names."""

    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / name, "w") as archive:
            for one in inside:
                archive.writestr(one, b"data")
        return folder / name

    return make


def saved_model(folder: Path) -> Path:
    (folder / "net.onnx").mkdir()
    content("saved_model.pb", b"\x08\x01")(folder / "net.onnx")
    return folder / "net.onnx"


def folder_with_a_model(folder: Path) -> Path:
    (folder / "export").mkdir()
    return save(folder / "export" / "inner.onnx", parse(GOOD)).parent


def truncated(folder: Path) -> Path:
    model = parse(GOOD)
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1000, np.float32), "w"))
    return content("truncated.onnx", model.SerializeToString()[:-900])(folder)


def weights_outside(folder: Path) -> Path:
    (folder.parent / "outside.bin").write_bytes(b"\0" * 16)
    return with_external(folder, "../outside.bin")


def weights_in_git_lfs(folder: Path) -> Path:
    content("weights.bin", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1600\n")(folder)
    return with_external(folder, "weights.bin", 1600)


def weights_short(folder: Path) -> Path:
    (folder / "weights.bin").write_bytes(b"\0" * 8)
    return with_external(folder, "weights.bin")


def weights_linked_outside(folder: Path) -> Path:
    (folder.parent / "outside.bin").write_bytes(b"\0" * 16)
    (folder / "weights.bin").symlink_to(folder.parent / "outside.bin")
    return with_external(folder, "weights.bin")


READING = (("lint",), ("fix",), ("verify",), ("build",), ("gate", "--steps", "lint"), ("shapes", "x:1x4", "--model"))
CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "missing.onnx", "there is no file"),
    "folder": (lambda folder: folder, "is a folder"),
    "empty": (content("empty.onnx", b""), "is empty"),
    "truncated": (truncated, "truncated or damaged"),
    "checkpoint": (zipped("net.pth", "archive/data.pkl"), "is a PyTorch checkpoint"),
    "renamed checkpoint": (zipped("net.onnx", "archive/data.pkl"), "is a PyTorch checkpoint"),
    "old checkpoint": (content("net.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."), "is a PyTorch checkpoint"),
    "zip": (zipped("net.zip", "export/net.onnx"), "unpack it, and give export/net.onnx"),
    "arrays": (zipped("net.npz", "x.npy"), "is NumPy arrays"),
    "keras": (zipped("net.keras", "config.json", "metadata.json"), "is a Keras model"),
    "git lfs": (
        content("net.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
        "is a Git LFS pointer",
    ),
    "weights in git lfs": (weights_in_git_lfs, "is a Git LFS pointer, and the weights were never fetched"),
    "web page": (content("net.onnx", b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>"), "is a web page"),
    "text": (content("model.json", b'{"graph": 1}'), "is text"),
    "log": (content("net.onnx", "Größe: 12\nfertig\n".encode()), "is text"),
    "tflite": (content("net.tflite", b"\x1c\0\0\0TFL3" + bytes(range(256))), "is a TensorFlow Lite model"),
    "hdf5": (content("net.h5", b"\x89HDF\r\n\x1a\n" + bytes(range(256))), "is an HDF5 file"),
    "safetensors": (content("net.safetensors", b"\x40\0\0\0\0\0\0\0" + b'{"w":{}}'), "is a safetensors file"),
    "engine": (content("net.engine", b"ftrt\0\0\0\0" + bytes(range(256))), "is a TensorRT engine"),
    "frozen graph": (content("frozen.pb", b"\x0a\xff\x01\x00"), "is a TensorFlow graph"),
    "zeros": (content("net.onnx", bytes(5000)), "is nothing but zeros"),
    "saved model": (saved_model, "is a folder: a TensorFlow SavedModel"),
    "folder with a model": (folder_with_a_model, "name a file in it: inner.onnx"),
    "noise": (content("noise.onnx", bytes(range(256))), "truncated or damaged"),
    "weights missing": (lambda folder: with_external(folder, "weights.bin"), "is missing"),
    "weights outside": (weights_outside, "points outside the model's folder"),
    "weights absolute": (lambda folder: with_external(folder, "/etc/passwd"), "points outside the model's folder"),
    "weights short": (weights_short, "has only 8"),
    "weights linked outside": (weights_linked_outside, "leads outside the model's folder"),
}


def test_every_verb_that_reads_a_model_has_its_turn() -> None:
    others = {"passes", "explain", "targets", "doctor", "models"}
    assert {arguments[0] for arguments in READING} == set(COMMANDS) - others


@pytest.mark.parametrize("command", READING, ids=lambda arguments: arguments[0])
@pytest.mark.parametrize("kind", CASES)
def test_unreadable_model(
    command: tuple[str, ...],
    kind: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    make, message = CASES[kind]
    path = make(folder)
    before = sorted(folder.rglob("*"))
    assert main([*command, str(path)]) == 2
    shown = capsys.readouterr()
    told = " ".join((shown.out if command[0] == "gate" else shown.err).split())
    assert message in told
    assert "do: " in told
    assert "Traceback" not in shown.err
    assert sorted(folder.rglob("*")) == before


def test_read_only_output_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, locked = save(tmp_path / "m.onnx", parse(GOOD)), tmp_path / "locked"
    locked.mkdir(mode=0o555)
    is_root = os.access(locked, os.W_OK)
    if is_root:  # root may write anywhere, but not into a file system that is mounted read-only
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(locked)]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("mounting a read-only tmpfs needs the right to mount")
    try:
        assert main(["fix", str(source), "-o", str(locked / "out.onnx")]) == 2
        shown = capsys.readouterr().err
        assert "cannot write" in shown
        assert "Read-only file system" in shown or "Permission denied" in shown
        assert not list(locked.iterdir())
    finally:
        if is_root:
            subprocess.run(["umount", str(locked)], check=True)


def test_missing_output_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(tmp_path / "m.onnx", parse(GOOD))
    assert main(["fix", str(source), "-o", str(tmp_path / "none" / "out.onnx")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_output_must_not_be_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(tmp_path / "m.onnx", parse(GOOD))
    content = source.read_bytes()
    assert main(["fix", str(source), "-o", str(source)]) == 2
    assert "is the input, which is never changed" in capsys.readouterr().err
    assert source.read_bytes() == content


def test_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        model = parse(GOOD)
        model.graph.initializer.append(numpy_helper.from_array(np.ones(100_000, np.float32), "w"))
        model.graph.node[0].op_type = "Add"
        model.graph.node[0].input.append("w1")
        model.graph.initializer.append(numpy_helper.from_array(np.arange(400_000, dtype=np.float32), "w1"))
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 400_000
        source = save(tmp_path / "m.onnx", model)
        assert main(["fix", str(source), "-o", str(small / "out.onnx")]) == 2
        shown = capsys.readouterr().err
        assert "No space left on device" in shown
        assert "free some space" in shown
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("data", [b"", b"123"])
@pytest.mark.parametrize("command", ["lint", "fix"])
def test_weights_without_their_data(
    command: str, data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[N,2] y) <float[4,2] w = {1, 2, 3, 4, 5, 6, 7, 8}> { y = MatMul(x, w) }""")
    model.graph.initializer[0].ClearField("float_data")
    model.graph.initializer[0].raw_data = data
    source = save(tmp_path / "m.onnx", model)
    assert main([command, str(source), "--target", "tensorrt-8.6"]) == 2
    assert "the data of weight 'w' is missing or damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ("y = Add(x, nowhere)", "reads 'nowhere', which nothing writes"),
        ("a = Add(x, b) b = Relu(a) y = Relu(b)", "the graph has a cycle"),
    ],
)
def test_graph_that_no_runtime_can_run(
    nodes: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) {{ {nodes} }}"""
    source = save(tmp_path / "m.onnx", parse(text))
    for command in ("lint", "fix"):
        assert main([command, str(source), "--target", "tensorrt-8.2"]) == 2
        assert message in capsys.readouterr().err


def test_nodes_out_of_order_are_sorted(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[N,4] y) { y = Relu(b) b = Neg(a) a = Abs(x) }"""
    source = save(tmp_path / "m.onnx", parse(text))
    assert main(["fix", str(source), "--target", "tensorrt-10.3"]) == 0
    fixed = onnx.load(tmp_path / "m.fixed.onnx")
    assert [n.op_type for n in fixed.graph.node] == ["Abs", "Neg", "Relu"]
    onnx.checker.check_model(fixed)


def test_output_must_be_a_regular_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(tmp_path / "m.onnx", parse(GOOD))
    os.mkfifo(tmp_path / "pipe")
    assert main(["fix", str(source), "-o", str(tmp_path / "pipe")]) == 2
    assert "is no regular file" in capsys.readouterr().err
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_is_written_through(tmp_path: Path) -> None:
    source = save(tmp_path / "m.onnx", parse(GOOD))
    (tmp_path / "link.onnx").symlink_to(tmp_path / "real.onnx")
    assert main(["fix", str(source), "-o", str(tmp_path / "link.onnx")]) == 0
    assert (tmp_path / "link.onnx").is_symlink()
    assert (tmp_path / "real.onnx").is_file()


def test_custom_operator_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = parse(GOOD)
    model.graph.node[0].op_type, model.graph.node[0].domain, model.graph.node[0].name = "MyOp", "my.ops", "custom"
    model.opset_import.add(domain="my.ops", version=1)
    source = save(tmp_path / "m.onnx", model)
    assert main(["lint", str(source)]) == 1
    shown = capsys.readouterr().out
    assert "MyOp" in shown
    assert "custom" in shown
    assert main(["verify", str(source), "--reference", str(source), "--runtimes", "onnxruntime"]) == 2
    shown = capsys.readouterr().err
    assert "MyOp" in shown
    assert "Traceback" not in shown
