import importlib.metadata
import json
import os
import subprocess
import sys

import trtconv


def test_says_what_is_installed_and_what_that_allows():
    found = trtconv.doctor()
    packages = {p.name: p for p in found.packages}
    assert packages["onnx"].version == importlib.metadata.version("onnx")
    assert "CPUExecutionProvider" in packages["onnxruntime"].note
    assert packages["tensorrt_rtx"].works
    possible = {a.name: a.possible for a in found.abilities}
    assert possible["lint, fix"]
    assert possible["ask the parser of TensorRT-RTX, build engines for it"]
    if not found.gpus:
        assert not possible["run engines: verify in TensorRT or TensorRT-RTX"]
        assert all(a.why for a in found.abilities if not a.possible)
    assert json.loads(json.dumps(found.to_json()))["abilities"][0] == {"name": "lint, fix", "possible": True, "why": ""}


def test_a_runtime_that_cannot_be_loaded_is_no_crash(tmp_path):
    """Broken packages shadow the real ones, with the metadata of an installation."""
    for module in ("tensorrt_rtx", "onnxruntime"):
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").write_text("raise ImportError('libcudart.so.99: cannot open')")
    program = "import json, trtconv; print(json.dumps(trtconv.doctor().to_json()))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    packages = {p["name"]: p for p in found["packages"]}
    for module in ("tensorrt_rtx", "onnxruntime"):
        assert packages[module]["works"] is False
        assert "libcudart.so.99: cannot open" in packages[module]["note"]
    abilities = {a["name"]: a for a in found["abilities"]}
    assert "libcudart" in abilities["verify in ONNX Runtime"]["why"]
    assert "libcudart" in abilities["ask the parser of TensorRT-RTX, build engines for it"]["why"]
