"""Hard sigmoids and hard swishes in parts: fused whatever the order, the operators, the opset and the constants."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from support import Feed, assert_same, judge, parse, random_feed

import trtconv

SHAPE = (2, 3, 5)


class Writer:
    """Nodes of a graph with one input `x`, constants as initializers or Constant nodes of some shape."""

    def __init__(self, opset: int, shape: list[int], *, as_nodes: bool, swapped: bool) -> None:
        self.opset, self.shape, self.as_nodes, self.swapped = opset, shape, as_nodes, swapped
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, value: float, shape: list[int] | None = None) -> str:
        name = f"c{len(self.nodes)}_{len(self.initializers)}"
        array = np.full(self.shape if shape is None else shape, value, np.float32)
        if self.as_nodes:
            tensor = numpy_helper.from_array(array)
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def op(self, op_type: str, *inputs: str, **attributes: float) -> str:
        name = f"t{len(self.nodes)}"
        ordered = inputs[::-1] if self.swapped and op_type in ("Add", "Mul", "Min", "Max") else inputs
        self.nodes.append(helper.make_node(op_type, ordered, [name], **attributes))
        return name

    def clip(self, x: str, how: str) -> str:
        if how == "Clip" and self.opset < 11:
            return self.op("Clip", x, min=0.0, max=6.0)
        if how == "Clip":
            return self.op("Clip", x, self.constant(0, []), self.constant(6, []))
        if how == "Relu Min":
            return self.op("Min", self.op("Relu", x), self.constant(6))
        if how == "Min Max":
            return self.op("Max", self.op("Min", x, self.constant(6)), self.constant(0))
        return self.op("Min", self.op("Max", x, self.constant(0)), self.constant(6))

    def sixth(self, x: str, *, divide: bool) -> str:
        return self.op("Div", x, self.constant(6)) if divide else self.op("Mul", x, self.constant(1 / 6))

    def model(self, output: str) -> onnx.ModelProto:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *SHAPE[1:]])
        y = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", *SHAPE[1:]])
        graph = helper.make_graph(self.nodes, "g", [x], [y], self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


@st.composite
def exploded(draw: st.DrawFn) -> tuple[onnx.ModelProto, str, int]:
    """A model, which function it spells out, and its opset."""
    opset = draw(st.sampled_from([7, 9, 10, 11, 12, 13, 14, 17, 22]))
    shape = draw(st.sampled_from([[], [1], [1, 1], [1, 3, 1], [3, 5]]))
    hows = ["Clip", "Relu Min", "Min Max", "Max Min"] if opset >= 8 else ["Clip"]  # Min-6 does not broadcast
    how = draw(st.sampled_from(hows))
    order = draw(st.sampled_from(["PyTorch", "Paddle", "gate only"]))
    w = Writer(opset, shape, as_nodes=draw(st.booleans()), swapped=draw(st.booleans()))
    clipped, divide = w.clip(w.op("Add", "x", w.constant(3)), how), draw(st.booleans())
    if order == "gate only":
        output = w.sixth(clipped, divide=divide)
    elif order == "PyTorch":
        output = w.op("Mul", "x", w.sixth(clipped, divide=divide))
    else:
        output = w.sixth(w.op("Mul", "x", clipped), divide=divide)
    return w.model(output), order, opset


def ugly_feed(model: onnx.ModelProto, seed: int) -> Feed:
    """NaN, infinities, ties and signed zeros; huge numbers overflow in Paddle's order only, as the page says."""
    feed = random_feed(model, {"N": SHAPE[0]}, seed, ugly=True)
    huge = np.isfinite(feed["x"]) & (np.abs(feed["x"]) > 1e30)
    feed["x"] = np.where(huge, np.float32(3), feed["x"])
    return feed


@settings(max_examples=150, deadline=None)
@given(exploded(), st.sampled_from(["tensorrt-7.2", "tensorrt-8.2", "tensorrt-10.3"]), st.integers(0, 9))
def test_parts_are_fused(case: tuple[onnx.ModelProto, str, int], target: str, seed: int) -> None:
    model, order, opset = case
    fixed = trtconv.fix(model, target=target, evidence=False)
    found = [n.op_type for n in fixed.model.graph.node if n.op_type != "Constant"]
    if order == "gate only":
        assert found == ["HardSigmoid"]
    elif opset >= 14 and target == "tensorrt-10.3":
        assert found == ["HardSwish"]
    else:
        assert found == ["HardSigmoid", "Mul"]
    onnx.checker.check_model(fixed.model, full_check=True)
    assert_same(model, fixed.model, ugly_feed(model, seed), "rounding")
    assert not trtconv.fix(fixed.model, target=target, evidence=False).edits


LEFT_ALONE = {
    "another divisor": "a = Add(x, three) c = Clip(a, zero, six) y = Div(c, three)",
    "another lower bound": "a = Add(x, three) c = Clip(a, one, six) y = Div(c, six)",
    "a constant for each channel": "a = Add(x, ramp) c = Clip(a, zero, six) y = Div(c, six)",
    "a constant that enlarges": "a = Add(x, wide) c = Clip(a, zero, six) y = Div(c, six)",
    "another factor than x": "a = Add(x, three) c = Clip(a, zero, six) n = Neg(x) m = Mul(n, c) y = Div(m, six)",
    "a sum read twice": "a = Add(x, three) c = Clip(a, zero, six) d = Div(c, six) y = Sub(d, a)",
    "a constant divided": "a = Add(x, three) c = Clip(a, zero, six) y = Div(six, c)",
    "a clip times itself": "a = Add(x, three) c = Clip(a, zero, six) m = Mul(c, c) y = Div(m, six)",
    "no upper bound": "a = Add(x, three) c = Clip(a, zero) y = Div(c, six)",
    "a sum read by a branch": (
        "a = Add(x, three) c = Clip(a, zero, six) d = Div(c, six) y = If(yes) <"
        "then_branch = g1 () => (float[B,N,2] t) { t = Add(d, a) }, else_branch = g2 () => (float[B,N,2] e)"
        " { e = Identity(d) }>"
    ),
}


@pytest.mark.parametrize("body", LEFT_ALONE.values(), ids=list(LEFT_ALONE))
def test_near_misses_are_left_alone(body: str) -> None:
    model = parse(
        f"""<ir_version: 8, opset_import: ["": 17]> g (float[N,2] x) => (float[A,B,C] y)
        <float zero={{0}}, float one={{1}}, float three={{3}}, float six={{6}}, float[2] ramp={{3,2}},
         float[3,1,1] wide={{3,3,3}}, bool yes={{1}}> {{ {body} }}"""
    )
    names = ["exploded-hard-sigmoid", "exploded-hard-swish"]
    assert not trtconv.fix(model, target="tensorrt-10.3", only=names).edits


@pytest.mark.parametrize("alpha", [None, 0.2, 0.1667])
def test_only_a_sixth_makes_a_hard_swish(alpha: float | None) -> None:
    attribute = "" if alpha is None else f"<alpha={alpha}>"
    model = parse(
        f"""<ir_version: 8, opset_import: ["": 17]> g (float[N,2] x) => (float[N,2] y)
        {{ s = HardSigmoid {attribute} (x) y = Mul(x, s) }}"""
    )
    assert not trtconv.fix(model, target="tensorrt-10.3", only=["exploded-hard-swish"]).edits


def of_type(dtype: str, opset: int, body: str) -> onnx.ModelProto:
    return parse(
        f"""<ir_version: 10, opset_import: ["": {opset}]> g ({dtype}[N,4] x) => ({dtype}[N,4] y) {{ {body} }}"""
    )


def test_half_constants_are_recognised() -> None:
    body = "a = Add(x, three) c = Clip(a, zero, six) d = Mul(c, sixth) y = Mul(d, x)"
    model = of_type("float16", 17, body)
    constants = {"three": 3.0, "zero": 0.0, "six": 6.0, "sixth": 1 / 6}
    model.graph.initializer.extend(numpy_helper.from_array(np.array(v, np.float16), k) for k, v in constants.items())
    fixed = trtconv.fix(model, target="tensorrt-10.3").model
    assert [n.op_type for n in fixed.graph.node] == ["HardSwish"]
    onnx.checker.check_model(fixed, full_check=True)


def test_what_the_real_parser_takes() -> None:
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX: pip install 'trtconv[rtx]'")
    swish, gate = "y = HardSwish(x)", "s = HardSigmoid <alpha=0.16666667> (x) y = Mul(x, s)"
    taken = [of_type(t, 22, swish) for t in ("float", "float16", "double")]
    brain = of_type("bfloat16", 22, swish)
    fixed = trtconv.fix(brain, target="tensorrt-rtx-1.7").model
    assert [n.op_type for n in fixed.graph.node] == ["HardSigmoid", "Mul"]
    verdicts = judge([(m, {"x": [2, 4]}) for m in (*taken, of_type("bfloat16", 22, gate), fixed, brain)])
    assert verdicts[:-1] == [None] * 5
    assert "Only FLOAT, HALF or INT8" in (verdicts[-1] or "")
    assert all(trtconv.lint(m, target="tensorrt-rtx-1.7", parser=False).ok for m in taken)
