"""GridSample by arithmetic and Gather, against ONNX Runtime: places outside, on the edges and in between, size 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from support import run

import trtconv

SETTINGS = settings(max_examples=12, deadline=None)


def model(opset: int, x: tuple[int, ...], grid: tuple[int, ...], **attributes: object) -> object:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", x), ("grid", grid))]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [*x[:2], *grid[1:-1]])
    node = helper.make_node("GridSample", ["x", "grid"], ["y"], "sample", **attributes)
    graph = helper.make_graph([node], "g", values, [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def check(before: object, feed: dict[str, np.ndarray], target: str) -> None:
    names = ["missing-operator", "unread-attribute"]
    result = trtconv.fix(before, target=target, only=names)
    assert result.edits
    assert not result.crashes
    assert not result.undone
    assert "GridSample" not in {n.op_type for n in result.model.graph.node}
    want, got = run(before, feed)[0], run(result.model, feed)[0]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@SETTINGS
@given(
    mode=st.sampled_from(["bilinear", "bicubic", "nearest"]),
    padding=st.sampled_from(["zeros", "border", "reflection"]),
    align=st.booleans(),
    size=st.tuples(st.integers(1, 5), st.integers(2, 5)),
    reach=st.sampled_from([0.9, 1.4, 5.0]),
    seed=st.integers(0, 999),
)
def test_pictures(mode: str, padding: str, align: bool, size: tuple[int, int], reach: float, seed: int) -> None:
    if align and 1 in size and padding == "reflection":  # ONNX Runtime divides by zero
        return
    rng = np.random.default_rng(seed)
    grid = rng.uniform(-reach, reach, (2, 3, 4, 2)).astype(np.float32)
    before = model(16, (2, 3, *size), grid.shape, mode=mode, padding_mode=padding, align_corners=int(align))
    check(before, {"x": rng.standard_normal((2, 3, *size)).astype(np.float32), "grid": grid}, "tensorrt-8.4")


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_volumes(mode: str, padding: str) -> None:
    rng = np.random.default_rng(0)
    grid = rng.uniform(-1.3, 1.3, (1, 2, 3, 2, 3)).astype(np.float32)
    before = model(20, (1, 2, 3, 4, 5), grid.shape, mode=mode, padding_mode=padding)
    check(before, {"x": rng.standard_normal((1, 2, 3, 4, 5)).astype(np.float32), "grid": grid}, "tensorrt-8.4")


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_names_of_opset_20(mode: str) -> None:
    rng = np.random.default_rng(0)
    grid = rng.uniform(-1.3, 1.3, (1, 4, 4, 2)).astype(np.float32)
    before = model(20, (1, 2, 4, 5), grid.shape, mode=mode)
    check(before, {"x": rng.standard_normal((1, 2, 4, 5)).astype(np.float32), "grid": grid}, "tensorrt-10.3")


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_edges_and_what_is_beyond_them(mode: str) -> None:
    special = np.array([-1.0, 1.0, 0.0, -0.75, 0.75, 0.25, 100.0, -100.0], np.float32)
    grid = np.stack(np.meshgrid(special, special), -1)[None]
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    x[0, 0, 0, 0] = np.inf  # what lies outside is 0, not 0 times what is inside
    before = model(16, x.shape, grid.shape, mode=mode)
    with np.errstate(invalid="ignore"):
        check(before, {"x": x, "grid": grid}, "tensorrt-8.4")
