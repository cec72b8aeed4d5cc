"""Pad passes against ONNX Runtime over opsets, modes, axes, types and sizes; and which versions each is for."""

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
from trtconv.passes.core.target import facts, parse_version

VERSIONS = facts()["versions"]["tensorrt"]
TARGETS = ("7.0", "7.2", "8.0", "8.2", "8.4.0", "8.6", "9.3", "10.3")
PAD_PASSES = (
    "computed-pads",
    "negative-pads",
    "pad-outside-image",
    "pad-type",
    "pad-with-axes",
    "refused-pad-mode",
    "refused-pad-value",
    "trailing-empty-inputs",
    "zero-pads",
)


def model_of(
    opset: int, nodes: list[Any], inputs: dict[str, tuple[int, list[Any]]], **constants: Any
) -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()]
    dtype, shape = inputs["x"]
    y = helper.make_tensor_value_info("y", dtype, [None] * len(shape))
    tensors = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
    graph = helper.make_graph(nodes, "g", values, [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@st.composite
def padded(draw: st.DrawFn) -> tuple[onnx.ModelProto, dict[str, int], str]:
    """A Pad that ONNX Runtime takes: any opset, mode, type and rank, some axes dynamic, some pads negative."""
    opset = draw(st.sampled_from([7, 9, 10, 11, 13, 18, 19, 21]))
    how = draw(st.sampled_from(["constant", "constant", "reflect", "edge"] + ["wrap"] * (opset >= 19)))
    rank = draw(st.integers(1, 4))
    sizes = [draw(st.integers(1, 5)) for _ in range(rank)]
    low = draw(st.sampled_from([0, -2]))
    axes = sorted(draw(st.sets(st.integers(0, rank - 1), min_size=1)))
    begins, ends = [0] * rank, [0] * rank
    for a in axes:
        begins[a], ends[a] = draw(st.integers(low, 3)), draw(st.integers(low, 3))
        left = sizes[a] + min(0, begins[a]) + min(0, ends[a])
        assume(left > 0 and (how == "constant" or max(begins[a], ends[a]) <= left - (how == "reflect")))
    dims = {f"D{a}": n for a, n in enumerate(sizes)}
    dynamic = opset >= 9 and how != "wrap"
    shape = [draw(st.sampled_from([n, f"D{a}"])) if dynamic else n for a, n in enumerate(sizes)]
    value = draw(st.sampled_from([0.0, 0.0, 1.5, -np.inf])) if how == "constant" else 0.0
    if opset < 11:
        node = helper.make_node("Pad", ["x"], ["y"], mode=how, pads=begins + ends, value=value)
        return model_of(opset, [node], {"x": (1, shape)}), dims, how
    dtype = draw(st.sampled_from([np.float32, np.float32, np.int32, np.int64] + [np.uint8] * (opset >= 13)))
    inputs, constants = ["x", "p", ""], {}
    if value:
        inputs[2], constants["v"] = "v", np.asarray(value if dtype == np.float32 else 3, dtype)
    if opset >= 18 and draw(st.booleans()):
        inputs.append("a")
        constants["a"] = np.array([draw(st.sampled_from([a, a - rank])) for a in axes])
        constants["p"] = np.array([begins[a] for a in axes] + [ends[a] for a in axes])
    else:
        constants["p"] = np.array(begins + ends)
    node = helper.make_node("Pad", inputs, ["y"], mode=how)
    return (
        model_of(opset, [node], {"x": (helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)}, **constants),
        dims,
        how,
    )


@settings(max_examples=300, deadline=None)
@given(padded(), st.sampled_from(TARGETS), st.integers(0, 9))
def test_same_elements(case: tuple[onnx.ModelProto, dict[str, int], str], version: str, seed: int) -> None:
    model, dims, _ = case
    fixed = trtconv.fix(model, target=f"tensorrt-{version}", only=PAD_PASSES, evidence=False)
    assert not fixed.crashes
    assert_same(model, fixed.model, random_feed(model, dims, seed, ugly=True))
    onnx.checker.check_model(fixed.model, full_check=True)
    assert not trtconv.fix(fixed.model, target=f"tensorrt-{version}", only=PAD_PASSES, evidence=False).edits
    left = [f.pass_name for f in fixed.remaining if not f.refusal]
    assert not left, "found, and not mended for no reason given"


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(("7.1", "7.2", "8.0")))
def test_computed_pads_of_any_sign(data: st.DataObject, version: str) -> None:
    sizes = data.draw(st.lists(st.integers(3, 6), min_size=1, max_size=3))
    pads = np.array([data.draw(st.integers(-1, 3)) for _ in sizes * 2])
    node = helper.make_node("Pad", ["x", "p", "v"], ["y"])
    inputs = {"x": (TensorProto.FLOAT, [f"D{a}" for a in range(len(sizes))]), "p": (TensorProto.INT64, [len(pads)])}
    inputs["v"] = (TensorProto.FLOAT, [])
    model = model_of(13, [node], inputs)
    fixed = trtconv.fix(model, target=f"tensorrt-{version}", only=["computed-pads"], evidence=False)
    assert [e.pass_name for e in fixed.edits] == ["computed-pads"]
    feed = {"x": np.arange(np.prod(sizes), dtype=np.float32).reshape(sizes), "p": pads, "v": np.array(7, np.float32)}
    assert_same(model, fixed.model, feed)


def test_only_axes_that_may_be_padded_get_blocks() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]>
        g (float[N,3,H,7] x) => (float[A,B,C,D] y)
        <int64[1] two = {2}, int64[1] three = {3}, int64[1] zero = {0}, int64[3] a = {0, 0, 0}, int64[2] b = {0, 0}> {
            s = Shape(x) h = Slice(s, two, three) p = Concat <axis=0> (b, h, zero, a, h) y = Pad(x, p)
        }""")
    fixed = trtconv.fix(model, target="tensorrt-8.0", only=["computed-pads"])
    axes = [a.i for n in fixed.model.graph.node if n.op_type == "Concat" for a in n.attribute if a.name == "axis"]
    assert sorted(axes)[-2:] == [2, 3]
    assert_same(model, fixed.model, random_feed(model, {"N": 2, "H": 2}))


def test_padding_longer_than_the_axis_bounces_like_the_reference() -> None:
    node = helper.make_node("Pad", ["x", "p"], ["y"], mode="reflect")
    model = model_of(13, [node], {"x": (1, [4])}, p=np.array([9, 6]))
    fixed = trtconv.fix(model, target="tensorrt-7.2", only=["refused-pad-mode"])
    x = np.arange(4, dtype=np.float32)
    np.testing.assert_array_equal(run(fixed.model, {"x": x})[0], np.pad(x, (9, 6), mode="reflect"))


# --- folding into what follows -------------------------------------------------------------------


@st.composite
def pad_and_conv(draw: st.DrawFn) -> tuple[onnx.ModelProto, dict[str, int]]:
    opset, kernel = draw(st.sampled_from([7, 11, 13, 18])), draw(st.integers(1, 3))
    pads = [draw(st.integers(0, 2)) for _ in range(4)]
    attributes: dict[str, Any] = {"strides": [draw(st.integers(1, 2))] * 2, "dilations": [draw(st.integers(1, 2))] * 2}
    if draw(st.booleans()):
        attributes["pads"] = [draw(st.integers(0, 2)) for _ in range(4)]
    elif draw(st.booleans()):
        attributes["auto_pad"] = draw(st.sampled_from(["VALID", "SAME_UPPER", "NOTSET"]))
        attributes["dilations"] = [1, 1]
    full = [0, 0, *pads[:2], 0, 0, *pads[2:]]
    constants: dict[str, Any] = {
        "w": np.random.default_rng(0).standard_normal((2, 1, kernel, kernel)).astype(np.float32)
    }
    constants["b"] = np.array([1, -1], np.float32)
    if opset < 11:
        pad = helper.make_node("Pad", ["x"], ["h"], pads=full)
    elif opset < 18:
        pad, constants["p"] = helper.make_node("Pad", ["x", "p"], ["h"]), np.array(full)
    else:
        pad = helper.make_node("Pad", ["x", "p", "", "a"], ["h"])
        constants |= {"p": np.array(pads), "a": np.array([-2, -1])}
    conv = helper.make_node("Conv", ["h", "w", "b"], ["y"], group=2, **attributes)
    return model_of(opset, [pad, conv], {"x": (1, ["N", 2, 7, 8])}, **constants), {"N": draw(st.integers(1, 3))}


@settings(max_examples=100, deadline=None)
@given(pad_and_conv(), st.sampled_from(TARGETS), st.integers(0, 9))
def test_folded_into_convolution(case: tuple[onnx.ModelProto, dict[str, int]], version: str, seed: int) -> None:
    model, dims = case
    fixed = trtconv.fix(
        model, target=f"tensorrt-{version}", only=[*PAD_PASSES, "pad-before-convolution"], evidence=False
    )
    assert not fixed.crashes
    assert_same(model, fixed.model, random_feed(model, dims, seed), "rounding")
    same_pad = any(a.s == b"SAME_UPPER" for a in model.graph.node[1].attribute)
    if not same_pad:
        assert [n.op_type for n in fixed.model.graph.node] == ["Conv"]


@settings(max_examples=100, deadline=None)
@given(st.data(), st.integers(0, 9))
def test_folded_into_max_pool_only_where_the_border_never_wins(data: st.DataObject, seed: int) -> None:
    kernel = data.draw(st.integers(1, 4))
    pads = [data.draw(st.integers(0, 3)) for _ in range(4)]
    own = [data.draw(st.integers(0, kernel - 1)) for _ in range(4)]
    filling = data.draw(st.sampled_from([0.0, -np.inf, -1.0]))
    first = data.draw(st.sampled_from(["Relu", "Sigmoid", "Neg"]))
    ceil = data.draw(st.integers(0, 1))
    pool = helper.make_node(
        "MaxPool", ["q"], ["y"], kernel_shape=[kernel] * 2, strides=[2, 2], pads=own, ceil_mode=ceil
    )
    nodes = [helper.make_node(first, ["x"], ["h"]), helper.make_node("Pad", ["h", "p", "v"], ["q"]), pool]
    constants = {"p": np.array([0, 0, *pads[:2], 0, 0, *pads[2:]]), "v": np.float32(filling)}
    model = model_of(13, nodes, {"x": (1, ["N", 2, 6, 7])}, **constants)
    fixed = trtconv.fix(model, target="tensorrt-10.3", only=["pad-before-max-pool"], evidence=False)
    assert_same(model, fixed.model, random_feed(model, {"N": 2}, seed))
    exact = filling == -np.inf or (filling == 0 and first != "Neg")
    fits = all(a + b < kernel for a, b in zip(own, pads, strict=True))
    assert bool(fixed.edits) == (exact and fits and not ceil and any(pads))


def test_the_indices_of_a_max_pool_count_the_border() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]>
        g (float[1,1,4,4] x) => (float[1,1,2,2] y, int64[1,1,2,2] i) <int64[8] p = {0, 0, 1, 0, 0, 0, 0, 0}>
        { h = Relu(x) q = Pad(h, p) y, i = MaxPool <kernel_shape=[2, 2], strides=[2, 2]> (q) }""")
    assert not trtconv.fix(model, target="tensorrt-10.3", only=["pad-before-max-pool"]).edits


# --- which versions ----------------------------------------------------------------------------

P = "int64[8] p = {0, 0, 1, 0, 0, 0, 0, 1}"
ROWS: list[tuple[str, str, str, str, str, str | None]] = [
    ("computed-pads", "refused", "7.0", "7.1", f"float[1,3,4,5] x; <{P}>; Pad(x, p)", None),
    ("computed-pads", "refused", "7.0", "8.2", "float[1,3,4,5] x, int64[8] p;; Pad(x, p)", None),
    ("computed-pads", "refused", "7.0", None, "float[1,3,4,5] x, int64[K] p;; Pad(x, p)", None),
    ("refused-pad-mode", "refused", "7.0", "8.2", f'float[1,3,4,5] x; <{P}>; Pad <mode="reflect"> (x, p)', None),
    ("refused-pad-mode", "refused", "7.0", "8.2", f'float[1,3,4,5] x; <{P}>; Pad <mode="edge"> (x, p)', None),
    ("refused-pad-mode", "refused", "7.0", "10.0", f'float[1,3,4,5] x; <{P}>; Pad <mode="wrap"> (x, p)', "19"),
    ("refused-pad-value", "refused", "7.0", "8.2", f"float[1,3,4,5] x; <{P}, float v = {{2}}>; Pad(x, p, v)", None),
    ("refused-pad-value", "refused", "7.0", "8.2", f"float[1,3,4,5] x, float v; <{P}>; Pad(x, p, v)", None),
    (
        "pad-outside-image",
        "refused",
        "7.0",
        "8.0",
        "float[1,3,4,5] x; <int64[8] p = {0,1,0,0,0,0,0,0}>; Pad(x, p)",
        None,
    ),
    ("pad-outside-image", "refused", "7.0", "7.1", "float[3,4,5] x; <int64[6] p = {0,1,0,0,0,1}>; Pad(x, p)", None),
    (
        "pad-outside-image",
        "refused",
        "7.0",
        "8.2",
        "float[1,3,4,5] x; <int64[8] p = {0,1,1,1,0,0,0,0}>; Pad(x, p)",
        None,
    ),
    ("negative-pads", "refused", "8.2", "10.4", "float[1,3,4,5] x; <int64[8] p = {0,0,-1,0,0,0,0,0}>; Pad(x, p)", None),
    ("zero-pads", "slow", "7.0", None, "float[1,3,4,5] x; <int64[8] p = {0,0,0,0,0,0,0,0}>; Pad(x, p)", None),
    ("pad-type", "refused", "8.5", None, f"uint8[1,3,4,5] x; <{P}>; Pad(x, p)", None),
    ("trailing-empty-inputs", "refused", "7.0", "8.5", f"float[1,3,4,5] x; <{P}>; Pad(x, p, , )", None),
    ("trailing-empty-inputs", "refused", "7.0", "8.0", "float[3] x; <float v = {2}>; Clip(x, v, , )", None),
]


def text_of(row: str, opset: str) -> str:
    inputs, constants, body = row.split(";")
    kind = inputs.split("[")[0]
    rank = inputs.split("]")[0].count(",") + 1
    dims = ",".join("ABCDE"[:rank])
    return (
        f'<ir_version: 8, opset_import: ["": {opset}]> g ({inputs}) => ({kind}[{dims}] y) {constants} {{ y = {body} }}'
    )


@pytest.mark.parametrize(("name", "effect", "first", "end", "row", "opset"), ROWS)
def test_flagged_for_these_versions_only(
    name: str, effect: str, first: str, end: str | None, row: str, opset: str | None
) -> None:
    model, flagged = parse(text_of(row, opset or "13")), []
    for version in VERSIONS:
        findings = [f for f in trtconv.lint(model, target=f"tensorrt-{version}").findings if f.pass_name == name]
        assert {f.effect for f in findings} <= {effect}
        flagged += [version] * bool(findings)
    low, high = parse_version(first), parse_version(end) if end else (99,)
    assert flagged == [v for v in VERSIONS if low <= parse_version(v) < high]


AXES = "float[1,3,4,5] x; <int64[2] p = {1, 1}, int64[1] a = {2}>; Pad(x, p, , a)"
COMPUTED_AXES = "float[1,3,4,5] x, int64[1] a; <int64[2] p = {1, 1}>; Pad(x, p, , a)"
INTEGER = "int32[1,3,4,5] x; <int64[8] p = {0, 0, 1, 0, 0, 0, 0, 1}, int32 v = {2}>; Pad(x, p, v)"


@pytest.mark.parametrize(
    ("row", "name", "ranges"),
    [
        (AXES, "pad-with-axes", {"silent": ("7.0", "8.5"), "refused": ("8.5", "10.0")}),
        (COMPUTED_AXES, "pad-with-axes", {"silent": ("7.0", "8.5"), "refused": ("8.5", "10.4")}),
        (INTEGER, "refused-pad-value", {"refused": ("7.0", "8.2"), "silent": ("8.2", "8.4.1")}),
    ],
)
def test_silent_in_some_versions_and_refused_in_others(row: str, name: str, ranges: dict[str, tuple[str, str]]) -> None:
    model = parse(text_of(row, "18"))
    for version in VERSIONS:
        found = [f.effect for f in trtconv.lint(model, target=f"tensorrt-{version}").findings if f.pass_name == name]
        where = [e for e, (a, b) in ranges.items() if parse_version(a) <= parse_version(version) < parse_version(b)]
        assert found == where, version


def test_the_real_parser_agrees() -> None:
    rows = [
        (AXES, "19"),
        (COMPUTED_AXES, "19"),
        (INTEGER, "19"),
        *((row, opset or "13") for _, _, _, _, row, opset in ROWS if "[K]" not in row and "Clip" not in row),
        ("int8[1,3,4,5] x; <int64[8] p = {0, 0, 1, 0, 0, 0, 0, 1}, int8 v = {0}>; Pad(x, p, v)", "13"),
    ]
    models = [
        parse(text_of(row, opset)) for row, opset in rows if "int64[8] p;" not in row and "int64[1] a;" not in row
    ]
    said = judge([(m, {}) for m in models])
    for model, verdict in zip(models, said, strict=True):
        found = [
            f
            for f in trtconv.lint(model, target="tensorrt-rtx-1.7", parser=False).findings
            if f.effect in ("refused", "silent")
        ]
        assert bool(verdict) == bool(found), (onnx.printer.to_text(model), verdict, found)
    fixed = [trtconv.fix(m, target="tensorrt-rtx-1.7").model for m in models]
    assert judge([(m, {}) for m in fixed]) == [None] * len(fixed)
