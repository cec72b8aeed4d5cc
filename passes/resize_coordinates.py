"""# resize-coordinates

## What it does
Gives a `Resize` whose way of sampling the parser lacks another one that reads the same elements with the same
weights: another coordinate mode, `scales` instead of `sizes` or the other way round. Where none is the same it
writes the sampling out: one Gather (nearest) or one MatMul (linear, cubic) with constants per axis.

## Why
TensorRT 7.0 knows asymmetric coordinates only, and computes linear ones as half_pixel, silently. 7.1 takes four
modes, but treats asymmetric and align_corners alike: right only as asymmetric with scales and align_corners with
sizes. 7.2 takes some modes with scales and others with sizes. All of 7 round down only, and have no
pytorch_half_pixel for an output of size 1. From 8.0 on five modes are taken; tf_half_pixel_for_nn only with
round_prefer_floor, and from 8.5 on only with scales. half_pixel_symmetric and tf_crop_and_resize are taken by none.
TensorRT-RTX 1.7 is as TensorRT 11 (measured).

## Safety
Rounding; nearest is exact. The matrices are those of ONNX Runtime, which computes coordinates in float32; the
reference evaluator of ONNX uses float64, and may fall on the other side of a tie. MatMul multiplies what it does
not use by zero: an infinity or NaN in the data spreads along its row and column.

## When it refuses
When height and width are not known, unless the scales are whole numbers and another mode is the same for them; and
for integers that are interpolated.

## How to avoid it when exporting
Export with opset 11 or later and `align_corners=False`, and give the input a fixed size for TensorRT 7.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from trtconv.passes.core import (
    Example,
    Graph,
    Node,
    Pass,
    Refused,
    Replacement,
    Safety,
    Target,
    Trouble,
    refused,
    silent,
)
from trtconv.passes.core.resizing import Resizing, grids_or_probes, read, resampled, restated
from trtconv.passes.core.sampling import Sampling, same

MODES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_half_pixel_for_nn")
ROUNDINGS = ("round_prefer_floor", "floor", "round_prefer_ceil", "ceil")
TAKEN_BY_7_2 = {
    ("nearest", "sizes"): ("asymmetric", "align_corners"),
    ("nearest", "scales"): ("asymmetric",),
    ("linear", "sizes"): ("half_pixel", "pytorch_half_pixel", "align_corners"),
    ("linear", "scales"): ("asymmetric", "half_pixel", "pytorch_half_pixel"),
}


class ResizeCoordinates(Pass):
    """Coordinate and rounding modes that the parser refuses, or takes for others."""

    ops = ("Resize",)
    safety = Safety.ROUNDING
    after = ("resize-aspect-ratio", "antialiased-resize", "computed-resize-sizes")
    examples = (
        Example(
            target="tensorrt-7.2",
            title="a whole scale: the same as asymmetric and floor, for any size",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="nearest"> (x, , s) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <coordinate_transformation_mode="asymmetric", nearest_mode="floor"> (x, , s) }""",
        ),
        Example(
            target="tensorrt-7.2",
            title="scales instead of sizes",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,3,4,5] x) => (float[1,3,8,10] y) <int64[4] z = {1, 3, 8, 10}>
                { y = Resize <mode="linear", coordinate_transformation_mode="asymmetric"> (x, , , z) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,3,4,5] x) => (float[1,3,8,10] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="linear", coordinate_transformation_mode="asymmetric"> (x, , s) }""",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 19]>
                g (float[1,1,4,5] x) => (float[1,1,4,7] y) <float[4] s = {1, 1, 1, 1.5}>
                { y = Resize <mode="linear", coordinate_transformation_mode="half_pixel_symmetric"> (x, , s) }""",
            after="""<ir_version: 8, opset_import: ["": 19]>
                g (float[1,1,4,5] x) => (float[1,1,4,7] y) <float[5,7] w = {0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
                 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}> { y = MatMul(x, w) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="taken as it is",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 2, 2.5}>
                { y = Resize <mode="linear"> (x, , s) }""",
        ),
        Example(
            target="tensorrt-7.0",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,H,W] x) => (float[N,3,P,Q] y) <float[4] s = {1, 1, 2, 2}>
                { y = Resize <mode="linear"> (x, , s) }""",
            refusal="fixed height and width",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The table of TensorRT 7.0, 7.1, 7.2, 8.0 and 8.5."""
        return None if graph.opset < 11 else _trouble(read(node, graph), target)

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Another way to ask for the same samples, or the samples themselves."""
        r, asked = Replacement(graph, node), read(node, graph)
        for sampling, given in _others(asked, target):
            restated(r, node, asked, sampling, given)
            return r
        return resampled(r, node, asked)


def _others(asked: Resizing, target: Target) -> list[tuple[Sampling, str]]:
    """Ways to say the same that the target takes, the preferred one first; empty when there is none."""
    try:
        found = grids_or_probes(asked)
    except Refused:
        return []
    ways = product(("scales", "sizes"), (asked.sampling.coordinates, *MODES), (asked.sampling.rounding, *ROUNDINGS))
    for given, coordinates, rounding in ways:
        sampling = replace(asked.sampling, coordinates=coordinates, rounding=rounding)
        if _trouble(replace(asked, sampling=sampling, given=given), target) is not None:
            continue
        if _can_be_given(asked, given) and all(same(g, asked.sampling, g, sampling) for g in found):
            return [(sampling, given)]
    return []


def _can_be_given(asked: Resizing, given: str) -> bool:
    """Whether the other input can ask for the same size with the same scale."""
    from trtconv.passes.core.resizing import grids, scales_of

    try:
        if given == "scales":
            return bool(scales_of(asked))
        return asked.given == "sizes" or all(g.out == g.size * g.scale for g in grids(asked).values())
    except Refused:
        return False


def _trouble(asked: Resizing, target: Target) -> Trouble | None:
    coordinates, mode = asked.sampling.coordinates, asked.sampling.mode
    if mode == "cubic" and target.before(8, 5):
        return None
    if not target.before(8, 0):
        return _trouble_since_8(asked, target)
    if mode == "nearest" and asked.sampling.rounding != "floor":
        return refused(f"{target.title} only rounds down, not {asked.sampling.rounding}")
    if target.before(7, 1):
        if coordinates != "asymmetric":
            return refused(f"{target.title} has asymmetric coordinates only, not {coordinates}")
        return silent(f"{target.title} computes linear asymmetric as half_pixel") if mode == "linear" else None
    return _trouble_in_7_1(asked, target) if target.before(7, 2) else _trouble_in_7_2(asked, target)


def _trouble_in_7_1(asked: Resizing, target: Target) -> Trouble | None:
    coordinates = asked.sampling.coordinates
    if coordinates not in MODES[:4]:
        return refused(f"{target.title} has no coordinate mode {coordinates}")
    if (coordinates, asked.given) in (("asymmetric", "sizes"), ("align_corners", "scales")):
        return silent(
            f"{target.title} takes {coordinates} with {asked.given} for the other of asymmetric and align_corners"
        )
    return _trouble_of_one(asked, target)


def _trouble_in_7_2(asked: Resizing, target: Target) -> Trouble | None:
    coordinates, mode = asked.sampling.coordinates, asked.sampling.mode
    if coordinates not in TAKEN_BY_7_2.get((mode, asked.given), ()):
        return refused(f"{target.title} does not take {mode} {coordinates} with {asked.given}")
    return _trouble_of_one(asked, target)


def _trouble_of_one(asked: Resizing, target: Target) -> Trouble | None:
    """An output of size 1 in pytorch_half_pixel."""
    if asked.sampling.coordinates != "pytorch_half_pixel":
        return None
    sizes = asked.sizes or ()
    if asked.scales is not None and asked.dims is not None:
        pairs = zip(asked.scales, asked.dims, strict=True)
        sizes = tuple(int(s * d) if isinstance(d, int) and s != 1 else None for s, d in pairs)
    if 1 not in [sizes[axis] for axis in asked.resized if axis < len(sizes)]:
        return None
    return refused(f"{target.title} has no pytorch_half_pixel for an output of size 1")


def _trouble_since_8(asked: Resizing, target: Target) -> Trouble | None:
    coordinates, rounding = asked.sampling.coordinates, asked.sampling.rounding
    if coordinates not in MODES:
        return refused(f"{target.title} has no coordinate mode {coordinates}")
    if coordinates != "tf_half_pixel_for_nn":
        return None
    if rounding != "round_prefer_floor":
        return refused(f"{target.title} takes tf_half_pixel_for_nn with round_prefer_floor only, not {rounding}")
    if asked.given == "sizes" and not target.before(8, 5):
        return refused(f"{target.title} takes tf_half_pixel_for_nn with scales only")
    return None
