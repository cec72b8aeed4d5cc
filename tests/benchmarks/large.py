"""Models with gigabytes of weights, written in pieces: in one file, or in a file of their own beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper

from trtconv.storage.wire import mark, refer, size_of, with_weights


def network(layers: int, width: int) -> ModelProto:
    """Per layer MatMul with a weight that is transposed first, as exporters write a Linear, and Relu."""
    nodes, x = [], "x"
    for i in range(layers):
        nodes.append(helper.make_node("Transpose", [f"weight.{i}"], [f"t{i}"], f"/layer.{i}/Transpose", perm=[1, 0]))
        nodes.append(helper.make_node("MatMul", [x, f"t{i}"], [f"m{i}"], f"/layer.{i}/MatMul"))
        nodes.append(helper.make_node("Relu", [f"m{i}"], [f"r{i}"], f"/layer.{i}/Relu"))
        x = f"r{i}"
    nodes[-1].output[0] = "y"
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", width]) for n in "xy"]
    weights = [TensorProto(name=f"weight.{i}", data_type=TensorProto.FLOAT, dims=[width, width]) for i in range(layers)]
    graph = helper.make_graph(nodes, "large", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def weight(width: int) -> bytes:
    """One layer's weight: rows that differ, made quickly."""
    rows = np.random.default_rng(0).standard_normal((64, width)).astype(np.float32) / np.float32(np.sqrt(width))
    return np.roll(np.tile(rows, (-(-width // 64), 1))[:width], 1, axis=1).tobytes()


def single(path: Path, layers: int = 5, width: int = 7744) -> None:
    """All in one file; 1.2 GB by default. protobuf for Python does not serialise a message of that size."""
    model, data = network(layers, width), weight(width)
    for i, tensor in enumerate(model.graph.initializer):
        mark(tensor, i)
    with path.open("wb") as file:
        for piece in with_weights(model.SerializeToString(), [data] * layers):
            assert size_of(piece) == file.write(piece)


def external(path: Path, layers: int = 24, width: int = 8192) -> None:
    """Weights in a file of their own; 6.4 GB by default."""
    model, data = network(layers, width), weight(width)
    name = f"{path.name}.data"
    with path.with_name(name).open("wb") as file:
        for tensor in model.graph.initializer:
            refer(tensor, name, file.tell(), file.write(data))
    path.write_bytes(model.SerializeToString())
