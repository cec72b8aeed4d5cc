"""Folding: what is known of a graph without running it, and putting it into the graph."""

from trtconv.passes.core.folding.facts import Facts, facts_of
from trtconv.passes.core.folding.fold import fold
from trtconv.passes.core.folding.leftover import is_foldable, reason_to_leave

__all__ = ["Facts", "facts_of", "fold", "is_foldable", "reason_to_leave"]
