"""Operators that ONNX Runtime's optimiser and quantizer leave in files (`com.microsoft`), written as standard ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trtconv.passes.core.contrib import attention, fused, gelu, normalization, products, quantized, renamed

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node
    from trtconv.passes.core.rewrite import Replacement

CONTRIB: dict[str, Callable[[Node, Graph], Replacement]] = {
    "Attention": attention.attention,
    "BiasGelu": gelu.bias_gelu,
    "DequantizeLinear": renamed.quantization,
    "DynamicQuantizeMatMul": products.dynamic_quantize_matmul,
    "EmbedLayerNormalization": normalization.embed,
    "ExpandDims": renamed.expand_dims,
    "FastGelu": gelu.fast_gelu,
    "FusedConv": fused.conv,
    "FusedGemm": fused.gemm,
    "FusedMatMul": fused.matmul,
    "Gelu": gelu.gelu,
    "LayerNormalization": normalization.plain,
    "MatMulIntegerToFloat": products.matmul_integer_to_float,
    "MultiHeadAttention": attention.multi_head,
    "NhwcMaxPool": quantized.nhwc_max_pool,
    "QGemm": products.gemm,
    "QLinearAdd": quantized.combine,
    "QLinearAveragePool": quantized.pool,
    "QLinearConcat": quantized.concat,
    "QLinearConv": quantized.conv,
    "QLinearGlobalAveragePool": quantized.pool,
    "QLinearLeakyRelu": quantized.one_input,
    "QLinearMul": quantized.combine,
    "QLinearReduceMean": quantized.one_input,
    "QLinearSigmoid": quantized.one_input,
    "QLinearSoftmax": quantized.softmax,
    "QLinearWhere": quantized.where,
    "QuantizeLinear": renamed.quantization,
    "QuickGelu": gelu.quick_gelu,
    "Range": renamed.standard,
    "RotaryEmbedding": attention.rotary,
    "SimplifiedLayerNormalization": normalization.simplified,
    "SkipLayerNormalization": normalization.skip,
    "SkipSimplifiedLayerNormalization": normalization.skip,
    "TransposeMatMul": fused.matmul,
    "Trilu": renamed.standard,
}
"""Each raises Refused where it cannot do a case."""
