"""What the tests share: runs in ONNX Runtime, feeds with ugly values, the real TensorRT-RTX parser as a judge."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import ModelProto, helper

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Feed = dict[str, np.ndarray]

TOLERANCE = {"exact": (0.0, 0.0), "rounding": (1e-6, 1e-6), "approximate": (1e-5, 1e-5)}
"""rtol and atol that a pass's declared safety grants; relative to the largest output for the second."""

SAID_AT_RUN_TIME = ("Unsupported pooling size", "fmod attribute must be true")
"""What ONNX Runtime refuses when a node runs: pools over more than three axes, Mod of floats with fmod=0."""


def parse(text: str) -> ModelProto:
    """Model of ONNX text syntax."""
    return onnx.parser.parse_model(text)


def run(model: ModelProto, feed: Feed) -> list[np.ndarray]:
    """Outputs in ONNX Runtime without optimisations; in the reference evaluator where it has no kernel."""
    from onnx.reference import ReferenceEvaluator

    try:
        session = open_session(model)
    except Exception:  # no kernel for this operator or element type
        return list(ReferenceEvaluator(model).run(None, feed))
    try:
        return list(session.run(None, feed))
    except Exception as error:
        if not any(text in str(error) for text in SAID_AT_RUN_TIME):
            raise
        return list(ReferenceEvaluator(model).run(None, feed))


def open_session(model: ModelProto) -> InferenceSession:
    """The model in ONNX Runtime without optimisations, on one thread."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def random_feed(model: ModelProto, dims: dict[str, int] | None = None, seed: int = 0, ugly: bool = False) -> Feed:
    """Seeded inputs; named dimensions from `dims`. `ugly` mixes in 0, -0, ties, huge values, infinity and NaN."""
    rng, feed = np.random.default_rng(seed), {}
    constants = {t.name for t in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constants:
            continue
        tensor = value.type.tensor_type
        shape = [d.dim_value if d.HasField("dim_value") else (dims or {})[d.dim_param] for d in tensor.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if dtype.kind in "iu":
            data = rng.integers(0, 5, shape).astype(dtype)
        elif dtype.kind == "b":
            data = np.asarray(rng.random(shape) < 0.5)
        else:
            data = (rng.standard_normal(shape) * 4).astype(dtype)
            if ugly:
                values = np.array([0.0, -0.0, 0.5, -0.5, 3.0, -3.0, 1e-40, 3e38, -3e38, np.inf, -np.inf, np.nan])
                mask = rng.random(shape) < 0.3
                with np.errstate(over="ignore"):
                    data = np.where(mask, rng.choice(values, shape).astype(dtype), data).astype(dtype)
        feed[value.name] = np.asarray(data)
    return feed


def assert_same(before: ModelProto, after: ModelProto, feed: Feed, safety: str = "exact") -> None:
    """Both models give the same outputs: names, shapes, dtypes, and values as `safety` promises."""
    assert [o.name for o in before.graph.output] == [o.name for o in after.graph.output]
    rtol, atol = TOLERANCE[safety]
    for output, want, got in zip(before.graph.output, run(before, feed), run(after, feed), strict=True):
        assert got.shape == want.shape, f"{output.name}: shape {got.shape} instead of {want.shape}"
        assert got.dtype == want.dtype, f"{output.name}: {got.dtype} instead of {want.dtype}"
        if want.dtype.kind not in "fV":
            np.testing.assert_array_equal(got, want, err_msg=output.name)
            continue
        finite = np.abs(want[np.isfinite(want)].astype(np.float64))
        scale = max(1.0, float(finite.max(initial=0.0)))
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol * scale, equal_nan=True, err_msg=output.name)


def judge(models: list[tuple[ModelProto, dict[str, list[int]]]]) -> list[str | None]:
    """What the real TensorRT-RTX parser and builder say of each (model, input shapes); None where both accept.

    For an input that shapes are computed from, give its values in the place of its shape.

    All models go through one child process: the parser is native code, and may abort.
    """
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for index, (model, shapes) in enumerate(models):
            path = Path(folder, f"{index}.onnx")
            path.write_bytes(model.SerializeToString())
            jobs.append([str(path), shapes])
        done = subprocess.run(
            [sys.executable, "-c", _JUDGE], input=json.dumps(jobs), capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[str | None] = json.loads(done.stdout.splitlines()[-1])
    return answers


_JUDGE = """
import json, sys
import tensorrt_rtx as trt

class Log(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
        self.errors = []
    def log(self, severity, message):
        if severity <= trt.ILogger.ERROR:
            self.errors.append(message)

def judge(path, shapes):
    log = Log()
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(path):
        return "parse: " + (parser.get_error(0).desc() if parser.num_errors else str(log.errors))
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        if tensor.is_shape_tensor:
            profile.set_shape_input(tensor.name, *[shapes[tensor.name]] * 3)
        elif any(d < 0 for d in tensor.shape):
            profile.set_shape(tensor.name, shapes[tensor.name], shapes[tensor.name], shapes[tensor.name])
    config.add_optimization_profile(profile)
    return None if builder.build_serialized_network(network, config) else "build: " + str(log.errors[-1:])

print(json.dumps([judge(*job) for job in json.load(sys.stdin)]))
"""
