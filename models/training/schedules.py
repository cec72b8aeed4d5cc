"""The learning rate as a factor of the base rate, a plain function of the step: nothing to store or resume."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

from trtconv.models.training.recipes import Recipe

Decay = Callable[[float], float]
"""From how much of the run is done (0 to 1) to the factor."""


def poly(power: float) -> Decay:
    """`(1 - done) ** power`."""
    return lambda done: float((1.0 - done) ** power)


def cosine(done: float) -> float:
    """Half a cosine from 1 to 0."""
    return 0.5 * (1.0 + cos(pi * done))


def constant(done: float) -> float:
    """1, always."""
    return 1.0


def steps(every: float, factor: float) -> Decay:
    """Times `factor` after each part `every` of the run."""
    return lambda done: float(factor ** int(done / every + 1e-9))


def decay_of(recipe: Recipe) -> Decay:
    """The recipe's schedule after the warm-up."""
    if recipe.schedule == "poly":
        return poly(recipe.power)
    if recipe.schedule == "step":
        return steps(recipe.step_every, recipe.step_factor)
    return cosine if recipe.schedule == "cosine" else constant


def warmed(decay: Decay, step: int, total: int, warmup: int, start: float, exponential: bool) -> float:
    """The factor at `step` of `total`: from `start` to 1 in `warmup` steps, then `decay` over what remains.

    The ramp is linear, or exponential as BiSeNet's recipe has it (a ratio of 0.1 to start with).
    """
    if step < warmup:
        done = step / warmup
        return start ** (1.0 - done) if exponential else start + (1.0 - start) * done
    return decay(min(1.0, (step - warmup) / max(1, total - warmup)))
