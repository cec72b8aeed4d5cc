"""What two runs of one network may differ by: a tolerance for each precision that an output is computed in.

The error of a sum grows with the size of its terms, not of its result, so a bare rtol fails every output that comes out
near zero; hence the part relative to the output's range. rtol 1e-3 for float32 is what ONNX's own backend tests allow,
and the other rtol are two to four roundings of the precision: of 2^-11 (4.9e-4) for TF32 and float16, which keep 10
bits of mantissa, and of 2^-8 (3.9e-3) for bfloat16, which keeps 7. That is more than torch.testing.assert_close
grants (1.3e-6, 1e-3, 1.6e-2), which is for one operator, not for a network of a hundred. The range parts: 1e-5
for float32 is 84 times its unit roundoff 2^-23, what re-associated sums of deep networks reach; two to four roundings
at full range otherwise. int8: a step of 8 bits is 1/127 of the range, 0.8 %, and a value in the middle of two steps
goes either way in every layer: a residual block of ONNX Runtime's tests comes out 4.0 % of its range apart, computed
by integer kernels and by dequantised ones. float8: one rounding is 2^-4 (E4M3). Anything larger should be looked
at, or allowed by --rtol and --atol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
from onnx import TensorProto

from trtconv.comparison.metrics import EXACT, Tolerance

if TYPE_CHECKING:
    from trtconv.passes.core import Graph, Node

DEFAULTS = {
    "float64": Tolerance(1e-6, 1e-9, of_range=True),
    "float32": Tolerance(1e-3, 1e-5, of_range=True),
    "tf32": Tolerance(1e-2, 1e-3, of_range=True),
    "float16": Tolerance(1e-2, 2e-3, of_range=True),
    "bfloat16": Tolerance(5e-2, 1e-2, of_range=True),
    "int8": Tolerance(5e-2, 5e-2, of_range=True),
    "float8": Tolerance(1.25e-1, 1e-1, of_range=True),
}
"""By precision, from the finest to the coarsest."""

ORDER = tuple(DEFAULTS)

PRECISIONS: dict[int, str] = {
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.FLOAT8E4M3FN: "float8",
    TensorProto.FLOAT8E4M3FNUZ: "float8",
    TensorProto.FLOAT8E5M2: "float8",
    TensorProto.FLOAT8E5M2FNUZ: "float8",
}
QUANTIZING = ("QuantizeLinear", "DynamicQuantizeLinear")
BYTES = (TensorProto.INT8, TensorProto.UINT8)


def default_tolerance(precision: str) -> Tolerance:
    """Tolerance for what is computed in `precision`; exact for what is no float."""
    return DEFAULTS.get(precision, EXACT)


def reassociated(dtype: np.dtype[Any]) -> float:
    """Share of an output's range that arithmetic in another order may move it by: 32 units of roundoff, and no more
    than one or two roundings of a float type that keeps fewer than 10 bits.
    """
    unit = float(ml_dtypes.finfo(dtype).eps)  # type: ignore[no-untyped-call]
    return unit * 32 if unit < 1e-3 else unit


def coarser(one: str, other: str) -> str:
    """The coarser of two precisions; one that is not known counts for nothing."""
    return max(one, other, key=lambda p: ORDER.index(p) if p in ORDER else -1)


def precisions(graph: Graph) -> dict[str, str]:
    """The coarsest precision in which anything that an output of `graph` depends on is computed, by output."""
    found = inner_precisions(graph)
    return {name: found[name] for name in graph.outputs if found.get(name)}


def inner_precisions(graph: Graph) -> dict[str, str]:
    """The same for every tensor that `graph` computes; empty for what depends on no floats.

    Weights that are merely stored in fewer bits do not count, activations that are quantized do.
    """
    found: dict[str, str] = {}
    for node in graph.nodes:
        arriving = ""
        for name in node.inputs:
            arriving = coarser(arriving, found.get(name, ""))
        for name in node.outputs:
            found[name] = coarser(arriving, "" if _is_stored(node, graph) else _precision(name, node, graph))
    return found


def _is_stored(node: Node, graph: Graph) -> bool:
    """Whether a node merely unpacks constants."""
    return all(not name or graph.is_constant(name) for name in node.inputs)


def _precision(tensor: str, node: Node, graph: Graph) -> str:
    known = graph.types.get(tensor)
    if known is not None and known.dtype in PRECISIONS:
        return PRECISIONS[known.dtype]
    is_quantized = node.op_type in QUANTIZING or node.op_type.startswith("QLinear")
    return "int8" if is_quantized and known is not None and known.dtype in BYTES else ""
