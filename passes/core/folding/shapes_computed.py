"""Shapes of what computes: elementwise operators, matrix products, reductions, convolutions and pools."""

from __future__ import annotations

from collections.abc import Sequence

from trtconv.passes.core.folding.dims import floor_divide
from trtconv.passes.core.folding.shapes import Known, Shape, as_dimension, axes_of, broadcast, rule
from trtconv.passes.core.node import Node

SAME_SHAPE = (
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BatchNormalization", "BitwiseNot", "Cast", "CastLike",
    "Ceil", "Celu", "Clip", "Cos", "Cosh", "CumSum", "DequantizeLinear", "Dropout", "Elu", "Erf", "Exp", "Floor",
    "Gelu", "GroupNormalization", "HardSigmoid", "HardSwish", "Hardmax", "Identity", "InstanceNormalization", "IsInf",
    "IsNaN", "LRN", "LayerNormalization", "LeakyRelu", "Log", "LogSoftmax", "LpNormalization",
    "MeanVarianceNormalization", "Mish", "Neg", "Not", "PRelu", "QuantizeLinear", "RMSNormalization", "Reciprocal",
    "Relu", "Round", "ScatterElements", "ScatterND", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softmax",
    "Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "ThresholdedRelu", "Trilu",
)  # fmt: skip

BROADCAST = (
    "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater", "GreaterOrEqual",
    "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Sum", "Where", "Xor",
)  # fmt: skip

REDUCTIONS = (
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum",
)  # fmt: skip


@rule(*SAME_SHAPE)
def _same(node: Node, known: Known) -> Sequence[Shape | None]:
    return [known.shape(node.input(0))]


@rule(*BROADCAST)
def _elementwise(node: Node, known: Known) -> Sequence[Shape | None]:
    first = known.shape(node.input(0))
    if known.opset < 7:
        return [first]
    for tensor in node.inputs[1:]:
        other = known.shape(tensor)
        if first is None or other is None:
            return []
        first = broadcast(first, other, node.outputs[0])
    return [first]


@rule("MatMul")
def _matmul(node: Node, known: Known) -> Sequence[Shape | None]:
    a, b = known.shape(node.input(0)), known.shape(node.input(1))
    if not a or not b:
        return []
    batch = broadcast(a[:-2], b[:-2], node.outputs[0])
    return [batch + (a[-2:-1] if len(a) > 1 else ()) + (b[-1:] if len(b) > 1 else ())]


@rule("Gemm")
def _gemm(node: Node, known: Known) -> Sequence[Shape | None]:
    a, b = known.shape(node.input(0)), known.shape(node.input(1))
    if a is None or b is None or len(a) != 2 or len(b) != 2:
        return []
    return [(a[1 if node.attr_int("transA", 0) else 0], b[0 if node.attr_int("transB", 0) else 1])]


@rule(*REDUCTIONS, "ReduceSumSquare")
def _reduce(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    axes = None if shape is None else axes_of(node, known, len(shape), 13 if node.op_type == "ReduceSum" else 18)
    if shape is None or axes is None:
        return []
    if not axes:
        axes = [] if node.attr_int("noop_with_empty_axes", 0) else list(range(len(shape)))
    return [_reduced(shape, axes, node)]


@rule("ArgMax", "ArgMin")
def _arg(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    return [_reduced(shape, [node.attr_int("axis", 0) % len(shape)], node)] if shape else []


def _reduced(shape: Shape, axes: list[int], node: Node) -> Shape:
    if node.attr_int("keepdims", 1):
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


@rule("Conv", "MaxPool", "AveragePool", "LpPool")
def _window(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    if shape is None or node.attr_string("auto_pad", "NOTSET") != "NOTSET" or node.attr_int("ceil_mode", 0):
        return []
    weights = known.shape(node.input(1)) if node.op_type == "Conv" else None
    kernel = node.attr_ints("kernel_shape") or [d for d in (weights or ())[2:] if isinstance(d, int)]
    spatial = len(shape) - 2
    if len(kernel) != spatial or (node.op_type == "Conv" and weights is None):
        return []
    pads = node.attr_ints("pads") or [0] * 2 * spatial
    strides, dilations = node.attr_ints("strides") or [1] * spatial, node.attr_ints("dilations") or [1] * spatial
    sizes = tuple(
        floor_divide(d + pads[i] + pads[i + spatial] - dilations[i] * (kernel[i] - 1) - 1, strides[i]) + 1
        for i, d in enumerate(shape[2:])
    )
    channels = weights[0] if weights else shape[1]
    out = (shape[0], channels, *(as_dimension(d, node, i + 2) for i, d in enumerate(sizes)))
    return [out] * len(node.outputs)


@rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def _global(node: Node, known: Known) -> Sequence[Shape | None]:
    shape = known.shape(node.input(0))
    return [(*shape[:2], *(1 for _ in shape[2:]))] if shape else []
