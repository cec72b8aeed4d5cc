"""What was worked out once, for the whole of a model: networks are blocks that repeat."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from trtconv.passes.core.folding.values import Value

if TYPE_CHECKING:
    from trtconv.passes.core.folding.shapes import Shape
    from trtconv.passes.core.model import Model
    from trtconv.passes.core.node import Node

Told = tuple["Sequence[Shape | None]", "Value | None"]
"""Shapes of the outputs of a node, and the value of its only output, as far as the rules tell them."""

INTERN_LIMIT = 1 << 10
"""Bytes of a value that are compared."""

RAW_TYPES: dict[int, np.dtype[Any]] = {
    TensorProto.INT64: np.dtype("<i8"),
    TensorProto.INT32: np.dtype("<i4"),
    TensorProto.FLOAT: np.dtype("<f4"),
    TensorProto.DOUBLE: np.dtype("<f8"),
    TensorProto.BOOL: np.dtype("?"),
}
"""Element types whose raw data is numpy's own, on any machine that runs TensorRT."""


class Memo:
    """Values that are equal are one object here, so that what was told of a node is found again by identity."""

    def __init__(self) -> None:
        self.told: dict[Hashable, Told] = {}
        self._values: dict[Hashable, Value] = {}
        self._constants: dict[Hashable, Value] = {}

    def interned(self, value: Value) -> Value:
        """`value`, or the equal one that was seen before."""
        data = value.data
        if data.nbytes > INTERN_LIMIT and data.dtype != object:
            return value
        content: Hashable = tuple(data.flat) if data.dtype == object else data.tobytes()
        return self._values.setdefault((value.dtype, data.shape, content), value)

    def constant(self, proto: TensorProto, model: Model) -> Value:
        """Value of a constant of the file."""
        dtype, raw = RAW_TYPES.get(proto.data_type), proto.raw_data
        if dtype is None or not raw or len(raw) > INTERN_LIMIT:
            data = model.array(proto)
            return self.interned(Value(data, data.dtype))
        key = (proto.data_type, tuple(proto.dims), raw)
        found = self._constants.get(key)
        if found is None:
            data = np.frombuffer(raw, dtype).reshape(key[1])
            found = self._constants[key] = self.interned(Value(data, data.dtype))
        return found


def attributes_key(node: Node) -> Hashable:
    """The attributes of `node`, to compare."""
    if not node.attributes:
        return ()
    names = sorted(node.attributes) if len(node.attributes) > 1 else node.attributes
    return tuple([node.attributes[name].SerializeToString(deterministic=True) for name in names])
