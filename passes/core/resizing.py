"""Read a Resize or Upsample of any opset, write it in another form, or as constant matrices and indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.padding import shape_of
from trtconv.passes.core.rewrite import Refused, Replacement
from trtconv.passes.core.sampling import F32, Grid, Sampling, matrix, nearest, outside

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Graph
    from trtconv.passes.core.node import Node
    from trtconv.passes.core.types import Dim

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
PROBES = (1, 2, 3, 5, 8, 33)
"""Sizes that stand for an unknown one: with a whole scale the pattern repeats from element to element."""


@dataclass(frozen=True)
class Resizing:
    """What a node asks for. `scales` and `sizes` are of full rank, None where not known or not given."""

    sampling: Sampling
    given: str
    """Which input says how large the output is: `scales` or `sizes`."""
    scales: tuple[float, ...] | None
    sizes: tuple[int | None, ...] | None
    """None for an axis that is not named, and stays as it is."""
    policy: str
    dims: tuple[Dim, ...] | None
    roi: tuple[tuple[float, float], ...] | None

    @property
    def resized(self) -> list[int]:
        """Axes known to change, of constant scales or sizes."""
        if self.scales is not None:
            return [a for a, s in enumerate(self.scales) if s != 1]
        dims = self.dims or ()
        return [a for a, (s, d) in enumerate(zip(self.sizes or (), dims, strict=False)) if s is not None and s != d]


def shape_inputs(node: Node, graph: Graph) -> tuple[str, str, str]:
    """Names of `roi`, `scales` and `sizes`, empty where not given; before opset 11 there are scales only."""
    if graph.opset < 11 or node.op_type == "Upsample":
        return "", node.input(1), ""
    sizes = node.input(3)
    return node.input(1), "" if sizes else node.input(2), sizes


def read(node: Node, graph: Graph) -> Resizing:
    """The node's attributes and constant inputs, with those that name `axes` (opset 18) brought to full rank."""
    roi, scales, sizes = shape_inputs(node, graph)
    dims = graph.shape(node.input(0))
    values = node.attr_floats("scales") or _numbers(graph, scales)
    rank = len(dims) if dims is not None else None if values is None else len(values)
    axes = named_axes(node, rank)
    known_sizes = _spread(None if (v := _numbers(graph, sizes)) is None else [int(s) for s in v], axes, rank, None)
    if sizes and known_sizes is None:
        known_sizes = _sizes_by_shape(dims, graph.shape(node.outputs[0])) or _sizes_by_parts(
            graph, sizes, node.input(0)
        )
    corners = _spread(_roi_pairs(_numbers(graph, roi)), axes, rank, (0.0, 1.0))
    return Resizing(
        _sampling(node, graph),
        "sizes" if sizes else "scales",
        _spread(None if values is None else [float(F32(v)) for v in values], axes, rank, 1.0),
        known_sizes,
        node.attr_string("keep_aspect_ratio_policy", "stretch"),
        dims,
        corners,
    )


def _sizes_by_shape(dims: Sequence[Dim] | None, out: Sequence[Dim] | None) -> tuple[int | None, ...] | None:
    """Sizes that are computed, but known from the output's shape: each a number, or the data's own dimension."""
    if dims is None or out is None or len(dims) != len(out):
        return None
    pairs = list(zip(out, dims, strict=True))
    if not all(isinstance(o, int) or (o is not None and o == d) for o, d in pairs):
        return None
    return tuple(o if isinstance(o, int) and o != d else None for o, d in pairs)


def _sizes_by_parts(graph: Graph, sizes: str, x: str) -> tuple[int | None, ...] | None:
    """Sizes put together from constants and from the data's own dimensions, each at its own place."""
    concat = graph.producer(sizes)
    if concat is None or concat.op_type != "Concat":
        return None
    known: list[int | None] = []
    for part in concat.inputs:
        value = _numbers(graph, part)
        if value is None:
            kept = _own_dimensions(graph, part, x, len(known))
            known.extend([None] * kept)
            if not kept:
                return None
        else:
            known.extend(int(v) for v in value)
    return tuple(known) if len(known) == graph.rank(x) else None


def _own_dimensions(graph: Graph, part: str, x: str, start: int) -> int:
    """How many dimensions of `x` from `start` on `part` is a slice of; 0 where it is something else."""
    cut = graph.producer(part)
    shape = graph.producer(cut.input(0)) if cut is not None and cut.op_type == "Slice" else None
    if cut is None or shape is None or shape.op_type != "Shape" or shape.input(0) != x or shape.attributes:
        return 0
    bounds = [_numbers(graph, t) for t in cut.inputs[1:]]
    if not bounds or any(b is None or len(b) != 1 for b in bounds):
        return 0
    begin, end, *rest = [int(b[0]) for b in bounds if b]
    return end - begin if begin == start and rest in ([], [0], [0, 1]) and end > begin else 0


def named_axes(node: Node, rank: int | None) -> list[int] | None:
    """Axes that scales and sizes are about; None when they name none, which means all."""
    axes = node.attr_ints("axes")
    return None if axes is None or rank is None else [a % rank for a in axes]


def _sampling(node: Node, graph: Graph) -> Sampling:
    mode = node.attr_string("mode", "nearest")
    if graph.opset < 11 or node.op_type == "Upsample":
        return Sampling("linear" if mode == "bilinear" else mode, "asymmetric", "simple")
    return Sampling(
        mode,
        node.attr_string("coordinate_transformation_mode", "half_pixel"),
        node.attr_string("nearest_mode", "round_prefer_floor"),
        node.attr_float("cubic_coeff_a", -0.75),
        bool(node.attr_int("exclude_outside", 0)),
        bool(node.attr_int("antialias", 0)) and mode != "nearest",
        node.attr_float("extrapolation_value", 0.0),
    )


def _numbers(graph: Graph, tensor: str) -> list[Any] | None:
    value = graph.constant(tensor) if tensor else None
    return None if value is None or not value.size else list(value.reshape(-1))


def _roi_pairs(flat: list[Any] | None) -> list[tuple[float, float]] | None:
    if flat is None:
        return None
    half = len(flat) // 2
    return [(float(a), float(b)) for a, b in zip(flat[:half], flat[half:], strict=True)]


def _spread(values: list[Any] | None, axes: list[int] | None, rank: int | None, rest: Any) -> tuple[Any, ...] | None:
    if values is None or axes is None:
        return None if values is None else tuple(values)
    full = [rest] * (rank or 0)
    for axis, value in zip(axes, values, strict=True):
        full[axis] = value
    return tuple(full)


# --- grids ---------------------------------------------------------------------------------


def grids(asked: Resizing) -> dict[int, Grid]:
    """The axes that change, each with its grid; raises Refused where a size is not known."""
    if asked.scales is None and asked.sizes is None:
        raise Refused(f"the {asked.given} are computed at run time")
    dims = asked.dims or ((None,) * len(asked.scales) if asked.scales is not None else ())
    wanted = asked.scales if asked.scales is not None else asked.sizes or ()
    if len(wanted) != len(dims):
        raise Refused("the rank of the data is not known")
    ratio = _common_ratio(asked, dims)
    found = {}
    for axis, (dim, want) in enumerate(zip(dims, wanted, strict=True)):
        roi = asked.roi[axis] if asked.roi and asked.sampling.coordinates == "tf_crop_and_resize" else (0.0, 1.0)
        if want is None or (asked.scales is not None and want == 1 and roi == (0.0, 1.0)):
            continue
        if not isinstance(dim, int):
            raise Refused(f"the size of axis {axis} is not known: give the input a fixed height and width")
        grid = _grid(dim, want, asked.scales is not None, ratio, roi)
        if grid.size == grid.out and roi != (0.0, 1.0):
            raise Refused(f"axis {axis} is cropped to its own size, where ONNX Runtime departs from the standard")
        if grid.changes:
            found[axis] = grid
    return found


def _grid(dim: int, want: Any, is_scale: bool, ratio: float | None, roi: tuple[float, float]) -> Grid:
    if is_scale:
        return Grid(dim, int(F32(want) * F32(dim)), want, roi)
    if ratio is not None:
        return Grid(dim, int(np.floor(F32(ratio) * F32(dim) + F32(0.5))), ratio, roi)
    return Grid(dim, want, float(F32(want) / F32(dim)), roi)


def _common_ratio(asked: Resizing, dims: Sequence[Dim]) -> float | None:
    """The one scale for all named axes of `not_larger` and `not_smaller`."""
    if asked.policy == "stretch" or asked.sizes is None:
        return None
    pairs = [(s, d) for s, d in zip(asked.sizes, dims, strict=True) if s is not None]
    if not all(isinstance(d, int) for _, d in pairs):
        raise Refused("keeping the aspect ratio needs a fixed height and width")
    ratios = [F32(s) / F32(d) for s, d in pairs]
    return float(min(ratios) if asked.policy == "not_larger" else max(ratios))


def grids_or_probes(asked: Resizing) -> list[Grid]:
    """Grids to compare two ways of sampling on; an unknown size with a whole scale has a few that stand for all."""
    if asked.scales is None:
        return list(grids(asked).values())
    dims = asked.dims or (None,) * len(asked.scales)
    found: list[Grid] = []
    for axis, (dim, scale) in enumerate(zip(dims, asked.scales, strict=True)):
        if scale == 1:
            continue
        if not isinstance(dim, int) and scale != int(scale):
            raise Refused(f"the size of axis {axis} is not known, and its scale {scale:g} is no whole number")
        sizes = [dim] if isinstance(dim, int) else list(PROBES)
        found.extend(Grid(n, int(F32(scale) * F32(n)), scale) for n in sizes)
    return found


# --- writing -------------------------------------------------------------------------------


def resampled(r: Replacement, node: Node, asked: Resizing) -> Replacement:
    """Write the node as one Gather (nearest) or one MatMul (linear, cubic) with constants per axis."""
    found, sampling, x = grids(asked), asked.sampling, node.input(0)
    dtype = r.graph.dtype(x)
    if sampling.mode != "nearest" and dtype not in FLOATS:
        raise Refused("interpolation of a type that is not floating point")
    if not found:
        r.op("Identity", x, into=node.outputs[0])
        return r
    beyond = _beyond(found, sampling, len(asked.dims or asked.scales or ()))
    inner = sampling.mode != "nearest" and dtype in (TensorProto.FLOAT16, TensorProto.BFLOAT16)
    last_is_axis = not inner and beyond is None
    y = r.cast(x, TensorProto.FLOAT) if inner else x
    for axis, grid in found.items():
        into = node.outputs[0] if last_is_axis and axis == max(found) else None
        y = _along(r, y, axis, grid, asked, into)
    if beyond is not None:
        y = r.op(
            "Where",
            r.constant(beyond),
            r.scalar(sampling.extrapolation, x if not inner else y),
            y,
            into=None if inner else node.outputs[0],
        )
    if inner:
        r.cast(y, int(dtype or 0), into=node.outputs[0])
    return r


def _beyond(found: dict[int, Grid], sampling: Sampling, rank: int) -> Any:
    """Mask of the elements that are extrapolated, broadcastable to the output; None when there are none."""
    mask = np.zeros((1,) * rank, bool)
    for axis, grid in found.items():
        mask = mask | outside(grid, sampling).reshape([-1 if a == axis else 1 for a in range(rank)])
    return mask if mask.any() else None


def _along(r: Replacement, x: str, axis: int, grid: Grid, asked: Resizing, into: str | None) -> str:
    if asked.sampling.mode == "nearest":
        indices = r.constant(nearest(grid, asked.sampling), np.int64, "indices")
        return r.op("Gather", x, indices, into=into, axis=axis)
    rank = len(asked.dims or asked.scales or ())
    weights = matrix(grid, asked.sampling)
    if r.graph.dtype(asked_input(r)) == TensorProto.DOUBLE:
        weights = weights.astype(np.float64)
    if axis == rank - 1:
        return r.op("MatMul", x, r.constant(weights.T, hint="weights"), into=into)
    if axis == rank - 2:
        return r.op("MatMul", r.constant(weights, hint="weights"), x, into=into)
    swap = list(range(rank))
    swap[axis], swap[-1] = swap[-1], swap[axis]
    y = r.op("MatMul", r.transpose(x, swap), r.constant(weights.T, hint="weights"))
    return r.transpose(y, swap, into=into)


def asked_input(r: Replacement) -> str:
    """The data of the node that is replaced."""
    return r.node.input(0)


def restated(
    r: Replacement, node: Node, asked: Resizing, sampling: Sampling, given: str, x: str = "", into: str | None = None
) -> str:
    """Write the node again, of opset 11 or later, with other attributes and with `scales` or `sizes` of full rank."""
    empty = "" if r.graph.opset >= 13 else r.constant(np.zeros(0, F32), hint="absent")
    data = x or node.input(0)
    by_scales = given == "scales"
    shape = [r.constant(scales_of(asked), F32, "scales")] if by_scales else [empty, _sizes_of(r, data, asked)]
    attributes = {
        "mode": sampling.mode,
        "coordinate_transformation_mode": sampling.coordinates,
        "nearest_mode": sampling.rounding,
    }
    dropped = ("axes", "keep_aspect_ratio_policy", "antialias")
    outputs = [into or node.outputs[0]]
    return r.clone(node, [data, empty, *shape], into=outputs, without=dropped, **attributes)[0]


def scales_of(asked: Resizing) -> list[float]:
    """Constant scales that give the same output size; raises Refused where there are none.

    The ratio has to be a number of single precision: rounded, it leaves it to each runtime's arithmetic whether the
    size comes out as it should, or one short.
    """
    if asked.scales is not None:
        return list(asked.scales)
    scales = [1.0] * len(asked.sizes or ())
    for axis, grid in grids(asked).items():
        if Fraction(float(F32(grid.scale))) * grid.size != grid.out:
            raise Refused(f"no scale in single precision turns {grid.size} into exactly {grid.out}")
        scales[axis] = grid.scale
    return scales


def _sizes_of(r: Replacement, x: str, asked: Resizing) -> str:
    """Sizes of the output; dynamic axes that are not resized take theirs from the data."""
    dims: list[Dim] = list(asked.dims or ())
    found = grids(asked)
    for axis, grid in found.items():
        dims[axis] = grid.out
    return shape_of(r, x, dims)
