"""Passes that mend one node each: axes that are missing, loops and scans, statistics of the batch, eyes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support import assert_same, judge, parse, random_feed, run

import trtconv

SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def fixed(model: onnx.ModelProto, one: str, target: str = "tensorrt-rtx-1.7") -> onnx.ModelProto:
    """The model after one pass, which has to have done something that was not undone."""
    result = trtconv.fix(model, target=target, only=[one])
    assert result.edits
    assert not result.undone
    onnx.checker.check_model(result.model, full_check=True)
    return result.model


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("size", [0, 1, 5])
def test_exponentials_of_a_vector(op_type: str, axis: int, size: int) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g (float[N] x) => (float[N] y) {{ y = {op_type} <axis = {axis}> (x) }}""")
    after = fixed(model, "too-few-axes")
    assert_same(model, after, random_feed(model, {"N": size}), "rounding")


@SETTINGS
@given(
    op_type=st.sampled_from(["ArgMax", "ArgMin"]),
    keepdims=st.integers(0, 1),
    last=st.integers(0, 1),
    axis=st.sampled_from([0, -1]),
    values=st.lists(st.sampled_from([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, 3e38]), min_size=1, max_size=6),
)
def test_places_in_a_vector(op_type: str, keepdims: int, last: int, axis: int, values: list[float]) -> None:
    shape = "[1]" if keepdims else ""
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]> g (float[N] x) => (int64{shape} y) {{
        y = {op_type} <axis = {axis}, keepdims = {keepdims}, select_last_index = {last}> (x) }}""")
    assert_same(model, fixed(model, "too-few-axes"), {"x": np.asarray(values, np.float32)})


@pytest.mark.parametrize("opset", [11, 13, 18])
@pytest.mark.parametrize("op_type", ["ReduceSum", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceProd"])
@pytest.mark.parametrize("value", [0.0, -2.5, np.inf, np.nan])
def test_reductions_of_a_scalar(op_type: str, opset: int, value: float) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": {opset}]> g (float x) => (float y) {{ y = {op_type}(x) }}""")
    assert_same(model, fixed(model, "too-few-axes"), {"x": np.asarray(value, np.float32)}, "rounding")


def test_the_parser_takes_what_has_enough_axes() -> None:
    texts = [
        "g (float[5] x) => (float[5] y) { y = Softmax(x) }",
        "g (float[5] x) => (int64 y) { y = ArgMax <keepdims = 0> (x) }",
        "g (float x) => (float y) { y = ReduceMean(x) }",
    ]
    models = [parse(f"""<ir_version: 8, opset_import: ["": 13]> {t}""") for t in texts]
    assert all(judge([(m, {}) for m in models]))
    assert judge([(fixed(m, "too-few-axes"), {}) for m in models]) == [None] * len(texts)


@SETTINGS
@given(
    size=st.lists(st.tuples(*[st.integers(1, 3)] * 3), min_size=1, max_size=3),
    group=st.integers(1, 2),
    pad=st.integers(0, 1),
    auto_pad=st.sampled_from(["NOTSET", "SAME_UPPER", "VALID"]),
    seed=st.integers(0, 9),
)
def test_dilated_transposed_convolution(
    size: list[tuple[int, int, int]], group: int, pad: int, auto_pad: str, seed: int
) -> None:
    kernel, strides, dilations = (list(v) for v in zip(*size, strict=True))
    assume(max(strides) > 1 and max(dilations) > 1)
    pads = "" if auto_pad != "NOTSET" else f", pads = {[pad] * 2 * len(size)}"
    rng = np.random.default_rng(seed)
    weight = ", ".join(map(str, rng.integers(-9, 9, 4 * 3 * int(np.prod(kernel)))))
    image = ",".join(["5"] * len(size))
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g (float[2,4,{image}] x) => (float[A,B,{",".join("CDE"[: len(size)])}] y)
        <float[4,3,{",".join(map(str, kernel))}] w = {{{weight}}}> {{
            y = ConvTranspose <strides = {strides}, dilations = {dilations}, kernel_shape = {kernel}, group = {group},
                auto_pad = "{auto_pad}"{pads}> (x, w) }}""")
    feed = {"x": rng.integers(-9, 9, (2, 4, *[5] * len(size))).astype(np.float32)}
    try:
        run(model, feed)
    except Exception:  # padding larger than the result
        assume(False)
    assert_same(model, fixed(model, "dilated-transposed-convolution"), feed)


def test_the_builder_takes_no_dilated_transposed_convolution_with_strides() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]>
        g (float[1,1,5,5] x) => (float[A,B,C,D] y) <float[1,1,2,2] w = {1, 2, 3, 4}> {
            y = ConvTranspose <strides = [2, 1], dilations = [1, 2]> (x, w) }""")
    (before, after) = judge([(model, {}), (fixed(model, "dilated-transposed-convolution"), {})])
    assert before is not None
    assert "Strided & Dilated" in before
    assert after is None


@SETTINGS
@given(
    sizes=st.lists(st.integers(1, 4), min_size=0, max_size=3),
    momentum=st.sampled_from([0.0, 0.9, 1.0]),
    epsilon=st.sampled_from([1e-5, 0.1]),
    target=st.sampled_from(["tensorrt-8.2", "tensorrt-rtx-1.7"]),
    running=st.booleans(),
)
def test_batch_statistics(sizes: list[int], momentum: float, epsilon: float, target: str, running: bool) -> None:
    shape = ",".join(map(str, [2, 3, *sizes]))
    outputs = ", float[3] m1, float[3] v1" if running else ""
    model = parse(f"""<ir_version: 8, opset_import: ["": 15]>
        g (float[{shape}] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float[{shape}] y{outputs}) {{
            y, m1, v1 = BatchNormalization <training_mode = 1, momentum = {momentum}, epsilon = {epsilon}>
                (x, s, b, m, v) }}""")
    feed = random_feed(model)
    after = fixed(model, "batch-statistics", target)
    for want, got in zip(run(model, feed), run(after, feed), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_batch_statistics_that_are_refused_leave_a_valid_file() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 15]> g (float[4,3] x) => (float[4,3] y)
        <float[3] one = {1, 1, 1}, float[3] zero = {0, 0, 0}> {
            y, m, v = BatchNormalization <training_mode = 1> (x, one, zero, zero, one) }""")
    result = trtconv.fix(model, target="tensorrt-rtx-1.7")
    assert [f.pass_name for f in result.remaining] == ["batch-statistics"]
    onnx.checker.check_model(result.model, full_check=True)


def test_batch_statistics_beside_other_types() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 15]>
        g (float16[4,3,5] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float16[4,3,5] y, float[3] m1) {
            y, m1, v1 = BatchNormalization <training_mode = 1> (x, s, b, m, v) }""")
    feed = random_feed(model)
    x = feed["x"].astype(np.float32)
    mean, deviation = x.mean((0, 2), keepdims=True), np.sqrt(x.var((0, 2), keepdims=True) + 1e-5)
    y, m1 = run(fixed(model, "batch-statistics"), feed)
    want = (x - mean) / deviation * feed["s"][:, None] + feed["b"][:, None]
    np.testing.assert_allclose(y, want.astype(np.float16), rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(m1, 0.9 * feed["m"] + 0.1 * mean.ravel(), rtol=1e-5)


@pytest.mark.parametrize("go", [False, True])
@pytest.mark.parametrize("count", [0, 3])
def test_a_loop_on_an_input(go: bool, count: int) -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]> g (float[3] x, int64 m, bool go) => (float[3] y) {
        y = Loop(m, go, x) <body = b (int64 i, bool c, float[3] a) => (bool d, float[3] b) {
            b = Add(a, a) d = Identity(c) }> }""")
    after = trtconv.fix(model, target="tensorrt-rtx-1.7")
    assert [e.pass_name for e in after.edits] == ["loop-condition"]
    feed = {"x": np.ones(3, np.float32), "m": np.asarray(count), "go": np.asarray(go)}
    assert_same(model, after.model, feed)


def test_a_loop_inside_a_loop() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]>
        g (float[3] x, bool go) => (float[3] y) <int64 m = {2}, bool yes = {1}> {
            y = Loop(m, yes, x) <body = b (int64 i, bool c, float[3] a) => (bool d, float[3] b) {
                b = Loop(m, go, a) <body = e (int64 j, bool f, float[3] p) => (bool h, float[3] q) {
                    q = Add(p, p) h = Identity(f) }>
                d = Identity(c) }> }""")
    after = fixed(model, "loop-condition")
    assert_same(model, after, {"x": np.ones(3, np.float32), "go": np.asarray(True)})


def test_a_loop_without_condition() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]> g (float[3] x) => (float[3] y) <int64 m = {3}> {
        y = Loop(m, , x) <body = b (int64 i, bool c, float[3] a) => (bool d, float[3] b) {
            b = Add(a, a) d = Identity(c) }> }""")
    after = fixed(model, "loop-condition")
    assert_same(model, after, random_feed(model))
    assert judge([(after, {})]) == [None]


@SETTINGS
@given(count=st.integers(1, 3), axis_in=st.sampled_from([-2, 0]), axis_out=st.sampled_from([-2, -1, 0, 1]))
def test_scan_without_state(count: int, axis_in: int, axis_out: int) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g (float[3] x, float[N,3] s) => (float[A,B] y) {{
            y = Scan(s) <num_scan_inputs = 1, scan_input_axes = [{axis_in}], scan_output_axes = [{axis_out}],
                body = b (float[3] e) => (float[3] q) {{ q = Add(e, x) }}> }}""")
    assert_same(model, fixed(model, "refused-scan"), random_feed(model, {"N": count}))


def test_scan_with_state_and_negative_axes() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]>
        g (float[3] x, float[3,4] s) => (float[3] last, float[3,4] y) {
            last, y = Scan(x, s) <num_scan_inputs = 1, scan_input_axes = [-1], scan_output_axes = [-1],
                body = b (float[3] i, float[3] e) => (float[3] o, float[3] q) { o = Add(i, e) q = Identity(o) }> }""")
    after = fixed(model, "refused-scan")
    assert_same(model, after, random_feed(model))
    assert judge([(after, {})]) == [None]


@SETTINGS
@given(
    rows=st.integers(0, 4),
    columns=st.integers(1, 4),
    k=st.integers(-5, 5),
    dtype=st.sampled_from([1, 6, 7, 9]),
    opset=st.sampled_from([11, 13]),
)
def test_dynamic_eye_like(rows: int, columns: int, k: int, dtype: int, opset: int) -> None:
    kind = {1: "float", 6: "int32", 7: "int64", 9: "bool"}[dtype]
    model = parse(f"""<ir_version: 8, opset_import: ["": {opset}]>
        g (float[N,W] x) => ({kind}[N,W] y) {{ y = EyeLike <k = {k}, dtype = {dtype}> (x) }}""")
    after = fixed(model, "dynamic-eye-like")
    (got,) = run(after, {"x": np.zeros((rows, columns), np.float32)})
    np.testing.assert_array_equal(got, np.eye(rows, columns, k, dtype=got.dtype))


@pytest.mark.parametrize("ranks", [(1, 2), (2, 1), (1, 1), (3, 1), (1, 3)])
@pytest.mark.parametrize("zero", ["", "[1]"])
def test_integer_products_of_vectors(ranks: tuple[int, int], zero: str) -> None:
    shapes = [{1: [4], 2: [3, 4], 3: [2, 3, 4]}[ranks[0]], {1: [4], 2: [4, 5], 3: [2, 4, 5]}[ranks[1]]]
    left, right = (",".join(map(str, s)) for s in shapes)
    out = ",".join("ABC"[: len(np.matmul(*map(np.zeros, shapes)).shape)])
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g (uint8[{left}] a, int8[{right}] b, uint8{zero} za) => (int32{f"[{out}]" if out else ""} y) {{
            y = MatMulInteger(a, b, za) }}""")
    feed = {k: np.asarray(v + np.asarray(1, v.dtype)) for k, v in random_feed(model).items()}
    want = np.matmul(feed["a"].astype(np.int32) - feed["za"].astype(np.int32), feed["b"].astype(np.int32))
    after = trtconv.fix(model, target="tensorrt-rtx-1.7")
    assert not after.undone
    (got,) = run(after.model, feed)
    np.testing.assert_array_equal(got, want)


def test_an_original_that_does_not_repeat_itself_says_nothing() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]> g (float[50] x) => (float[50] y)
        <float r = {0.5}, bool t = {1}> { y, m = Dropout(x, r, t) }""")
    result = trtconv.fix(model, target="tensorrt-10.3", only=["unread-outputs"])
    assert [e.evidence.verdict for e in result.edits if e.evidence] == ["not checkable"]
    assert not result.undone


def test_statistics_that_are_weights_too() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 15]>
        g (float[2,3,4] x) => (float[2,3,4] y) <float[3] one = {1, 1, 1}, float[3] zero = {0, 0, 0}> {
            y, m, v = BatchNormalization <training_mode = 1> (x, one, zero, zero, one) }""")
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", only=["batch-statistics"])
    assert any("overwritten" in f.refusal for f in result.remaining)


@pytest.mark.parametrize("trips", ["", "m"])
@pytest.mark.parametrize("scanned", [False, True])
def test_uncounted_loop(trips: str, scanned: bool) -> None:
    outputs, results = ("y, s", "y, int64[K] s") if scanned else ("y", "y")
    body = "(bool d, int64 b, int64 n)" if scanned else "(bool d, int64 b)"
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g (int64 x) => (int64 {results}) <int64 m = {{9223372036854775807}}, bool go = {{1}}, int64 k = {{9}}> {{
            {outputs} = Loop({trips}, go, x) <body = b (int64 i, bool c, int64 a) => {body} {{
                b = Add(a, i) d = Less(b, k) n = Identity(i) }}> }}""")
    after = fixed(model, "uncounted-loop")
    for x in (-5, 0, 20):
        assert_same(model, after, {"x": np.asarray(x)})
    if not scanned:
        before, now = judge([(model, {}), (after, {})])
        assert before is not None
        assert now is None


def sparse(values: np.ndarray, places: np.ndarray, dims: list[int], name: str) -> onnx.SparseTensorProto:
    numbers, where = onnx.numpy_helper.from_array(values, name), onnx.numpy_helper.from_array(places)
    return onnx.helper.make_sparse_tensor(numbers, where, dims)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_sparse_weights(linear: bool, count: int) -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]> g (float[2,3] x, float[3,4] w) => (float[2,4] y)
        { p = MatMul(x, w) q = MatMul(x, w) y = Add(p, q) }""")
    places = np.asarray([[0, 1], [1, 3], [2, 0]][:count], np.int64).reshape(-1, 2)
    values, dense = np.arange(1, count + 1, dtype=np.float32), np.zeros((3, 4), np.float32)
    dense[tuple(places.T)] = values
    del model.graph.input[1]
    wanted = places @ [4, 1] if linear else places
    model.graph.sparse_initializer.append(sparse(values, wanted, [3, 4], "w"))
    result = trtconv.fix(model, target="tensorrt-rtx-1.7")
    assert result.ok
    assert not result.model.graph.sparse_initializer
    x = random_feed(model)["x"]
    np.testing.assert_allclose(run(result.model, {"x": x})[0], 2 * x @ dense, rtol=1e-6)
    assert judge([(result.model, {})]) == [None]


def test_a_sparse_constant() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]> g (float[3] x) => (float[3] y) { y = Add(x, w) }""")
    value = sparse(np.ones(1, np.float32), np.asarray([2]), [3], "v")
    model.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["w"], sparse_value=value))
    result = trtconv.fix(model, target="tensorrt-rtx-1.7")
    assert result.ok
    np.testing.assert_array_equal(run(result.model, {"x": np.zeros(3, np.float32)})[0], [0, 0, 1])


@pytest.mark.parametrize(
    ("inputs", "output", "body"),
    [
        ("int64[2] i", "float[2]", "r = Gather(w, i) y = DequantizeLinear(r, s, z)"),
        ("int64[2] i", "int8[2]", "y = Gather(w, i)"),
        ("int64[2] i", "float[2]", "r = Gather(w, i) y = Cast <to = 1> (r)"),
        ("int8[4] x", "int8[8]", "y = Concat <axis = 0> (x, w)"),
        ("int64[2,1] i", "float[2]", "r = GatherND(w, i) y = DequantizeLinear(r, s, z)"),
    ],
)
def test_quantized_constants(inputs: str, output: str, body: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]> g ({inputs}) => ({output} y)
        <int8[4] w = {{1, -2, 127, -128}}, float s = {{0.1}}, int8 z = {{0}}> {{ {body} }}""")
    after = fixed(model, "quantized-constant")
    feed = {k: np.minimum(v, 3).astype(v.dtype) for k, v in random_feed(model).items()}
    assert_same(model, after, feed)
    before, now = judge([(model, {}), (after, {})])
    assert before is not None
    assert "Quantized constant" in before
    assert now is None


@pytest.mark.parametrize("kind", ["int8", "float8e4m3fn"])
@pytest.mark.parametrize(
    ("output", "body"),
    [
        ("[2]", "y = Constant <value = KIND[2] {1, 3}> ()"),
        ("[A,B]", "y = Reshape(w, i)"),
        ("[2]", "y = Identity(w)"),
        ("[A,B]", "y = ConstantOfShape <value = KIND[1] {1}> (i)"),
    ],
)
def test_constants_of_storage_types_as_outputs(kind: str, output: str, body: str) -> None:
    model = parse(f"""<ir_version: 10, opset_import: ["": 21]> g (int64[2] i) => ({kind}{output} y)
        <{kind}[2] w = {{1, 3}}> {{ {body.replace("KIND", kind)} }}""")
    after = fixed(model, "quantized-constant")
    feed = {"i": np.array([2, 1])}
    np.testing.assert_array_equal(*(run(m, feed)[0].view(np.uint8) for m in (after, model)))
    before, now = judge([(m, {"i": [2, 1]}) for m in (model, after)])
    assert before is not None
    assert now is None


@pytest.mark.parametrize("op_type", ["LSTM", "GRU", "RNN"])
def test_the_parser_takes_all_outputs_of_a_recurrence(op_type: str) -> None:
    gates, cell = {"LSTM": (4, ", c"), "GRU": (3, ""), "RNN": (1, "")}[op_type]
    weights = ", ".join(["0.5"] * gates)
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]> g (float[3,2,1] x) => (float[3,1,2,1] y)
        <float[1,{gates},1] w = {{{weights}}}, float[1,{gates},1] r = {{{weights}}}> {{
            y, h{cell} = {op_type} <hidden_size = 1> (x, w, r) }}""")
    assert not trtconv.lint(model, target="tensorrt-rtx-1.7").findings
    assert judge([(model, {})]) == [None]
