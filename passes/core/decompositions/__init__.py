"""Operators that some target lacks and ONNX gives no function body for, written as others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trtconv.passes.core.decompositions import (
    bits,
    classical,
    einsum,
    experimental,
    gathering,
    grid_sample,
    indexing,
    linear,
    logic,
    modulo,
    optionals,
    quantized,
    rounding,
    sampling,
    sequences,
    trees,
)

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node
    from trtconv.passes.core.rewrite import Replacement

DECOMPOSITIONS: dict[str, Callable[[Node, Graph], Replacement]] = {
    "Affine": experimental.affine,
    "ArrayFeatureExtractor": classical.array_feature_extractor,
    "Binarizer": classical.binarizer,
    "BitCast": bits.reinterpret,
    "BitShift": bits.shift,
    "BitwiseAnd": bits.combine,
    "BitwiseNot": bits.invert,
    "BitwiseOr": bits.combine,
    "BitwiseXor": bits.combine,
    "Col2Im": indexing.col2im,
    "Compress": indexing.compress,
    "ConcatFromSequence": sequences.concat,
    "ConvInteger": quantized.conv_integer,
    "Crop": experimental.crop,
    "CumProd": indexing.cum_prod,
    "CumSum": logic.cum_sum,
    "DFT": linear.dft,
    "DeformConv": sampling.deform_conv,
    "Det": linear.det,
    "Einsum": einsum.einsum,
    "EyeLike": logic.eye_like,
    "GatherElements": gathering.gather_elements,
    "GatherND": gathering.gather_nd,
    "GridSample": grid_sample.grid_sample,
    "Hardmax": logic.hardmax,
    "ImageScaler": experimental.image_scaler,
    "IsInf": logic.is_inf,
    "IsNaN": logic.is_nan,
    "LinearClassifier": classical.linear_classifier,
    "LinearRegressor": classical.linear_regressor,
    "MatMulInteger": quantized.matmul_integer,
    "MaxUnpool": indexing.max_unpool,
    "Mod": modulo.mod,
    "Normalizer": classical.normalizer,
    "OneHot": logic.one_hot,
    "OptionalGetElement": optionals.get_element,
    "OptionalHasElement": optionals.has_element,
    "ParametricSoftplus": experimental.parametric_softplus,
    "QLinearConv": quantized.q_linear_conv,
    "QLinearMatMul": quantized.q_linear_matmul,
    "RoiAlign": sampling.roi_align,
    "Round": rounding.round_op,
    "STFT": linear.stft,
    "ScaledTanh": experimental.scaled_tanh,
    "Scaler": classical.scaler,
    "Scatter": gathering.scattered,
    "ScatterElements": gathering.scattered,
    "ScatterND": gathering.scattered,
    "SequenceAt": sequences.at,
    "SequenceLength": sequences.length,
    "Sign": logic.sign,
    "TensorScatter": indexing.tensor_scatter,
    "TreeEnsemble": trees.tree_ensemble,
    "TreeEnsembleClassifier": trees.classifier,
    "TreeEnsembleRegressor": trees.regressor,
    "Trilu": logic.trilu,
    "Xor": logic.xor,
}
"""Each raises Refused where it cannot do a case."""
