"""Operators that some target lacks and ONNX gives no function body for, written as others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trtconv.passes.core.decompositions import bits, experimental, indexing, linear, modulo, quantized, rounding

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph, Node
    from trtconv.passes.core.rewrite import Replacement

DECOMPOSITIONS: dict[str, Callable[[Node, Graph], Replacement]] = {
    "Affine": experimental.affine,
    "BitCast": bits.reinterpret,
    "BitShift": bits.shift,
    "BitwiseAnd": bits.combine,
    "BitwiseNot": bits.invert,
    "BitwiseOr": bits.combine,
    "BitwiseXor": bits.combine,
    "Col2Im": indexing.col2im,
    "Compress": indexing.compress,
    "Crop": experimental.crop,
    "CumProd": indexing.cum_prod,
    "ConvInteger": quantized.conv_integer,
    "DFT": linear.dft,
    "Det": linear.det,
    "ImageScaler": experimental.image_scaler,
    "MatMulInteger": quantized.matmul_integer,
    "MaxUnpool": indexing.max_unpool,
    "Mod": modulo.mod,
    "ParametricSoftplus": experimental.parametric_softplus,
    "QLinearConv": quantized.q_linear_conv,
    "QLinearMatMul": quantized.q_linear_matmul,
    "ScaledTanh": experimental.scaled_tanh,
    "Round": rounding.round_op,
}
"""Each raises Refused where it cannot do a case."""
