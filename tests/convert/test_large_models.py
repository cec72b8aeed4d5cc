"""Weights that are large, in other files, or behind links: never loaded, never lost, the input never changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from support import run

import trtconv
from trtconv.cli import main
from trtconv.runtimes.mapped import readable_folder
from trtconv.storage import saving
from trtconv.storage.loading import load
from trtconv.storage.wire import refer

WIDTH = 4200
FEED = {"x": np.linspace(-1, 1, 2 * WIDTH, dtype=np.float32).reshape(2, WIDTH)}
ORT = ["--runtimes", "onnxruntime", "--shapes", f"x:1-2x{WIDTH}"]


def network(width: int = WIDTH, layers: int = 1, dtype: int = TensorProto.FLOAT) -> ModelProto:
    """`y = Relu(x @ w0 @ ...)`, with an Identity that `fix` drops and a reference to weights that are not there yet."""
    nodes, x = [helper.make_node("Identity", ["x"], ["h"], "needless")], "h"
    for i in range(layers):
        nodes.append(helper.make_node("MatMul", [x, f"w{i}"], [f"h{i}"], f"matmul{i}"))
        x = f"h{i}"
    nodes.append(helper.make_node("Relu", [x], ["y"], "relu"))
    ends = [helper.make_tensor_value_info(n, dtype, ["N", width]) for n in "xy"]
    weights = [TensorProto(name=f"w{i}", data_type=dtype, dims=[width, width]) for i in range(layers)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def weight(width: int = WIDTH) -> np.ndarray:
    return (np.arange(width * width, dtype=np.float32) % 11 - 5).reshape(width, width) / np.float32(width)


def single(path: Path) -> Path:
    """A file of 71 MB, so large that it is mapped."""
    model = network()
    model.graph.initializer[0].raw_data = weight().tobytes()
    path.write_bytes(model.SerializeToString())
    return path


def external(path: Path, width: int = 64) -> Path:
    """A model and its weights in `NAME_data`."""
    model = network(width)
    refer(model.graph.initializer[0], f"{path.name}_data", 0, 4 * width * width)
    path.write_bytes(model.SerializeToString())
    path.with_name(f"{path.name}_data").write_bytes(weight(width).tobytes())
    return path


def in_a_cache(folder: Path) -> Path:
    """As the Hugging Face hub lays models out: snapshots of links to files named by their content."""
    blobs, snapshot = folder / "blobs", folder / "snapshots" / "0123" / "onnx"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    path = external(blobs / "model.onnx")
    for name, blob in (("model.onnx", "aa"), ("model.onnx_data", "bb")):
        path.with_name(name).rename(blobs / blob)
        (snapshot / name).symlink_to(Path("..", "..", "..", "blobs", blob))
    return snapshot / "model.onnx"


def hard_linked(folder: Path) -> Path:
    path = external(folder / "model.onnx")
    os.link(folder / "model.onnx_data", folder / "second name")
    return path


def linked_inside(folder: Path) -> Path:
    path = external(folder / "model.onnx")
    (folder / "model.onnx_data").rename(folder / "weights")
    (folder / "model.onnx_data").symlink_to("weights")
    return path


def regular(folder: Path) -> Path:
    return external(folder / "model.onnx")


def loaded(path: Path) -> np.ndarray:
    """The weight as onnx reads it, with its checks for links."""
    return numpy_helper.to_array(onnx.load(path).graph.initializer[0])


# --- in one file ---------------------------------------------------------------------------------


def test_a_large_file_is_fixed_without_its_weights(tmp_path: Path) -> None:
    source, output = single(tmp_path / "m.onnx"), tmp_path / "out.onnx"
    result = trtconv.fix(source, target="tensorrt-10.3")
    assert [e.node for e in result.edits] == ["needless"]
    assert all(e.evidence is not None and e.evidence.holds for e in result.edits)
    assert result.thin.ByteSize() < 10_000
    result.save(output)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx", "out.onnx"]
    written = onnx.load(output)
    assert written == result.model
    np.testing.assert_array_equal(loaded(output), weight())
    assert [n.op_type for n in written.graph.node] == ["MatMul", "Relu"]
    np.testing.assert_array_equal(run(written, FEED)[0], run(onnx.load(source), FEED)[0])


def test_weights_of_a_large_file_are_no_external_data_to_an_old_parser(tmp_path: Path) -> None:
    named = [f.pass_name for f in trtconv.lint(single(tmp_path / "m.onnx"), target="tensorrt-7.0").findings]
    assert "weights-out-of-reach" not in named
    named = [f.pass_name for f in trtconv.lint(external(tmp_path / "e.onnx"), target="tensorrt-7.0").findings]
    assert "weights-out-of-reach" in named


@pytest.mark.parametrize(
    ("layout", "is_read"),
    [(regular, True), (hard_linked, True), (in_a_cache, False), (linked_inside, False), (single, False)],
)
def test_onnx_runtime_reads_plain_files(tmp_path: Path, layout: Callable[[Path], Path], is_read: bool) -> None:
    path = layout(tmp_path / "m.onnx" if layout is single else tmp_path)
    model = load(path)
    assert readable_folder(model.proto, model.file) == (str(tmp_path.resolve()) if is_read else "")


def test_weights_at_odd_places_are_handed_over(tmp_path: Path) -> None:
    path = external(tmp_path / "m.onnx")
    model = onnx.load(path, load_external_data=False)
    refer(model.graph.initializer[0], "m.onnx_data", 4, 4 * 64 * 64)
    path.write_bytes(model.SerializeToString())
    path.with_name("m.onnx_data").write_bytes(b"none" + weight(64).tobytes())
    assert readable_folder(model, str(path)) == ""
    assert trtconv.verify(path, reference=path, runtimes=["onnxruntime"]).exit_code == 0


@pytest.mark.parametrize("options", [{}, {"bisect": True, "error_curve": True}, {"consistency": True}], ids=str)
def test_of_large_models_one_is_open_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most = []

    class Counted(onnxruntime.InferenceSession):
        def __init__(self, *args: Any, **given: Any) -> None:
            super().__init__(*args, **given)
            alive.add(self)
            most.append(len(alive))

    path, other = external(tmp_path / "m.onnx"), external(tmp_path / "other.onnx")
    (tmp_path / "other.onnx_data").write_bytes((weight(64) + np.float32(1e-3)).tobytes())
    asked = {"reference": path, "runtimes": ["onnxruntime"], "shapes": "x:1-2-4x64", **options}
    plain = trtconv.verify(other, **asked)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Counted)
    monkeypatch.setattr(trtconv.runtimes.onnxruntime, "LARGE", 1000)
    careful = trtconv.verify(other, **asked)
    assert plain.exit_code == 1
    assert careful.to_json() == plain.to_json(), "the same comes out"
    assert max(most) == 1


def test_a_large_file_is_verified_and_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = single(tmp_path / "m.onnx")
    assert main(["fix", str(source), "-o", str(tmp_path / "out.onnx")]) == 0
    assert main(["verify", str(tmp_path / "out.onnx"), "--reference", str(source), *ORT]) == 0
    assert "2 comparisons in 2 cases, 0 failed" in capsys.readouterr().out
    engine = trtconv.build(source, shapes=f"x:1x{WIDTH}", output=tmp_path / "m.engine")
    assert engine.source.external == ()


def test_a_file_that_was_written_to_since_is_not_read_again(tmp_path: Path) -> None:
    source = single(tmp_path / "m.onnx")
    result = trtconv.fix(source, target="tensorrt-10.3", evidence=False)
    with source.open("ab") as file:
        file.write(b"\0")
    for use in (lambda: result.save(tmp_path / "out.onnx"), lambda: result.model):
        with pytest.raises(trtconv.BadInput, match="is not what it was"):
            use()
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_a_result_that_is_too_large_for_one_file_gets_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "PROTOBUF_LIMIT", 1 << 26)
    source = single(tmp_path / "m.onnx")
    trtconv.fix(source, target="tensorrt-10.3").save(tmp_path / "out.onnx")
    assert (tmp_path / "out.onnx").stat().st_size < 10_000
    np.testing.assert_array_equal(loaded(tmp_path / "out.onnx"), weight())
    (entry,) = [e for e in onnx.load(tmp_path / "out.onnx", load_external_data=False).graph.initializer]
    assert int(next(e.value for e in entry.external_data if e.key == "offset")) % saving.ALIGNMENT == 0


def test_a_large_model_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    model.graph.initializer[0].raw_data = weight().tobytes()
    result = trtconv.fix(model, target="tensorrt-10.3")
    result.save(tmp_path / "one.onnx")
    assert onnx.load(tmp_path / "one.onnx") == result.model
    monkeypatch.setattr(saving, "PROTOBUF_LIMIT", 1 << 26)
    result.save(tmp_path / "two.onnx")
    assert (tmp_path / "two.onnx.data").stat().st_size == weight().nbytes
    np.testing.assert_array_equal(loaded(tmp_path / "two.onnx"), weight())


# --- in other files ------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [regular, in_a_cache, hard_linked, linked_inside])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["beside", "elsewhere"])
def test_weights_in_files_of_any_layout(
    layout: Callable[[Path], Path], elsewhere: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    source = layout(home)
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}
    output = tmp_path / "out.onnx" if elsewhere else source.with_name("out.onnx")
    ort = ["--runtimes", "onnxruntime", "--shapes", "x:1-2x64"]
    assert main(["lint", str(source)]) == 0
    assert main(["fix", str(source), "-o", str(output)]) == 0
    assert main(["verify", str(output), "--reference", str(source), *ort, "--bisect"]) == 0
    assert main(["build", str(output), "--shapes", "x:1x64", "-o", str(tmp_path / "e.engine")]) == 0
    assert main(["build", str(source), "--shapes", "x:1x64", "-o", str(tmp_path / "e.engine")]) == 0
    capsys.readouterr()
    np.testing.assert_array_equal(loaded(output), weight(64))  # onnx itself takes it: no links
    assert {p: p.read_bytes() for p in before} == before
    entry = onnx.load(output, load_external_data=False).graph.initializer[0]
    location = next(e.value for e in entry.external_data if e.key == "location")
    referred = layout is regular and not elsewhere
    assert location == ("model.onnx_data" if referred else "out.onnx.model.onnx_data")
    if not referred:  # writing to the output's weights changes nobody else's
        with output.with_name(location).open("r+b") as file:
            file.write(b"\xff" * 64)
        assert {p: p.read_bytes() for p in before} == before


@pytest.mark.parametrize("layout", [regular, in_a_cache])
def test_the_gate_leaves_weights_where_they_are(
    layout: Callable[[Path], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = layout(tmp_path)
    (tmp_path / "trtconv.toml").write_text(
        f'[[models]]\npath = "{source.relative_to(tmp_path)}"\nshapes = "x:1-2x64"\nruntimes = ["onnxruntime"]\n'
    )
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["gate"]) == 0, capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


def test_two_weight_files_of_one_name_stay_two(tmp_path: Path) -> None:
    home = tmp_path / "home"
    model = network(16, layers=2)
    for i, part in enumerate("ab"):
        (home / part).mkdir(parents=True)
        (home / part / "w.bin").write_bytes((weight(16) + i).tobytes())
        refer(model.graph.initializer[i], f"{part}/w.bin", 0, 1024)
    (home / "m.onnx").write_bytes(model.SerializeToString())
    trtconv.fix(home / "m.onnx", target="tensorrt-10.3").save(tmp_path / "out.onnx")
    for i, tensor in enumerate(onnx.load(tmp_path / "out.onnx").graph.initializer):
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), weight(16) + i)


def test_six_gigabytes_are_never_read(tmp_path: Path) -> None:
    width, layers = 16384, 6
    model = network(width, layers)
    for i, tensor in enumerate(model.graph.initializer):
        refer(tensor, "w.bin", 4 * width * width * i, 4 * width * width)
    source = tmp_path / "m.onnx"
    source.write_bytes(model.SerializeToString())
    with (tmp_path / "w.bin").open("wb") as file:
        file.truncate(4 * width * width * layers)
    assert not trtconv.lint(source, target="tensorrt-10.3", parser=False).crashes
    result = trtconv.fix(source, target="tensorrt-10.3")
    assert [e.node for e in result.edits] == ["needless"]
    result.save(tmp_path / "out.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx", "out.onnx", "w.bin"]
    again = trtconv.fix(tmp_path / "out.onnx", target="tensorrt-10.3")
    assert not again.edits


@pytest.mark.parametrize(
    "kind",
    [
        TensorProto.BFLOAT16,
        TensorProto.FLOAT8E4M3FN,
        TensorProto.INT4,
        TensorProto.UINT4,
        TensorProto.INT8,
        TensorProto.BOOL,
        TensorProto.DOUBLE,
    ],
    ids=lambda kind: TensorProto.DataType.Name(kind),
)
def test_element_types_behind_links(kind: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = in_a_cache(tmp_path)
    data = numpy_helper.from_array(np.arange(15).astype(helper.tensor_dtype_to_np_dtype(kind)), "w").raw_data
    tensor = TensorProto(name="w", data_type=kind, dims=[15])
    refer(tensor, "model.onnx_data", 4, len(data))
    (tmp_path / "blobs" / "bb").write_bytes(b"\xff" * 4 + data)
    is_stored = kind in (TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT8E4M3FN)
    scale = numpy_helper.from_array(np.float32(1), "scale")
    made = helper.make_node("DequantizeLinear", ["w", "scale"], ["f"])
    cast = helper.make_node("Cast", ["w"], ["f"], to=TensorProto.FLOAT)
    graph = helper.make_graph(
        [made if is_stored else cast, helper.make_node("Add", ["x", "f"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 15])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 15])],
        [tensor, scale] if is_stored else [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (tmp_path / "blobs" / "aa").write_bytes(model.SerializeToString())
    from trtconv.runtimes.onnxruntime import infer, open_model
    from trtconv.storage.loading import load

    found = infer(open_model(load(path)), {"x": np.zeros((1, 15), np.float32)})["y"]
    stored = TensorProto(data_type=kind, dims=[15], raw_data=data)
    np.testing.assert_array_equal(found[0], numpy_helper.to_array(stored).astype(np.float32))


# --- what goes wrong -----------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_of_model_and_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, small = tmp_path / "home", tmp_path / "small"
    home.mkdir()
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        for source in (external(home / "external.onnx", 1024), single(home / "single.onnx")):
            assert main(["fix", str(source), "-o", str(small / "out.onnx")]) == 2
            shown = capsys.readouterr().err
            assert "No space left on device" in shown
            assert "free some space" in shown
            assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("fault", ["missing", "truncated"])
def test_weights_that_went_missing_are_named(
    fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = external(tmp_path / "m.onnx")
    data = tmp_path / "m.onnx_data"
    data.unlink() if fault == "missing" else os.truncate(data, 1000)
    before = sorted(tmp_path.iterdir())
    for command in ("lint", "fix", "verify", "build", "gate"):
        assert main([command, str(source)]) == 2
        shown = "".join(capsys.readouterr())
        assert "m.onnx_data" in shown.replace("\n", "")
        assert "Traceback" not in shown
        assert sorted(tmp_path.iterdir()) == before


def test_weights_that_go_missing_before_they_are_copied(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    out.mkdir()
    result = trtconv.fix(external(home / "m.onnx"), target="tensorrt-10.3")
    shutil.rmtree(home)
    with pytest.raises(trtconv.BadInput, match="w0 is missing"):
        result.save(out / "m.onnx")
    assert not list(out.iterdir())
