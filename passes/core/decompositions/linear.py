"""Transforms that are matrix products with a constant matrix, and determinants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from trtconv.passes.core.decompositions.open_dft import open_dft
from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

MAX_MATRIX = 1 << 22
"""Elements of the constant matrix of a transform; beyond it a plugin serves better."""
MAX_DETERMINANT = 3


def dft(node: Node, graph: Graph) -> Replacement:
    """DFT along one axis: real and imaginary parts side by side, times a matrix of cosines and sines."""
    x, shape = node.input(0), graph.shape(node.input(0))
    if shape is None or not isinstance(shape[-1], int):
        raise Refused("the rank of its input, or whether it is complex, is unknown")
    axis = _dft_axis(node, graph) % len(shape)
    count, given = shape[axis], graph.constant(node.input(1)) if node.input(1) else None
    if not isinstance(count, int) or (node.input(1) and given is None):
        return open_dft(node, graph, axis, shape[-1])
    inverse, onesided = node.attr_int("inverse", 0) != 0, node.attr_int("onesided", 0) != 0
    length = (2 * (count - 1) if inverse and onesided else count) if given is None else int(given)
    matrix = dft_matrix(count, shape[-1], length, inverse=inverse, onesided=onesided)
    if matrix.size > MAX_MATRIX:
        raise Refused(f"its matrix would have {matrix.size} elements")
    r = Replacement(graph, node)
    kind = helper.tensor_dtype_to_np_dtype(graph.dtype(x) or 1)
    parts = 1 if inverse and onesided else 2
    order = [i for i in range(len(shape)) if i not in (axis, len(shape) - 1)]
    moved = r.transpose(x, [*order, axis, len(shape) - 1])
    flat = r.reshape(moved, [*[0] * len(order), count * shape[-1]])
    product = r.op("MatMul", flat, r.constant(matrix.astype(kind)))
    split = r.reshape(product, [*[0] * len(order), matrix.shape[1] // parts, parts])
    r.transpose(split, np.argsort([*order, axis, len(shape) - 1]).tolist(), into=node.outputs[0])
    return r


def _dft_axis(node: Node, graph: Graph) -> int:
    if graph.opset < 20:
        return node.attr_int("axis", 1)
    if not node.input(2):
        return -2
    axis = graph.constant(node.input(2))
    if axis is None:
        raise Refused("its axis is computed")
    return int(axis)


def dft_matrix(count: int, parts: int, length: int, *, inverse: bool, onesided: bool) -> NDArray[np.float64]:
    """Matrix that takes `count` samples of `parts` parts each, interleaved, to the transform over `length` samples.

    Computed by transforming each unit vector; columns are interleaved real and imaginary parts, real ones alone for
    the inverse of a one-sided spectrum.
    """
    unit = np.eye(count * parts).reshape(-1, count, parts)
    signal = unit[..., 0] + (1j * unit[..., 1] if parts == 2 else 0)
    if inverse and onesided:
        return np.fft.irfft(signal, n=length, axis=-1)
    spectrum = np.fft.ifft(signal, n=length) if inverse else np.fft.fft(signal, n=length)
    if onesided:
        spectrum = spectrum[:, : length // 2 + 1]
    return np.stack([spectrum.real, spectrum.imag], axis=-1).reshape(len(unit), -1)


def stft(node: Node, graph: Graph) -> Replacement:
    """STFT of a real signal: a convolution whose filters are the windowed cosines and sines."""
    step, shape = graph.constant(node.input(1)), graph.shape(node.input(0))
    window = graph.constant(node.input(2)) if node.input(2) else None
    frame = graph.constant(node.input(3)) if node.input(3) else None
    if step is None or (window is None and frame is None) or (node.input(2) and window is None):
        raise Refused("its step, window or frame length is computed")
    if shape is None or shape[-1] != 1:
        raise Refused("its signal is complex, or of unknown rank")
    count = int(frame) if frame is not None else len(window if window is not None else ())
    matrix = dft_matrix(count, 1, count, inverse=False, onesided=node.attr_int("onesided", 1) != 0)
    if window is not None:
        matrix = matrix * window.astype(np.float64)[:, None]
    r = Replacement(graph, node)
    kind = helper.tensor_dtype_to_np_dtype(graph.dtype(node.input(0)) or 1)
    filters = r.constant(np.ascontiguousarray(matrix.T[:, None, :]).astype(kind))
    frames = r.op("Conv", r.transpose(node.input(0), [0, 2, 1]), filters, strides=[int(step)])
    r.reshape(r.transpose(frames, [0, 2, 1]), [0, 0, matrix.shape[1] // 2, 2], into=node.outputs[0])
    return r


def det(node: Node, graph: Graph) -> Replacement:
    """Det of matrices of up to 3 rows, by Laplace's expansion."""
    shape = graph.shape(node.input(0))
    size = shape[-1] if shape else None
    if shape is None or not isinstance(size, int) or not 1 <= size <= MAX_DETERMINANT:
        raise Refused(f"only matrices of 1 to {MAX_DETERMINANT} rows are written out")
    r = Replacement(graph, node)
    cells = [[_cell(r, node.input(0), i, j) for j in range(size)] for i in range(size)]
    r.op("Identity", _determinant(r, cells), into=node.outputs[0])
    return r


def _cell(r: Replacement, x: str, row: int, column: int) -> str:
    one_row = r.op("Gather", x, r.constant(row, np.int64), axis=-2)
    return r.op("Gather", one_row, r.constant(column, np.int64), axis=-1)


def _determinant(r: Replacement, cells: list[list[str]]) -> str:
    if len(cells) == 1:
        return cells[0][0]
    total = ""
    for column, cell in enumerate(cells[0]):
        minor = [[c for j, c in enumerate(row) if j != column] for row in cells[1:]]
        term = r.op("Mul", cell, _determinant(r, minor))
        total = r.op("Sub" if column % 2 else "Add", total, term) if total else term
    return total
