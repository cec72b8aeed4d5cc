"""What is said of the distance between two outputs."""

from __future__ import annotations

import math
import struct

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trtconv.comparison.metrics import (
    BLOCK,
    EXACT,
    Tolerance,
    compare,
    largest_finite,
    ulp_distance,
)
from trtconv.comparison.scores import argmax_agreement
from trtconv.comparison.tolerances import default_tolerance, reassociated

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=6), elements=FLOATS)
LOOSE = Tolerance(1e-3, 1e-5)


def ordinal(value: float) -> int:
    """Position of a float32 in the order of all of them."""
    bits = struct.unpack("<i", struct.pack("<f", value))[0]
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
def test_ulp_is_the_distance_in_the_order_of_floats(pairs: list[tuple[float, float]]) -> None:
    a, b = (np.array(column, np.float32) for column in zip(*pairs, strict=True))
    wanted = [abs(ordinal(x) - ordinal(y)) for x, y in pairs]
    assert ulp_distance(a, b).tolist() == wanted


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_the_next_number_is_one_ulp_away(dtype: str) -> None:
    import ml_dtypes

    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    one = np.array([1.0, -1.0, 0.0, -0.0], kind)
    bits = one.view(f"u{one.dtype.itemsize}")
    other = (bits + 1).astype(bits.dtype).view(kind)
    assert ulp_distance(one, other).tolist() == [1, 1, 1, 1]
    assert ulp_distance(one[2:3], one[3:4]).tolist() == [0]


@settings(max_examples=60, deadline=None)
@given(ARRAYS)
def test_an_array_equals_itself_exactly(array: np.ndarray) -> None:
    found = compare(array, array.copy(), EXACT)
    assert found.passed
    assert (found.max_abs, found.max_rel, found.max_ulp, found.wrong) == (0, 0, 0, 0)
    assert found.cosine == pytest.approx(1.0)
    assert found.argmax in (None, 1.0)


@settings(max_examples=100, deadline=None)
@given(ARRAYS, st.data())
def test_agrees_with_numpy(expected: np.ndarray, data: st.DataObject) -> None:
    actual = data.draw(hnp.arrays(np.float32, expected.shape, elements=FLOATS))
    found = compare(expected, actual, LOOSE)
    wide, other = expected.astype(np.float64), actual.astype(np.float64)
    error = np.abs(other - wide)
    bad = error > 1e-5 + 1e-3 * np.abs(wide)
    assert found.passed is not bool(bad.any())
    assert found.wrong == bad.sum()
    assert found.max_abs == error.max()
    if found.worst is not None:
        assert bad.any() == bad[found.worst]
        assert found.expected == wide[found.worst]
    else:
        assert not error.any(), "only equal outputs have no worst element"
    norms = np.linalg.norm(wide) * np.linalg.norm(other)
    if norms > 1e-30:
        assert found.cosine == pytest.approx((wide * other).sum() / norms, abs=1e-9)


def test_blocks_do_not_show() -> None:
    rng = np.random.default_rng(0)
    expected = rng.standard_normal(2 * BLOCK + 7).astype(np.float32)
    actual = expected.copy()
    actual[BLOCK + 3] += 0.5
    actual[-1] += 1.0
    found = compare(expected, actual, LOOSE)
    assert found.wrong == 2
    assert found.worst in {(BLOCK + 3,), (2 * BLOCK + 6,)}
    assert found.max_abs == pytest.approx(1.0, rel=1e-5)
    assert largest_finite(expected) == np.abs(expected).max()


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("expected", "actual", "nans", "infs"),
    [
        ([1, NAN, INF, -INF], [1, NAN, INF, -INF], 0, 0),
        ([1, 2, 3, 4], [1, NAN, 3, 4], 1, 0),
        ([NAN, 2, 3, 4], [1, 2, 3, 4], 1, 0),
        ([1, INF, 3, 4], [1, -INF, 3, 4], 0, 1),
        ([1, 2, 3, 4], [1, 2, INF, 4], 0, 1),
        ([INF, 2, 3, 4], [NAN, 2, 3, 4], 1, 0),
    ],
)
def test_nan_and_infinity_belong_to_the_same_places(
    expected: list[float], actual: list[float], nans: int, infs: int
) -> None:
    found = compare(np.array(expected, np.float32), np.array(actual, np.float32), Tolerance(1.0, 1e30))
    assert (found.nan_mismatches, found.inf_mismatches) == (nans, infs)
    assert found.passed is (nans + infs == 0)
    assert found.max_abs == 0, "places that are not finite on both sides do not count as error"
    if not found.passed:
        assert found.worst is not None
        index = found.worst[0]
        assert not (math.isfinite(expected[index]) and math.isfinite(actual[index]))


def test_integers_and_booleans_are_compared_exactly() -> None:
    found = compare(np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 9]]), Tolerance(10, 10))
    assert not found.passed
    assert (found.wrong, found.max_abs, found.worst, found.expected, found.actual) == (1, 5, (1, 1), 4, 9)
    assert not compare(np.array([True]), np.array([False]), Tolerance(10, 10)).passed
    assert compare(np.array(["a"], object), np.array(["a"], object), EXACT).passed


def test_another_shape_fails_and_says_so() -> None:
    found = compare(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32), LOOSE)
    assert not found.passed
    assert found.why == "shape [3, 2] instead of [2, 3]"


def test_empty_outputs_are_equal() -> None:
    assert compare(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32), LOOSE).passed


def test_the_default_grows_with_the_range_of_the_output() -> None:
    tolerance = default_tolerance("float32")
    small, large = np.array([0.0, 1.0], np.float32), np.array([0.0, 1e4], np.float32)
    off = np.array([5e-5, 0.0], np.float32)
    assert not compare(small, small + off, tolerance).passed
    assert compare(large, large + off, tolerance).passed
    assert default_tolerance("int64") == EXACT
    assert default_tolerance("tf32").rtol > tolerance.rtol


def test_argmax_agreement_looks_along_the_class_axis() -> None:
    logits = np.array([[1, 2, 3], [3, 2, 1]], np.float32)
    other = np.array([[1, 2, 3], [1, 2, 3]], np.float32)
    assert argmax_agreement(logits, other) == 0.5
    image = np.zeros((1, 2, 2, 2), np.float32)
    image[0, 1] = 1
    assert argmax_agreement(image, -image) == 0.0
    assert argmax_agreement(np.float32(3), np.float32(4)) is None


def test_a_line_that_fails_names_the_tolerance() -> None:
    want = np.array([0.0, 100.0], np.float32)
    found = compare(want, want + np.float32(1), Tolerance(1e-3, 1e-5, of_range=True))
    assert found.why == "2 of 2 elements outside the tolerance of rtol 0.001 and atol 0.001"
    assert compare(want, want + np.float32(1), EXACT).why == "2 of 2 elements differ"


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("float32", 3e-6, 4e-6), ("float16", 0.03, 0.04), ("bfloat16", 0.005, 0.01), ("float8_e4m3fn", 0.1, 0.2)],
)
def test_what_another_order_of_arithmetic_may_change(name: str, least: float, most: float) -> None:
    assert least < reassociated(np.dtype(getattr(ml_dtypes, name, name))) < most
