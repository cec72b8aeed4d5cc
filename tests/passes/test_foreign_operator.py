"""Operators of ONNX Runtime, as standard ones: ONNX Runtime before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from support import judge, run

import trtconv

SETTINGS = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Arrays = dict[str, np.ndarray]


def one_node(
    op_type: str,
    inputs: list[str],
    feed: Arrays,
    constants: Arrays,
    outputs: tuple[str, ...] = ("y",),
    *,
    opset: int = 17,
    result: int = TensorProto.FLOAT,
    domain: str = "com.microsoft",
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one node; what is in `feed` is an input."""
    node = helper.make_node(op_type, inputs, list(outputs), name="node", domain=domain, **attributes)
    types = [
        helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in feed.items()
    ]
    made = [helper.make_tensor_value_info(o, result, None) for o in outputs if o]
    graph = helper.make_graph([node], "g", types, made, [numpy_helper.from_array(v, k) for k, v in constants.items()])
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def check(
    model: onnx.ModelProto, feed: Arrays, tolerance: float = 1e-5, steps: int = 0, evidence: bool = True
) -> onnx.ModelProto:
    """Fix for TensorRT-RTX, compare with the original; integers may be `steps` apart. Returns the result."""
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", evidence=evidence)
    assert not result.undone, [str(e.evidence) for e in result.undone]
    assert not result.crashes
    assert result.ok, [f.refusal for f in result.remaining]
    assert all(n.domain == "" for n in result.model.graph.node)
    for want, got in zip(run(model, feed), run(result.model, feed), strict=True):
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        if want.dtype.kind in "iu":
            assert np.abs(got.astype(int) - want.astype(int)).max(initial=0) <= steps
        else:
            scale = max(1.0, float(np.abs(want[np.isfinite(want)]).max(initial=0)))
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale)
    return result.model


def floats(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def words(seed: int, top: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, top, shape).astype(np.int32)


UGLY = np.array([0, -0.0, 1e-40, 0.5, -0.5, 40, -40, 3e38, -3e38, np.inf, -np.inf, np.nan], np.float32)


@pytest.mark.parametrize("opset", [11, 17, 20])
@pytest.mark.parametrize("op_type", ["Gelu", "QuickGelu", "FastGelu"])
def test_gelus(op_type: str, opset: int) -> None:
    feed = {"x": np.concatenate([UGLY[:7], floats(0, 50) * 5]).reshape(3, -1)}
    check(one_node(op_type, ["x"], feed, {}, opset=opset), feed)


@pytest.mark.parametrize("opset", [11, 20])
@pytest.mark.parametrize("op_type", ["BiasGelu", "FastGelu"])
def test_gelus_with_bias(op_type: str, opset: int) -> None:
    feed = {"x": floats(0, 2, 3, 8), "b": floats(1, 8)}
    check(one_node(op_type, ["x", "b"], feed, {}, opset=opset), feed)


@SETTINGS
@given(
    flags=st.tuples(*[st.integers(0, 1)] * 4),
    alpha=st.sampled_from([1.0, 0.25]),
    batch=st.lists(st.integers(1, 3), max_size=2),
)
def test_fused_matmul(flags: tuple[int, int, int, int], alpha: float, batch: list[int]) -> None:
    trans_a, trans_b, batch_a, batch_b = flags
    if not batch:
        batch_a = batch_b = 0

    def shape(rows: int, columns: int, trans: int, moved: int) -> list[int]:
        last = [columns, rows] if trans else [rows, columns]
        return [last[0], *batch, last[1]] if moved else [*batch, *last]

    feed = {"a": floats(0, *shape(3, 4, trans_a, batch_a)), "b": floats(1, *shape(4, 5, trans_b, batch_b))}
    names = {"transA": trans_a, "transB": trans_b, "transBatchA": batch_a, "transBatchB": batch_b, "alpha": alpha}
    check(one_node("FusedMatMul", ["a", "b"], feed, {}, **names), feed)


def test_transposed_matmul() -> None:
    feed = {"a": floats(0, 2, 4, 3), "b": floats(1, 2, 4, 5)}
    check(one_node("TransposeMatMul", ["a", "b"], feed, {}, transA=1), feed)


@pytest.mark.parametrize(
    ("activation", "parameters"),
    [
        ("", []),
        ("Relu", []),
        ("Sigmoid", []),
        ("Tanh", []),
        ("LeakyRelu", [0.3]),
        ("Clip", [-0.5, 1.5]),
        ("HardSigmoid", [0.3, 0.4]),
    ],
)
@pytest.mark.parametrize("with_sum", [False, True])
def test_fused_convolution(activation: str, parameters: list[float], with_sum: bool) -> None:
    feed = {"x": floats(0, 1, 2, 5, 5), "z": floats(3, 1, 3, 5, 5)}
    constants = {"w": floats(1, 3, 2, 3, 3), "b": floats(2, 3)}
    given: dict[str, Any] = {"activation": activation} if activation else {}
    given |= {"activation_params": parameters} if parameters else {}
    inputs = ["x", "w", "b", *["z"] * with_sum]
    check(one_node("FusedConv", inputs, feed, constants, pads=[1, 1, 1, 1], **given), feed)


@pytest.mark.parametrize(
    ("activation", "given"),
    [
        ("Relu", {}),
        ("LeakyRelu", {"activation_alpha": 0.3}),
        ("HardSigmoid", {"activation_alpha": 0.3, "activation_beta": 0.4}),
    ],
)
def test_fused_gemm(activation: str, given: dict[str, float]) -> None:
    feed = {"a": floats(0, 4, 3), "b": floats(1, 5, 4), "c": floats(2, 5)}
    given = {"transA": 1, "transB": 1, "alpha": 0.5, **given}
    check(one_node("FusedGemm", ["a", "b", "c"], feed, {}, activation=activation, **given), feed)


@pytest.mark.parametrize("opset", [11, 13, 17])
@pytest.mark.parametrize("op_type", ["LayerNormalization", "SimplifiedLayerNormalization"])
@pytest.mark.parametrize("target", ["tensorrt-8.2", "tensorrt-rtx-1.7"])
def test_normalizations_of_old_opsets(op_type: str, opset: int, target: str) -> None:
    feed = {"x": floats(0, 2, 3, 8), "s": floats(1, 8)}
    model = one_node(op_type, ["x", "s"], feed, {}, opset=opset, domain="", axis=-1, epsilon=1e-3)
    result = trtconv.fix(model, target=target)
    assert result.ok
    assert not result.undone
    np.testing.assert_allclose(run(result.model, feed)[0], run(model, feed)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("form", ["s", "sb", "sbB", "sB"])
@pytest.mark.parametrize("with_sum", [False, True])
def test_skip_layer_normalization(opset: int, form: str, with_sum: bool) -> None:
    feed = {"x": floats(0, 2, 3, 8), "k": floats(1, 2, 3, 8), "s": floats(2, 8), "b": floats(3, 8), "B": floats(4, 8)}
    inputs = ["x", "k", "s", "b" if "b" in form else "", *["B"] * ("B" in form)]
    outputs = ("y", "", "", "sum") if with_sum else ("y",)
    model = one_node("SkipLayerNormalization", inputs, feed, {}, outputs, opset=opset, epsilon=1e-3)
    check(model, feed)


@pytest.mark.parametrize("form", ["", "B"])
def test_skip_simplified_layer_normalization(form: str) -> None:
    feed = {"x": floats(0, 2, 3, 8), "k": floats(1, 2, 3, 8), "s": floats(2, 8), "B": floats(4, 8)}
    inputs = ["x", "k", "s", *["B"] * bool(form)]
    outputs = ("y", "", "", "sum")
    check(one_node("SkipSimplifiedLayerNormalization", inputs, feed, {}, outputs, epsilon=1e-3), feed)


@pytest.mark.parametrize("form", ["", "segments", "mask", "positions", "segments mask"])
@pytest.mark.parametrize("opset", [11, 17])
def test_embed_layer_normalization(form: str, opset: int) -> None:
    feed = {"ids": words(0, 10, 2, 5)}
    tables = {"w": floats(1, 10, 8), "p": floats(2, 6, 8), "g": floats(3, 2, 8), "s": floats(4, 8), "b": floats(5, 8)}
    optional = {"segments": ("seg", words(6, 2, 2, 5)), "mask": ("mask", words(7, 2, 2, 5))}
    optional["positions"] = ("pos", words(8, 6, 2, 5))
    names = {}
    for key, (name, value) in optional.items():
        if key in form:
            names[key], feed[name] = name, value
    has_segments = "segments" in names
    inputs = ["ids", names.get("segments", ""), "w", "p", "g" if has_segments else "", "s", "b"]
    inputs += [names.get("mask", ""), names.get("positions", "")]
    model = one_node("EmbedLayerNormalization", inputs, feed, tables, ("y", "m"), opset=opset, epsilon=1e-6)
    model.graph.output[1].type.tensor_type.elem_type = TensorProto.INT32
    check(model, feed)


@pytest.mark.parametrize("mask", ["", "2", "3"])
@pytest.mark.parametrize("unidirectional", [0, 1])
@pytest.mark.parametrize("biased", [False, True])
def test_attention(mask: str, unidirectional: int, biased: bool) -> None:
    feed = {"x": floats(0, 2, 5, 8)}
    constants = {"w": floats(1, 8, 24), "b": floats(2, 24)}
    inputs = ["x", "w", "b"]
    if mask:
        feed["m"] = words(3, 2, 2, 5) if mask == "2" else words(3, 2, 2, 5, 5)
        feed["m"][..., 0] = 1
        inputs.append("m")
    if biased:
        feed["a"] = floats(4, 1, 2, 5, 5)
        inputs += [""] * (5 - len(inputs)) + ["a"]
    model = one_node("Attention", inputs, feed, constants, num_heads=2, unidirectional=unidirectional)
    check(model, feed, 2e-5, evidence=not mask)  # made-up masks leave no place at all, and -10000 has few digits left


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention(biased: bool, masked: bool) -> None:
    feed = {"q": floats(0, 2, 5, 8), "k": floats(1, 2, 7, 8), "v": floats(2, 2, 7, 4)}
    constants = {"b": floats(3, 20)} if biased else {}
    inputs = ["q", "k", "v", "b" if biased else ""]
    if masked:
        feed["m"] = words(4, 2, 2, 7)
        feed["m"][:, 0] = 1
        inputs.append("m")
    model = one_node("MultiHeadAttention", inputs, feed, constants, num_heads=2, scale=0.3)
    check(model, feed, 2e-5, evidence=not masked)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("rank", [3, 4])
def test_rotary_embedding(interleaved: int, rank: int) -> None:
    x = floats(0, 2, 5, 16) if rank == 3 else floats(0, 2, 2, 5, 8)
    feed = {"x": x, "p": words(1, 6, 2, 5).astype(np.int64)}
    constants = {"c": floats(2, 6, 4), "s": floats(3, 6, 4)}
    check(one_node("RotaryEmbedding", ["x", "p", "c", "s"], feed, constants, interleaved=interleaved), feed)


BYTES = st.sampled_from(["uint8", "int8"])


def quantized(seed: int, kind: str, *shape: int) -> np.ndarray:
    info = np.iinfo(kind)
    return np.random.default_rng(seed).integers(info.min, info.max + 1, shape).astype(kind)


def zero(kind: str, middle: bool) -> np.ndarray:
    return np.asarray((128 if kind == "uint8" else 0) if middle else (99 if kind == "uint8" else -7), kind)


def scale(value: float) -> np.ndarray:
    return np.asarray(value, np.float32)


@SETTINGS
@given(
    op_type=st.sampled_from(["QLinearAdd", "QLinearMul"]),
    kind=BYTES,
    middle=st.booleans(),
    fed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_quantized_sums_and_products(op_type: str, kind: str, middle: bool, fed: bool, seed: int) -> None:
    feed = {"a": quantized(seed, kind, 2, 3, 4), "b": quantized(seed + 1, kind, 3, 1)}
    constants = {"s": scale(0.03714), "t": scale(0.01933), "u": scale(0.07172)}
    constants |= {"z": zero(kind, middle), "o": zero(kind, False)}
    inputs = ["a", "s", "z", "b", "t", "o", "u", "z"]
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    if fed:
        feed, constants = feed | constants, {}
    check(one_node(op_type, inputs, feed, constants, result=dtype), feed, steps=1)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
@pytest.mark.parametrize("name", ["Sigmoid", "LeakyRelu", "Softmax", "GlobalAveragePool"])
def test_quantized_operators_of_one_input(name: str, kind: str) -> None:
    op_type = f"QLinear{name}"
    feed = {"x": quantized(0, kind, 1, 3, 4, 5)}
    constants = {"s": scale(0.037), "z": zero(kind, False), "t": scale(1 / 256), "o": zero(kind, True)}
    given: dict[str, Any] = {"QLinearLeakyRelu": {"alpha": 0.2}, "QLinearSoftmax": {"axis": -1}}.get(op_type, {})
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    model = one_node(op_type, ["x", "s", "z", "t", "o"], feed, constants, result=dtype, **given)
    if op_type == "QLinearSoftmax":
        model.graph.node[0].attribute.append(helper.make_attribute("opset", 17))
    check(model, feed, steps=1)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("op_type", ["QLinearGlobalAveragePool", "QLinearAveragePool"])
def test_quantized_pools_with_channels_last(op_type: str, last: int) -> None:
    feed = {"x": quantized(0, "uint8", 1, 4, 6, 3)}
    constants = {"s": scale(0.037), "z": zero("uint8", False), "t": scale(0.03), "o": zero("uint8", True)}
    given = {"kernel_shape": [2, 2], "strides": [1, 2], "pads": [0, 1, 1, 0]} if op_type == "QLinearAveragePool" else {}
    inputs = ["x", "s", "z", "t", "o"]
    model = one_node(op_type, inputs, feed, constants, result=TensorProto.UINT8, channels_last=last, **given)
    check(model, feed, steps=1)


def test_quantized_concat_and_where() -> None:
    feed = {"a": quantized(0, "uint8", 2, 3), "b": quantized(1, "uint8", 2, 4)}
    constants = {"s": scale(0.03), "z": zero("uint8", False), "t": scale(0.05), "o": zero("uint8", True)}
    inputs = ["t", "o", "a", "s", "z", "b", "t", "z"]
    check(one_node("QLinearConcat", inputs, feed, constants, result=TensorProto.UINT8, axis=1), feed, steps=1)
    feed = {"c": np.array([True, False, True]), "a": feed["a"], "b": quantized(1, "uint8", 2, 3)}
    inputs = ["c", "a", "s", "z", "b", "t", "o", "s", "o"]
    check(one_node("QLinearWhere", inputs, feed, constants, result=TensorProto.UINT8), feed, steps=1)


@pytest.mark.parametrize("last", [0, 1])
def test_quantized_convolution_of_onnxruntime(last: int) -> None:
    x = quantized(0, "uint8", 1, 5, 6, 2) if last else quantized(0, "uint8", 1, 2, 5, 6)
    constants = {"s": scale(0.03), "z": zero("uint8", False), "w": quantized(1, "int8", 3, 2, 3, 3)}
    constants |= {"t": floats(2, 3) ** 2 + np.float32(0.01), "o": np.zeros(3, np.int8), "u": scale(9.0)}
    constants |= {"p": zero("uint8", True), "b": words(3, 1000, 3)}
    inputs = ["x", "s", "z", "w", "t", "o", "u", "p", "b"]
    given = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3], "channels_last": last}
    model = one_node("QLinearConv", inputs, {"x": x}, constants, result=TensorProto.UINT8, **given)
    check(model, {"x": x}, steps=1)


def test_max_pool_with_channels_last() -> None:
    feed = {"x": quantized(0, "uint8", 1, 5, 6, 2)}
    check(one_node("NhwcMaxPool", ["x"], feed, {}, result=TensorProto.UINT8, kernel_shape=[2, 2]), feed)


@pytest.mark.parametrize("trans", [(0, 0), (1, 1)])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("closed", [False, True])
def test_quantized_gemm(trans: tuple[int, int], per_channel: bool, closed: bool) -> None:
    a, b = quantized(0, "uint8", *[(3, 300), (300, 3)][trans[0]]), quantized(1, "int8", *[(300, 4), (4, 300)][trans[1]])
    scales = floats(2, 4) ** 2 + np.float32(0.01) if per_channel else scale(0.02)
    zeros = np.zeros(4, np.int8) if per_channel else zero("int8", False)
    constants = {"s": scale(0.03), "z": zero("uint8", False), "b": b, "t": scales, "o": zeros, "c": words(3, 999, 4)}
    constants |= {"u": scale(3.0), "p": zero("uint8", True)}
    inputs = ["a", "s", "z", "b", "t", "o", "c", *["u", "p"] * closed]
    result = TensorProto.UINT8 if closed else TensorProto.FLOAT
    model = one_node("QGemm", inputs, {"a": a}, constants, result=result, transA=trans[0], transB=trans[1])
    check(model, {"a": a}, steps=1)


@pytest.mark.parametrize("per_channel", [False, True])
def test_integer_products_that_give_floats(per_channel: bool) -> None:
    b = quantized(1, "int8", 300, 4)
    scales = floats(2, 4) ** 2 if per_channel else scale(0.02)
    zeros = np.arange(4, dtype=np.int8) if per_channel else zero("int8", False)
    constants = {"b": b, "s": scale(0.03), "t": scales, "z": zero("uint8", False), "o": zeros, "c": floats(3, 4)}
    feed = {"a": quantized(0, "uint8", 2, 3, 300)}
    check(one_node("MatMulIntegerToFloat", ["a", "b", "s", "t", "z", "o", "c"], feed, constants), feed)
    feed = {"a": floats(0, 2, 3, 300)}
    check(one_node("DynamicQuantizeMatMul", ["a", "b", "t", "o", "c"], feed, constants), feed)


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("opset", [13, 21])
def test_quantization_of_onnxruntime(kind: str, opset: int) -> None:
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    feed = {"x": floats(0, 3, 4) * 5}
    constants = {"s": scale(0.03), "z": np.asarray(100, kind)}
    model = one_node("QuantizeLinear", ["x", "s", "z"], feed, constants, ("q",), opset=opset, result=dtype)
    model.graph.node.append(helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], domain="com.microsoft"))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, None))
    check(model, feed, steps=1)


def test_older_names() -> None:
    feed = {"x": floats(0, 3, 4)}
    check(one_node("ExpandDims", ["x", "a"], feed, {"a": np.asarray(-1, np.int32)}), feed)
    check(one_node("Trilu", ["x"], feed, {}), feed)


def test_the_real_parser_takes_the_result() -> None:
    feed = {"x": floats(0, 2, 5, 8)}
    attention = one_node("Attention", ["x", "w", "b"], feed, {"w": floats(1, 8, 24), "b": floats(2, 24)}, num_heads=2)
    data = {"a": quantized(0, "int8", 2, 3), "b": quantized(1, "int8", 2, 3)}
    constants = {"s": scale(0.03), "z": zero("int8", True)}
    inputs = ["a", "s", "z", "b", "s", "z", "s", "z"]
    addition = one_node("QLinearAdd", inputs, data, constants, result=TensorProto.INT8)
    models = [trtconv.fix(m, target="tensorrt-rtx-1.7").model for m in (attention, addition)]
    assert all(judge([(attention, {}), (addition, {})]))
    assert judge([(m, {}) for m in models]) == [None, None]


@pytest.mark.parametrize(
    ("op_type", "inputs", "given", "why"),
    [
        ("Attention", ["x", "w", "b", "", "past"], {"num_heads": 2}, "past is given"),
        ("FusedGemm", ["x2", "x2"], {"activation": "Nobody"}, "activation Nobody"),
        ("Inverse", ["x2"], {}, "is not in the file"),
    ],
)
def test_refusals(op_type: str, inputs: list[str], given: dict[str, Any], why: str) -> None:
    feed = {"x": floats(0, 2, 5, 8), "x2": floats(0, 5, 5), "past": floats(5, 2, 2, 2, 3, 4)}
    model = one_node(op_type, inputs, feed, {"w": floats(1, 8, 24), "b": floats(2, 24)}, **given)
    result = trtconv.fix(model, target="tensorrt-rtx-1.7")
    assert any(why in f.refusal for f in result.remaining)
