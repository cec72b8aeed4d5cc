"""Folding against ONNX Runtime: random shape arithmetic, empty tensors, overflow, subgraphs, what must not fold."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from support import assert_same, parse, run

import trtconv

CLEANING = ("no-op-nodes", "unfolded-constants", "repeated-nodes")
BATCHES = (1, 2, 5, 0)


def clean(model: ModelProto) -> trtconv.Fix:
    result = trtconv.fix(model, target="tensorrt-10.3", only=CLEANING, evidence=False)
    assert not result.crashes
    again = trtconv.fix(result.model, target="tensorrt-10.3", only=CLEANING, evidence=False)
    assert not again.edits, [e.to_json() for e in again.edits]
    assert again.model.graph.SerializeToString() == result.model.graph.SerializeToString()
    onnx.checker.check_model(result.model, full_check=True)
    return result


def operators(model: ModelProto) -> list[str]:
    return [n.op_type for n in model.graph.node]


class Builder:
    """A graph that grows node by node; `values` are the integer tensors made so far, with their rank and length."""

    def __init__(self, opset: int = 17) -> None:
        self.opset = opset
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def constant(self, value: object, dtype: object = np.int64) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def op(self, op_type: str, *inputs: str, into: str = "", **attributes: object) -> str:
        name = into or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [name], f"node{len(self.nodes)}", **attributes))
        return name

    def model(self, inputs: dict[str, list[object]], outputs: dict[str, tuple[int, int]]) -> ModelProto:
        return helper.make_model(
            helper.make_graph(
                self.nodes,
                "g",
                [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in inputs.items()],
                [helper.make_tensor_value_info(k, dtype, [None] * rank) for k, (dtype, rank) in outputs.items()],
                self.initializers,
            ),
            opset_imports=[helper.make_opsetid("", self.opset)],
            ir_version=8,
        )


@st.composite
def shape_arithmetic(draw: st.DrawFn) -> ModelProto:
    """Vectors of a few int64 elements computed from the shape of x, float[N,3,H], in any way that cannot fail."""
    b = Builder()
    lengths = {b.op("Shape", "x"): 3}
    for elements in draw(st.lists(st.lists(st.integers(-3, 9), min_size=1, max_size=4), max_size=2)):
        lengths[b.constant(elements)] = len(elements)
    for _ in range(draw(st.integers(3, 12))):
        name, length = _step(draw, b, lengths)
        lengths[name] = length
    outputs = [t for t in lengths if t.startswith("t")][-4:]
    return b.model({"x": ["N", 3, "H"]}, dict.fromkeys(outputs, (TensorProto.INT64, 1)))


def _gather(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    indices = draw(st.lists(st.integers(-n, n - 1), max_size=4)) if n else []
    return b.op("Gather", x, b.constant(indices), axis=0), len(indices)


def _slice(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    step = draw(st.sampled_from([1, 2, -1, -2]))
    start = draw(st.integers(-n if step < 0 else -n - 2, n + 2))
    end = draw(st.integers(-n - 2, n + 2))
    bounds = [b.constant([v]) for v in (start, end, 0, step)]
    return b.op("Slice", x, *bounds), len(range(*slice(start, end, step).indices(n)))


def _twice(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    return (b.op("Concat", x, x, axis=0), 2 * n) if n <= 4 else (x, n)


def _binary(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    op = draw(st.sampled_from(["Add", "Sub", "Mul", "Min", "Max"]))
    return b.op(op, x, b.constant([draw(st.integers(-3, 5))])), n


def _divide(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    by = b.constant([draw(st.sampled_from([1, 2, 3, -2, 7]))])
    return b.op(draw(st.sampled_from(["Div", "Mod"])), x, by), n


def _compare(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    limit = b.constant([draw(st.integers(-2, 4))])
    condition = b.op(draw(st.sampled_from(["Equal", "Less", "GreaterOrEqual"])), x, limit)
    return b.op("Where", condition, x, limit), n


def _cast(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    to = draw(st.sampled_from([TensorProto.INT32, TensorProto.FLOAT, TensorProto.DOUBLE]))
    return b.op("Cast", b.op("Cast", x, to=to), to=TensorProto.INT64), n


def _columns(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    if n % 2 or not n:
        return x, n
    pairs = b.op("Reshape", x, b.constant([-1, 2]))
    return b.op("Reshape", b.op("Transpose", pairs, perm=[1, 0]), b.constant([n])), n


def _reduce(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    op = draw(st.sampled_from(["ReduceProd", "ReduceMax", "ReduceMin"])) if n else "ReduceProd"
    return b.op(op, x, axes=[0], keepdims=1), 1


def _fill(draw: st.DrawFn, b: Builder, x: str, n: int) -> tuple[str, int]:
    minus = numpy_helper.from_array(np.array([-1], np.int64))
    return b.op("Mul", b.op("ConstantOfShape", b.constant([n]), value=minus), x), n


STEPS = [_gather, _slice, _twice, _binary, _divide, _compare, _cast, _columns, _reduce, _fill]


def _step(draw: st.DrawFn, b: Builder, lengths: dict[str, int]) -> tuple[str, int]:
    x, y = draw(st.sampled_from(sorted(lengths))), draw(st.sampled_from(sorted(lengths)))
    if draw(st.booleans()) and lengths[x] + lengths[y] <= 8:
        return b.op("Concat", x, y, axis=0), lengths[x] + lengths[y]
    return draw(st.sampled_from(STEPS))(draw, b, x, lengths[x])


@settings(max_examples=150, deadline=None)
@given(shape_arithmetic())
def test_shape_arithmetic_is_exact_for_every_batch(model: ModelProto) -> None:
    result = clean(model).model
    for batch, height in ((1, 4), (2, 7), (5, 1), (0, 3), (3, 0)):
        assert_same(model, result, {"x": np.zeros((batch, 3, height), np.float32)})


SIZES = ["N", "H", "3", "4", "N*H", "N*3", "H*4", "12", "N*3*H", "-1", "0"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(SIZES), min_size=1, max_size=4), st.integers(0, 1), st.booleans())
def test_a_reshape_to_computed_sizes_is_the_same_wherever_it_was_valid(
    sizes: list[str], allow: int, copy: bool
) -> None:
    b = Builder()
    shape = b.op("Shape", "x")
    known = {name: b.op("Slice", shape, b.constant([i]), b.constant([i + 1])) for i, name in ((0, "N"), (2, "H"))}
    parts = []
    for size in sizes:
        part = ""
        for factor in size.split("*"):
            one = known.get(factor) or b.constant([int(factor)])
            part = b.op("Mul", part, one) if part else one
        parts.append(part)
    x = b.op("Relu", "x") if copy else "x"
    b.op("Reshape", x, b.op("Concat", *parts, axis=0), into="y", allowzero=allow)
    model = b.model({"x": ["N", 3, "H", 4]}, {"y": (TensorProto.FLOAT, len(sizes))})
    try:
        result = clean(model).model
    except onnx.shape_inference.InferenceError:  # cannot be valid for any batch: the checker says so
        return
    for batch, height in ((1, 1), (2, 5), (3, 4), (0, 4), (2, 0)):
        feed = {"x": np.random.default_rng(0).random((batch, 3, height, 4), np.float32)}
        try:
            run(model, feed)
        except Exception:  # no such shape in the original
            continue
        assert_same(model, result, feed)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["Expand", "Slice"]), st.sampled_from(["N", "H", "N-1", "H-1", "H-2", "1", "2"]), st.integers(0, 2)
)
def test_expand_and_slice_with_computed_arguments(op: str, size: str, axis: int) -> None:
    b = Builder()
    shape = b.op("Shape", "x")
    name, _, less = size.partition("-")
    where = {"N": 0, "H": 2}.get(name)
    value = b.constant([int(name)]) if where is None else b.op("Gather", shape, b.constant([where]))
    value = b.op("Sub", value, b.constant([int(less)])) if less else value
    if op == "Slice":
        b.op("Slice", "x", b.constant([0]), value, b.constant([axis]), into="y")
    else:
        parts = [b.constant([1]) if i != axis else value for i in range(3)]
        b.op("Expand", "x", b.op("Concat", *parts, axis=0), into="y")
    model = b.model({"x": ["N", 1, "H"]}, {"y": (TensorProto.FLOAT, 3)})
    result = clean(model).model
    for batch, height in ((1, 1), (2, 5), (4, 4), (0, 3), (2, 0)):
        feed = {"x": np.random.default_rng(0).random((batch, 1, height), np.float32)}
        try:
            run(model, feed)
        except Exception:  # does not broadcast
            continue
        assert_same(model, result, feed)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["Exp", "Tanh", "Sigmoid", "Sqrt", "Reciprocal", "Erf", "Neg", "Softmax"]), max_size=4),
    st.sampled_from(["MatMul", "Add", "Mul", "Div", "Pow"]),
    st.integers(0, 3),
)
def test_floats_fold_to_the_same_bits(unary: list[str], binary: str, seed: int) -> None:
    rng, b = np.random.default_rng(seed), Builder()
    first = b.constant(rng.standard_normal((5, 5)) * 3, np.float32)
    second = b.constant(rng.standard_normal((5, 5)), np.float32)
    for op in unary:
        first = b.op(op, first)
    b.op("Add", "x", b.op(binary, first, second), into="y")
    model = b.model({"x": ["N", 5]}, {"y": (TensorProto.FLOAT, 2)})
    result = clean(model).model
    assert operators(result) == ["Add"]
    feed = {"x": np.zeros((5, 5), np.float32)}
    assert run(model, feed)[0].tobytes() == run(result, feed)[0].tobytes()


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("op", ["Add", "Sub", "Mul"])
def test_integers_wrap_as_in_onnx_runtime(dtype: type[np.integer], op: str) -> None:
    b, info = Builder(), np.iinfo(dtype)
    one, two = b.constant([info.max, info.min, 3], dtype), b.constant([info.max, 7, 5], dtype)
    b.op(op, one, two, into="y")
    output = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    model = b.model({"x": [1]}, {"y": (output, 1)})
    assert_same(model, clean(model).model, {"x": np.zeros(1, np.float32)})


def test_sizes_that_overflow_int32_are_left_alone() -> None:
    b = Builder()
    narrow = b.op("Cast", b.op("ReduceProd", b.op("Shape", "x"), axes=[0], keepdims=1), to=TensorProto.INT32)
    b.op("Mul", narrow, b.constant([1 << 30], np.int32), into="y")
    model = b.model({"x": ["N", 3, "H"]}, {"y": (TensorProto.INT32, 1)})
    assert_same(model, clean(model).model, {"x": np.zeros((3, 3, 5), np.float32)})


SUBGRAPHS = {
    "if": """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,3,4] x, bool c) => (float[A,B] y) <int64[1] last = {-1}, int64[1] twelve = {12}> {
            shape = Shape(x)
            zero = Constant <value = int64 {0}> ()
            axis = Constant <value = int64[1] {0}> ()
            n = Gather(shape, zero)
            y = If(c) <
                then_branch = a () => (float[A,B] p) {
                    first = Unsqueeze(n, axis)
                    wanted = Concat <axis=0> (first, twelve)
                    p = Reshape(x, wanted)
                },
                else_branch = b () => (float[A,B] q) {
                    same = Identity(x)
                    three = Constant <value = int64[1] {3}> ()
                    k = Concat <axis=0> (last, three)
                    q = Reshape(same, k)
                }>
        }""",
    "loop": """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,3] x, int64 trips) => (float[A,B] y) <bool go = {1}> {
            y = Loop(trips, go, x) <body = b (int64 i, bool on, float[P,Q] state) => (bool still, float[P2,Q2] next) {
                one = Constant <value = int64[1] {1}> ()
                two = Constant <value = int64[1] {2}> ()
                both = Add(one, two)
                size = Shape(state)
                grown = Concat <axis=0> (state, x)
                size_of_x = Shape(x)
                three = Slice(size_of_x, one, two)
                minus = Constant <value = int64[1] {-1}> ()
                wanted = Concat <axis=0> (minus, three)
                next = Reshape(grown, wanted)
                still = Identity(on)
            }>
        }""",
}


@pytest.mark.parametrize("name", SUBGRAPHS)
@pytest.mark.parametrize("batch", BATCHES)
def test_subgraphs_are_entered_and_read_what_is_around_them(name: str, batch: int) -> None:
    model = parse(SUBGRAPHS[name])
    result = clean(model).model
    shape = (batch, 3, 4) if name == "if" else (batch, 3)
    x = np.random.default_rng(0).random(shape, np.float32)
    for flag in (0, 1, 3):
        other = {"c": np.array(bool(flag))} if name == "if" else {"trips": np.array(flag, np.int64)}
        if name == "if" and batch == 0 and not flag:
            continue
        assert_same(model, result, {"x": x, **other})
    inside = next(a.g for n in result.graph.node for a in n.attribute if a.type == onnx.AttributeProto.GRAPH)
    assert {n.op_type for n in inside.node} <= {"Reshape", "Concat", "Identity"}


@pytest.mark.parametrize(
    "text",
    [
        "r = RandomUniform <shape=[2]> () y = Add(x, r)",
        "d = DequantizeLinear(w, s) y = Add(x, d)",
        "q = QuantizeLinear(f, s) d = DequantizeLinear(q, s) y = Add(x, d)",
    ],
    ids=["random", "dequantize", "quantize"],
)
def test_what_must_not_fold(text: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[2] x) => (float[2] y) <int8[2] w = {{1, 2}}, float s = {{0.5}}, float[2] f = {{1, 2}}> {{ {text} }}""")
    result = clean(model)
    assert not result.edits
    assert operators(result.model) == operators(model)


def test_a_constant_that_is_also_an_input_counts_as_constant() -> None:
    model = parse("""<ir_version: 3, opset_import: ["": 9]>
        g (float[N,4] x, int64[2] shape) => (float[N,2,2] y) <int64[2] shape = {2, 2}, int64[1] first = {0}> {
            wanted = Concat <axis=0> (first, shape)
            y = Reshape(x, wanted)
        }""")
    result = clean(model).model
    assert operators(result) == ["Reshape"]
    assert_same(model, result, {"x": np.ones((3, 4), np.float32)})


def test_names_of_inputs_outputs_and_survivors_stay() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[N,4] y, float[N,4] z, int64[1] k) {
            [one] a = Relu(x)
            [two] y = Identity(a)
            [three] b = Relu(x)
            [four] z = Neg(b)
            [five] k = Constant <value = int64[1] {7}> ()
        }""")
    result = clean(model).model
    assert [o.name for o in result.graph.output] == ["y", "z", "k"]
    assert {n.name for n in result.graph.node} == {"one", "four", "five"}
    assert_same(model, result, {"x": np.ones((3, 4), np.float32)})


def test_weights_are_neither_read_nor_copied() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[N,4] y) <float[4,4] w = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}> {
            v = Transpose <perm=[1, 0]> (w) y = MatMul(x, v) }""")
    tensor = model.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.dims[:] = [1 << 15, 1 << 15]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="missing.bin")
    result = trtconv.fix(model, target="tensorrt-10.3", only=CLEANING)
    assert operators(result.model) == ["Transpose", "MatMul"]
    assert ["external file" in f.refusal for f in result.remaining] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "y = Transpose <perm=[0, 5]> (x)",
        "y = Concat <axis=0> (s, s)",
        "y = Slice(x, v, v, far)",
        "y = Tile(x, v)",
        "y = Squeeze(x, far)",
        "y = Gather <axis=7> (x, v)",
        "y = Reshape(c, far)",
    ],
)
def test_a_malformed_node_is_left_to_whoever_runs_it(text: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[A,B] y)
        <float s = {{1}}, int64[1] v = {{0}}, int64[1] far = {{9}}, float[2] c = {{1, 2}}> {{ {text} }}""")
    result = trtconv.fix(model, target="tensorrt-10.3", only=CLEANING)
    assert not result.crashes
    assert operators(result.model) == operators(model)


def test_constants_that_are_large_together_fold_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trtconv.passes.core.folding.batch.SESSION_LIMIT", 1 << 20)
    b = Builder()
    size, total = 400, "x"
    for i in range(4):
        weight = b.constant(np.arange(size * size, dtype=np.float32).reshape(size, size) / (i + 1), np.float32)
        scaled = b.op("Mul", b.op("Transpose", weight, perm=[1, 0]), b.constant(i + 0.5, np.float32))
        total = b.op("Add", b.op("MatMul", total, b.op("Add", scaled, b.op("Transpose", scaled, perm=[1, 0]))), scaled)
    model = b.model({"x": [size, size]}, {total: (TensorProto.FLOAT, 2)})
    result = clean(model).model
    assert operators(result) == ["MatMul", "Add"] * 4
    assert_same(model, result, {"x": np.eye(size, dtype=np.float32)}, "rounding")  # MatMul packs constants


def test_an_end_keeps_its_element_type() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 19]>
        g (float[N,4] x) => (float[A,B] y) <int64[1] zero = {0}, int32[1] from = {1}, int32[1] axis = {0}> {
            shape = Shape(x) size = Gather(shape, zero) end = Cast <to = 6> (size) z = Slice(x, from, end, axis)
            part = Relu(z) y = Neg(part) }""")
    result = clean(model).model
    assert operators(result) == ["Slice", "Relu", "Neg"]
    assert_same(model, result, {"x": np.ones((3, 4), np.float32)})


def test_a_split_into_one_part_is_followed() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]>
        g (float[N,4] x) => (int64[K] y) <int64[2] v = {3, 4}> { whole = Split <axis = 0> (v) y = Neg(whole) }""")
    assert operators(clean(model).model) == ["Constant"]


def test_a_product_beyond_the_element_type_is_left_to_the_runtime() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 13]>
        g (float[N,4] x) => (int32 y) <int32[2] v = {2147483647, -100}> { y = ReduceProd <keepdims = 0> (v) }""")
    assert_same(model, clean(model).model, {"x": np.ones((3, 4), np.float32)})


def test_a_computed_size_that_may_be_zero_copies_the_axis_of_the_input() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,3,H] x) => (int64[2] y) <int64[2] two = {0, 1}, int64[1] rest = {-1}> {
            s = Shape(x)
            p = Gather(s, two)
            n = ReduceProd(p)
            m = Reshape(n, rest)
            t = Concat <axis = 0> (rest, m)
            r = Reshape(x, t)
            y = Shape(r)
        }""")
    result = clean(model)
    for batch in BATCHES:
        assert_same(model, result.model, {"x": np.zeros((batch, 3, 2), np.float32)})


@pytest.mark.parametrize(
    "text",
    [
        "g (float[N] x) => (float[M] y) <int64[1] n = {0}> { a = ConstantOfShape(n) y = Dropout(a) }",
        """g (int64 i) => (int64 y, int64 z) <bool no = {0}, int64 zero = {0}> {
            a = If (no) <then_branch = t () => (int64 p) { p = Neg(i) }, else_branch = e () => (int64 q) { q = Neg(i) }>
            b = Neg(a)
            y = Mul(b, b)
            c = If (no) <then_branch = t () => (int64 u) { u = Neg(i) }, else_branch = e () => (int64 v) { v = Neg(i) }>
            d = Sub(zero, c)
            z = Neg(d)
        }""",
    ],
    ids=["a no-op that wrote an output", "equal but for the name of an unknown"],
)
def test_what_one_step_brings_to_light_the_next_does_in_the_same_run(text: str) -> None:
    names = [*CLEANING, "constant-condition"]
    model = parse(f'<ir_version: 8, opset_import: ["": 17]> {text}')
    result = trtconv.fix(model, target="tensorrt-10.3", only=names, evidence=False)
    again = trtconv.fix(result.model, target="tensorrt-10.3", only=names, evidence=False)
    assert result.edits
    assert not again.edits
