"""Resize passes against ONNX Runtime over opsets, modes, sizes and types; and which versions each is for.

ONNX Runtime is the oracle: it computes coordinates in float32, as the passes do. The reference evaluator of onnx 1.23
computes them in float64 and takes the unrounded size for align_corners, so that ties and fractional scales differ.
The samples are compared on numbers that add up without overflow; see the passes' pages for infinities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from support import assert_same, judge, parse, random_feed, run

import trtconv
from trtconv.passes.core.sampling import Grid, Sampling, matrix, nearest
from trtconv.passes.core.target import facts, parse_version

VERSIONS = facts()["versions"]["tensorrt"]
TARGETS = ("7.0", "7.1", "7.2", "8.0.1", "8.2", "8.4", "8.6", "9.3", "10.3")
COORDINATES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "tf_half_pixel_for_nn")
ROUNDINGS = ("round_prefer_floor", "floor", "round_prefer_ceil", "ceil")
SCALES = (0.3, 0.5, 0.6, 0.75, 1.5, 2.0, 2.5, 3.0, 7.7879)
PASSES = (
    "antialiased-resize",
    "computed-resize-sizes",
    "cubic-resize",
    "old-opset-resize",
    "outer-axis-resize",
    "resize-aspect-ratio",
    "resize-coordinates",
    "resize-type",
    "resize-with-axes",
    "trailing-empty-inputs",
)


def model_of(opset: int, node: onnx.NodeProto, x: tuple[int, list[Any]], **constants: Any) -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", *x)
    y = helper.make_tensor_value_info("y", x[0], [None] * len(x[1]))
    tensors = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
    graph = helper.make_graph([node], "g", [value], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@st.composite
def resized(draw: st.DrawFn) -> tuple[onnx.ModelProto, dict[str, int]]:
    """A Resize of opset 11 or later, of height and width, that ONNX Runtime takes."""
    opset, mode = (
        draw(st.sampled_from([11, 13, 18, 19])),
        draw(st.sampled_from(["nearest", "nearest", "linear", "cubic"])),
    )
    coordinates = draw(st.sampled_from([*COORDINATES, "half_pixel_symmetric"] if opset >= 19 else COORDINATES))
    roundings = ROUNDINGS[::2] if coordinates == "half_pixel_symmetric" else ROUNDINGS
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": coordinates}
    attributes |= {
        "nearest_mode": draw(st.sampled_from(roundings)),
        "cubic_coeff_a": draw(st.sampled_from([-0.75, -0.5])),
    }
    if mode == "cubic":
        attributes["exclude_outside"] = draw(st.integers(0, 1))
    if opset >= 18 and mode != "nearest" and coordinates in ("half_pixel", "asymmetric"):
        attributes["antialias"] = draw(st.integers(0, 1))
    sizes = [draw(st.integers(1, 7)) for _ in range(2)]
    constants: dict[str, Any] = {"e": np.zeros(0, np.float32)}
    empty = "e" if opset < 13 else ""
    batch = draw(st.integers(1, 2))
    named = opset >= 18 and draw(st.booleans())
    if draw(st.booleans()):
        scales = [draw(st.sampled_from(SCALES)) for _ in sizes]
        assume(all(int(np.float32(s) * n) > 0 for s, n in zip(scales, sizes, strict=True)))
        constants["s"] = np.array(scales if named else [1, 1, *scales], np.float32)
        inputs, shape = ["x", empty, "s"], ["N", 2, *sizes]
    else:
        want = [draw(st.integers(1, 12)) for _ in sizes]
        constants["z"] = np.array(want if named else [batch, 2, *want])
        inputs, shape = ["x", empty, empty, "z"], ["N" if named else batch, 2, *sizes]
        if named:
            attributes["keep_aspect_ratio_policy"] = draw(st.sampled_from(["stretch", "not_larger", "not_smaller"]))
    if named:
        # ONNX Runtime 1.31 leaves an axis that is named from the end as it is when the aspect ratio is kept
        attributes["axes"] = [2, -1 if attributes.get("keep_aspect_ratio_policy", "stretch") == "stretch" else 3]
    if "e" not in inputs:
        del constants["e"]
    node = helper.make_node("Resize", inputs, ["y"], **attributes)
    return model_of(opset, node, (TensorProto.FLOAT, shape), **constants), {"N": batch}


def smooth(model: onnx.ModelProto, dims: dict[str, int], seed: int) -> dict[str, np.ndarray]:
    """Ties, zeros of both signs, denormals, but no numbers so large that little is left of them in a sum."""
    feed = random_feed(model, dims, seed, ugly=True)
    for name, data in feed.items():
        if data.dtype.kind == "f":
            feed[name] = np.clip(np.nan_to_num(data, nan=0.5), -8, 8).astype(data.dtype)
    return feed


@settings(max_examples=150, deadline=None)
@given(resized(), st.sampled_from(TARGETS), st.integers(0, 9))
def test_same_samples(case: tuple[onnx.ModelProto, dict[str, int]], version: str, seed: int) -> None:
    model, dims = case
    try:
        feed = smooth(model, dims, seed)
        run(model, feed)
    except (ValueError, RuntimeError):
        assume(False)
    fixed = trtconv.fix(model, target=f"tensorrt-{version}", only=PASSES, evidence=False)
    assert not fixed.crashes
    # ONNX Runtime computes places in float32: cubic weights, which are steep, are off by up to 2e-6 of the range.
    mode = next(a.s for a in model.graph.node[0].attribute if a.name == "mode")
    safety = {b"nearest": "exact", b"linear": "rounding", b"cubic": "approximate"}[mode]
    assert_same(model, fixed.model, feed, safety)
    assert not trtconv.fix(fixed.model, target=f"tensorrt-{version}", only=PASSES, evidence=False).edits
    assert fixed.ok, [(f.why, f.refusal) for f in fixed.remaining]


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(["nearest", "linear"]), st.sampled_from([7, 9, 10]), st.sampled_from(TARGETS))
def test_same_samples_before_opset_11(data: st.DataObject, mode: str, opset: int, version: str) -> None:
    sizes = [data.draw(st.integers(2, 7)) for _ in range(2)]
    scales = [1.0, 1.0, *(data.draw(st.sampled_from(SCALES if opset == 10 else SCALES[4:])) for _ in sizes)]
    assume(all(int(np.float32(s) * n) > 0 for s, n in zip(scales[2:], sizes, strict=True)))
    op_type = "Resize" if opset == 10 else "Upsample"
    if opset == 7:
        model = model_of(7, helper.make_node(op_type, ["x"], ["y"], mode=mode, scales=scales), (1, ["N", 3, *sizes]))
    else:
        node = helper.make_node(op_type, ["x", "s"], ["y"], mode=mode)
        model = model_of(opset, node, (1, ["N", 3, *sizes]), s=np.array(scales, np.float32))
    fixed = trtconv.fix(model, target=f"tensorrt-{version}", only=PASSES, evidence=False)
    assert not fixed.crashes
    assert fixed.ok
    assert_same(model, fixed.model, smooth(model, {"N": 2}, 0), "exact" if mode == "nearest" else "rounding")


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(["nearest", "linear", "cubic"]))
def test_crops_as_the_standard_has_them(data: st.DataObject, mode: str) -> None:
    sizes = [data.draw(st.integers(2, 6)) for _ in range(2)]
    want = [data.draw(st.integers(1, 9)) for _ in range(2)]
    assume(all(a != b for a, b in zip(sizes, want, strict=True)))
    corners = [data.draw(st.floats(-0.25, 1.25, width=32)) for _ in range(4)]
    roi = np.array([0, 0, *corners[:2], 1, 1, *corners[2:]], np.float32)
    node = helper.make_node(
        "Resize", ["x", "roi", "", "z"], ["y"], mode=mode, extrapolation_value=7.0,
        coordinate_transformation_mode="tf_crop_and_resize",
    )  # fmt: skip
    model = model_of(13, node, (1, [1, 2, *sizes]), roi=roi, z=np.array([1, 2, *want]))
    fixed = trtconv.fix(model, target="tensorrt-10.3", only=PASSES, evidence=False)
    assert fixed.edits
    assert_same(model, fixed.model, smooth(model, {}, 0), "exact" if mode == "nearest" else "rounding")


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(["linear", "nearest"]), st.sampled_from([2.0, 3.0, 4.0, 1.0]))
def test_whole_scales_need_no_sizes(data: st.DataObject, mode: str, scale: float) -> None:
    coordinates, rounding = data.draw(st.sampled_from(COORDINATES)), data.draw(st.sampled_from(ROUNDINGS))
    node = helper.make_node(
        "Resize", ["x", "", "s"], ["y"], mode=mode, coordinate_transformation_mode=coordinates, nearest_mode=rounding
    )
    model = model_of(13, node, (1, ["N", 2, "H", "W"]), s=np.array([1, 1, scale, 2], np.float32))
    fixed = trtconv.fix(model, target="tensorrt-7.2", only=["resize-coordinates"], evidence=False)
    assert not fixed.crashes
    for size in ((1, 1), (5, 3), (31, 40)):
        feed = smooth(model, {"N": 2, "H": size[0], "W": size[1]}, 0)
        assert_same(model, fixed.model, feed, "exact" if mode == "nearest" else "rounding")


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_integers(dtype: type, mode: str) -> None:
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], mode=mode)
    x = (helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), ["N", 1, 4, 5])
    model = model_of(13, node, x, s=np.array([1, 1, 2, 2], np.float32))
    fixed = trtconv.fix(model, target="tensorrt-rtx-1.7")
    assert [e.pass_name for e in fixed.edits] == ["resize-type"]
    assert_same(model, fixed.model, random_feed(model, {"N": 2}))


def test_half_is_interpolated_in_single_precision() -> None:
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="cubic")
    model = model_of(13, node, (TensorProto.FLOAT16, [1, 1, 4, 5]), s=np.array([1, 1, 2, 2], np.float32))
    fixed = trtconv.fix(model, target="tensorrt-8.2", only=["cubic-resize"])
    assert [n.op_type for n in fixed.model.graph.node] == ["Cast", "MatMul", "MatMul", "Cast"]


@pytest.mark.parametrize("rank", [1, 2, 3, 5])
def test_any_axis_can_be_written_out(rank: int) -> None:
    for axis in range(rank):
        scales = np.ones(rank, np.float32)
        scales[axis] = 2.5
        grid, shape = Grid(4, 10, 2.5), [3] * rank
        shape[axis] = 4
        node = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="cubic")
        model = model_of(13, node, (1, shape), s=scales)
        fixed = trtconv.fix(model, target="tensorrt-8.2", only=["cubic-resize"])
        x = random_feed(model)["x"]
        want = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix(grid, Sampling("cubic")).T, -1, axis)
        np.testing.assert_allclose(run(fixed.model, {"x": x})[0], want, rtol=1e-6, atol=1e-5)


def test_a_tie_is_seen_as_one() -> None:
    assert nearest(Grid(7, 2, float(np.float32(2) / np.float32(7))), Sampling(coordinates="asymmetric")).tolist() == [
        0,
        3,
    ]
    ceil = Sampling(coordinates="asymmetric", rounding="round_prefer_ceil")
    assert nearest(Grid(7, 2, float(np.float32(2) / np.float32(7))), ceil).tolist() == [0, 4]


def test_what_folding_tells_of_sizes_is_used_at_once() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]>
        g (float[N,3,4,5] x) => (float[A,B,C,D] y) <int64[4] a = {0, 0, 1, 1}, int64[1] b = {0}, int64[1] c = {2}> {
            p = Concat <axis=0> (a, a) h = Pad(x, p) s = Shape(h) n = Slice(s, b, c) t = Shape(h) u = Slice(t, c, e)
            hw = Add(u, u) z = Concat <axis=0> (n, hw) y = Resize <mode="linear"> (h, , , z)
        }""")
    model.graph.initializer.append(numpy_helper.from_array(np.array([4]), "e"))
    fixed = trtconv.fix(model, target="tensorrt-10.3")
    assert [n.op_type for n in fixed.model.graph.node] == ["Pad", "Resize"]
    assert_same(model, fixed.model, random_feed(model, {"N": 2}))
    assert not trtconv.fix(fixed.model, target="tensorrt-10.3").edits


# --- which versions ----------------------------------------------------------------------------

S = "float[4] s = {1, 1, 2, 2.5}"
Z = "int64[4] z = {1, 3, 8, 9}"


def asks(attributes: str, given: str = "s", opset: int = 19, shape: str = "1,3,4,5", kind: str = "float") -> str:
    """Text of a Resize that is given `s` or `z`, or another constant spelled out."""
    constant = {"s": S, "z": Z}.get(given, given)
    name = constant.split()[1]
    inputs = f"x, , {name}" if name == "s" else f"x, , , {name}"
    if opset < 11:
        inputs = f"x, {name}"
    op_type = "Resize" if opset >= 10 else "Upsample"
    rank = ",".join("ABCDE"[: shape.count(",") + 1])
    return f"""<ir_version: 8, opset_import: ["": {opset}]> g ({kind}[{shape}] x) => ({kind}[{rank}] y)
        <{constant}> {{ y = {op_type} <{attributes}> ({inputs}) }}"""


def mode(kind: str, coordinates: str, rounding: str = "floor") -> str:
    return f'mode="{kind}", coordinate_transformation_mode="{coordinates}", nearest_mode="{rounding}"'


R, Q, NEVER = "refused", "silent", "note"
ONE = "int64[4] z = {1, 3, 1, 9}"
HALF = "float[4] s = {1, 1, 0.5, 0.5}"
KEPT = 'keep_aspect_ratio_policy="not_larger"'
FROM_SHAPE = """<ir_version: 8, opset_import: ["": 13]> g (float[1,3,H,W] x) => (float[1,3,P,Q] y) <float d = {8}>
    { n = Shape(x) f = Cast <to=1> (n) s = Div(f, d) y = Resize <mode="linear"> (x, , s) }"""
FROM_INPUT = """<ir_version: 8, opset_import: ["": 13]> g (float[1,3,4,5] x, float[4] s) => (float[A,B,C,D] y)
    { y = Resize <mode="linear"> (x, , s) }"""
ROWS: list[tuple[str, str, dict[str, tuple[str, str | None]]]] = [
    ("resize-coordinates", asks(mode("nearest", "asymmetric")), {}),
    ("resize-coordinates", asks(mode("nearest", "asymmetric"), "z"), {Q: ("7.1", "7.2")}),
    ("resize-coordinates", asks(mode("linear", "asymmetric")), {Q: ("7.0", "7.1")}),
    ("resize-coordinates", asks(mode("linear", "half_pixel")), {R: ("7.0", "7.1")}),
    ("resize-coordinates", asks(mode("linear", "half_pixel"), "z"), {R: ("7.0", "7.1")}),
    ("resize-coordinates", asks(mode("linear", "pytorch_half_pixel")), {R: ("7.0", "7.1")}),
    ("resize-coordinates", asks(mode("linear", "pytorch_half_pixel"), ONE), {R: ("7.0", "8.0")}),
    ("resize-coordinates", asks(mode("nearest", "half_pixel", "ceil")), {R: ("7.0", "8.0")}),
    ("resize-coordinates", asks(mode("nearest", "asymmetric", "ceil")), {R: ("7.0", "8.0")}),
    ("resize-coordinates", asks(mode("nearest", "tf_half_pixel_for_nn", "ceil")), {R: ("7.0", None)}),
    ("resize-coordinates", asks(mode("nearest", "tf_half_pixel_for_nn", "round_prefer_floor")), {R: ("7.0", "8.0")}),
    ("resize-coordinates", asks(mode("linear", "tf_half_pixel_for_nn", "round_prefer_floor")), {R: ("7.0", "8.0")}),
    ("resize-coordinates", asks(mode("linear", "half_pixel_symmetric")), {R: ("7.0", None)}),
    ("cubic-resize", asks(mode("cubic", "half_pixel")), {R: ("7.0", "8.5")}),
    ("antialiased-resize", asks('mode="linear", antialias=1', HALF), {Q: ("7.0", "10.0"), R: ("10.0", None)}),
    ("antialiased-resize", asks('mode="linear", antialias=1'), {R: ("10.0", None)}),
    ("resize-aspect-ratio", asks(f'mode="linear", {KEPT}', "z"), {Q: ("7.0", "10.0"), R: ("10.0", None)}),
    ("resize-with-axes", asks('mode="linear", axes=[2, 3]', "float[2] s = {2, 2}"), {R: ("7.0", "10.0")}),
    ("outer-axis-resize", asks('mode="linear"', "float[4] s = {2, 1, 1, 1}"), {R: ("7.1", None)}),
    ("outer-axis-resize", asks('mode="linear"', "float[4] s = {1, 2, 1, 1}"), {}),
    ("outer-axis-resize", asks('mode="cubic"', "float[4] s = {1, 2, 1, 1}"), {R: ("8.5", None)}),
    ("resize-type", asks('mode="nearest"', kind="int32"), {R: ("7.1", "8.5")}),
    ("resize-type", asks('mode="nearest"', kind="uint8"), {R: ("7.1", None)}),
    ("old-opset-resize", asks('mode="linear"', opset=9), {R: ("7.0", "7.1"), Q: ("7.1", "8.0")}),
    ("old-opset-resize", asks('mode="linear"', opset=10), {Q: ("7.0", "7.1")}),
    ("old-opset-resize", asks('mode="nearest"', opset=10), {Q: ("8.0.1", "8.0.3")}),
    ("old-opset-resize", asks('mode="nearest"', "float[4] s = {1, 1, 0.6, 0.6}", opset=10), {Q: ("7.0", None)}),
    ("linear-resize-without-coordinates", asks('mode="linear"', opset=10), {NEVER: ("7.0", None)}),
    ("linear-resize-without-coordinates", asks('mode="linear"', opset=11), {}),
    ("computed-resize-scales", FROM_SHAPE, {R: ("7.0", "8.4")}),
    ("computed-resize-scales", FROM_INPUT, {R: ("7.0", None)}),
]  # fmt: skip


def found(model: onnx.ModelProto, target: str, name: str) -> list[str]:
    return [f.effect for f in trtconv.lint(model, target=target).findings if f.pass_name == name]


@pytest.mark.parametrize(("name", "text", "ranges"), ROWS, ids=[f"{i}-{r[0]}" for i, r in enumerate(ROWS)])
def test_flagged_for_these_versions_only(name: str, text: str, ranges: dict[str, tuple[str, str | None]]) -> None:
    model = parse(text)
    for version in VERSIONS:
        v = parse_version(version)
        want = [e for e, (a, b) in ranges.items() if parse_version(a) <= v and (b is None or v < parse_version(b))]
        assert found(model, f"tensorrt-{version}", name) == want, version


@pytest.mark.parametrize(
    ("kind", "given", "taken"),
    [
        ("nearest", "z", ("asymmetric", "align_corners")),
        ("nearest", "s", ("asymmetric",)),
        ("linear", "z", ("half_pixel", "pytorch_half_pixel", "align_corners")),
        ("linear", "s", ("asymmetric", "half_pixel", "pytorch_half_pixel")),
    ],
)
def test_what_7_2_takes(kind: str, given: str, taken: tuple[str, ...]) -> None:
    for coordinates in COORDINATES:
        flagged = found(parse(asks(mode(kind, coordinates), given)), "tensorrt-7.2.1", "resize-coordinates")
        assert flagged == ([] if coordinates in taken else ["refused"]), coordinates


def test_sizes_of_tf_half_pixel_are_skipped_since_8_5() -> None:
    model = parse(asks(mode("nearest", "tf_half_pixel_for_nn", "round_prefer_floor"), "z"))
    flagged = [v for v in VERSIONS if found(model, f"tensorrt-{v}", "resize-coordinates")]
    assert flagged == [v for v in VERSIONS if not (8, 0) <= parse_version(v) < (8, 5)]


def test_a_note_fails_nothing() -> None:
    model = parse(asks('mode="linear"', opset=10))
    report = trtconv.lint(model, target="tensorrt-10.3")
    assert report.ok
    assert [f.effect for f in report.findings] == ["note"]


def test_the_real_parser_agrees() -> None:
    models = [parse(text) for _, text, _ in ROWS if "float[4] s)" not in text and "H,W" not in text]
    models += [parse(asks(mode(k, c, r), g)) for k in ("nearest", "linear", "cubic") for c in COORDINATES for g in "sz"
               for r in ("round_prefer_floor",)]  # fmt: skip
    said = judge([(m, {}) for m in models])
    for model, verdict in zip(models, said, strict=True):
        findings = [
            f for f in trtconv.lint(model, target="tensorrt-rtx-1.7", parser=False).findings if f.effect == "refused"
        ]
        assert bool(verdict) == bool(findings), (onnx.printer.to_text(model), verdict, findings)
    fixed = [trtconv.fix(m, target="tensorrt-rtx-1.7", evidence=False).model for m in models]
    assert judge([(m, {}) for m in fixed]) == [None] * len(fixed)


def test_forms_for_old_parsers_are_taken_by_the_real_one() -> None:
    texts = [asks(mode(k, c), g) for k in ("nearest", "linear") for c in COORDINATES for g in "sz"]
    fixed = [trtconv.fix(parse(t), target=f"tensorrt-{v}", evidence=False).model for t in texts for v in ("7.0", "7.2")]
    assert judge([(m, {}) for m in fixed]) == [None] * len(fixed)
