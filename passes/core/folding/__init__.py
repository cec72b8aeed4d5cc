"""Folding: what is known of a graph without running it, and putting it into the graph."""

from trtconv.passes.core.folding.facts import Facts
from trtconv.passes.core.folding.fold import fold
from trtconv.passes.core.folding.leftover import is_foldable, reads_outside_data, reason_to_leave
from trtconv.passes.core.folding.noops import OPERATORS, why_no_op
from trtconv.passes.core.folding.repeated import merge_repeated
from trtconv.passes.core.folding.shared import all_facts, facts_of, is_settled, keep_facts, known_of, settle

__all__ = [
    "OPERATORS",
    "Facts",
    "all_facts",
    "facts_of",
    "fold",
    "is_foldable",
    "is_settled",
    "keep_facts",
    "known_of",
    "merge_repeated",
    "reads_outside_data",
    "reason_to_leave",
    "settle",
    "why_no_op",
]
