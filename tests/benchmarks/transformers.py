"""Transformer graphs as exporters write them, of any length, without PyTorch: every shape computed anew."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

HEADS = 4


class Writer:
    """Collects nodes and weights of one graph."""

    def __init__(self, width: int) -> None:
        self.width, self.rng = width, np.random.default_rng(0)
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def op(self, op_type: str, *inputs: str, **attributes: object) -> str:
        name = f"/{op_type}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [f"{name}_output_0"], name, **attributes))
        return f"{name}_output_0"

    def constant(self, value: object, dtype: object = np.int64) -> str:
        """A Constant node, as exporters write one wherever a number stands in the source."""
        return self.op("Constant", value=numpy_helper.from_array(np.asarray(value, dtype)))

    def weight(self, *shape: int) -> str:
        name = f"weight.{len(self.weights)}"
        data = self.rng.standard_normal(shape).astype(np.float32) / np.float32(np.sqrt(shape[0]))
        self.weights.append(numpy_helper.from_array(data, name))
        return name

    def size(self, x: str, axis: int) -> str:
        """x.shape[axis], as a scalar."""
        return self.op("Gather", self.op("Shape", x), self.constant(axis), axis=0)

    def view(self, x: str, *sizes: str | int) -> str:
        """x.view(...) of scalars and numbers."""
        parts = [
            self.constant([s]) if isinstance(s, int) else self.op("Unsqueeze", s, self.constant([0])) for s in sizes
        ]
        return self.op("Reshape", x, self.op("Concat", *parts, axis=0))

    def linear(self, x: str, inside: int, outside: int, bias: bool = True) -> str:
        y = self.op("MatMul", x, self.weight(inside, outside))
        return self.op("Add", self.weight(outside), y) if bias else y

    def gelu(self, x: str) -> str:
        bell = self.op("Erf", self.op("Div", x, self.constant(np.sqrt(2.0), np.float32)))
        y = self.op("Mul", x, self.op("Add", bell, self.constant(1.0, np.float32)))
        return self.op("Mul", y, self.constant(0.5, np.float32))

    def model(self, opset: int) -> ModelProto:
        """The graph so far; the last node writes y."""
        self.nodes[-1].output[0] = "y"
        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", "length", self.width]) for n in "xy"]
        graph = helper.make_graph(self.nodes, "transformer", ends[:1], ends[1:], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def torchscript(blocks: int, width: int = 32) -> ModelProto:
    """TorchScript's style at opset 17: LayerNormalization as one node; 85 nodes a block (48 blocks: 4,080 nodes)."""
    w, x = Writer(width), "x"
    for _ in range(blocks):
        x = _torchscript_block(w, x)
    return w.model(17)


def _torchscript_block(w: Writer, x: str) -> str:
    width, depth = w.width, w.width // HEADS
    y = w.op("LayerNormalization", x, w.weight(width), w.weight(width), epsilon=1e-5)
    batch, length = w.size(y, 0), w.size(y, 1)
    q, k, v = (w.view(w.linear(y, width, width), batch, length, HEADS, depth) for _ in "qkv")
    q, k, v = (w.op("Transpose", t, perm=p) for t, p in ((q, (0, 2, 1, 3)), (k, (0, 2, 3, 1)), (v, (0, 2, 1, 3))))
    last = w.op("Slice", w.op("Shape", q), w.constant([-1]), w.constant([np.iinfo(np.int64).max]))
    root = w.op("Sqrt", w.op("Cast", last, to=TensorProto.FLOAT))
    scale = w.op("Sqrt", w.op("Div", w.constant([1.0], np.float32), root))
    weights = w.op("Softmax", w.op("MatMul", w.op("Mul", q, scale), w.op("Mul", k, scale)), axis=-1)
    out = w.op("Transpose", w.op("MatMul", weights, v), perm=(0, 2, 1, 3))
    out = w.view(out, w.size(y, 0), w.size(y, 1), width)
    x = w.op("Add", x, w.linear(out, width, width))
    y = w.op("LayerNormalization", x, w.weight(width), w.weight(width), epsilon=1e-5)
    return w.op("Add", x, w.linear(w.gelu(w.linear(y, width, 4 * width)), 4 * width, width))


def decomposed(blocks: int, width: int = 64) -> ModelProto:
    """Everything in parts: LayerNorm as nine nodes, every view with its own Shapes; 112 nodes a block, and one."""
    w, x = Writer(width), "x"
    for _ in range(blocks):
        x = _decomposed_block(w, x)
    w.op("Identity", x)
    return w.model(13)


def _decomposed_block(w: Writer, x: str) -> str:
    width, depth = w.width, w.width // HEADS
    y = w.op("Identity", _layer_norm(w, x))
    heads = []
    for order in ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)):
        t = w.linear(y, width, width, bias=False)
        heads.append(w.op("Transpose", w.view(t, w.size(t, 0), w.size(t, 1), HEADS, depth), perm=order))
    root = w.op("Sqrt", w.op("Cast", w.size(heads[0], 3), to=TensorProto.FLOAT))
    scores = w.op("Div", w.op("MatMul", heads[0], heads[1]), root)
    weights = w.op("Identity", w.op("Cast", w.op("Softmax", scores, axis=-1), to=TensorProto.FLOAT))
    out = w.op("Transpose", w.op("MatMul", weights, heads[2]), perm=(0, 2, 1, 3))
    out = w.view(out, w.size(out, 0), w.size(out, 1), width)
    x = w.op("Identity", w.op("Add", x, w.linear(out, width, width, bias=False)))
    return w.op("Add", x, w.linear(w.gelu(w.linear(_layer_norm(w, x), width, 4 * width)), 4 * width, width))


def _layer_norm(w: Writer, x: str) -> str:
    centred = w.op("Sub", x, w.op("ReduceMean", x, axes=[-1]))
    variance = w.op("ReduceMean", w.op("Pow", centred, w.constant(2.0, np.float32)), axes=[-1])
    deviation = w.op("Sqrt", w.op("Add", variance, w.constant(1e-5, np.float32)))
    y = w.op("Mul", w.op("Div", centred, deviation), w.weight(w.width))
    return w.op("Add", y, w.weight(w.width))


STYLES = {"torchscript": torchscript, "decomposed": decomposed}


def write(style: str, blocks: int, path: str) -> int:
    """Save a graph and return how many nodes it has."""
    model = STYLES[style](blocks)
    onnx.save(model, path)
    return len(model.graph.node)
