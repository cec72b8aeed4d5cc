"""Round, for opsets and parsers that have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.rewrite import Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

SMALL = 2.0**22
"""Below it a float32 has room for a half; from 2**23 on every float32 is whole."""
OPSET_WITH_ROUND = 11


def half_to_even(r: Replacement, x: str) -> str:
    """Nearest integer of a FLOAT tensor of less than 2**22 in size, ties to even: Round where the opset has it.

    Floor(x + 1/2) is one too large where x + 1/2 is odd and whole.
    """
    if r.graph.opset >= OPSET_WITH_ROUND:
        return r.op("Round", x)
    return _by_floor(r, x)


def _by_floor(r: Replacement, x: str) -> str:
    half, one, two = (r.constant(v, np.float32) for v in (0.5, 1.0, 2.0))
    above = r.op("Add", x, half)
    floor = r.op("Floor", above)
    is_tie = r.op("Sub", one, r.op("Ceil", r.op("Sub", above, floor)))
    is_odd = r.op("Sub", floor, r.op("Mul", r.op("Floor", r.op("Mul", floor, half)), two))
    return r.op("Sub", floor, r.op("Mul", is_tie, is_odd))


def round_op(node: Node, graph: Graph) -> Replacement:
    """Round by Floor and Ceil; what larger than 2**22, infinite or NaN stays as it is, a half at most off."""
    r = Replacement(graph, node)
    x, dtype = node.input(0), graph.dtype(node.input(0))
    wide = x if dtype == TensorProto.FLOAT else r.cast(x, TensorProto.FLOAT)
    near = r.op("Less", r.op("Abs", wide), r.constant(SMALL, np.float32))
    inside = r.op("Where", near, wide, r.constant(0, np.float32))
    chosen = r.op("Where", near, _by_floor(r, inside), wide)
    r.cast(chosen, dtype or TensorProto.FLOAT, into=node.outputs[0])
    return r
