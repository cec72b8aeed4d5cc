"""PyTorch networks: define, train, evaluate, predict, export."""

from __future__ import annotations

from trtconv.models.card import Card, Preprocessing
from trtconv.models.registry import Network, create, find, networks

__all__ = ["Card", "Network", "Preprocessing", "create", "find", "networks"]
