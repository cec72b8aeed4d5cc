"""ONNX Runtime on the CPU, and the ONNX reference evaluator where it has no kernel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trtconv.errors import BadInput
from trtconv.passes.core.types import data_size
from trtconv.runtimes.running import Running

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.passes.core import Model
    from trtconv.runtimes.running import Array, Feed

OPTIMIZATION = "basic"
"""Constant folding and rewrites that keep the arithmetic, for every session. With none at all, opening a session is
quadratic in the depth of the graph (49 s at 10,000 nodes against 5 s); the levels above fuse operators into
others that compute differently."""

WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"

LARGE = 1 << 30
"""Bytes of weights from which on a model is large: a session has them in memory, and again what it folds and packs."""

NUMPY_TYPES = {"float": "float32", "double": "float64", "string": "object"}


def open_model(model: Model, *, what: str = "the model") -> Running:
    """A session for `model`, its external data read from its folder.

    Raises BadInput that names the node for what neither ONNX Runtime nor the reference evaluator can load.
    """
    from polygraphy.backend.onnxrt import OnnxrtRunner

    try:
        session = open_session(model.proto, model.file)
    except failures() as error:
        if not _lacks_kernel(error):
            raise _bad_model(error, what) from error
        session = _evaluator(model, what)
        note = f"{reason(error)}, so the ONNX reference evaluator stands in"
        return Running(_evaluator_title(), OnnxrtRunner(session), _input_types(session), note, only_tensors=False)
    only_tensors = all(value.type.startswith("tensor(") for value in session.get_outputs())
    kept = _Alone(model, session) if is_large(model.proto) else session
    return Running(_title(), OnnxrtRunner(kept), _input_types(session), only_tensors=only_tensors)


def infer(running: Running, feed: Feed, *, what: str = "the model") -> Feed:
    """Outputs for `feed`; raises BadInput with the node and the reason when the model cannot run on it."""
    from polygraphy.exception import PolygraphyException

    missing = [name for name in running.input_types if name not in feed]
    if missing:
        raise BadInput(f"{what} has an input {missing[0]!r} that was not fed", do="feed every input")
    try:
        return running.infer(feed)
    except (*failures(), EvaluationFailed, PolygraphyException) as error:
        shapes = ", ".join(f"{name}:{'x'.join(map(str, feed[name].shape))}" for name in running.input_types)
        raise BadInput(
            f"{what} does not run in {running.title}: {reason(error)}",
            where=f"inputs {shapes}",
            do="give shapes and inputs that the original network takes: --shapes, --inputs",
        ) from error


# --- sessions ------------------------------------------------------------------------------------


class _Alone:
    """The session of a large model. It is let go when another large model is opened, and opened anew when asked for."""

    last: _Alone | None = None

    def __init__(self, model: Model, session: Any) -> None:
        self._model, self._session = model, session
        _Alone.last = self

    def __call__(self) -> Any:
        if self._session is None:
            self._session = open_session(self._model.proto, self._model.file)
            _Alone.last = self
        return self._session

    @classmethod
    def let_go(cls) -> None:
        if cls.last is not None:
            cls.last._session, cls.last = None, None


def is_large(proto: ModelProto) -> bool:
    """Whether a model has so much weight that no two of its kind should be open at once."""
    return sum(map(data_size, proto.graph.initializer)) > LARGE


def open_session(
    proto: ModelProto, file: str = "", *, optimized: bool = True, fused: bool = False, threads: int = 0
) -> Any:
    """A session on the CPU for a model that came from `file`; no `threads` are all that there are.

    `fused` asks for all optimisations, those too that compute differently.

    Weights that were left in files are mapped, and stay out of the process's own memory. Of large models one is kept
    open at a time. Raises one of `failures()`.
    """
    import onnxruntime as ort

    from trtconv.runtimes.mapped import readable_folder, without_files

    if is_large(proto):
        _Alone.let_go()
    options = ort.SessionOptions()
    levels = ort.GraphOptimizationLevel
    usual = levels.ORT_ENABLE_BASIC if optimized else levels.ORT_DISABLE_ALL
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if fused else usual
    options.log_severity_level, options.intra_op_num_threads = 4, threads
    content = proto.SerializeToString()
    values: dict[str, Any] = {}
    if b"location" in content:
        if folder := readable_folder(proto, file):
            options.add_session_config_entry(WEIGHTS_FOLDER, folder)
        else:
            proto, values = without_files(proto, file)
            content = proto.SerializeToString()
            options.add_external_initializers(list(values), list(values.values()))
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    session.weights = values  # which it reads as long as it lives
    unfit = [v.type for v in (*session.get_inputs(), *session.get_outputs()) if _has_no_numpy_type(v.type)]
    if unfit:
        raise RuntimeError(f"NOT_IMPLEMENTED : {unfit[0]} cannot be passed to or from ONNX Runtime")
    return session


def _has_no_numpy_type(onnx_type: str) -> bool:
    return any(name in onnx_type for name in ("bfloat16", "float8", "float4", "int4"))


def _input_types(session: Any) -> dict[str, str]:
    return {value.name: numpy_type(value.type) for value in session.get_inputs()}


def numpy_type(onnx_type: str) -> str:
    """`tensor(float)` -> `float32`."""
    name = onnx_type.removeprefix("tensor(").removesuffix(")")
    return NUMPY_TYPES.get(name, name)


def _title() -> str:
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__}"


def versions() -> dict[str, str]:
    """What outputs on the CPU depend on: versions by package."""
    import onnx
    import onnxruntime

    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__, "numpy": np.__version__}


# --- the reference evaluator ---------------------------------------------------------------------


class EvaluationFailed(Exception):
    """The reference evaluator could not run the model; the message says why."""


@dataclass(frozen=True)
class _Value:
    name: str
    type: str
    shape: list[int | str | None]


class _Evaluator:
    """The ONNX reference evaluator with the face of an ONNX Runtime session, which is all Polygraphy asks for.

    Inputs of types that Polygraphy does not know (bfloat16, float8) are taken as float32.
    """

    def __init__(self, proto: ModelProto, model: Model) -> None:
        from onnx.reference import ReferenceEvaluator

        self._evaluator = ReferenceEvaluator(proto)
        self._inputs = [_value(name, model) for name in model.main.inputs]
        self._dtypes = {name: _numpy_dtype(found.dtype) for name, found in model.main.inputs.items() if found}
        self._outputs = [_value(name, model) for name in model.main.outputs]

    def get_inputs(self) -> list[_Value]:
        return self._inputs

    def get_outputs(self) -> list[_Value]:
        return self._outputs

    def run(self, names: list[str] | None, feed: Feed) -> list[Array]:
        try:
            with np.errstate(all="ignore"):
                typed = {name: value.astype(self._dtypes.get(name, value.dtype)) for name, value in feed.items()}
                outputs = self._evaluator.run(names, typed)
        except Exception as error:  # pure Python: whatever an operator stumbles over
            raise EvaluationFailed(f"{type(error).__name__}: {error}") from error
        return list(outputs)


def _value(name: str, model: Model) -> _Value:
    from onnx import TensorProto

    found = model.main.type(name)
    if found is None:
        return _Value(name, "tensor(float)", [])
    onnx_type = f"tensor({TensorProto.DataType.Name(found.dtype).lower()})"
    return _Value(name, "tensor(float)" if _has_no_numpy_type(onnx_type) else onnx_type, list(found.shape or ()))


def _numpy_dtype(dtype: int) -> np.dtype[Any]:
    from onnx import helper

    return np.dtype(helper.tensor_dtype_to_np_dtype(dtype))


def run_evaluator(proto: ModelProto, feed: Feed) -> list[Any]:
    """What the ONNX reference evaluator makes of a model without external data; raises EvaluationFailed."""
    from onnx.reference import ReferenceEvaluator

    try:
        with np.errstate(all="ignore"):
            return list(ReferenceEvaluator(proto).run(None, feed))
    except Exception as error:  # pure Python: whatever an operator stumbles over
        raise EvaluationFailed(f"{type(error).__name__}: {error}") from error


def _evaluator(model: Model, what: str) -> _Evaluator:
    from trtconv.runtimes.mapped import with_weights

    try:
        return _Evaluator(with_weights(model.proto, model.file), model)
    except Exception as error:  # neither knows the operator: say what the evaluator missed
        raise BadInput(
            f"{what} runs neither in ONNX Runtime nor in the ONNX reference evaluator: {error}",
            do="custom operators cannot be checked on the CPU",
        ) from error


def _evaluator_title() -> str:
    import onnx

    return f"ONNX reference evaluator {onnx.__version__}"


# --- what ONNX Runtime says ----------------------------------------------------------------------


def failures() -> tuple[type[Exception], ...]:
    """Everything that ONNX Runtime raises; its classes share no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "NoSuchFile", "NoModel", "EngineError", "RuntimeException", "InvalidProtobuf")
    classes = [getattr(state, n, None) for n in (*names, "ModelLoaded", "NotImplemented", "InvalidGraph", "EPFail")]
    return (RuntimeError, ValueError, *(c for c in classes if c is not None))


def _lacks_kernel(error: Exception) -> bool:
    return "NOT_IMPLEMENTED" in str(error)


def reason(error: Exception) -> str:
    """The message without error codes and source locations."""
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error))
    text = re.sub(r"/\S+\.(?:h|cc):\d+ .*?(?=\w+\.(?:h|cc):\d+ )", "", text.removeprefix("NOT_IMPLEMENTED : "))
    text = re.sub(r"/\S+\.(?:h|cc):\d+ (?:\S+ )?[\w:~]+\([^)]*\) ", "", text)
    text = re.sub(r"\w+\.(?:h|cc):\d+ \w+ ", "", text)
    text = re.sub(r"Non-zero status code returned while running (\w+) node\. Name:'(.*?)' ", r"\1 node '\2': ", text)
    return " ".join(text.replace("Status Message: ", "").split())[:500]


def _bad_model(error: Exception, what: str) -> BadInput:
    text = reason(error)
    custom = re.search(r"(\S+):(\w+)\(-?\d+\) is not a registered function/op", text)
    if custom:
        return BadInput(
            f"{what} uses the operator {custom[2]} of the domain {custom[1]}, which ONNX Runtime does not have",
            do="custom operators cannot be checked on the CPU; compare in a runtime that has them",
        )
    return BadInput(f"ONNX Runtime cannot load {what}: {text}", do="`trtconv lint` shows what is wrong with the graph")
