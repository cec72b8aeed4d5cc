"""The real ONNX parser, TensorRT's or TensorRT-RTX's. Runs in a child process: see `trtconv.isolate`."""

from __future__ import annotations

import importlib
import os
import re
import sys
from dataclasses import dataclass
from typing import Any

from trtconv.isolate import report

DTYPES = {"FLOAT": "float32", "HALF": "float16", "BF16": "bfloat16"}
"""TensorRT's names of element types where they differ from numpy's."""

_SHELLS = (
    r"(?:\[\S+\]|[\w:]+:) Error Code \d+: [\w ]+ \((.*)\)",
    r"(.*?)\.? In \S+ at /\S+:\d+.*",
    r'.*&& "(.*)"',
    r"Assertion failed: .*?: (.*)",
    r"Assertion \S+ failed\. (.*)",
    r"\w+\.[ch]pp:\d+: (.*)",
    r"\[\w+\.\w+:\d+: \w+\] (.*)",
    r"MyelinCheckException: \S+: CHECK\(.*?\) failed\.(.*)",
)
"""What TensorRT wraps around the words that matter, from the outside in."""


@dataclass(frozen=True)
class ParserError:
    """One thing the parser refuses. `node` is empty when it is not about one; `functions` are the calls around it."""

    node: str
    op_type: str
    text: str
    code: str
    index: int = -1
    functions: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The text for people: without C++ conditions, source lines and the complaints about a missing GPU."""
        if self.text == "false":
            return f"the operator {self.op_type} is not supported"
        return plain_text(self.text) or "the parser gives no reason"

    def to_json(self) -> dict[str, object]:
        """All fields, and `message`."""
        return {**vars(self), "functions": list(self.functions), "message": self.message}


@dataclass(frozen=True)
class NetworkTensor:
    """An input or output of the network. -1 is a dynamic dimension."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    is_input: bool
    is_shape_tensor: bool

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return {**vars(self), "shape": list(self.shape)}


@dataclass
class Network:
    """A parsed network, and all that has to live as long as it does."""

    builder: Any
    network: Any
    parser: Any
    log: Any
    accepted: bool

    @property
    def errors(self) -> tuple[ParserError, ...]:
        """What the parser refuses, each once; what it logged where it names nothing."""
        if self.accepted:
            return ()
        found = dict.fromkeys(_error(self.parser.get_error(i)) for i in range(self.parser.num_errors))
        return tuple(found) or (ParserError("", "", "\n".join(self.log.errors), "UNKNOWN"),)

    @property
    def tensors(self) -> tuple[NetworkTensor, ...]:
        """Inputs, then outputs."""
        inputs = [_tensor(self.network.get_input(i), True) for i in range(self.network.num_inputs)]
        return (*inputs, *(_tensor(self.network.get_output(i), False) for i in range(self.network.num_outputs)))


def parse(path: str) -> tuple[str, tuple[ParserError, ...], tuple[NetworkTensor, ...]]:
    """Version of the runtime, what its parser refuses of the model, and the network's inputs and outputs."""
    trt = runtime()
    parsed = parse_network(trt, path)
    return trt.__version__, parsed.errors, parsed.tensors if parsed.accepted else ()


def is_rtx() -> bool:
    """Whether Polygraphy is set to TensorRT-RTX by the environment."""
    from polygraphy import config

    return bool(config.USE_TENSORRT_RTX)


def runtime() -> Any:
    """The module `tensorrt` or `tensorrt_rtx`, whichever Polygraphy is set to."""
    return importlib.import_module("tensorrt_rtx" if is_rtx() else "tensorrt")


def parse_network(trt: Any, path: str) -> Network:
    """Parse the ONNX file. The network is strongly typed: the precision is what the graph says."""
    log = logger(trt)
    trt.init_libnvinfer_plugins(log, "")
    builder = trt.Builder(log)
    flags = 0
    for name in ("EXPLICIT_BATCH", "STRONGLY_TYPED"):  # the first gone from TensorRT 10, the second not yet in 8
        flag = getattr(trt.NetworkDefinitionCreationFlag, name, None)
        flags |= 1 << int(flag) if flag is not None else 0
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, log)
    native = getattr(getattr(trt, "OnnxParserFlag", None), "NATIVE_INSTANCENORM", None)
    if native is not None:  # the default from TensorRT 10; version and hardware compatible engines need it
        parser.set_flag(native)
    accepted = parser.parse_from_file(os.fsencode(path))  # names are bytes, and need not be UTF-8
    return Network(builder, network, parser, log, accepted)


def logger(trt: Any) -> Any:
    """A logger that keeps errors and warnings, and tells the parent which node is being parsed."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []
            self.warnings: list[str] = []
            self.node = ""

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.ERROR:
                self.errors.append(message)
            elif severity == trt.ILogger.WARNING:
                self.warnings.append(message)
            elif (node := parsed_node(message)) not in ("", self.node):  # each node comes twice
                self.node = node
                report(node)
            if severity <= trt.ILogger.WARNING:
                print(message, file=sys.stderr, flush=True)

    return Log()


def parsed_node(message: str) -> str:
    """`node NAME (OP)` of the parser's own `Parsing node: NAME [OP]`; empty for any other message."""
    match = re.match(r"(?:Static check for parsing|Parsing) node: (.*) \[(.*)\]", message, re.DOTALL)
    return f"node {match[1]} ({match[2]})" if match else ""


def plain_text(text: str) -> str:
    """What a message of TensorRT says, without the C++ around it; empty where nothing else is in it."""
    lines = [line for line in text.splitlines() if not line.startswith(("Invalid Node - ", "[checkMacros"))]
    text = " ".join(lines).strip()
    for pattern in _SHELLS:
        match = re.fullmatch(pattern, text, re.DOTALL)
        text = (match[1].strip() if match else "") or text
    return text.replace('" "', "")


def _error(error: Any) -> ParserError:
    functions = error.local_function_stack() if hasattr(error, "local_function_stack") else ()
    name = error.node_name() if hasattr(error, "node_name") else ""
    op_type = error.node_operator() if hasattr(error, "node_operator") else ""
    return ParserError(name, op_type, error.desc().strip(), error.code().name, error.node(), tuple(functions))


def _tensor(tensor: Any, is_input: bool) -> NetworkTensor:
    dtype = DTYPES.get(tensor.dtype.name, tensor.dtype.name.lower())
    return NetworkTensor(tensor.name, dtype, tuple(tensor.shape), is_input, bool(tensor.is_shape_tensor))
