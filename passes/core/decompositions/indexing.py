"""Operators that select, scatter or fold values at places that the file knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from trtconv.passes.core.rewrite import Refused, Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array, Graph
    from trtconv.passes.core.node import Node


def compress(node: Node, graph: Graph) -> Replacement:
    """Compress with a constant condition: Gather of what it keeps."""
    condition = graph.constant(node.input(1))
    if condition is None:
        raise Refused("its condition is computed, so that the size of the result depends on the data")
    r = Replacement(graph, node)
    kept = r.constant(np.flatnonzero(condition), np.int64)
    if "axis" in node.attributes:
        r.op("Gather", node.input(0), kept, into=node.outputs[0], axis=node.attr_int("axis", 0))
    else:
        r.op("Gather", r.reshape(node.input(0), [-1]), kept, into=node.outputs[0], axis=0)
    return r


def tensor_scatter(node: Node, graph: Graph) -> Replacement:
    """TensorScatter: for each place of the cache the row of the update that falls there, if one does."""
    cache, update = (graph.shape(t) for t in node.inputs[:2])
    if cache is None or update is None:
        raise Refused("the shape of its cache or of its update is not known")
    rank, axis = len(cache), node.attr_int("axis", -2) % len(cache)
    room, rows = cache[axis], update[axis]
    if not isinstance(room, int) or not isinstance(rows, int) or not rows:
        raise Refused("its sequences are of open length")
    r = Replacement(graph, node)
    places = r.constant(np.arange(room).reshape([-1 if i == axis else 1 for i in range(rank)]), np.int64)
    offset = r.op("Sub", places, r.reshape(node.input(2), [-1] + [1] * (rank - 1))) if node.input(2) else places
    if node.attr_string("mode", "linear") == "circular":
        offset = r.op("Mod", offset, r.constant(room, np.int64))
    row = r.op("Min", r.op("Max", offset, r.constant(0, np.int64)), r.constant(rows - 1, np.int64))
    found = r.op("GatherElements", node.input(1), r.op("Expand", row, r.shape(node.input(0))), axis=axis)
    r.op("Where", r.op("Equal", offset, row), found, node.input(0), into=node.outputs[0])
    return r


def max_unpool(node: Node, graph: Graph) -> Replacement:
    """MaxUnpool to the size that the kernel gives: zeros, and the values scattered into them."""
    shape = graph.shape(node.input(0))
    if shape is None or not all(isinstance(d, int) for d in shape):
        raise Refused("the shape of its input is not fixed")
    if node.input(2):
        raise Refused("runtimes disagree on what indices count when output_shape is given")
    sizes = [d for d in shape if isinstance(d, int)]
    kernel = node.attr_ints("kernel_shape") or []
    strides = node.attr_ints("strides") or [1] * len(kernel)
    pads = node.attr_ints("pads") or [0] * 2 * len(kernel)
    ends = zip(pads, pads[len(kernel) :], strict=False)
    out = [
        (d - 1) * s + k - before - after
        for d, s, k, (before, after) in zip(sizes[2:], strides, kernel, ends, strict=True)
    ]
    r = Replacement(graph, node)
    kind = helper.tensor_dtype_to_np_dtype(graph.dtype(node.input(0)) or 1)
    zeros = r.constant(np.zeros(int(np.prod([*sizes[:2], *out])), kind))
    indices, values = r.reshape(node.input(1), [-1]), r.reshape(node.input(0), [-1])
    r.reshape(r.op("ScatterElements", zeros, indices, values, axis=0), [*sizes[:2], *out], into=node.outputs[0])
    return r


def col2im(node: Node, graph: Graph) -> Replacement:
    """Col2Im: a transposed convolution with one tap for each place of the block."""
    image, block = (graph.constant(node.input(i)) for i in (1, 2))
    shape = graph.shape(node.input(0))
    if image is None or block is None or shape is None or not isinstance(shape[1], int):
        raise Refused("its shapes are computed, or its number of channels is unknown")
    spatial = len(block)
    if spatial > 3:
        raise Refused("a transposed convolution has 3 axes at most")
    dilations = node.attr_ints("dilations") or [1] * spatial
    strides = node.attr_ints("strides") or [1] * spatial
    pads = node.attr_ints("pads") or [0] * 2 * spatial
    reach = [d * (int(k) - 1) + 1 for d, k in zip(dilations, block, strict=True)]
    padded = [int(i) + a + b for i, a, b in zip(image, pads, pads[spatial:], strict=False)]
    counts = [(p - e) // s + 1 for p, e, s in zip(padded, reach, strides, strict=True)]
    rest = [p - e - (c - 1) * s for p, e, c, s in zip(padded, reach, counts, strides, strict=True)]
    taps = int(np.prod(block))
    channels = shape[1] // taps
    r = Replacement(graph, node)
    kind = helper.tensor_dtype_to_np_dtype(graph.dtype(node.input(0)) or 1)
    columns = r.reshape(node.input(0), [0, shape[1], *counts])
    r.op(
        "ConvTranspose",
        columns,
        r.constant(_one_tap_each(channels, block, kind)),
        into=node.outputs[0],
        group=channels,
        kernel_shape=[int(k) for k in block],
        dilations=dilations,
        strides=strides,
        pads=pads,
        output_padding=rest if any(rest) else None,
    )
    return r


def _one_tap_each(channels: int, block: Array, kind: np.dtype) -> Array:
    taps = int(np.prod(block))
    return np.tile(np.eye(taps, dtype=kind), (channels, 1)).reshape(channels * taps, 1, *(int(k) for k in block))


def cum_prod(node: Node, graph: Graph) -> Replacement:
    """CumProd: products over windows that double in length."""
    axis, shape = graph.constant(node.input(1)), graph.shape(node.input(0))
    if axis is None or shape is None:
        raise Refused("its axis is computed, or its rank is unknown")
    along = int(axis) % len(shape)
    length = shape[along]
    if not isinstance(length, int):
        raise Refused("the length of its axis is not fixed")
    r, x = Replacement(graph, node), node.input(0)
    backwards = node.attr_int("reverse", 0) != 0
    if node.attr_int("exclusive", 0):
        x = _moved(r, x, len(shape), along, 1, backwards)
    step = 1
    while step < length:
        x = r.op("Mul", x, _moved(r, x, len(shape), along, step, backwards))
        step *= 2
    r.op("Identity", x, into=node.outputs[0])
    return r


def _moved(r: Replacement, x: str, rank: int, axis: int, step: int, backwards: bool) -> str:
    """`x` moved by `step` along `axis`, ones moving in."""
    kept = r.slice(x, [step], [np.iinfo(np.int64).max], [axis]) if backwards else r.slice(x, [0], [-step], [axis])
    pads = [0] * 2 * rank
    pads[axis + (rank if backwards else 0)] = step
    return r.op("Pad", kept, r.constant(pads, np.int64), r.scalar(1, r.node.input(0)))
