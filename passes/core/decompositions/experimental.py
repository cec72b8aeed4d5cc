"""Experimental operators of the first opsets, withdrawn since, which Core ML and ONNX Runtime still know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node


def crop(node: Node, graph: Graph) -> Replacement:
    """Crop: a Slice. `border` is left, top, right, bottom; `scale` is height and width from the left and top."""
    border = node.attr_ints("border") or []
    if len(border) != 4:
        raise Refused("it has no border of four sides")
    left, top, right, bottom = border
    scale = node.attr_ints("scale")
    ends = [top + scale[0], left + scale[1]] if scale else [-bottom or 2**31 - 1, -right or 2**31 - 1]
    r = Replacement(graph, node)
    r.slice(node.input(0), [top, left], ends, [2, 3], into=node.outputs[0])
    return r


def image_scaler(node: Node, graph: Graph) -> Replacement:
    """ImageScaler: times `scale`, plus a bias for each channel."""
    r, x = Replacement(graph, node), node.input(0)
    bias = np.reshape(node.attr_floats("bias") or [0.0], (-1, 1, 1))
    kind = helper.tensor_dtype_to_np_dtype(graph.dtype(x) or 1)
    scaled = r.op("Mul", x, r.scalar(node.attr_float("scale", 1.0), x))
    r.op("Add", scaled, r.constant(bias, kind), into=node.outputs[0])
    return r


def affine(node: Node, graph: Graph) -> Replacement:
    """Affine: alpha * x + beta."""
    r, x = Replacement(graph, node), node.input(0)
    scaled = r.op("Mul", x, r.scalar(node.attr_float("alpha", 1.0), x))
    r.op("Add", scaled, r.scalar(node.attr_float("beta", 0.0), x), into=node.outputs[0])
    return r


def scaled_tanh(node: Node, graph: Graph) -> Replacement:
    """ScaledTanh: alpha * Tanh(beta * x)."""
    return _scaled(node, graph, "Tanh")


def parametric_softplus(node: Node, graph: Graph) -> Replacement:
    """ParametricSoftplus: alpha * Softplus(beta * x)."""
    return _scaled(node, graph, "Softplus")


def _scaled(node: Node, graph: Graph, op_type: str) -> Replacement:
    r, x = Replacement(graph, node), node.input(0)
    inner = r.op(op_type, r.op("Mul", x, r.scalar(node.attr_float("beta", 1.0), x)))
    r.op("Mul", inner, r.scalar(node.attr_float("alpha", 1.0), x), into=node.outputs[0])
    return r
