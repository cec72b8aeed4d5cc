import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trtconv.models.metrics import Confusion, TopK

IGNORE = 255


def confusion(classes: int, truth: list[int], guess: list[int]) -> Confusion:
    counted = Confusion(classes)
    counted.add(np.array(truth), np.array(guess))
    return counted


def test_known_figures() -> None:
    found = confusion(3, [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2])
    np.testing.assert_allclose(found.iou(), [2 / 4, 1 / 3, 1])
    np.testing.assert_allclose(found.f1(), [4 / 6, 2 / 4, 1])
    np.testing.assert_allclose(found.precision(), [2 / 3, 1 / 2, 1])
    np.testing.assert_allclose(found.recall(), [2 / 3, 1 / 2, 1])
    assert found.mean_iou() == pytest.approx((1 / 2 + 1 / 3 + 1) / 3)
    assert found.frequency_weighted_iou() == pytest.approx((3 / 2 + 2 / 3 + 1) / 6)
    assert found.accuracy() == pytest.approx(4 / 6)


def test_ignored_pixels_count_for_nothing() -> None:
    found = confusion(2, [0, IGNORE, 1, IGNORE], [0, 1, 1, 0])
    assert found.matrix.sum() == 2
    assert found.mean_iou() == 1


def test_a_class_that_is_nowhere_does_not_lower_the_mean() -> None:
    found = confusion(4, [0, 1], [0, 1])
    assert found.mean_iou() == 1
    assert np.isnan(found.iou()[2:]).all()


def test_nothing_measured_is_not_a_number() -> None:
    assert np.isnan(Confusion(2).mean_iou())
    assert np.isnan(Confusion(2).accuracy())
    assert np.isnan(TopK(1).value())


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2, IGNORE]), st.integers(0, 2)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_counts_agree_with_sets_of_pixels(pixels: list[tuple[int, int]]) -> None:
    found = confusion(3, [t for t, _ in pixels], [g for _, g in pixels])
    kept = [(i, t, g) for i, (t, g) in enumerate(pixels) if t != IGNORE]
    for c in range(3):
        there, said = {i for i, t, _ in kept if t == c}, {i for i, _, g in kept if g == c}
        expected = len(there & said) / len(there | said) if there | said else float("nan")
        np.testing.assert_allclose(found.iou()[c], expected)


@pytest.mark.parametrize(
    ("scores", "truth", "k", "hits"),
    [
        ([[0.1, 0.9, 0.5]], [1], 1, 1),
        ([[0.1, 0.9, 0.5]], [2], 1, 0),
        ([[0.1, 0.9, 0.5]], [2], 2, 1),
        ([[0.5, 0.5, 0.1]], [0], 1, 0),
        ([[float("nan")] * 3], [0], 1, 0),
    ],
    ids=["best", "second of one", "second of two", "a tie is a miss", "NaN is a miss"],
)
def test_top_k(scores: list[list[float]], truth: list[int], k: int, hits: int) -> None:
    top = TopK(k)
    top.add(np.array(truth), np.array(scores))
    assert (top.hits, top.seen) == (hits, 1)
