"""Pooling passes against ONNX Runtime over kernels, strides, pads, dilations, opsets and sizes.

ONNX Runtime agrees with PyTorch and with the standard's current text about ceil_mode: windows that start in the end
padding are dropped, and a divisor counts the declared padding only. The reference evaluator of onnx 1.23 keeps such
windows in MaxPool, and gets its shape wrong with unequal pads, so it is no oracle here.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from support import assert_same, judge, parse, random_feed, run

import trtconv
from trtconv.passes.core.pooling import PoolAxis

TARGETS = ("tensorrt-7.0", "tensorrt-7.2", "tensorrt-8.2", "tensorrt-10.3", "tensorrt-rtx-1.7")
SIZES = st.integers(3, 9)


def model_of(op_type: str, opset: int, shape: list[Any], **attributes: Any) -> onnx.ModelProto:
    node = helper.make_node(op_type, ["x"], ["y"], name="pool", **attributes)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(shape))
    graph = helper.make_graph([node], "g", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@st.composite
def pools(draw: st.DrawFn, op_type: str, opsets: list[int], *, dilated: int) -> tuple[onnx.ModelProto, dict[str, int]]:
    """A pool of 1 to 3 spatial axes that ONNX Runtime takes, and sizes for its named dimensions."""
    opset, rank = draw(st.sampled_from(opsets)), draw(st.integers(1, 3))
    column = lambda low, high: draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))  # noqa: E731
    sizes, kernel, strides = draw(st.lists(SIZES, min_size=rank, max_size=rank)), column(1, 3), column(1, 4)
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides}
    dilations = column(1, 3) if opset >= dilated else [1] * rank
    if any(d != 1 for d in dilations):
        attributes["dilations"] = dilations
    pads = [draw(st.integers(0, k - 1)) for k in kernel * 2]
    attributes["pads"] = pads
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    assume(all(n + pads[i] + pads[i + rank] >= r for i, (n, r) in enumerate(zip(sizes, reach, strict=True))))
    if opset >= (18 if op_type == "LpPool" else 10):
        attributes["ceil_mode"] = draw(st.integers(0, 1))
    if op_type == "AveragePool":
        attributes["count_include_pad"] = draw(st.integers(0, 1))
    if op_type == "LpPool":
        attributes["p"] = draw(st.integers(1, 4))
    names = {f"D{i}": n for i, n in enumerate(sizes)} | {"N": draw(st.integers(1, 3))}
    spatial = [draw(st.sampled_from([n, f"D{i}"])) for i, n in enumerate(sizes)]
    return model_of(op_type, opset, ["N", 2, *spatial], **attributes), names


def check(model: onnx.ModelProto, dims: dict[str, int], target: str, safety: str, *, ugly: bool, seed: int) -> None:
    fixed = trtconv.fix(model, target=target, evidence=False)
    assert not fixed.crashes
    feed = random_feed(model, dims, seed, ugly=ugly)
    if ugly:  # sums of such numbers overflow, or cancel, in one order of adding and not in another
        feed["x"] = np.where(np.abs(feed["x"]) > 1e30, np.sign(feed["x"]) * 9, feed["x"]).astype(np.float32)
    if model.graph.node[0].op_type == "MaxPool":  # ONNX Runtime itself passes a NaN on here and drops it there
        feed["x"] = np.nan_to_num(feed["x"], nan=1.0, posinf=np.inf, neginf=-np.inf)
    assert_same(model, fixed.model, feed, safety)
    assert not trtconv.fix(fixed.model, target=target, evidence=False).edits


@settings(max_examples=120, deadline=None)
@given(pools("AveragePool", [7, 9, 10, 11, 17, 19, 22], dilated=19), st.sampled_from(TARGETS), st.integers(0, 9))
def test_average_pool_keeps_its_means(case: tuple[onnx.ModelProto, dict[str, int]], target: str, seed: int) -> None:
    check(*case, target, "rounding", ugly=True, seed=seed)


@settings(max_examples=120, deadline=None)
@given(pools("MaxPool", [8, 10, 11, 12, 17, 22], dilated=10), st.sampled_from(TARGETS), st.integers(0, 9))
def test_max_pool_keeps_its_maxima(case: tuple[onnx.ModelProto, dict[str, int]], target: str, seed: int) -> None:
    check(*case, target, "exact", ugly=True, seed=seed)


@settings(max_examples=80, deadline=None)
@given(pools("LpPool", [11, 18, 22], dilated=18), st.sampled_from(TARGETS), st.integers(0, 9))
def test_lp_pool_keeps_its_norms(case: tuple[onnx.ModelProto, dict[str, int]], target: str, seed: int) -> None:
    check(*case, target, "rounding", ugly=False, seed=seed)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["AveragePool", "MaxPool", "LpPool"]),
    st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]),
    st.lists(st.integers(1, 3), min_size=2, max_size=2),
    st.lists(st.integers(1, 3), min_size=2, max_size=2),
    st.lists(SIZES, min_size=2, max_size=2),
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from(TARGETS),
)
def test_auto_pad_decides(
    op_type: str,
    auto_pad: str,
    kernel: list[int],
    strides: list[int],
    sizes: list[int],
    dilation: int,
    pads: bool,
    target: str,
) -> None:
    assume(all(n >= dilation * (k - 1) + 1 for n, k in zip(sizes, kernel, strict=True)))
    fits = all(k >= s for k, s in zip(kernel, strides, strict=True))
    assume(auto_pad == "VALID" or fits)  # ONNX Runtime refuses the negative pads that follow
    assume(dilation == 1 or auto_pad == "VALID")  # ONNX Runtime forgets the dilation in the pads of SAME_*
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "auto_pad": auto_pad}
    attributes |= {"pads": [k - 1 for k in kernel] * 2} if pads else {}
    attributes |= {"dilations": [dilation] * 2} if dilation > 1 else {}
    model = model_of(op_type, 19, ["N", 2, *sizes], **attributes)
    check(model, {"N": 2}, target, "rounding", ugly=op_type != "LpPool", seed=1)


REFUSED: dict[str, tuple[str, int, dict[str, Any]]] = {
    "dilated average": ("AveragePool", 19, {"kernel_shape": [3, 3], "dilations": [2, 1], "pads": [1, 0, 2, 1]}),
    "dilated average of a kernel of 1": ("AveragePool", 19, {"kernel_shape": [1, 3], "dilations": [2, 1]}),
    "dilated maximum": ("MaxPool", 12, {"kernel_shape": [3, 2], "dilations": [2, 3], "pads": [1, 0, 2, 1]}),
    "dilated maximum with its stride": (
        "MaxPool",
        12,
        {"kernel_shape": [3, 2], "dilations": [2, 2], "strides": [2, 4], "pads": [2, 0, 1, 1]},
    ),
    "four axes": ("MaxPool", 12, {"kernel_shape": [2, 3, 2, 3], "pads": [1, 0, 1, 2, 0, 0, 0, 2]}),
    "a norm over one axis": ("LpPool", 12, {"kernel_shape": [3]}),
    "a dilated norm": ("LpPool", 18, {"kernel_shape": [3, 2], "dilations": [2, 1]}),
    "p of 3": ("LpPool", 18, {"kernel_shape": [3, 2], "p": 3, "ceil_mode": 1, "strides": [2, 2]}),
    "SAME with pads": ("MaxPool", 12, {"kernel_shape": [3, 3], "auto_pad": "SAME_LOWER", "pads": [0, 0, 0, 0]}),
    "an average of nothing": (
        "AveragePool",
        12,
        {"kernel_shape": [2, 2], "strides": [3, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1},
    ),
}


def test_the_real_parser_refuses_before_and_takes_after() -> None:
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX: pip install 'trtconv[rtx]'")
    spatial = [[8] * len(attributes["kernel_shape"]) for _, _, attributes in REFUSED.values()]
    cases = zip(REFUSED.values(), spatial, strict=True)
    models = [model_of(op, opset, ["N", 2, *sizes], **attributes) for (op, opset, attributes), sizes in cases]
    shapes = [{"x": [2, 2, *sizes]} for sizes in spatial]
    fixed = [trtconv.fix(m, target="tensorrt-rtx-1.7", evidence=False).model for m in models]
    verdicts = judge(list(zip(models + fixed, shapes * 2, strict=True)))
    for name, before, after in zip(REFUSED, verdicts, verdicts[len(models) :], strict=False):
        assert before is not None, f"{name}: taken as it is"
        assert after is None, f"{name}: {after}"


def test_sizes_known_at_run_time_need_constant_of_shape() -> None:
    model = model_of("AveragePool", 7, ["N", 2, "H", "W"], kernel_shape=[3, 3], pads=[2, 0, 0, 0])
    fixed = trtconv.fix(model, target="tensorrt-8.2")
    assert not fixed.edits
    assert any("opset 9" in finding.refusal for finding in fixed.remaining)


@pytest.mark.parametrize("op_type", ["AveragePool", "MaxPool", "LpPool"])
def test_the_real_parser_counts_windows_as_said(op_type: str) -> None:
    """Every small 1-axis window with ceil_mode, as 2-D: a sum with ones of the right shape tells what it counts."""
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX: pip install 'trtconv[rtx]'")
    models, flagged, expected = [], [], []
    for kernel, stride, begin, end, size in itertools.product((1, 2, 3), (2, 3), (0, 1), (0, 1), (5, 6, 7)):
        if max(begin, end) >= kernel or not (size + begin + end - kernel) % stride:
            continue
        windows = PoolAxis(size, kernel, stride, 1, begin, end).windows(ceil=True)
        column = {"kernel_shape": [kernel, 1], "strides": [stride, 1], "pads": [begin, 0, end, 0], "ceil_mode": 1}
        model = model_of(op_type, 18, [1, 1, size, 5], **column)
        model.graph.node[0].output[0] = "pooled"
        model.graph.initializer.append(numpy_helper.from_array(np.ones([1, 1, windows, 5], np.float32), "ones"))
        model.graph.node.append(helper.make_node("Add", ["pooled", "ones"], ["y"]))
        findings = trtconv.lint(model, target="tensorrt-rtx-1.7", parser=False).findings
        models.append(model)
        flagged.append(any("keeps a last window" in f.why for f in findings))
        expected.append(windows > 1)  # one window would broadcast
    fixed = [trtconv.fix(m, target="tensorrt-rtx-1.7", evidence=False).model for m in models]
    verdicts = judge([(m, {}) for m in (*models, *fixed)])
    assert any(flagged)
    for index, is_flagged in enumerate(flagged):
        assert not expected[index] or (verdicts[index] is not None) == is_flagged, models[index].graph.node[0]
        assert verdicts[len(models) + index] is None, models[index].graph.node[0]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["AveragePool", "MaxPool"]),
    st.lists(st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(2, 4)), min_size=4, max_size=5),
    st.booleans(),
)
def test_many_axes_are_split(op_type: str, axes: list[tuple[int, int, int]], padded: bool) -> None:
    kernel, strides, sizes = (list(column) for column in zip(*axes, strict=True))
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides}
    attributes |= {"pads": [k - 1 for k in kernel] * 2} if padded else {}
    attributes |= {"count_include_pad": 1} if op_type == "AveragePool" else {}
    model = model_of(op_type, 12, ["N", 2, *sizes], **attributes)
    fixed = trtconv.fix(model, target="tensorrt-rtx-1.7", only=["pool-of-many-axes"], evidence=False)
    assert [n.op_type for n in fixed.model.graph.node] == ["Reshape", op_type] * 2 + ["Reshape"]
    x = random_feed(model, {"N": 2})["x"]
    np.testing.assert_allclose(
        run(fixed.model, {"x": x})[0], windows_of(x, op_type, kernel, strides, padded=padded), 1e-6, 1e-6
    )


def windows_of(x: np.ndarray, op_type: str, kernel: list[int], strides: list[int], *, padded: bool) -> np.ndarray:
    """The definition, in numpy: neither ONNX Runtime nor the reference evaluator pools over so many axes."""
    pads = [(0, 0), (0, 0), *((k - 1, k - 1) if padded else (0, 0) for k in kernel)]
    x = np.pad(x, pads, constant_values=-np.inf if op_type == "MaxPool" else 0)
    every = np.lib.stride_tricks.sliding_window_view(x, [1, 1, *kernel])
    taken = every[(slice(None), slice(None), *(slice(None, None, s) for s in strides))]
    axes = tuple(range(x.ndim, 2 * x.ndim))
    return taken.max(axes) if op_type == "MaxPool" else taken.mean(axes)


@pytest.mark.parametrize(
    ("attributes", "refusal"),
    [
        ({"kernel_shape": [2, 1], "dilations": [3, 1], "pads": [1, 0, 1, 0]}, "nothing but padding"),
        ({"kernel_shape": [2, 1], "dilations": [3, 1], "pads": [1, 0, 1, 0], "count_include_pad": 1}, ""),
    ],
)
def test_windows_of_padding_only(attributes: dict[str, Any], refusal: str) -> None:
    fixed = trtconv.fix(model_of("AveragePool", 19, ["N", 2, 2, 3], **attributes), target="tensorrt-rtx-1.7")
    assert not fixed.crashes
    assert bool(fixed.edits) == (not refusal)
    assert all(refusal in finding.refusal for finding in fixed.remaining)


def test_ceil_mode_means_nothing_before_opset_10() -> None:
    model = model_of("MaxPool", 9, ["N", 2, 5, 5], kernel_shape=[2, 2], strides=[3, 3], pads=[1] * 4, ceil_mode=1)
    assert not trtconv.lint(model, target="tensorrt-7.0").findings


@pytest.mark.parametrize("attributes", [{"pads": [1, 1]}, {"strides": [1]}, {"dilations": [2]}, {"kernel_shape": [3]}])
def test_attributes_of_the_wrong_length_are_no_crash(attributes: dict[str, Any]) -> None:
    model = model_of("AveragePool", 19, ["N", 2, 5, 5], **({"kernel_shape": [3, 3], "ceil_mode": 1} | attributes))
    assert not trtconv.lint(model, target="tensorrt-8.2").crashes


@settings(max_examples=15, deadline=None)
@given(
    rank=st.integers(1, 2),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    pad=st.integers(0, 1),
    ceil=st.booleans(),
    by_column=st.booleans(),
    seed=st.integers(0, 99),
)
def test_indices_that_are_read(
    rank: int, kernel: int, stride: int, dilation: int, pad: int, ceil: bool, by_column: bool, seed: int
) -> None:
    assume(pad < kernel and (not ceil or stride + pad <= (kernel - 1) * dilation + 1))
    size, dims = [2, 3, *[7, 6][:rank]], ",".join("ABCD"[: rank + 2])
    attributes = f"kernel_shape={[kernel] * rank}, strides={[stride] * rank}, dilations={[dilation] * rank}"
    more = f"pads={[pad] * 2 * rank}, ceil_mode={int(ceil)}, storage_order={int(by_column)}"
    before = parse(f"""<ir_version: 8, opset_import: ["": 13]>
        g (float{size} x) => (float[{dims}] y, int64[{dims}] i) {{ y, i = MaxPool <{attributes}, {more}> (x) }}""")
    result = trtconv.fix(before, target="tensorrt-10.3", only=["max-pool-indices"], evidence=False)
    assert result.edits
    assert not result.crashes
    x = np.random.default_rng(seed).integers(-2, 3, size).astype(np.float32)  # ties, negatives
    assert_same(before, result.model, {"x": x})
