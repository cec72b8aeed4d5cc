"""Speed and memory of `lint` on a graph of thousands of nodes, and on one with weights that nobody could read.

    python tests/benchmarks/lint_speed.py [NODES]

The graph is of the kind that exporters write: blocks of convolution, normalisation, activation written out, and shape
arithmetic, with a stack trace each. Memory is what lint adds to the process, against what loading the graph takes.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import trtconv

T = TypeVar("T")

BLOCK = 12
TRACE = 1300
"""Bytes of the stack trace that PyTorch's exporter keeps at each node."""
TARGETS = ("tensorrt-8.2", "tensorrt-10.3", "tensorrt-rtx-1.7")


def block(index: int, x: str) -> tuple[list[NodeProto], str]:
    """Twelve nodes: Conv, an exploded HardSwish, a LayerNormalization in parts, and a Reshape by shape arithmetic."""

    def op(op_type: str, *inputs: str, **attributes: object) -> str:
        name = f"/block.{index}/{op_type}_{len(nodes)}"
        nodes.append(helper.make_node(op_type, list(inputs), [name], name, **attributes))
        return name

    nodes: list[NodeProto] = []
    conv = op("Conv", x, "w", pads=[1, 1, 1, 1])
    gate = op("Div", op("Clip", op("Add", conv, "three"), "zero", "six"), "six")
    swish = op("Mul", conv, gate)
    mean = op("ReduceMean", swish, axes=[1], keepdims=1)
    centred = op("Sub", swish, mean)
    scaled = op("Div", centred, op("Sqrt", op("Add", op("Mul", centred, centred), "three")))
    return [
        *nodes,
        helper.make_node("Reshape", [scaled, "shape"], [f"y{index}"], f"/block.{index}/Reshape"),
    ], f"y{index}"


def graph(nodes: int) -> ModelProto:
    """A chain of blocks with `nodes` nodes in all."""
    made: list[NodeProto] = []
    x = "x"
    for index in range(nodes // BLOCK):
        more, x = block(index, x)
        made.extend(more)
    constants = {"three": np.float32(3), "zero": np.float32(0), "six": np.float32(6)}
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    initializers.append(numpy_helper.from_array(np.zeros((8, 8, 3, 3), np.float32), "w"))
    initializers.append(numpy_helper.from_array(np.array([0, 8, -1, 16]), "shape"))
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 8, 16, 16]) for n in ("x", x)]
    for node in made:
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=f'File "net.py", line 12, {node.name:{TRACE}}')
    made_graph = helper.make_graph(made, "g", values[:1], values[1:], initializers)
    return helper.make_model(made_graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def with_unreadable_weights(folder: Path) -> Path:
    """A model with a tebibyte of external weights, in a sparse file."""
    size = 2**40
    model = graph(BLOCK)
    weight = TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[size // 4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", str(size))):
        weight.external_data.add(key=key, value=value)
    model.graph.initializer.append(weight)
    model.graph.node.append(helper.make_node("ReduceMax", ["huge"], ["top"], "/top"))
    model.graph.output.append(helper.make_tensor_value_info("top", TensorProto.FLOAT, None))
    with (folder / "weights.bin").open("wb") as file:
        file.truncate(size)
    onnx.save(model, folder / "huge.onnx")
    return folder / "huge.onnx"


def grown(function: Callable[[], T]) -> tuple[T, float]:
    """What the function returns, and the MiB of resident memory that it took at most (Linux)."""
    gc.collect()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # starts the peak anew
    result = function()
    return result, (_status("VmHWM") - before) / 1024


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        onnx.save(graph(count), folder / "m.onnx")
        onnx.save(graph(BLOCK), folder / "small.onnx")
        trtconv.lint(folder / "small.onnx", parser=False)  # start-up: imports and the catalogue
        _, loaded = grown(lambda: onnx.load(folder / "m.onnx"))
        size = os.path.getsize(folder / "m.onnx") / 2**20
        print(f"onnx.load alone takes {loaded:.1f} MiB for the {size:.1f} MiB of {count} nodes")
        for target in TARGETS:
            start, used = time.perf_counter(), time.process_time()
            result, memory = grown(lambda target=target: trtconv.lint(folder / "m.onnx", target=target, parser=False))
            seconds = f"{time.perf_counter() - start:.2f} s ({time.process_time() - used:.2f} s of the processor)"
            print(f"{target}: {len(result.findings)} findings, {seconds}, {memory:.1f} MiB, {memory / loaded:.2f} x")
        huge = with_unreadable_weights(folder)
        start = time.perf_counter()
        _, memory = grown(lambda: trtconv.lint(huge, target="tensorrt-10.3", parser=False))
        print(f"1 TiB of external weights: {time.perf_counter() - start:.2f} s, {memory:.1f} MiB")


if __name__ == "__main__":
    main()
