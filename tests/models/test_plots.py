import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trtconv.models.training import plots


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
@settings(max_examples=80, deadline=None)
def test_ticks_are_few_even_and_inside(low: float, width: float) -> None:
    high = low + width
    marks = plots.ticks(low, high)
    assert 1 <= len(marks) <= 12
    slack = width * 1e-5 + abs(low) * 1e-9
    assert all(low - slack <= mark <= high + slack for mark in marks)


@pytest.mark.parametrize(
    ("curves", "panels"),
    [
        ({"loss": [(1, 2.0), (2, 1.0)]}, 1),
        ({"loss": [(1, 2.0), (2, 1.0)], "mIoU": [(2, 0.5)]}, 2),
        ({"loss": [(1, float("nan")), (2, 1.0)], "mIoU": [(2, float("nan"))]}, 2),
        ({}, 1),
    ],
    ids=["loss", "loss and metric", "not numbers", "nothing"],
)
def test_a_panel_for_the_loss_and_one_for_the_metrics(curves, panels: int) -> None:
    assert plots.draw(curves).size == (plots.PANEL[0], plots.PANEL[1] * panels)


def test_a_falling_loss_falls_on_the_picture() -> None:
    pixels = np.asarray(plots.draw({"loss": [(0, 3.0), (100, 1.0)]}))
    rows, columns = np.nonzero((pixels == plots.COLOURS[0]).all(axis=2))
    inside = rows > 40
    order = np.corrcoef(columns[inside], rows[inside])[0, 1]
    assert order > 0.9
