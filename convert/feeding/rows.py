"""The rows of a batch: which inputs are made of them, and how to take some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trtconv.feeding.guessing import is_batch_name, is_free

if TYPE_CHECKING:
    from trtconv.feeding.inputs import Feed
    from trtconv.passes.core import Graph
    from trtconv.passes.core.types import Dim


@dataclass(frozen=True)
class Rows:
    """Inputs that hold one row per sample along axis 0, and whether the graph fixes how many."""

    inputs: tuple[str, ...]
    fixed: bool

    def count(self, feed: Feed) -> int:
        """How many rows are fed."""
        return int(feed[self.inputs[0]].shape[0])

    def take(self, feed: Feed, rows: Sequence[int]) -> Feed:
        """The feed of these rows, in this order; what is not made of rows stays."""
        chosen = list(rows)
        return {name: value[chosen] if name in self.inputs else value for name, value in feed.items()}


def rows_of(graph: Graph) -> Rows | None:
    """The inputs of a graph that are made of rows; None where axis 0 is no batch.

    Axis 0 is one where it is free and no other axis is called a batch; inputs whose axis 0 has the same name, or none,
    go together. In a graph of fixed sizes it is the size that the inputs share.
    """
    shaped = {name: t.shape for name, t in graph.inputs.items() if t is not None and t.shape}
    if any(_is_elsewhere(shape) for shape in shaped.values()):
        return None
    free = {name: shape[0] for name, shape in shaped.items() if is_free(shape[0])}
    if free:
        named = [dim for dim in free.values() if isinstance(dim, str)]
        chosen = next((dim for dim in named if is_batch_name(dim)), named[0] if named else None)
        return Rows(tuple(name for name, dim in free.items() if dim in (chosen, None)), fixed=False)
    if not shaped:
        return None
    first = next((shape[0] for shape in shaped.values() if len(shape) > 1), next(iter(shaped.values()))[0])
    return Rows(tuple(name for name, shape in shaped.items() if shape[0] == first), fixed=True)


def _is_elsewhere(shape: tuple[Dim, ...]) -> bool:
    """Whether an axis behind the first is called a batch, and the first is not, as in sequences that go first."""
    return not is_batch_name(shape[0]) and any(map(is_batch_name, shape[1:]))
