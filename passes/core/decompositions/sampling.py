"""RoiAlign and DeformConv as bilinear samples: arithmetic on coordinates and a Gather for each of four neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.decompositions.pixels import Pixels, bounded
from trtconv.passes.core.rewrite import Refused, Replacement
from trtconv.passes.core.scattering import fixed_shape

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def roi_align(node: Node, graph: Graph) -> Replacement:
    """RoiAlign with a fixed number of samples in each bin."""
    x, rois, image = node.inputs
    shape, ratio = graph.shape(x), node.attr_int("sampling_ratio", 0)
    if shape is None or not all(isinstance(d, int) for d in shape[1:]):
        raise Refused("the size or the channels of its image are not fixed")
    if ratio <= 0:
        raise Refused("how many samples it takes depends on the regions: sampling_ratio is 0")
    channels, *sizes = [d for d in shape[1:] if isinstance(d, int)]
    bins = [node.attr_int("output_height", 1), node.attr_int("output_width", 1)]
    r, dtype = Replacement(graph, node), graph.dtype(x)
    wide, regions = (t if dtype == FLOAT else r.cast(t, FLOAT) for t in (x, rois))
    pixels = Pixels(r, r.transpose(wide, [0, 2, 3, 1]), channels, sizes)
    axes = [_samples(r, node, regions, axis, bins[axis], sizes[axis]) for axis in (0, 1)]
    valid = r.op("And", axes[0].valid, axes[1].valid)
    number = r.unsqueeze(image if graph.dtype(image) == INT64 else r.cast(image, INT64), [1, 2])
    corners = [
        r.op("Mul", pixels.at(number, [y, x_], valid=valid), r.unsqueeze(r.op("Mul", wy, wx), [3]))
        for y, wy in axes[0].taps
        for x_, wx in axes[1].taps
    ]
    is_mean = node.attr_string("mode", "avg") == "avg"
    sample = r.op("Sum" if is_mean else "Max", *corners)
    grid = r.reshape(sample, [-1, bins[0], ratio, bins[1], ratio, channels])
    pooled = r.reduce("ReduceMean" if is_mean else "ReduceMax", grid, [2, 4], keepdims=False)
    _put(r, r.transpose(pooled, [0, 3, 1, 2]), dtype)
    return r


class Samples:
    """Sampled places along one axis of every region, [R, n, 1] or [R, 1, n]: two taps, and whether it is valid."""

    def __init__(self, r: Replacement, place: str, size: int) -> None:
        low, high, one = (r.constant(v, np.float32) for v in (-1, size, 1))
        beyond = r.op("Or", r.op("Less", place, low), r.op("Greater", place, high))
        self.valid = r.op("Not", beyond)
        last = r.constant(size - 1, np.float32)
        place = r.op("Min", r.op("Max", place, r.constant(0, np.float32)), last)
        first = r.op("Floor", place)
        part = r.op("Sub", place, first)
        self.taps = ((first, r.op("Sub", one, part)), (r.op("Add", first, one), part))


def _samples(r: Replacement, node: Node, rois: str, axis: int, bins: int, size: int) -> Samples:
    """Along axis 0 (y) or 1 (x) of the image."""
    ratio, scale = node.attr_int("sampling_ratio", 0), node.attr_float("spatial_scale", 1.0)
    since_16 = r.graph.opset >= 16 and node.attr_string("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    start, end = (
        r.op("Mul", r.slice(rois, [column], [column + 1], [1]), r.constant(scale, np.float32))
        for column in (1 - axis, 3 - axis)
    )
    length = r.op("Sub", end, start)
    if since_16:
        start = r.op("Sub", start, r.constant(0.5, np.float32))
    else:
        length = r.op("Max", length, r.constant(1, np.float32))
    steps = np.arange(bins)[:, None] + (np.arange(ratio) + 0.5) / ratio
    share = r.constant((steps.reshape(1, -1) / bins).astype(np.float32))
    place = r.op("Add", start, r.op("Mul", length, share))
    return Samples(r, r.unsqueeze(bounded(r, place), [2 - axis]), size)


def deform_conv(node: Node, graph: Graph) -> Replacement:
    """DeformConv over pictures: samples at the moved places of the kernel, then one MatMul for each group."""
    x, w, offset = node.inputs[:3]
    image, kernel, places = (fixed_shape(graph, t) for t in (x, w, offset))
    if len(image) != 4:
        raise Refused("it is written out for pictures only")
    r, dtype = Replacement(graph, node), graph.dtype(x)
    groups, parts = node.attr_int("group", 1), node.attr_int("offset_group", 1)
    taps, count = int(np.prod(kernel[2:])), int(np.prod(places[2:]))
    wide, moves, weights = (t if dtype == FLOAT else r.cast(t, FLOAT) for t in (x, offset, w))
    channels = image[1] // parts
    apart = r.transpose(r.reshape(wide, [image[0] * parts, channels, *image[2:]]), [0, 2, 3, 1])
    pixels = Pixels(r, apart, channels, image[2:])
    moved = r.reshape(moves, [image[0] * parts, taps, 2, count])
    sampled = _bilinear(r, pixels, moved, _rest_places(node, kernel[2:], places[2:]), image[0] * parts)
    if node.input(4):
        mask = node.input(4) if dtype == FLOAT else r.cast(node.input(4), FLOAT)
        sampled = r.op("Mul", sampled, r.reshape(mask, [image[0] * parts, taps, count, 1]))
    columns = r.reshape(r.transpose(sampled, [0, 3, 1, 2]), [image[0], groups, image[1] // groups * taps, count])
    product = r.op("MatMul", r.reshape(weights, [groups, kernel[0] // groups, kernel[1] * taps]), columns)
    total = r.reshape(product, [image[0], kernel[0], *places[2:]])
    if node.input(3):
        bias = node.input(3) if dtype == FLOAT else r.cast(node.input(3), FLOAT)
        total = r.op("Add", total, r.reshape(bias, [1, -1, 1, 1]))
    _put(r, total, dtype)
    return r


def _rest_places(node: Node, kernel: list[int], out: list[int]) -> list[np.ndarray]:
    """Where each tap lies without an offset, per axis: [1, taps, places]."""
    strides = node.attr_ints("strides") or [1, 1]
    dilations = node.attr_ints("dilations") or [1, 1]
    pads = node.attr_ints("pads") or [0] * 4
    found = []
    for axis in (0, 1):
        tap = np.arange(kernel[axis]) * dilations[axis] - pads[axis]
        place = np.arange(out[axis]) * strides[axis]
        both = tap[:, None] + place[None, :]  # [kernel, out] of this axis
        full = np.empty((*kernel, *out), np.float32)
        full[:] = both[:, None, :, None] if axis == 0 else both[None, :, None, :]
        found.append(full.reshape(1, int(np.prod(kernel)), -1))
    return found


def _bilinear(r: Replacement, pixels: Pixels, moved: str, rest: list[np.ndarray], images: int) -> str:
    """Samples [images, taps, places, channels]; what lies outside counts as zero."""
    axes = []
    for axis in (0, 1):
        move = r.op("Gather", moved, r.constant(axis, np.int64), axis=2)
        place = bounded(r, r.op("Add", move, r.constant(rest[axis])))
        low, one = r.op("Floor", place), r.constant(1, np.float32)
        part = r.op("Sub", place, low)
        axes.append(((low, r.op("Sub", one, part)), (r.op("Add", low, one), part)))
    image = r.constant(np.arange(images).reshape(-1, 1, 1), np.int64)
    corners = [
        r.op("Mul", pixels.at(image, [y, x], inside_only=True), r.unsqueeze(r.op("Mul", wy, wx), [3]))
        for y, wy in axes[0]
        for x, wx in axes[1]
    ]
    return r.op("Sum", *corners)


def _put(r: Replacement, x: str, dtype: int | None) -> None:
    """`x` as the output of the node, in its element type."""
    if dtype == FLOAT:
        r.op("Identity", x, into=r.node.outputs[0])
    else:
        r.cast(x, dtype or FLOAT, into=r.node.outputs[0])
