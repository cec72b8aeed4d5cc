"""Decompositions of operators without an importer, against the ONNX reference evaluator or numpy."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator
from support import assert_same, parse, random_feed, run

import trtconv

SETTINGS = settings(max_examples=6, deadline=None)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def decomposed(model: onnx.ModelProto, target: str = "tensorrt-rtx-1.7") -> onnx.ModelProto:
    result = trtconv.fix(model, target=target, only=["missing-operator"], evidence=False)
    assert result.edits
    assert not result.crashes
    onnx.checker.check_model(result.model, full_check=True)
    return result.model


def reference(model: onnx.ModelProto, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return list(ReferenceEvaluator(model).run(None, feed))


def ugly(kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    info = np.iinfo(kind)
    special = np.array([info.min, info.max, 0, 1, 2, info.max // 2 + 1], kind)
    values = rng.integers(info.min, info.max, size, dtype=kind, endpoint=True)
    return np.where(rng.random(size) < 0.5, rng.choice(special, size), values)


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("kind", INTEGERS)
@SETTINGS
@given(seed=st.integers(0, 999))
def test_shift(kind: str, direction: str, seed: int) -> None:
    rng, width = np.random.default_rng(seed), np.iinfo(kind).bits
    model = parse(f"""<ir_version: 14, opset_import: ["": 28]>
        g ({kind}[50] x, {kind}[50] s) => ({kind}[50] y) {{ y = BitShift <direction = "{direction}"> (x, s) }}""")
    low = 0 if kind.startswith("u") else -3
    feed = {"x": ugly(kind, 50, rng), "s": rng.integers(low, width + 3, 50).astype(kind)}
    np.testing.assert_array_equal(reference(decomposed(model), feed)[0], reference(model, feed)[0])


@pytest.mark.parametrize("op_type", ["BitwiseAnd", "BitwiseOr", "BitwiseXor"])
@pytest.mark.parametrize("kind", INTEGERS)
@SETTINGS
@given(seed=st.integers(0, 999))
def test_combine(kind: str, op_type: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = parse(f"""<ir_version: 8, opset_import: ["": 18]>
        g ({kind}[3,1,20] a, {kind}[4,20] b) => ({kind}[3,4,20] y) {{ y = {op_type}(a, b) }}""")
    feed = {"a": ugly(kind, 60, rng).reshape(3, 1, 20), "b": ugly(kind, 80, rng).reshape(4, 20)}
    np.testing.assert_array_equal(reference(decomposed(model), feed)[0], reference(model, feed)[0])


@pytest.mark.parametrize("kind", INTEGERS)
def test_invert(kind: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 18]>
        g ({kind}[50] x) => ({kind}[50] y) {{ y = BitwiseNot(x) }}""")
    feed = {"x": ugly(kind, 50, np.random.default_rng(0))}
    np.testing.assert_array_equal(reference(decomposed(model), feed)[0], ~feed["x"])


@SETTINGS
@given(depth=st.sampled_from([1, 7, 258, 259, 700]), seed=st.integers(0, 99), kinds=st.sampled_from(["uu", "ui", "iu"]))
def test_integer_matmul_is_exact(depth: int, seed: int, kinds: str) -> None:
    left, right = ("uint8" if k == "u" else "int8" for k in kinds)
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g ({left}[3,{depth}] a, {right}[{depth},4] b, {left} za, {right} zb) => (int32[3,4] y) {{
            y = MatMulInteger(a, b, za, zb) }}""")
    rng = np.random.default_rng(seed)
    feed = {"a": ugly(left, 3 * depth, rng).reshape(3, -1), "b": ugly(right, 4 * depth, rng).reshape(-1, 4)}
    feed |= {"za": ugly(left, 1, rng)[0], "zb": ugly(right, 1, rng)[0]}
    np.testing.assert_array_equal(reference(decomposed(model), feed)[0], reference(model, feed)[0])


@SETTINGS
@given(seed=st.integers(0, 99), opset=st.sampled_from([10, 17]))
def test_quantized_convolution(seed: int, opset: int) -> None:
    rng = np.random.default_rng(seed)
    model = parse(f"""<ir_version: 7, opset_import: ["": {opset}]>
        g (uint8[1,2,5,6] x, int8[3,2,3,3] w, uint8 zx, int8[3] zw, uint8 zy, int32[3] bias) => (uint8[1,3,3,6] y)
        <float sx = {{0.5}}, float[3] sw = {{0.25, 0.125, 1.0}}, float sy = {{{rng.choice([4.0, 37.0])}}}> {{
            y = QLinearConv <pads = [0, 1, 0, 1]> (x, sx, zx, w, sw, zw, sy, zy, bias) }}""")
    feed = {"x": ugly("uint8", 60, rng).reshape(1, 2, 5, 6), "w": ugly("int8", 54, rng).reshape(3, 2, 3, 3)}
    feed |= {
        "zx": np.array(ugly("uint8", 1, rng)[0]),
        "zw": np.zeros(3, np.int8),
        "zy": np.array(ugly("uint8", 1, rng)[0]),
    }
    feed["bias"] = rng.integers(-9999, 9999, 3).astype(np.int32)
    np.testing.assert_array_equal(run(decomposed(model), feed)[0], run(model, feed)[0])


def test_round_without_round() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 11]> g (float[N] x) => (float[N] y) { y = Round(x) }""")
    special = [0.49999997, -0.49999997, 2.4999998, 8388609.0, 4194304.5, 3e38, np.inf, -np.inf, np.nan]
    halves = np.arange(-9, 9.5, 0.5)
    x = np.concatenate([special, halves, np.random.default_rng(0).uniform(-1e3, 1e3, 500)]).astype(np.float32)
    x = x[x != 4194304.5]
    np.testing.assert_array_equal(run(decomposed(model, "tensorrt-8.0"), {"x": x})[0], np.rint(x))


@SETTINGS
@given(
    length=st.integers(1, 9),
    axis=st.integers(-3, 2),
    exclusive=st.booleans(),
    reverse=st.booleans(),
    kind=st.sampled_from(["float", "int32"]),
)
def test_cum_prod(length: int, axis: int, exclusive: bool, reverse: bool, kind: str) -> None:
    model = parse(f"""<ir_version: 13, opset_import: ["": 26]> g ({kind}[2,{length},3] x) => ({kind}[2,{length},3] y)
        <int64 a = {{{axis}}}> {{ y = CumProd <exclusive = {int(exclusive)}, reverse = {int(reverse)}> (x, a) }}""")
    x = np.random.default_rng(0).integers(-3, 4, (2, length, 3)).astype("f4" if kind == "float" else "i4")
    want = reference(model, {"x": x})[0]
    np.testing.assert_array_equal(reference(decomposed(model), {"x": x})[0], want)


@SETTINGS
@given(
    count=st.integers(1, 9),
    parts=st.sampled_from([1, 2]),
    inverse=st.booleans(),
    onesided=st.booleans(),
    length=st.sampled_from([2, 4, 11]),
    axis=st.sampled_from([1, -2, 2]),
)
def test_dft(count: int, parts: int, inverse: bool, onesided: bool, length: int, axis: int) -> None:
    assume(not onesided or (parts == 2) == inverse)
    if onesided and inverse:  # runtimes disagree on spectra of another length
        count = length // 2 + 1
    model = parse(f"""<ir_version: 9, opset_import: ["": 20]>
        g (float[2,{count},{count},{parts}] x) => (float[A,B,C,D] y) <int64 a = {{{axis}}}, int64 n = {{{length}}}> {{
            y = DFT <inverse = {int(inverse)}, onesided = {int(onesided)}> (x, n, a) }}""")
    x = np.random.default_rng(0).standard_normal((2, count, count, parts)).astype(np.float32)
    after = trtconv.fix(model, target="tensorrt-rtx-1.7", only=["missing-operator"]).model
    assert "DFT" not in {n.op_type for n in after.graph.node}
    np.testing.assert_allclose(reference(after, {"x": x})[0], reference(model, {"x": x})[0], atol=1e-5, rtol=1e-5)


@SETTINGS
@given(
    block=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    pad=st.integers(0, 1),
)
def test_col2im(block: tuple[int, int], stride: int, dilation: int, pad: int) -> None:
    image = (7, 6)
    columns = [(i + 2 * pad - dilation * (k - 1) - 1) // stride + 1 for i, k in zip(image, block, strict=True)]
    rows, taps = columns[0] * columns[1], block[0] * block[1]
    model = parse(f"""<ir_version: 8, opset_import: ["": 18]> g (float[2,{3 * taps},{rows}] x) => (float[2,3,7,6] y)
        <int64[2] image = {{7, 6}}, int64[2] block = {{{block[0]}, {block[1]}}}> {{
            y = Col2Im <strides = [{stride}, {stride}], dilations = [{dilation}, {dilation}],
                pads = [{pad}, {pad}, {pad}, {pad}]> (x, image, block) }}""")
    x = np.random.default_rng(0).standard_normal((2, 3 * taps, rows)).astype(np.float32)
    np.testing.assert_allclose(run(decomposed(model), {"x": x})[0], run(model, {"x": x})[0], atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_det(size: int) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 11]>
        g (float[4,{size},{size}] x) => (float[4] y) {{ y = Det(x) }}""")
    x = np.random.default_rng(0).standard_normal((4, size, size)).astype(np.float32)
    np.testing.assert_allclose(run(decomposed(model), {"x": x})[0], np.linalg.det(x), atol=1e-5)


@pytest.mark.parametrize(
    ("attribute", "condition", "shape"),
    [("<axis = 1>", "{0, 1, 1}", "A,B"), ("", "{1, 0, 0, 1}", "A"), ("", "{0}", "A"), ("<axis = -2>", "{1}", "A,B")],
)
def test_compress(attribute: str, condition: str, shape: str) -> None:
    count = condition.count(",") + 1
    model = parse(f"""<ir_version: 8, opset_import: ["": 11]> g (float[2,3] x) => (float[{shape}] y)
        <bool[{count}] c = {condition}> {{ y = Compress {attribute} (x, c) }}""")
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(run(decomposed(model), {"x": x})[0], run(model, {"x": x})[0])


@pytest.mark.parametrize("target", ["tensorrt-8.2", "tensorrt-rtx-1.7"])
@pytest.mark.parametrize("kind", ["int32", "float"])
def test_mod_follows_the_divisor(kind: str, target: str) -> None:
    model = parse(f"""<ir_version: 14, opset_import: ["": 28]> g ({kind}[64] x, {kind}[64] y) => ({kind}[64] z)
        {{ z = Mod(x, y) }}""")
    x, y = (a.astype("f4" if kind == "float" else "i4") for a in np.divmod(np.arange(64), 8))
    feed = {"x": x - 4, "y": np.where(y < 4, y - 4, y - 3)}
    after = trtconv.fix(model, target=target, only=["missing-operator", "float-modulo"]).model
    np.testing.assert_array_equal(reference(after, feed)[0], np.mod(feed["x"], feed["y"]))


@pytest.mark.parametrize(
    ("node", "shape"),
    [
        ("Crop <border = [1, 2, 0, 1]> (x)", "1,2,3,6"),
        ("Crop <border = [1, 2, 0, 1], scale = [2, 3]> (x)", "1,2,2,3"),
        ("ImageScaler <bias = [1.0, 2.0], scale = 0.5> (x)", "1,2,6,7"),
        ("Affine <alpha = 2.0, beta = 0.5> (x)", "1,2,6,7"),
        ("ScaledTanh <alpha = 2.0, beta = 0.5> (x)", "1,2,6,7"),
        ("ParametricSoftplus <alpha = 2.0, beta = 0.5> (x)", "1,2,6,7"),
    ],
)
def test_experimental_operators(node: str, shape: str) -> None:
    model = parse(f"""<ir_version: 3, opset_import: ["": 7]>
        g (float[1,2,6,7] x) => (float[{shape}] y) {{ y = {node} }}""")
    after = decomposed(model)
    assert_same(model, after, random_feed(model), "rounding")


@pytest.mark.parametrize(
    ("target", "inputs", "outputs", "constants", "node"),
    [
        ("tensorrt-7.0", "float[3,4] x", "bool[3,4] y", "", "y = IsNaN(x)"),
        ("tensorrt-8.5", "float[3,4] x", "bool[3,4] y", "", "y = IsInf(x)"),
        ("tensorrt-8.5", "float[3,4] x", "bool[3,4] y", "", "y = IsInf <detect_negative = 0> (x)"),
        ("tensorrt-8.5", "float[3,4] x", "bool[3,4] y", "", "y = IsInf <detect_positive = 0> (x)"),
        ("tensorrt-7.0", "float[3,4] x", "float[3,4] y", "", "y = Sign(x)"),
        ("tensorrt-7.0", "int32[3,4] x", "int32[3,4] y", "", "y = Sign(x)"),
        ("tensorrt-8.2", "bool[3,4] x, bool[4] z", "bool[3,4] y", "", "y = Xor(x, z)"),
        ("tensorrt-8.4", "float[2,3,4] x", "float[2,3,4] y", "<int64 k = {-1}>", "y = Trilu(x, k)"),
        ("tensorrt-8.4", "float[3,4] x", "float[3,4] y", "", "y = Trilu <upper = 0> (x)"),
        ("tensorrt-9.1", "int32[3,4] x", "float[3,4] z", "", "y = Cast <to = 1> (x) z = Hardmax <axis = 0> (y)"),
        ("tensorrt-8.4", "int64[3] x, float[2] v", "float[3,5] y", "<int64 d = {5}>", "y = OneHot(x, d, v)"),
        (
            "tensorrt-8.4",
            "int64[3] x, float[2] v",
            "float[6,3] y",
            "<int64[1] d = {6}>",
            "y = OneHot <axis = 0> (x, d, v)",
        ),
        ("tensorrt-7.0", "float[3,4] x", "float[3,4] y", "", "y = EyeLike <k = 1> (x)"),
        ("tensorrt-7.0", "int32[3,4] x", "float[3,4] z", "<int64 a = {0}>", "y = Cast <to = 1> (x) z = CumSum(y, a)"),
        (
            "tensorrt-7.0",
            "int32[3,4] x",
            "float[3,4] z",
            "<int64 a = {-1}>",
            "y = Cast <to = 1> (x) z = CumSum <reverse = 1, exclusive = 1> (y, a)",
        ),
        (
            "tensorrt-10.3",
            "float[3,4] x, float[2,4] z",
            "float[4] y",
            "<int64 i = {-1}, int64 z0 = {0}>",
            "s = SequenceConstruct(x, z) p = SequenceAt(s, i) y = Gather(p, z0)",
        ),
        ("tensorrt-10.3", "float[2] x", "bool y, bool z", "", "y = OptionalHasElement(x) z = OptionalHasElement()"),
        ("tensorrt-10.3", "float[2] x", "float[2] y", "", "o = Optional(x) y = OptionalGetElement(o)"),
        (
            "tensorrt-10.3",
            "float[5,4] x",
            "float[5,4] y, int64 n",
            "<int64 t = {2}>",
            "s = SplitToSequence <axis = 0> (x, t) y = ConcatFromSequence <axis = 0> (s) n = SequenceLength(s)",
        ),
        (
            "tensorrt-10.3",
            "float[2,4] x",
            "float[4,2] y",
            "",
            "s = SplitToSequence <axis = 0, keepdims = 0> (x) y = ConcatFromSequence <axis = 1, new_axis = 1> (s)",
        ),
    ],
)
def test_older_parsers(target: str, inputs: str, outputs: str, constants: str, node: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 18]> g ({inputs}) => ({outputs}) {constants} {{ {node} }}""")
    after = decomposed(model, target)
    assert_same(model, after, random_feed(model, ugly=True))


@pytest.mark.parametrize("onesided", [0, 1])
@pytest.mark.parametrize("windowed", [False, True])
@pytest.mark.parametrize(("count", "step"), [(8, 3), (5, 5), (1, 1)])
def test_stft(count: int, step: int, windowed: bool, onesided: int) -> None:
    taps = np.hanning(count + 2)[1:-1]
    window = f", float[{count}] w = {{{', '.join(map(str, taps))}}}" if windowed else ""
    model = parse(f"""<ir_version: 8, opset_import: ["": 17]> g (float[2,20,1] x) => (float[A,B,C,D] y)
        <int64 s = {{{step}}}, int64 n = {{{count}}}{window}> {{
            y = STFT <onesided = {onesided}> (x, s, {"w" if windowed else ""}, n) }}""")
    x = np.random.default_rng(0).standard_normal((2, 20, 1)).astype(np.float32)
    after = trtconv.fix(model, target="tensorrt-10.3", only=["missing-operator"]).model
    assert "STFT" not in {n.op_type for n in after.graph.node}
    np.testing.assert_allclose(run(after, {"x": x})[0], reference(model, {"x": x})[0], atol=1e-4)


def test_a_sequence_of_unknown_type_is_refused() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (seq(float[N]) s) => (seq(float[N]) t) {
            t = SequenceMap (s) < body = b (float[N] x) => (float[N] y) { y = Identity(x) } > }""")
    result = trtconv.fix(model, target="tensorrt-10.3", only=["missing-operator"])
    assert not result.edits
    assert any("unknown" in f.refusal for f in result.remaining)
