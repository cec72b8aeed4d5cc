from math import isclose

import pytest

from trtconv.models.training import schedules
from trtconv.models.training.presets import RECIPES
from trtconv.models.training.run import Plan


@pytest.mark.parametrize(
    ("decay", "at"),
    [
        (schedules.poly(0.9), {0: 1, 0.5: 0.5**0.9, 1: 0}),
        (schedules.cosine, {0: 1, 0.5: 0.5, 1: 0}),
        (schedules.constant, {0: 1, 0.7: 1, 1: 1}),
        (schedules.steps(0.25, 0.1), {0: 1, 0.24: 1, 0.25: 0.1, 0.74: 0.01, 0.75: 0.001}),
    ],
    ids=["poly", "cosine", "constant", "step"],
)
def test_decays(decay: schedules.Decay, at: dict[float, float]) -> None:
    for done, factor in at.items():
        assert decay(done) == pytest.approx(factor, abs=1e-12)


@pytest.mark.parametrize(("exponential", "middle"), [(False, 0.55), (True, 0.1**0.5)])
def test_warm_up_ends_where_the_decay_begins(exponential: bool, middle: float) -> None:
    factors = [schedules.warmed(schedules.poly(0.9), s, 110, 10, 0.1, exponential) for s in range(111)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[5] == pytest.approx(middle)
    assert factors[10] == pytest.approx(1)
    assert factors[60] == pytest.approx(0.5**0.9)
    assert factors[110] == 0


def test_bisenet_warms_up_for_a_thousand_steps() -> None:
    plan = Plan(RECIPES["bisenetv2-cityscapes"], images=2975)
    assert plan.total == 150_000
    assert isclose(plan.rate(0), 5e-4)
    assert isclose(plan.rate(1000), 5e-3)
    assert plan.rate(999) < plan.rate(1000) > plan.rate(1001)


def test_torchvision_drops_every_second_epoch() -> None:
    plan = Plan(RECIPES["torchvision"], images=1_281_167)
    epoch = plan.epoch
    assert isclose(plan.rate(2 * epoch), 0.064 * 0.973)
    assert isclose(plan.rate(2 * epoch - 1), 0.064)
    assert isclose(plan.rate(100 * epoch), 0.064 * 0.973**50)
