"""Where the time went adds up."""

from __future__ import annotations

import pytest

from trtconv.timing import Clock


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that it is, which the test moves."""
    now = [0.0]
    monkeypatch.setattr("trtconv.timing.time.perf_counter", lambda: now[0])
    return now


def test_a_step_inside_another_counts_for_itself_alone(at: list[float]) -> None:
    clock = Clock({"read": 1.0})
    with clock.step("pass"):
        at[0] += 2
        for _ in range(2):
            with clock.step("evidence"):
                at[0] += 3
                with clock.step("session"):
                    at[0] += 1
        at[0] += 4
    assert clock.seconds == {"read": 1.0, "pass": 6, "evidence": 6, "session": 2}


def test_a_step_that_fails_has_taken_its_time(at: list[float]) -> None:
    def fails() -> None:
        with clock.step("outer"), clock.step("inner"):
            at[0] += 1
            raise ValueError("no")

    clock = Clock()
    with pytest.raises(ValueError, match="no"):
        fails()
    assert clock.seconds == {"inner": 1, "outer": 0}
