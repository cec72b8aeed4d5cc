"""PyTorch networks: define, train, evaluate, predict, export. Importing this needs no PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from trtconv.feeding.preprocessing import Preprocessing
from trtconv.models.card import Card
from trtconv.models.registry import Network, create, find, networks

if TYPE_CHECKING:
    from trtconv.models.exporting import Export as Export
    from trtconv.models.exporting import export as export

__all__ = ["Card", "Export", "Network", "Preprocessing", "create", "export", "find", "networks"]


def __getattr__(name: str) -> object:
    """Import the exporters when they are asked for."""
    if name in ("export", "Export"):
        return getattr(importlib.import_module("trtconv.models.exporting"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
