"""Operators that some target lacks and ONNX gives no function body for, written as others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trtconv.passes.core.decompositions import bits, quantized, rounding

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph, Node
    from trtconv.passes.core.rewrite import Replacement

DECOMPOSITIONS: dict[str, Callable[[Node, Graph], Replacement]] = {
    "BitCast": bits.reinterpret,
    "BitShift": bits.shift,
    "BitwiseAnd": bits.combine,
    "BitwiseNot": bits.invert,
    "BitwiseOr": bits.combine,
    "BitwiseXor": bits.combine,
    "ConvInteger": quantized.conv_integer,
    "MatMulInteger": quantized.matmul_integer,
    "QLinearConv": quantized.q_linear_conv,
    "QLinearMatMul": quantized.q_linear_matmul,
    "Round": rounding.round_op,
}
"""Each raises Refused where it cannot do a case."""
