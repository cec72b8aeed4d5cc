"""Metrics that ask whether two outputs mean the same, and outputs compared as sets."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trtconv.comparison.metrics import EXACT, Tolerance
from trtconv.comparison.scores import NotApplicable, mean_iou, top1
from trtconv.comparison.sets import compare_sets

LABELS = hnp.arrays(np.int64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=5), elements=st.integers(0, 4))


@settings(max_examples=80, deadline=None)
@given(LABELS, st.data())
def test_miou_agrees_with_its_definition(want: np.ndarray, data: st.DataObject) -> None:
    got = data.draw(hnp.arrays(np.int64, want.shape, elements=st.integers(0, 4)))
    scores = []
    for label in set(want.reshape(-1).tolist()) | set(got.reshape(-1).tolist()):
        both, either = ((want == label) & (got == label)).sum(), ((want == label) | (got == label)).sum()
        scores.append(both / either)
    assert mean_iou(want, got) == pytest.approx(sum(scores) / len(scores))
    assert mean_iou(want, want) == 1.0
    assert top1(want, got) == pytest.approx((want == got).mean())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(2, 5), st.integers(0, 2**32))
def test_floats_become_labels_along_the_class_axis(batch: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    want, got = rng.standard_normal((2, batch, classes, 4, 3)).astype(np.float32)
    assert mean_iou(want, got) == mean_iou(want.argmax(1), got.argmax(1))
    assert top1(want, got) == (want.argmax(1) == got.argmax(1)).mean()


def test_floats_without_classes_have_no_label() -> None:
    with pytest.raises(NotApplicable, match=r"\[3, 1\]"):
        top1(np.zeros((3, 1), np.float32), np.zeros((3, 1), np.float32))


SMALL = st.integers(0, 3)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(SMALL, SMALL), max_size=5), st.lists(st.tuples(SMALL, SMALL), max_size=5))
def test_as_many_pairs_as_can_be(want: list[tuple[int, int]], got: list[tuple[int, int]]) -> None:
    """Elements within 1 of each other are equal here, so that one may have several partners."""

    def equal(one: tuple[int, int], other: tuple[int, int]) -> bool:
        return all(abs(a - b) <= 1 for a, b in zip(one, other, strict=True))

    short, long = sorted((want, got), key=len)
    most = max(sum(equal(a, b) for a, b in zip(short, order, strict=True)) for order in permutations(long, len(short)))
    arrays = [np.array(side, np.float32).reshape(-1, 2) for side in (want, got)]
    found = compare_sets(*arrays, Tolerance(0.0, 1.0))
    assert found.wrong == len(want) + len(got) - 2 * most
    assert found.passed is (found.wrong == 0)
    assert found.max_abs <= 1


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.int64, st.tuples(st.integers(0, 6), st.integers(1, 3)), elements=SMALL), st.randoms())
def test_the_order_of_a_set_does_not_matter(values: np.ndarray, random: object) -> None:
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert compare_sets(values, values[order], EXACT).passed
    assert compare_sets(values.T, values[order].T, EXACT, axis=1).passed
    if len(values):
        assert not compare_sets(values, values[1:], EXACT).passed, "one is missing"
        twice = np.concatenate([values, values[:1]])
        assert not compare_sets(values, twice, EXACT).passed, "one is there twice"


def test_sets_say_what_is_missing_and_what_is_extra() -> None:
    want, got = np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, 0.0]]), np.array([[3.0, 4.0], [np.nan, 0.0]])
    found = compare_sets(want, got, EXACT)
    assert found.why == "1 of 3 elements have no partner, and 0 of 2 found ones"
    assert found.metric == "set"
    other = compare_sets(np.zeros((2, 3)), np.zeros((2, 4)), EXACT)
    assert "elements of shape" in other.why
