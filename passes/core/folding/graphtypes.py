"""The little that is known of a tensor from its declared or inferred type, without a walk over the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtconv.passes.core.folding.dims import dim
from trtconv.passes.core.folding.values import Value

if TYPE_CHECKING:
    from trtconv.passes.core.folding.shapes import Shape
    from trtconv.passes.core.graph import Graph

READ_LIMIT = 1 << 10
"""Bytes of a constant that are read."""


class GraphTypes:
    """Shapes and values as ONNX shape inference tells them: less than `Facts`, and free."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.opset = graph, graph.opset

    def shape(self, tensor: str) -> Shape | None:
        """Shape of `tensor`, None when not even the rank is known."""
        shape = self.graph.shape(tensor)
        if shape is None:
            return None
        return tuple(d if isinstance(d, int) else dim(d) if d else dim(tensor, i) for i, d in enumerate(shape))

    def dtype(self, tensor: str) -> int | None:
        """Element type of `tensor`."""
        return self.graph.dtype(tensor)

    def value(self, tensor: str) -> Value | None:
        """Elements of a small constant."""
        found = self.graph.constant(tensor)
        return None if found is None or found.nbytes > READ_LIMIT else Value(found, found.dtype)
