"""Size of each network as its reference system uses it, counted beforehand: reading it needs no PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Counts:
    """Size of a network.

    Attributes:
        parameters: learned numbers.
        macs: multiply-accumulates of the convolutions and linear layers, for one image.
        entries: tensors in the ``state_dict``.
        statistics: running means and variances of BatchNorm, in numbers.
    """

    parameters: int
    macs: int
    entries: int
    statistics: int

    def to_json(self) -> dict[str, int]:
        """The fields by name."""
        return dict(vars(self))


@cache
def counted() -> Mapping[str, Counts]:
    """The counts of every network of the registry, by name; `trtconv.models.counts` counts other forms of them."""
    text = resources.files("trtconv.models").joinpath("counts.json").read_text(encoding="utf-8")
    return {name: Counts(**values) for name, values in json.loads(text).items()}
