"""Rewrites over random attributes and shapes, on the values that operators care about: ONNX Runtime before and after.

Passes that have such a test in a file of their own are not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Feed, assert_same, parse, random_feed

import trtconv

UGLY = [0.0, -0.0, 0.5, 1.5, -2.5, 1e-40, 3e38, -3e38, np.inf, -np.inf, np.nan]


@dataclass
class Case:
    """A graph in ONNX text, the target that makes the pass work, and what plain random values would not do for."""

    target: str
    text: str
    feed: Feed = field(default_factory=dict)
    opset: int = 13
    safety: str = "exact"
    imports: str = '"": {opset}'


class Draw:
    """What the cases ask of hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def of(self, *values: str) -> str:
        return self._data.draw(st.sampled_from(values))

    def integer(self, low: int, high: int) -> int:
        return self._data.draw(st.integers(low, high))

    def sizes(self, least: int = 0, most: int = 3, smallest: int = 0) -> list[int]:
        return self._data.draw(st.lists(st.integers(smallest, 3), min_size=least, max_size=most))

    def values(self, shape: list[int], kind: str = "float32") -> np.ndarray:
        """Random values of which half are ugly."""
        rng = np.random.default_rng(self.integer(0, 99))
        with np.errstate(over="ignore"):
            values = np.where(rng.random(shape) < 0.5, rng.choice(UGLY, shape), rng.standard_normal(shape)).astype(kind)
        return np.asarray(values)


def float_modulo(draw: Draw) -> Case:
    shape = draw.sizes()
    feed = {"x": draw.values(shape), "d": draw.values(shape)}
    for values in feed.values():  # numpy and C part at quotients that no float holds
        values[np.abs(values) > 1e30] = 7
    return Case("tensorrt-10.3", f"(float{shape} x, float{shape} d) => (float y) {{ y = Mod(x, d) }}", feed)


def half_clip_bounds(draw: Draw) -> Case:
    shape, given_bounds = draw.sizes(), draw.of("x, a, b", "x, a", 'x, "", b')
    infinite = ("31744", "64512") if given_bounds == "x, a, b" else ()
    a, b = (draw.of("15360", "48128", "0", "1", *infinite) for _ in range(2))  # 1, -1, 0, 6e-8, infinities
    bounds = f"a = Constant <value = float16 {{{a}}}> () b = Constant <value = float16 {{{b}}}> ()"
    text = f"(float16{shape} x) => (float16 y) {{ {bounds} y = Clip({given_bounds}) }}"
    x = draw.values(shape, "float16")
    if given_bounds != "x, a, b":  # ONNX Runtime's Clip makes infinity finite, that of the standard does not
        x[np.isinf(x)] = 65504
    return Case("tensorrt-8.4", text, {"x": x})


def integer_product(draw: Draw) -> Case:
    batch, kind = draw.sizes(most=2, smallest=1), draw.of("int32", "int64")
    rows, depth, columns = (draw.integer(1, 3) for _ in range(3))
    x, w = [*batch, rows, depth], [depth, columns]
    large = {"int32": 2**29, "int64": 2**51}[kind]  # no float32 holds one more; ONNX Runtime sums integers in float64
    rng = np.random.default_rng(draw.integer(0, 99))
    feed = {"x": rng.choice([0, -1, large + 1, -large - 1], x), "w": rng.choice([0, 1, -1], w)}
    text = f"({kind}{x} x, {kind}{w} w) => ({kind} y) {{ y = MatMul(x, w) }}"
    return Case("tensorrt-10.3", text, {name: values.astype(kind) for name, values in feed.items()})


def local_functions(draw: Draw) -> Case:
    shape, slope = draw.sizes(), draw.of("0.0", "-1.5", "2.0")
    target, name = draw.of("tensorrt-8.6 Leak", "tensorrt-10.3 Relu", "tensorrt-rtx-1.7 Unique").split()
    text = f"""(float{shape} x) => (float y, float z) {{ y = lab.{name} <slope = {slope}> (x) z = lab.Twice(y) }}
        <domain: "lab", opset_import: ["": 13]>
        {name} <slope> (a) => (b) {{ b = LeakyRelu <alpha: float = @slope> (a) }}
        <domain: "lab", opset_import: ["": 13, "lab": 1]>
        Twice (a) => (b) {{ c = lab.{name} <slope = 1.0> (a) b = Add(c, a) }}"""
    return Case(target, text, {"x": draw.values(shape)}, imports='"": {opset}, "lab": 1')


def loop_condition(draw: Draw) -> Case:
    shape = draw.sizes()
    text = f"""(float{shape} x, int64 m, bool go) => (float y, float s) {{
        y, s = Loop(m, go, x) <body = b (int64 i, bool c, float{shape} a) => (bool d, float{shape} b, float{shape} e) {{
            b = Add(a, a) d = Identity(c) e = Neg(a) }}> }}"""
    feed = {"x": draw.values(shape), "m": np.asarray(draw.integer(0, 3)), "go": np.asarray(draw.integer(0, 1) == 1)}
    return Case("tensorrt-rtx-1.7", text, feed)


def missing_opset_import(draw: Draw) -> Case:
    rows, threshold, norm = draw.integer(1, 3), draw.of("0.0", "1.5", "-2.5"), draw.of("MAX", "L1", "L2")
    call = draw.of(f"Binarizer <threshold = {threshold}>", f'Normalizer <norm = "{norm}">')
    imports = draw.of('"ai.onnx.ml": 3', '"ai.onnx.ml": 1, "lab": 1')
    text = f"(float[{rows},4] x) => (float[{rows},4] y) {{ y = ai.onnx.ml.{call} (x) }}"
    x = np.nan_to_num(draw.values([rows, 4]), nan=0.25, posinf=np.inf, neginf=-np.inf)  # Binarizer takes no NaN
    return Case("tensorrt-10.3", text, {"x": x}, imports=imports)


def omitted_zero_point(draw: Draw) -> Case:
    shape = draw.sizes(least=2, smallest=1)
    axis = draw.integer(-len(shape), len(shape) - 1)
    scale = draw.of("", f"[{shape[axis]}]")
    feed = {"s": np.full([shape[axis]] if scale else [], draw.integer(1, 9) / 8, np.float32)}
    if draw.integer(0, 1):
        feed["x"] = draw.values(shape)
        text = f"(float{shape} x, float{scale} s) => (uint8 y) {{ y = QuantizeLinear <axis = {axis}> (x, s) }}"
    else:
        text = f"(int8{shape} x, float{scale} s) => (float y) {{ y = DequantizeLinear <axis = {axis}> (x, s) }}"
    return Case("tensorrt-8.4", text, feed)


def negative_scale(draw: Draw) -> Case:
    shape = draw.sizes(least=2, smallest=1)
    axis = draw.integer(-len(shape), len(shape) - 1)
    by_axis, quantizes = draw.integer(0, 1), draw.integer(0, 1)
    count = shape[axis] if by_axis else 1
    size = f"[{count}]" if by_axis else ""
    scales = ["-0.5", *(draw.of("0.25", "-2", "1" if quantizes else "0") for _ in range(count - 1))]
    zeros = ", ".join(str(draw.integer(-3, 3)) for _ in range(count))
    constants = f"<float{size} s = {{{', '.join(scales)}}}, int8{size} z = {{{zeros}}}>"
    op_type = "QuantizeLinear" if quantizes else "DequantizeLinear"
    kinds = ("float", "int8") if quantizes else ("int8", "float")
    text = f"({kinds[0]}{shape} x) => ({kinds[1]} y) {constants} {{ y = {op_type} <axis = {axis}> (x, s, z) }}"
    return Case("tensorrt-10.3", text, {"x": draw.values(shape)} if quantizes else {})


def odd_four_bit_count(draw: Draw) -> Case:
    shape = [2 * draw.integer(0, 1) + 1 for _ in range(draw.integer(1, 3))]
    axis = draw.integer(-len(shape), len(shape) - 1)
    by_axis, shifted = draw.integer(0, 1), draw.integer(0, 1)
    count, rng = shape[axis] if by_axis else 1, np.random.default_rng(draw.integer(0, 99))
    size = f"[{count}]" if by_axis else ""
    weights, zeros = (", ".join(map(str, rng.integers(-8, 8, n))) for n in (int(np.prod(shape)), count))
    scales = ", ".join(map(str, rng.uniform(0.1, 2, count)))
    zero = (f", int4{size} z = {{{zeros}}}", ", z") if shifted else ("", "")
    text = f"""(float{shape} x) => (float y) <int4{shape} w = {{{weights}}}, float{size} s = {{{scales}}}{zero[0]}> {{
        d = DequantizeLinear <axis = {axis}> (w, s{zero[1]}) y = Add(x, d) }}"""
    return Case("tensorrt-10.3", text, opset=21)


def quantized_constant(draw: Draw) -> Case:
    rows, table = draw.integer(1, 3), ", ".join(str(draw.integer(-128, 127)) for _ in range(4))
    read = draw.of("DequantizeLinear(r, s, z)", "Cast <to = 1> (r)")
    text = f"""(int64[{rows}] i) => (float y) <int8[4] w = {{{table}}}, float s = {{0.1}}, int8 z = {{0}}> {{
        r = Gather(w, i) y = {read} }}"""
    places = np.random.default_rng(draw.integer(0, 9)).integers(-4, 4, rows)
    return Case("tensorrt-rtx-1.7", text, {"i": places})


def unread_attribute(draw: Draw) -> Case:
    shape = draw.sizes(least=2, smallest=1)
    if draw.integer(0, 1):
        shape[1] = count = draw.integer(2, 3)
        scales, zeros = (", ".join(v for _ in range(count)) for v in ("0.5", "0"))
        text = f"""(float{shape} x) => (float y) <float[{count}] s = {{{scales}}}, int8[{count}] z = {{{zeros}}}> {{
            q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }}"""
        return Case("tensorrt-10.3", text, {"x": draw.values(shape)})
    axis, keep = draw.integer(-len(shape), len(shape) - 1), draw.integer(0, 1)
    op_type = draw.of("ArgMax", "ArgMin")
    text = f"""(float{shape} x) => (int64 y) {{
        y = {op_type} <axis = {axis}, keepdims = {keep}, select_last_index = 1> (x) }}"""
    return Case("tensorrt-7.2", text, {"x": np.nan_to_num(draw.values(shape), nan=1.5, posinf=np.inf, neginf=-np.inf)})


def unread_outputs(draw: Draw) -> Case:
    shape = draw.sizes(least=1, smallest=1)
    call = draw.of("y, m = Dropout(x)", "y, m, d = LayerNormalization(x, s)", "y, m = LayerNormalization(x, s)")
    text = f"(float{shape} x, float[{shape[-1]}] s) => (float y) {{ {call} }}"
    return Case("tensorrt-10.3", text, {"x": draw.values(shape)}, opset=17)


def unsupported_input_type(draw: Draw) -> Case:
    columns = draw.integer(1, 3)
    call, more, target = {
        "Where": ("Where(c, x, x)", "bool[2,1] c", "tensorrt-8.2"),
        "Gather": ("Gather <axis = 1> (x, i)", "int64[2,2] i", "tensorrt-8.4"),
        "Equal": ("Equal(x, c)", "bool[2,1] c", "tensorrt-8.4"),
        "Concat": ("Concat <axis = 1> (x, c)", "bool[2,1] c", "tensorrt-7.1"),
        "Tile": ("Tile(x, i)", "int64[2] i", "tensorrt-7.2"),
        "ReduceMin": ("ReduceMin <axes = [1], keepdims = 0> (x)", "bool c", "tensorrt-rtx-1.7"),
    }[draw.of("Where", "Gather", "Equal", "Concat", "Tile")]
    text = f"(bool[2,{columns}] x, {more}) => (bool y) {{ y = {call} }}"
    indices = np.zeros((2, 2), np.int64) if "2,2" in more else np.array([draw.integer(0, 2), 1])
    return Case(target, text, {"i": indices} if more.endswith(" i") else {}, opset=12)


def vector_times_batch(draw: Draw) -> Case:
    batch, (depth, columns) = draw.sizes(least=1, smallest=1), (draw.integer(1, 3), draw.integer(1, 3))
    w = [*batch, depth, columns]
    text = f"(float[{depth}] x, float{w} w) => (float y) {{ y = MatMul(x, w) }}"
    return Case("tensorrt-rtx-1.7", text, {"x": draw.values([depth]), "w": draw.values(w)}, safety="rounding")


def computed_argument(draw: Draw) -> Case:
    if draw.integer(0, 1):
        shape, given_bounds = draw.sizes(smallest=1), draw.of("x, a, b", "x, a", 'x, "", b')
        text = f"(float{shape} x, float a, float b) => (float y) {{ y = Clip({given_bounds}) }}"
        feed = {"x": draw.values(shape), "a": draw.values([]), "b": draw.values([])}
        for values in feed.values():  # NaN is no bound, and ONNX Runtime makes infinity finite
            values[~np.isfinite(values)] = 3
        return Case("tensorrt-7.2", text, feed)
    op_type, space = draw.of("Conv", "ConvTranspose"), draw.sizes(least=1, smallest=2)
    kernel = [draw.integer(1, 2) for _ in space]
    group = draw.integer(1, 2)
    outputs = [2, 2 // group] if op_type == "Conv" else [2, 1]
    count = 2 if op_type == "Conv" else group
    text = f"""(float{[1, 2, *space]} x, float{[*outputs, *kernel]} w, float[{count}] b) => (float y) {{
        v = Relu(b) y = {op_type} <kernel_shape = {kernel}, group = {group}> (x, w, v) }}"""
    return Case("tensorrt-8.2", text, safety="rounding")


def constant_condition(draw: Draw) -> Case:
    shape, known = draw.sizes(), draw.integer(0, 1)
    one, other = draw.of("Relu", "Exp"), draw.of("Neg", "Reciprocal")
    text = f"""(float{shape} x) => (float y) <bool c = {{{known}}}> {{
        y = If(c) <then_branch = a () => (float{shape} p) {{ p = {one}(x) }},
                   else_branch = b () => (float{shape} q) {{ q = {other}(x) }}> }}"""
    return Case("tensorrt-10.3", text, {"x": draw.values(shape)})


def batch_norm_parameters(draw: Draw) -> Case:
    shape = draw.sizes(least=2, smallest=1)
    epsilon = draw.of("0.00001", "0.5")
    values = ", ".join(f"float{shape} {name}" for name in "sbmv")
    text = f"""(float{[2, *shape]} x, {values}) => (float y) {{
        y = BatchNormalization <spatial = 0, epsilon = {epsilon}> (x, s, b, m, v) }}"""
    feed = {"v": np.abs(np.nan_to_num(draw.values(shape), posinf=1, neginf=1)) % 10}
    return Case("tensorrt-8.0", text, feed, opset=8, safety="approximate")


def branch_output_names(draw: Draw) -> Case:
    shape = draw.sizes()
    swapped = draw.of("(float{0} p, float{0} q)", "(float{0} q, float{0} p)").format(shape)
    text = f"""(float{shape} x, bool c) => (float y, float z) {{ y, z = If(c) <
        then_branch = a () => (float{shape} p, float{shape} q) {{ p = Relu(x) q = Neg(p) }},
        else_branch = b () => {swapped} {{ q = Abs(x) p = Sub(q, x) }}> }}"""
    return Case("tensorrt-8.2", text, {"x": draw.values(shape), "c": np.asarray(draw.integer(0, 1) == 1)})


def refused_dropout(draw: Draw) -> Case:
    shape = draw.sizes()
    opset, call, target = {
        "old": (10, "Dropout <ratio = 0.5> (x)", "tensorrt-7.2"),
        "evaluation": (13, "Dropout(x, r)", "tensorrt-7.1"),
        "training": (13, "Dropout(x, r, t)", draw.of("tensorrt-7.2", "tensorrt-8.2", "tensorrt-rtx-1.7")),
    }[draw.of("old", "evaluation", "training")]
    constants = "r = Constant <value = float {0.0}> () t = Constant <value = bool {1}> ()"
    text = f"(float{shape} x) => (float y) {{ {constants} y = {call} }}"
    return Case(target, text, {"x": draw.values(shape)}, opset)


def refused_scan(draw: Draw) -> Case:
    batch, length, shape = draw.integer(1, 2), draw.integer(1, 4), draw.sizes(most=2, smallest=1)
    state, scanned = [batch, *shape], [batch, length, *shape]
    lengths = ", ".join([str(length)] * batch)
    text = f"""(float{state} a, float{scanned} x) => (float last, float y) <int64[{batch}] n = {{{lengths}}}> {{
        last, y = Scan <num_scan_inputs = 1,
            body = b (float{shape} i, float{shape} e) => (float{shape} o, float{shape} q) {{
                o = Add(i, e) q = Max(o, e) }}> (n, a, x) }}"""
    return Case("tensorrt-10.3", text, {"a": draw.values(state), "x": draw.values(scanned)}, opset=8)


def tensor_scatter_form(draw: Draw) -> Case:
    before, after = draw.sizes(most=1, smallest=1), draw.sizes(most=1, smallest=1)
    batch, room = draw.integer(1, 3), draw.integer(1, 4)
    rows, mode = draw.integer(1, room), draw.of("linear", "circular")
    cache, update = [batch, *before, room, *after], [batch, *before, rows, *after]
    axis = draw.of(str(len(before) + 1), str(-len(after) - 1))
    starts = np.random.default_rng(draw.integer(0, 9)).integers(
        0, room if mode == "circular" else room - rows + 1, batch
    )
    given_starts = draw.of("", ", w")
    text = f"""(float{cache} x, float{update} u, int64[{batch}] w) => (float{cache} y) {{
        c = Neg(x) y = TensorScatter <axis = {axis}, mode = "{mode}"> (c, u{given_starts}) }}"""
    return Case("tensorrt-rtx-1.7", text, {"x": draw.values(cache), "u": draw.values(update), "w": starts}, opset=24)


def uncounted_loop(draw: Draw) -> Case:
    trips, limit = draw.of("", "m"), draw.integer(-5, 12)
    text = f"""(int64 x) => (int64 y) <int64 m = {{9223372036854775807}}, bool go = {{1}}, int64 k = {{{limit}}}> {{
        y = Loop({trips}, go, x) <body = b (int64 i, bool c, int64 a) => (bool d, int64 b) {{
            e = Add(a, i) one = Constant <value = int64 {{1}}> () b = Add(e, one) d = Less(b, k) }}> }}"""
    return Case("tensorrt-rtx-1.7", text, {"x": np.asarray(draw.integer(-20, 20))})


CASES: dict[str, Callable[[Draw], Case]] = {
    "batch-norm-parameters": batch_norm_parameters,
    "branch-output-names": branch_output_names,
    "computed-argument": computed_argument,
    "constant-condition": constant_condition,
    "float-modulo": float_modulo,
    "half-clip-bounds": half_clip_bounds,
    "integer-product": integer_product,
    "local-functions": local_functions,
    "loop-condition": loop_condition,
    "missing-opset-import": missing_opset_import,
    "negative-scale": negative_scale,
    "odd-four-bit-count": odd_four_bit_count,
    "omitted-zero-point": omitted_zero_point,
    "quantized-constant": quantized_constant,
    "refused-dropout": refused_dropout,
    "refused-scan": refused_scan,
    "tensor-scatter-form": tensor_scatter_form,
    "uncounted-loop": uncounted_loop,
    "unread-attribute": unread_attribute,
    "unread-outputs": unread_outputs,
    "unsupported-input-type": unsupported_input_type,
    "vector-times-batch": vector_times_batch,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the reference evaluator's, at infinity
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_same(name: str, data: st.DataObject) -> None:
    case = CASES[name](Draw(data))
    version = 12 if case.opset > 22 else 10 if case.opset > 18 else 8
    before = parse(f"<ir_version: {version}, opset_import: [{case.imports.format(opset=case.opset)}]> g {case.text}")
    result = trtconv.fix(before, target=case.target, only=[name], evidence=False)
    assert {e.pass_name for e in result.edits} == {name}
    assert not result.crashes
    assert_same(before, result.model, random_feed(before) | case.feed, case.safety)
