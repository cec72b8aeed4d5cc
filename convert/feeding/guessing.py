"""Shapes to try a model on when nobody gave any: small, odd where it is free, equal where the graph says equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtconv.feeding.inputs import Shapes
    from trtconv.passes.core import TensorType
    from trtconv.passes.core.types import Dim

LADDER = (
    ("small", {"batch": 1, "side": 64, "length": 8}),
    ("batch 2", {"batch": 2, "side": 64, "length": 8}),
    ("odd", {"batch": 3, "side": 96, "length": 13}),
    ("usual", {"batch": 1, "side": 224, "length": 64}),
    ("large", {"batch": 1, "side": 512, "length": 128}),
)
"""Sizes of dynamic dimensions by what they seem to be. Sides are multiples of 32, the stride of most networks."""

BATCH_NAMES = ("batch", "n", "b", "bs")
SIDE_NAMES = ("height", "width", "h", "w", "rows", "cols")
UNKNOWN_RANK = (1,)


def guessed_shapes(inputs: Mapping[str, TensorType | None]) -> Iterator[tuple[str, Shapes]]:
    """Name and shapes of each guess; a single one for a graph without dynamic dimensions."""
    last: Shapes | None = None
    for name, sizes in LADDER:
        shapes = {key: _shape(found, sizes) for key, found in inputs.items()}
        if shapes == last or (last is not None and not any(is_dynamic(t) for t in inputs.values())):
            continue
        yield (name if any(is_dynamic(t) for t in inputs.values()) else "static"), shapes
        last = shapes


def is_dynamic(found: TensorType | None) -> bool:
    """Whether a size has to be chosen before the input can be fed."""
    return found is None or found.shape is None or any(is_free(d) for d in found.shape)


def _shape(found: TensorType | None, sizes: Mapping[str, int]) -> tuple[int, ...]:
    if found is None or found.shape is None:
        return UNKNOWN_RANK
    rank = len(found.shape)
    return tuple(sizes[kind_of(d, axis, rank)] if is_free(d) else int(d or 0) for axis, d in enumerate(found.shape))


def is_free(dim: Dim) -> bool:
    """Whether a dimension has no size of its own; old exporters write -1."""
    return not isinstance(dim, int) or dim < 0


def is_batch_name(dim: Dim) -> bool:
    """Whether a dimension is called a batch."""
    return isinstance(dim, str) and (dim.lower() in BATCH_NAMES or "batch" in dim.lower())


def kind_of(dim: Dim, axis: int, rank: int) -> str:
    """What a dynamic dimension seems to be, from its name first and its place second."""
    name = str(dim).lower()
    if is_batch_name(dim):
        return "batch"
    if isinstance(dim, str) and any(name == s or (len(s) > 1 and s in name) for s in SIDE_NAMES):
        return "side"
    if axis == 0:
        return "batch"
    return "side" if rank >= 4 else "length"
