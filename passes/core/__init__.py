"""What every pass builds on: the graph view, replacements, targets and the pass itself."""

from trtconv.passes.core.base import (
    Edit,
    Effect,
    Example,
    ModelPass,
    Pass,
    Safety,
    Trouble,
    note,
    refused,
    silent,
    slow,
)
from trtconv.passes.core.graph import Graph
from trtconv.passes.core.model import Model
from trtconv.passes.core.node import Node
from trtconv.passes.core.rewrite import Refused, Replacement
from trtconv.passes.core.target import Target, UnknownTarget
from trtconv.passes.core.types import TensorType

__all__ = [
    "Edit",
    "Effect",
    "Evidence",
    "Example",
    "Graph",
    "Model",
    "ModelPass",
    "Node",
    "Pass",
    "Refused",
    "Replacement",
    "Safety",
    "Target",
    "TensorType",
    "Trouble",
    "UnknownTarget",
    "note",
    "refused",
    "silent",
    "slow",
]
