"""Weights, images and digests that follow from names and shapes alone: a reference system and trtconv make the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from zlib import crc32

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def weight(key: str, shape: tuple[int, ...]) -> Array:
    """Noise for the tensor of that name, of the size that a trained network's has; a matrix is (out, in)."""
    # RandomState and not Generator: its stream is frozen, so another NumPy draws the same.
    noise = np.random.RandomState(crc32(key.encode())).uniform(-1, 1, shape)
    leaf = key.rpartition(".")[2]
    if len(shape) > 1:
        noise *= (7 / np.prod(shape[1:])) ** 0.5
    elif leaf in ("running_var", "_variance"):
        noise = 1.5 + 0.5 * noise
    elif leaf == "weight":
        noise = 1 + 0.3 * noise
    else:
        noise *= 0.2
    return noise.astype(np.float32)


def image(height: int, width: int) -> Array:
    """Two images of another brightness and contrast, (2, 3, height, width)."""
    noise = np.random.RandomState(1).standard_normal((2, 3, height, width))
    return (noise * [[[[1.0]]], [[[0.4]]]] + [[[[0.0]]], [[[0.8]]]]).astype(np.float32)


def digest(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """A hash of the names and shapes of all tensors, in the order of the names."""
    lines = sorted(f"{key} {'x'.join(map(str, shape))}" for key, shape in shapes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def sample(output: Array) -> list[float]:
    """At most 24 numbers from all over an output, to six digits."""
    flat = output.ravel()
    return [float(f"{value:.6g}") for value in flat[:: max(1, flat.size // 23)]]
