"""Forms that one version of an importer wants otherwise, against ONNX Runtime: size 1, open dimensions, ugly values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support import assert_same, parse, random_feed, run

import trtconv

SETTINGS = settings(max_examples=12, deadline=None)
DIMS = {"N": 2, "M": 3}


def check(text: str, target: str, name: str, *, safety: str = "exact", ugly: bool = False, seed: int = 0) -> list[str]:
    before = parse(text)
    result = trtconv.fix(before, target=target, only=[name], evidence=False)
    assert result.edits, result.remaining
    assert not result.crashes
    assert_same(before, result.model, random_feed(before, DIMS, seed, ugly), safety)
    return [n.op_type for n in result.model.graph.node]


@SETTINGS
@given(shape=st.lists(st.sampled_from(["N", "M", "1", "4"]), min_size=2, max_size=4), data=st.data(), new=st.booleans())
def test_axes_of_opset_13(shape: list[str], data: st.DataObject, new: bool) -> None:
    ones = [i for i, d in enumerate(shape) if d == "1"]
    choice = range(len(shape) + 1) if new or not ones else ones
    axes = sorted(data.draw(st.sets(st.sampled_from(list(choice)), min_size=1, max_size=2)))
    op_type = "Unsqueeze" if new or not ones else "Squeeze"
    if data.draw(st.booleans()):
        axes = [a - len(shape) - (len(axes) if op_type == "Unsqueeze" else 0) for a in axes]
    text = f"""<ir_version: 7, opset_import: ["": 13]> g (float[{",".join(shape)}] x) => (float y)
        <int64[{len(axes)}] a = {{{", ".join(map(str, axes))}}}> {{ y = {op_type}(x, a) }}"""
    assert op_type not in check(text, "tensorrt-7.2", "axes-as-input", ugly=True)


@pytest.mark.parametrize("axis", [1, -1])
def test_parts_of_opset_13(axis: int) -> None:
    text = f"""<ir_version: 7, opset_import: ["": 13]> g (float[N,6] x) => (float y, float z, float w)
        <int64[3] s = {{1, 3, 2}}> {{ y, z, w = Split <axis = {axis}> (x, s) }}"""
    assert check(text, "tensorrt-7.1", "axes-as-input", ugly=True) == ["Slice"] * 3


def test_squeeze_of_all_ones() -> None:
    text = """<ir_version: 7, opset_import: ["": 11]> g (float[1,3,1] x) => (float y) { y = Squeeze(x) }"""
    assert check(text, "tensorrt-7.2", "axes-as-input") == ["Reshape"]


@SETTINGS
@given(
    space=st.integers(1, 4), epsilon=st.sampled_from([1e-5, 1e-2]), opset=st.sampled_from([11, 13]), big=st.booleans()
)
def test_instance_normalization(space: int, epsilon: float, opset: int, big: bool) -> None:
    sizes = ",".join(["5" if big else "1", "4", "3", "2"][:space])
    assume(big or space > 1 or epsilon > 1e-3)  # of one value, a small epsilon leaves rounding errors alone
    text = f"""<ir_version: 7, opset_import: ["": {opset}]>
        g (float[N,3,{sizes}] x, float[3] s, float[3] b) => (float y) {{
            y = InstanceNormalization <epsilon = {epsilon}> (x, s, b) }}"""
    check(text, "tensorrt-8.2", "instance-normalization-form", safety="rounding")


@SETTINGS
@given(groups=st.sampled_from([1, 2, 4]), rank=st.integers(3, 5), seed=st.integers(0, 99))
def test_group_normalization(groups: int, rank: int, seed: int) -> None:
    sizes = ",".join(["M", "1", "2"][: rank - 2])
    text = f"""<ir_version: 10, opset_import: ["": 21]> g (float[N,4,{sizes}] x, float[4] s, float[4] b) => (float y) {{
        y = GroupNormalization <num_groups = {groups}, epsilon = 0.001> (x, s, b) }}"""
    check(text, "tensorrt-10.8", "group-normalization-parameters", safety="approximate", seed=seed)


@pytest.mark.parametrize("scale", ["float s = {0.5}", "float[3] s = {0.5, 1.0, 2.0}"])
@pytest.mark.parametrize("body", ["y = DequantizeLinear <axis = 1> (x, s)", "y = QuantizeLinear <axis = 1> (x, s)"])
def test_zero_point(body: str, scale: str) -> None:
    kinds = ("int8", "float") if "Deq" in body else ("float", "uint8")
    text = f"""<ir_version: 7, opset_import: ["": 13]>
        g ({kinds[0]}[2,3] x) => ({kinds[1]}[2,3] y) <{scale}> {{ {body} }}"""
    check(text, "tensorrt-8.4", "omitted-zero-point")


@pytest.mark.parametrize("op_type", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("space", ["8", "8,7", "4,3,2"])
def test_computed_bias(op_type: str, space: str) -> None:
    kernel = ",".join(["2"] * (space.count(",") + 1))
    text = f"""<ir_version: 7, opset_import: ["": 13]>
        g (float[N,2,{space}] x, float[2,2,{kernel}] w, float[2] b) => (float y) {{
            v = Relu(b) y = {op_type} <strides = [{kernel}]> (x, w, v) }}"""
    before = parse(text)
    result = trtconv.fix(before, target="tensorrt-8.2", only=["computed-argument"])
    assert [n.op_type for n in result.model.graph.node] == ["Relu", op_type, "Unsqueeze", "Add"]
    assert_same(before, result.model, random_feed(before, DIMS), "rounding")


@pytest.mark.parametrize("bounds", ["x, a, b", "x, a", 'x, "", b'])
def test_computed_bounds(bounds: str) -> None:
    text = f"""<ir_version: 7, opset_import: ["": 13]> g (float[4,5] x, float a, float b) => (float y) {{
        y = Clip({bounds}) }}"""
    assert "Clip" not in check(text, "tensorrt-7.2", "computed-argument", ugly=bounds == "x, a, b")


@SETTINGS
@given(pads=st.lists(st.integers(0, 1), min_size=6, max_size=6), stride=st.integers(1, 2))
def test_uneven_pads_of_a_transposed_convolution(pads: list[int], stride: int) -> None:
    assume(pads[:3] != pads[3:])
    text = f"""<ir_version: 8, opset_import: ["": 13]>
        g (float[N,2,3,4,3] x, float[2,1,2,2,3] w, float[1] b) => (float y) {{
            y = ConvTranspose <pads = {pads}, strides = [{stride}, 1, {stride}]> (x, w, b) }}"""
    check(text, "tensorrt-8.2", "uneven-transposed-convolution", safety="rounding")


@SETTINGS
@given(k=st.integers(-3, 3), upper=st.integers(0, 1), rows=st.integers(1, 4))
def test_triangles(k: int, upper: int, rows: int) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 14]> g (float[N,2,{rows},3] x) => (float y) <int64 k = {{{k}}}> {{
        y = Trilu <upper = {upper}> (x, k) }}"""
    check(text, "tensorrt-8.5", "triangle-of-many-axes", ugly=True)


@pytest.mark.parametrize("condition", [True, False])
def test_branches_keep_their_meaning(condition: bool) -> None:
    before = parse("""<ir_version: 8, opset_import: ["": 13]> g (float[N] x, bool c) => (float[N] y, float[N] z) {
        y, z = If(c) <
            then_branch = a () => (float[N] p, float[N] q) { p = Relu(x) q = Neg(p) },
            else_branch = b () => (float[N] q, float[N] p) { q = Abs(x) p = Sub(q, x) }> }""")
    result = trtconv.fix(before, target="tensorrt-8.2", only=["branch-output-names"])
    assert result.edits
    branches = [[o.name for o in a.g.output] for a in result.model.graph.node[0].attribute]
    assert not set(branches[0]) & set(branches[1])
    feed = {"x": np.array([1.5, -2.0], np.float32), "c": np.array(condition)}
    assert_same(before, result.model, feed)


@settings(max_examples=15, deadline=None)
@given(
    start=st.floats(-1e3, 1e3, width=16),
    delta=st.floats(-8, 8, width=16).filter(lambda d: abs(d) > 0.01),
    count=st.integers(0, 40),
    kind=st.sampled_from(["float", "float16"]),
)
def test_a_range_of_known_length(start: float, delta: float, count: int, kind: str) -> None:
    numbers = {"float": np.float32, "float16": np.float16}[kind]
    bounds = np.array([start, start + (count - 0.5) * delta, delta]).astype(numbers).astype(np.float64)
    count = max(0, int(np.ceil((bounds[1] - bounds[0]) / bounds[2])))
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g ({kind} a, {kind} b, {kind} c) => ({kind}[{count}] y) {{ y = Range(a, b, c) }}""")
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", only=["range-type"], evidence=False)
    assert "Range" not in {n.op_type for n in result.model.graph.node}
    (got,) = run(result.model, {n: np.asarray(v, numbers) for n, v in zip("abc", bounds, strict=True)})
    assert got.dtype == numbers
    want = (bounds[0] + np.arange(count) * bounds[2]).astype(numbers)
    np.testing.assert_allclose(got, want, rtol=1e-6 if kind == "float" else 1e-3, atol=1e-4)
