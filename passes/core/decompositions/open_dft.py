"""DFT of as many samples, or over a length, as only run time knows: its matrices are computed from the shape."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

DOUBLE, FLOAT, INT32 = TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT32


def open_dft(node: Node, graph: Graph, axis: int, parts: int) -> Replacement:
    """DFT along `axis`, counted from the front, of `parts` parts; raises Refused for half a spectrum without phases.

    The angles are 2 pi r / length, r = sample * frequency modulo the length, nearest to zero. Products stay whole
    numbers, so that nothing is lost before the sine; INT32 holds them as long as memory holds the matrix.
    """
    inverse, onesided = node.attr_int("inverse", 0) != 0, node.attr_int("onesided", 0) != 0
    from_half = inverse and onesided
    if from_half and parts != 2:
        raise Refused("half a spectrum is complex, and this one has one part")
    rank = graph.rank(node.input(0)) or 0
    r = Replacement(graph, node)
    samples = node.input(0)
    length = _length(r, axis, from_half=from_half)
    half = r.op("Add", r.op("Div", length, _whole(r, [2])), _whole(r, [1]))
    if node.input(1):
        samples = r.op("Slice", samples, _whole(r, [0]), half if from_half else length, _whole(r, [axis]))
    count = _size(r, samples, axis)
    angles = _angles(r, count, half if onesided and not inverse else length, length)
    last = [*[i for i in range(rank - 1) if i != axis], axis]
    back = np.argsort(last).tolist()
    sources = [r.transpose(_part(r, samples, i), last) for i in range(parts)]
    if from_half:
        sources = [r.op("Mul", part, _weights(r, count, length)) for part in sources]
    results = _transformed(r, sources, angles, inverse=inverse)[: 1 if from_half else 2]
    both = r.concat([r.unsqueeze(r.transpose(part, back), [rank - 1]) for part in results], rank - 1)
    scaled = r.op("Div", both, r.cast(length, _real(r))) if inverse else both
    r.cast(scaled, graph.dtype(node.input(0)) or FLOAT, into=node.outputs[0])
    return r


def _length(r: Replacement, axis: int, *, from_half: bool) -> str:
    """What is given, else as many as there are; half a spectrum leaves out all but the first and last of the rest."""
    if r.node.input(1):
        return r.reshape(r.cast(r.node.input(1), INT32), [1])
    count = _size(r, r.node.input(0), axis)
    return r.op("Mul", r.op("Sub", count, _whole(r, [1])), _whole(r, [2])) if from_half else count


def _weights(r: Replacement, count: str, length: str) -> str:
    """How often each frequency of half a spectrum is in the whole one: twice but for the first, and for the middle."""
    number = r.op("Range", _whole(r, 0), r.squeeze(count, [0]), _whole(r, 1))
    twice = r.op("Mul", number, _whole(r, [2]))
    once = r.op("Or", r.op("Equal", number, _whole(r, [0])), r.op("Equal", twice, length))
    return r.cast(r.op("Where", once, _whole(r, [1]), _whole(r, [2])), _real(r))


def _real(r: Replacement) -> int:
    """The element type that is computed in."""
    return DOUBLE if r.graph.dtype(r.node.input(0)) == DOUBLE else FLOAT


def _whole(r: Replacement, value: int | list[int]) -> str:
    return r.constant(value, np.int32)


def _size(r: Replacement, x: str, axis: int) -> str:
    return r.cast(r.op("Gather", r.shape(x), _whole(r, [axis]), axis=0), INT32)


def _part(r: Replacement, x: str, index: int) -> str:
    return r.cast(r.op("Gather", x, _whole(r, index), axis=-1), _real(r))


def _angles(r: Replacement, samples: str, frequencies: str, length: str) -> str:
    """Matrix [samples, frequencies] of angles from -pi to pi."""
    rows, columns = (r.op("Range", _whole(r, 0), r.squeeze(n, [0]), _whole(r, 1)) for n in (samples, frequencies))
    product, two = r.op("Mul", r.unsqueeze(rows, [1]), columns), _whole(r, [2])
    turns = r.op("Div", r.op("Add", r.op("Mul", product, two), length), r.op("Mul", length, two))
    rest = r.cast(r.op("Sub", product, r.op("Mul", turns, length)), _real(r))
    return r.op("Div", r.op("Mul", rest, r.cast(r.constant(2 * pi, np.float64), _real(r))), r.cast(length, _real(r)))


def _transformed(r: Replacement, x: list[str], angles: str, *, inverse: bool) -> list[str]:
    """Real and imaginary parts of x, real or complex, times exp(-i angle); exp(i angle) for the inverse."""
    cosine, sine = r.op("Cos", angles), r.op("Sin", angles)
    against = sine if inverse else r.op("Neg", sine)
    real, imaginary = r.op("MatMul", x[0], cosine), r.op("MatMul", x[0], against)
    if len(x) == 1:
        return [real, imaginary]
    crossed = r.op("MatMul", x[1], against)
    return [r.op("Sub", real, crossed), r.op("Add", imaginary, r.op("MatMul", x[1], cosine))]
