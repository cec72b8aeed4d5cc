"""Real engines, built by TensorRT-RTX ahead of time on the CPU."""

import hashlib
import importlib.metadata
import json
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper
from support import parse

import trtconv
from trtconv.errors import BadInput, NativeFailure, Unavailable
from trtconv.runtimes.gpus import find_gpus
from trtconv.runtimes.products import Product

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
DYNAMIC = f"{HEAD} g (float[N,4] x) => (float[N,4] y) {{ [act] y = Relu(x) }}"
STATIC = f"{HEAD} g (float[2,4] x) => (float[2,4] y) {{ y = Relu(x) }}"
RESHAPED = f"{HEAD} g (float[N,4] x, int64[2] s) => (float[a,b] y) {{ y = Reshape(x, s) }}"
DILATED = f"""{HEAD} g (float[1,1,9,9] x) => (float[1,1,5,5] y) {{
  [pool] y = MaxPool<kernel_shape = [3,3], dilations = [2,2]>(x)
}}"""
UNKNOWN = f"{HEAD} g (float[2] x) => (float[2] y) {{ [odd] y = NoSuchOperator(x) }}"
BUILDER_REFUSES = f"""{HEAD} g (float[1,6,4] boxes, float[1,1,6] scores) => (int64[n,3] y)
<int64 k = {{3}}, float t = {{0.5}}> {{ [nms] y = NonMaxSuppression(boxes, scores, k, t, t) }}"""
VERSION = importlib.metadata.version("tensorrt_rtx")


@pytest.fixture
def model(tmp_path):
    """Write a model's text to a file, and give its path."""

    def write(text):
        path = tmp_path / "net.onnx"
        path.write_bytes(parse(text).SerializeToString())
        return path

    return write


def left_in(folder):
    return sorted(p.name for p in folder.iterdir())


# --- engines -------------------------------------------------------------------------------------


def test_an_engine_and_what_its_sidecar_says(model, tmp_path):
    path = model(DYNAMIC)
    engine = trtconv.build(path, shapes="x:1-4-8x4", compute_capabilities=["8.6", "8.9"])
    assert engine.path == tmp_path / "net.engine"
    assert left_in(tmp_path) == ["net.engine", "net.engine.json", "net.onnx"]
    written = json.loads(engine.sidecar.read_text())
    assert written == {"schema": "trtconv-engine/1", "trtconv": trtconv.__version__, **engine.to_json()}
    content = engine.path.read_bytes()
    assert (written["size"], written["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert written["source"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (written["product"], written["version"]) == ("tensorrt-rtx", VERSION)
    assert written["compute_capabilities"] == ["8.6", "8.9"]
    assert written["profiles"][0]["text"] == "x:1-4-8x4"
    assert written["tensors"] == [
        {"name": "x", "dtype": "float32", "shape": [-1, 4], "is_input": True, "is_shape_tensor": False},
        {"name": "y", "dtype": "float32", "shape": [-1, 4], "is_input": False, "is_shape_tensor": False},
    ]
    assert 0 < written["build_seconds"] < 60
    assert (written["flags"]["tf32"], written["flags"]["strongly_typed"]) == (False, True)
    assert engine.exit_code == 0
    assert f"TensorRT-RTX {VERSION}" in engine.verdict


def test_a_model_proto_is_built_too(tmp_path):
    proto = parse(STATIC)
    before = proto.SerializeToString()
    engine = trtconv.build(proto, output=tmp_path / "e.plan", workspace="1G", optimization_level=1, tf32=True)
    assert engine.flags.workspace == 2**30
    assert engine.path.stat().st_size == engine.size
    assert proto.SerializeToString() == before
    with pytest.raises(BadInput, match="no name to make the engine's from"):
        trtconv.build(proto)


def test_several_profiles_and_the_values_of_a_shape_tensor(model):
    engine = trtconv.build(model(RESHAPED), shapes="x:2-4-8x4,s=4-8-16x2;x:16x4,s=32x2")
    assert [p.text for p in engine.profiles] == ["x:2-4-8x4,s:2,s=4-8-16x2", "x:16x4,s:2,s=32x2"]


def test_weights_in_an_external_file(tmp_path):
    text = f"{HEAD} g (float[2,4] x) => (float[2,4] y) <float[4] w = {{1,2,3,4}}> {{ y = Add(x, w) }}"
    proto = parse(text)
    data = np.arange(4, dtype=np.float32).tobytes()
    (tmp_path / "w.bin").write_bytes(data)
    weight = TensorProto(name="w", data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "w.bin"), ("offset", "0"), ("length", "16")):
        weight.external_data.add(key=key, value=value)
    proto.graph.initializer[0].CopyFrom(weight)
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    engine = trtconv.build(tmp_path / "net.onnx")
    assert engine.source.external == (("w.bin", hashlib.sha256(data).hexdigest()),)
    with pytest.raises(BadInput, match="external files"):
        trtconv.build(proto, output=tmp_path / "other.engine")


def test_progress_is_told(model):
    told = []
    trtconv.build(model(STATIC), on_progress=told.append)
    assert told[0].startswith("node ")
    assert any("building engine" in text for text in told)


def test_a_timing_cache_is_noted_to_have_no_effect(model, tmp_path):
    engine = trtconv.build(model(STATIC), timing_cache=tmp_path / "cache")
    assert "no timing cache" in engine.notes[0]
    assert engine.flags.timing_cache is None


# --- what is refused -----------------------------------------------------------------------------


def test_the_parsers_errors_come_with_the_pass_that_mends_them(model, tmp_path):
    path = model(DILATED)
    with pytest.raises(trtconv.BuildRefused, match=r"refuses net.onnx: its parser rejects 1 node") as caught:
        trtconv.build(path)
    error = caught.value
    assert error.exit_code == 1
    assert error.where == "pool (MaxPool): This version of TensorRT does not support dilations other than 1."
    assert "`trtconv fix net.onnx` mends it (dilated-max-pool at pool)" in error.do
    assert [e.node for e in error.errors] == ["pool"]
    assert error.to_json()["findings"][0]["pass"] == "dilated-max-pool"
    assert left_in(tmp_path) == ["net.onnx"]


def test_what_fix_makes_of_it_is_built(model, tmp_path):
    fixed = trtconv.fix(model(DILATED), target="tensorrt-rtx")
    assert trtconv.build(fixed.model, output=tmp_path / "fixed.engine").size > 0


def test_a_node_that_no_pass_knows(model):
    with pytest.raises(trtconv.BuildRefused, match=r"odd \(NoSuchOperator\): Plugin not found"):
        trtconv.build(model(UNKNOWN))


def test_what_only_the_builder_refuses(model, tmp_path):
    with pytest.raises(trtconv.BuildRefused, match="its parser takes it, its builder does not") as caught:
        trtconv.build(model(BUILDER_REFUSES))
    assert caught.value.where == "nms_0 has no runners that implement it"
    assert pickle.loads(pickle.dumps(caught.value)).errors == caught.value.errors
    assert left_in(tmp_path) == ["net.onnx"]


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (DYNAMIC, {}, "'x' has dynamic dimensions"),
        (DYNAMIC, {"shapes": "y:1x4"}, "no input 'y'"),
        (RESHAPED, {"shapes": "x:1x4"}, "'s' is a shape tensor"),
        (STATIC, {"compute_capabilities": ["9.0"]}, "does not build for compute capability '9.0'"),
        (STATIC, {"compute_capabilities": ["new"]}, "does not build for compute capability 'new'"),
        (STATIC, {"version_compatible": True}, "no version compatible engines"),
        (STATIC, {"hardware_compatible": "ampere+"}, "no hardware compatibility levels"),
        (STATIC, {"hardware_compatible": "volta"}, "no hardware compatibility level 'volta'"),
        (STATIC, {"workspace": "many"}, "'many' is no size"),
        (STATIC, {"target": "openvino-1"}, "unknown target"),
        (STATIC, {"output": "."}, "is a folder"),
        (STATIC, {"output": "net.onnx"}, "is the model, which is never changed"),
        (STATIC, {"output": "none/net.engine"}, "there is no folder none"),
        (STATIC, {"output": "/proc/net.engine"}, "cannot write /proc/net.engine"),
    ],
)
def test_bad_usage(model, tmp_path, monkeypatch, text, options, says):
    path = model(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=says) as caught:
        trtconv.build(path, **options)
    assert caught.value.do
    assert left_in(tmp_path) == ["net.onnx"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"target": "tensorrt-rtx-1.4"}, f"TensorRT-RTX 1.4 is not installed, but {VERSION} is"),
        ({"target": "tensorrt-8.2"}, "TensorRT is not installed|needs an NVIDIA GPU|8.2 is not installed"),
    ],
)
def test_a_version_that_is_not_there(model, options, says):
    with pytest.raises(Unavailable, match=says) as caught:
        trtconv.build(model(STATIC), **options)
    assert caught.value.exit_code == 3


def test_what_to_install_for_a_product_that_is_missing():
    missing = Product(
        "tensorrt-rtx", "TensorRT-RTX", "no_such_module", ("no-such-distribution",), "rtx", needs_gpu=False
    )
    with pytest.raises(Unavailable, match="TensorRT-RTX is not installed") as caught:
        missing.require()
    assert caught.value.do == "pip install 'trtconv[rtx]'"


@pytest.mark.skipif(bool(find_gpus()), reason="needs a machine without a GPU: says what happens there")
def test_a_product_that_needs_a_gpu_says_so():
    installed = Product("tensorrt", "TensorRT", "numpy", ("numpy",), "tensorrt")
    with pytest.raises(Unavailable, match="TensorRT needs an NVIDIA GPU") as caught:
        installed.require()
    assert "--target tensorrt-rtx" in caught.value.do


@pytest.mark.skipif(bool(find_gpus()), reason="needs a machine without a GPU: says what happens there")
@pytest.mark.parametrize("option", ["refit", "strip_plan"])
def test_what_tensorrt_rtx_cannot_do_without_a_gpu(model, option):
    with pytest.raises(Unavailable, match="needs a GPU to build engines that can be refitted"):
        trtconv.build(model(STATIC), **{option: True})


def test_a_full_version_and_a_product_alone_name_the_installed(model):
    for target in (f"tensorrt-rtx-{VERSION}", "tensorrt-rtx", "rtx"):
        assert trtconv.build(model(STATIC), target=target).version == VERSION


# --- limits, interruptions, disks ----------------------------------------------------------------


def test_limits_end_the_build_and_leave_nothing(model, tmp_path):
    path = model(STATIC)
    with pytest.raises(NativeFailure, match=r"building net\.onnx with TensorRT-RTX did not end within"):
        trtconv.build(path, time_limit=0.1)
    with pytest.raises(NativeFailure, match="over the limit"):
        trtconv.build(path, memory_limit="40M")
    assert left_in(tmp_path) == ["net.onnx"]


def test_ctrl_c_leaves_nothing(tmp_path):
    """A deep chain of convolutions takes the builder long enough to be interrupted while it works."""
    layers = "\n".join(f"x{i + 1} = Conv<pads = [1,1,1,1]>(x{i}, w{i})" for i in range(60))
    proto = parse(f"{HEAD} g (float[1,64,64,64] x0) => (float[1,64,64,64] x60) {{ {layers} }}")
    weights = np.random.default_rng(0).standard_normal((64, 64, 3, 3)).astype(np.float32)
    proto.graph.initializer.extend(numpy_helper.from_array(weights, f"w{i}") for i in range(60))
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    program = """
import signal
import trtconv
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without it
try:
    trtconv.build("net.onnx", on_progress=lambda text: print(text, flush=True))
except KeyboardInterrupt:
    print("interrupted")
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert any("building engine" in line for line in iter(process.stdout.readline, ""))
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)[0]
    assert rest.endswith("interrupted\n")
    assert left_in(tmp_path) == ["net.onnx"]


def test_a_full_disk(model, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        with pytest.raises(BadInput, match="No space left on device") as caught:
            trtconv.build(model(STATIC), output=small / "net.engine")
        assert "free some space" in caught.value.do
        assert left_in(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_an_engine_that_exists_stays_until_the_new_one_is_whole(model, tmp_path):
    (tmp_path / "net.engine").write_bytes(b"old")
    with pytest.raises(trtconv.BuildRefused):
        trtconv.build(model(DILATED))
    assert (tmp_path / "net.engine").read_bytes() == b"old"
    trtconv.build(model(STATIC))
    assert len((tmp_path / "net.engine").read_bytes()) > 1000
