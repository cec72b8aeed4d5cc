"""Gathers, scatters, RoiAlign and DeformConv for parsers without them: negative indices, places outside, size 1."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from support import Feed, run

import trtconv

SETTINGS = settings(max_examples=12, deadline=None)
KIND = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "int32": TensorProto.INT32}


def model(op_type: str, feed: Feed, opset: int = 13, **attributes: object) -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(n, KIND[str(a.dtype)], a.shape) for n, a in feed.items()]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node(op_type, list(feed), ["y"], "node", **attributes)
    graph = helper.make_graph([node], "g", values, [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def check(before: onnx.ModelProto, feed: Feed, target: str, rtol: float = 0) -> None:
    result = trtconv.fix(before, target=target, only=["missing-operator"], evidence=False)
    assert result.edits
    assert not result.crashes
    op_type = before.graph.node[0].op_type
    assert op_type not in {n.op_type for n in result.model.graph.node}
    onnx.shape_inference.infer_shapes(result.model, check_type=True, strict_mode=True)
    want, got = run(before, feed)[0], run(result.model, feed)[0]
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


def values(rng: np.random.Generator, *shape: int) -> np.ndarray:
    special = np.array([0, 1, -1, np.inf, -np.inf, np.nan, 3e38], np.float32)
    return np.where(rng.random(shape) < 0.2, rng.choice(special, shape), rng.standard_normal(shape)).astype(np.float32)


@SETTINGS
@given(
    axis=st.integers(-3, 2),
    shape=st.tuples(*[st.integers(1, 4)] * 3),
    count=st.integers(1, 5),
    kind=st.sampled_from([np.int32, np.int64]),
    seed=st.integers(0, 99),
)
def test_gather_elements(axis: int, shape: tuple[int, ...], count: int, kind: type, seed: int) -> None:
    rng, index = np.random.default_rng(seed), list(shape)
    index[axis] = count
    places = rng.integers(-shape[axis], shape[axis], index).astype(kind)
    feed = {"x": values(rng, *shape), "i": places}
    check(model("GatherElements", feed, axis=axis), feed, "tensorrt-7.2")


@SETTINGS
@given(batch=st.integers(0, 1), named=st.integers(1, 2), seed=st.integers(0, 99))
def test_gather_nd(batch: int, named: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (2, 3, 4, 1)
    sizes = np.array(shape[batch : batch + named])
    index = rng.integers(-sizes, sizes, (*shape[:batch], 5, named))
    feed = {"x": values(rng, *shape), "i": index}
    check(model("GatherND", feed, batch_dims=batch), feed, "tensorrt-8.0")


@SETTINGS
@given(axis=st.integers(0, 1), opset=st.sampled_from([10, 13]), seed=st.integers(0, 99))
def test_scatter_elements(axis: int, opset: int, seed: int) -> None:
    rng, shape = np.random.default_rng(seed), [3, 4]
    count = shape[axis] if opset == 10 else 2
    index = np.argsort(rng.random(shape), axis).take(range(count), axis)
    low = 0 if opset == 10 else 1
    feed = {"x": values(rng, *shape), "i": index - low * shape[axis] * (rng.random(index.shape) < 0.5)}
    feed["u"] = values(rng, *index.shape)
    name = "Scatter" if opset == 10 else "ScatterElements"
    check(model(name, feed, opset, axis=axis), feed, "tensorrt-8.0")


@SETTINGS
@given(named=st.integers(1, 2), seed=st.integers(0, 99))
def test_scatter_nd(named: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (4, 3, 2)
    flat = rng.permutation(int(np.prod(shape[:named])))[:3]
    index = np.stack(np.unravel_index(flat, shape[:named]), -1)
    feed = {"x": values(rng, *shape), "i": index, "u": values(rng, 3, *shape[named:])}
    check(model("ScatterND", feed), feed, "tensorrt-8.0")


@SETTINGS
@given(
    mode=st.sampled_from(["avg", "max"]),
    opset=st.sampled_from([10, 16]),
    aligned=st.booleans(),
    ratio=st.integers(1, 3),
    scale=st.sampled_from([1.0, 0.25]),
    seed=st.integers(0, 999),
)
def test_roi_align(mode: str, opset: int, aligned: bool, ratio: int, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(-3, 9, (4, 2)).astype(np.float32)
    rois = np.concatenate([corner, corner + rng.uniform(0, 9, (4, 2))], 1).astype(np.float32) / np.float32(scale)
    feed = {"x": rng.standard_normal((2, 3, 7, 5)).astype(np.float32), "rois": rois, "i": rng.integers(0, 2, 4)}
    more = {"coordinate_transformation_mode": "half_pixel" if aligned else "output_half_pixel"} if opset == 16 else {}
    sizes = {"output_height": 3, "output_width": 2, "sampling_ratio": ratio, "spatial_scale": scale}
    check(model("RoiAlign", feed, opset, mode=mode, **sizes, **more), feed, "tensorrt-rtx-1.7", rtol=1e-4)


def test_roi_align_that_chooses_its_samples_stays() -> None:
    feed = {"x": np.zeros((1, 1, 4, 4), np.float32), "rois": np.zeros((1, 4), np.float32), "i": np.zeros(1, np.int64)}
    (left,) = trtconv.fix(model("RoiAlign", feed, 16), target="tensorrt-rtx-1.7").remaining
    assert "sampling_ratio is 0" in left.refusal


@pytest.mark.parametrize("has_mask", [False, True])
@pytest.mark.parametrize(("groups", "parts"), [(1, 1), (2, 1), (1, 2), (2, 4)])
@pytest.mark.parametrize("reach", [0.7, 6.0])
def test_deform_conv(groups: int, parts: int, has_mask: bool, reach: float) -> None:
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((2, 4, 6, 5)), rng.standard_normal((6, 4 // groups, 3, 2))
    out = ((6 + 2 - 3) // 2 + 1, (5 + 1 - 3) // 1 + 1)
    offset = rng.uniform(-reach, reach, (2, parts * 6 * 2, *out))
    feed = {"x": x, "w": kernel, "offset": offset, "b": rng.standard_normal(6)}
    if has_mask:
        feed["mask"] = rng.random((2, parts * 6, *out))
    feed = {n: a.astype(np.float32) for n, a in feed.items()}
    attributes = {"strides": [2, 1], "dilations": [1, 2], "pads": [1, 0, 1, 1], "kernel_shape": [3, 2]}
    before = model("DeformConv", feed, 19, group=groups, offset_group=parts, **attributes)
    check(before, feed, "tensorrt-rtx-1.7", rtol=1e-4)
