"""Folding: what is known of a graph without running it, and putting it into the graph."""

from trtconv.passes.core.folding.facts import Facts, all_facts, facts_of
from trtconv.passes.core.folding.fold import fold
from trtconv.passes.core.folding.graphtypes import GraphTypes
from trtconv.passes.core.folding.leftover import is_foldable, reason_to_leave
from trtconv.passes.core.folding.noops import why_no_op

__all__ = ["Facts", "GraphTypes", "all_facts", "facts_of", "fold", "is_foldable", "reason_to_leave", "why_no_op"]
