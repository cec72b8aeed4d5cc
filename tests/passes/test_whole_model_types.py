"""Element types as the file stores and declares them: every bit kept, in every place of a model."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from support import assert_same, judge, parse, run

import trtconv

SETTINGS = settings(max_examples=12, deadline=None)
UGLY = [0.0, -0.0, 0.5, -1.5, 1e-45, 1e-300, 3e38, -3e38, np.inf, -np.inf, np.nan]
VALUES = st.lists(st.sampled_from(UGLY) | st.floats(-100, 100, width=32), max_size=5)


def fixed(model: ModelProto, target: str, name: str) -> ModelProto:
    result = trtconv.fix(model, target=target, only=[name], evidence=False)
    assert {e.pass_name for e in result.edits} == {name}
    assert not result.crashes
    onnx.checker.check_model(result.model, full_check=True)
    return result.model


@pytest.mark.parametrize("place", ["initializer", "Constant", "outside of a branch"])
@SETTINGS
@given(bits=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=6))
def test_half_weights_are_stored_as_bytes(place: str, bits: list[int]) -> None:
    weight = f"float16[{len(bits)}] w = {{{', '.join(map(str, bits))}}}"
    body, weights = "y = Concat <axis = 0> (x, w)", f"<{weight}>"
    if place == "Constant":
        kind, _, value = weight.partition(" w = ")
        body, weights = f"w = Constant <value = {kind} {value}> () {body}", ""
    if place == "outside of a branch":
        body = """y = If(c) <then_branch = a () => (float16[A] p) { p = Concat <axis = 0> (x, w) },
            else_branch = b () => (float16[B] q) { q = Identity(x) }>"""
    before = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g (float16[1] x, bool c) => (float16[N] y) {weights} {{ {body} }}""")
    after = fixed(before, "tensorrt-8.2", "half-in-integer-field")
    stored = [*after.graph.initializer, *(a.t for n in after.graph.node for a in n.attribute if a.name == "value")]
    assert [t.raw_data for t in stored] == [np.array(bits, np.uint16).tobytes()]
    assert not any(t.int32_data for t in stored)
    assert_same(before, after, {"x": np.ones(1, np.float16), "c": np.asarray(True)})


@SETTINGS
@given(values=VALUES, ops=st.lists(st.sampled_from(["Abs", "Neg", "Relu", "Identity"]), max_size=3))
def test_double_becomes_float(values: list[float], ops: list[str]) -> None:
    chain = " ".join(f"t{i + 1} = {op}(t{i})" for i, op in enumerate(ops))
    before = parse(f"""<ir_version: 7, opset_import: ["": 11]> g (double[N] x) => (double[N] y, float[N] z, bool[N] b)
        <double w = {{0.1}}> {{
            c = Constant <value = double[1] {{3.0}}> ()
            t0 = Mul(x, w) {chain} y = Add(t{len(ops)}, c) z = Cast <to = 1> (y) b = IsNaN(y) }}""")
    after = fixed(before, "tensorrt-7.2", "double-precision")
    assert {v.type.tensor_type.elem_type for v in (*after.graph.input, *after.graph.output)} == {1, 9}
    with np.errstate(over="ignore"):
        narrow = np.array(values, np.float32)  # what FLOAT cannot hold is lost before the network
    want, got = run(before, {"x": narrow.astype(np.float64)}), run(after, {"x": narrow})
    with np.errstate(over="ignore", invalid="ignore"):
        for one, other in zip(want, got, strict=True):
            np.testing.assert_allclose(other, one.astype(other.dtype), rtol=1e-5, atol=1e-37)


TYPES = {"float": 1, "float16": 10, "double": 11, "int32": 6, "int64": 7}


@SETTINGS
@given(given_type=st.sampled_from(list(TYPES)), declared=st.sampled_from(list(TYPES)), seed=st.integers(0, 99))
def test_outputs_are_of_the_declared_type(given_type: str, declared: str, seed: int) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g ({given_type}[4] x) => ({declared}[4] y, {given_type}[4] z) {{ y = Abs(x) z = Neg(y) }}""")
    target = "tensorrt-rtx-1.7"
    if given_type == declared:
        assert not trtconv.fix(model, target=target, only=["declared-output-type"], evidence=False).edits
        return
    after = fixed(model, target, "declared-output-type")
    kind = helper.tensor_dtype_to_np_dtype(TYPES[given_type])
    wanted = helper.tensor_dtype_to_np_dtype(TYPES[declared])
    x = (np.random.default_rng(seed).integers(-19, 19, 4) / 2).astype(kind)
    y, z = run(after, {"x": x})
    assert y.dtype == wanted
    np.testing.assert_array_equal(y, np.abs(x).astype(wanted))
    np.testing.assert_array_equal(z, -np.abs(x))


@pytest.mark.parametrize("declared", ["float", "int64"])
def test_the_parser_takes_what_is_cast(declared: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]> g (int32[4] x) => ({declared}[4] y) {{ y = Abs(x) }}""")
    before, after = judge([(model, {}), (fixed(model, "tensorrt-rtx-1.7", "declared-output-type"), {})])
    assert before is not None
    assert "does not match the ONNX specification type" in before
    assert after is None


@SETTINGS
@given(
    form=st.sampled_from(["RandomUniform", "RandomNormal"]),
    like=st.booleans(),
    dtype=st.sampled_from([TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE]),
    shape=st.lists(st.integers(0, 3), max_size=3),
    low=st.integers(-3, 3),
)
def test_random_numbers(form: str, like: bool, dtype: int, shape: list[int], low: int) -> None:
    sizes = [*shape, 50]
    span = {"low": float(low), "high": low + 1.0} if form == "RandomUniform" else {"mean": float(low), "scale": 0.1}
    assume(like or dtype == TensorProto.DOUBLE)
    name = f"{form}Like" if like else form
    made = {"dtype": dtype} if like else {"dtype": dtype, "shape": sizes}
    node = helper.make_node(name, ["w"] if like else [], ["y"], **span, **made)
    weights = [numpy_helper.from_array(np.zeros(sizes, np.float32), "w")] if like else []
    results = [helper.make_tensor_value_info("y", dtype, sizes)]
    graph = helper.make_graph([node], "g", [], results, weights)
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (drawn,) = run(fixed(before, "tensorrt-10.3", "random-numbers"), {})
    (want,) = run(before, {})
    assert (drawn.shape, drawn.dtype) == (want.shape, want.dtype)
    if drawn.size:
        near = 0.0 if form == "RandomUniform" else 1.0
        assert drawn.min() >= low - near
        assert drawn.max() <= low + 1
        assert drawn.std() > 0


@SETTINGS
@given(values=st.lists(st.sampled_from(UGLY[:4]) | st.floats(-8, 8, width=16), min_size=1, max_size=6))
def test_hard_swish_of_brain_floats(values: list[float]) -> None:
    before = parse("""<ir_version: 10, opset_import: ["": 22]> g (bfloat16[N] x) => (bfloat16[N] y) {
        y = HardSwish(x) }""")
    after = fixed(before, "tensorrt-10.3", "hard-swish-type")
    x = np.array(values).astype(helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16))
    (want,), (got,) = (ReferenceEvaluator(m).run(None, {"x": x}) for m in (before, after))
    np.testing.assert_allclose(np.asarray(got, np.float32), np.asarray(want, np.float32), rtol=2e-2, atol=1e-2)


@SETTINGS
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    linear=st.booleans(),
    data=st.data(),
    kind=st.sampled_from(["float32", "float16", "int64"]),
)
def test_sparse_weights(shape: list[int], linear: bool, data: st.DataObject, kind: str) -> None:
    volume = int(np.prod(shape))
    places = sorted(data.draw(st.sets(st.integers(0, volume - 1), max_size=volume)))
    ugly = [1, -7, 3] if kind == "int64" else [v for v in UGLY if abs(v) < 100 or not np.isfinite(v)]
    values = np.array(data.draw(st.lists(st.sampled_from(ugly), min_size=len(places), max_size=len(places))), kind)
    dense = np.zeros(volume, kind)
    dense[places] = values
    where = np.array(places, np.int64)
    if not linear:
        where = np.stack(np.unravel_index(where, shape), axis=-1).astype(np.int64).reshape(-1, len(shape))
    numbers, indices = numpy_helper.from_array(values, "w"), numpy_helper.from_array(where)
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    results = [helper.make_tensor_value_info("y", dtype, shape)]
    sparse = [helper.make_sparse_tensor(numbers, indices, shape)]
    inputs = [helper.make_tensor_value_info("x", dtype, shape)]
    graph = helper.make_graph([helper.make_node("Where", ["c", "w", "x"], ["y"])], "g", inputs, results)
    graph.initializer.append(numpy_helper.from_array(np.asarray(True), "c"))
    graph.sparse_initializer.extend(sparse)
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (got,) = run(fixed(before, "tensorrt-10.3", "sparse-weights"), {"x": np.ones(shape, kind)})
    np.testing.assert_array_equal(got, dense.reshape(shape))
