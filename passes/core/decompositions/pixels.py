"""Images as rows of channels, which a Gather reads at places that are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trtconv.passes.core.rewrite import Replacement

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
FAR = 1e4
"""Beyond this, no image has a place that FLOAT tells from its neighbour."""


class Pixels:
    """A FLOAT tensor [images, sizes..., channels] as [1 + images * pixels, channels]; row 0 is zeros, for outside."""

    def __init__(self, r: Replacement, x: str, channels: int, sizes: Sequence[int]) -> None:
        self.r, self.sizes = r, tuple(sizes)
        zeros = r.constant(np.zeros((1, channels), np.float32))
        self.rows = r.concat([zeros, r.reshape(x, [-1, channels])], 0)

    @property
    def count(self) -> int:
        """Pixels of one image."""
        return int(np.prod(self.sizes))

    def at(self, image: str, indices: Sequence[str], *, inside_only: bool = False, valid: str = "") -> str:
        """Channels at whole FLOAT indices, one tensor per axis: the shape they broadcast to, and channels.

        `image` is the INT64 number of the image, which broadcasts with them. Indices are clamped into the image; with
        `inside_only` there are zeros beyond it, and where the BOOL tensor `valid` is false.
        """
        r, linear, inside = self.r, image, valid
        for index, size in zip(indices, self.sizes, strict=True):
            low, high = r.constant(0, np.float32), r.constant(size - 1, np.float32)
            whole = r.cast(r.op("Min", r.op("Max", index, low), high), INT64)
            linear = r.op("Add", r.op("Mul", linear, r.constant(size, np.int64)), whole)
            if inside_only:
                same = r.op("Equal", whole, r.cast(index, INT64))
                inside = r.op("And", inside, same) if inside else same
        row = r.op("Add", linear, r.constant(1, np.int64))
        if inside:
            row = r.op("Where", inside, row, r.constant(0, np.int64))
        return r.op("Gather", self.rows, row, axis=0)


def bounded(r: Replacement, x: str) -> str:
    """FLOAT coordinates with NaN and infinities far outside every image, since they make no index."""
    low, high = r.constant(-FAR, np.float32), r.constant(FAR, np.float32)
    number = r.op("Where", r.is_number(x), x, low)
    return r.op("Min", r.op("Max", number, low), high)
