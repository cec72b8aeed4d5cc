"""Seeded inputs that make sense to the graph."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from trtconv.comparison.metrics import is_float
from trtconv.errors import BadInput
from trtconv.feeding.roles import Role, role_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trtconv.passes.core import Graph
    from trtconv.passes.core.types import Dim

    Array = NDArray[Any]
    Feed = dict[str, Array]
    Shapes = dict[str, tuple[int, ...]]
    Ranges = Mapping[str, tuple[float, float]]

INTEGER_RANGES: dict[int, tuple[int, int]] = {TensorProto.UINT8: (0, 256), TensorProto.INT8: (-128, 128)}
"""Values of integer inputs without another role; wider types get 0 to 9."""


@dataclass(frozen=True)
class Case:
    """One set of inputs, by name, and the number of the profile that it belongs to."""

    name: str
    feed: Feed
    profile: int = 0

    def to_json(self) -> dict[str, object]:
        """`{"name", "inputs": {input: {"dtype", "shape"}}}`."""
        shown = {k: {"dtype": str(v.dtype), "shape": list(v.shape)} for k, v in self.feed.items()}
        return {"name": self.name, "inputs": shown}


# --- seeded --------------------------------------------------------------------------------------


def seeded_case(
    graph: Graph,
    name: str,
    shapes: Shapes,
    seed: int,
    values: Mapping[str, Array] | None = None,
    ranges: Ranges | None = None,
) -> Case:
    """Inputs of `shapes`, the same for the same seed, case name and input name.

    `values` are given as they are, as shape tensors need it; `ranges` win over what the graph says of an input, and
    the one of the empty name holds for all plain data. Raises BadInput for what cannot be made up.
    """
    sizes = _named_sizes(graph, shapes)
    feed: Feed = {}
    for key, found in graph.inputs.items():
        if found is None:
            raise BadInput(f"input {key!r} is no tensor of a known type", do="feed it: --inputs file.npz")
        if values and key in values:
            feed[key] = np.asarray(values[key], _numpy(found.dtype))
            continue
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), zlib.crc32(key.encode())])
        role = role_of(key, graph)
        asked = range_of(key, role, ranges)
        if asked is None:
            feed[key] = _make(rng, key, found.dtype, shapes[key], role, sizes)
        else:
            _check_range(key, found.dtype, *asked)
            feed[key] = _between(rng, found.dtype, shapes[key], *asked)
    return Case(name, feed)


def range_of(name: str, role: Role, ranges: Ranges | None) -> tuple[float, float] | None:
    """Lowest and highest value that the caller asked for; None where nothing was said of the input."""
    ranges = ranges or {}
    return ranges.get(name) or (ranges.get("") if role.kind == "data" else None)


def describe_roles(graph: Graph, ranges: Ranges | None = None) -> list[str]:
    """A line for each input that is not fed plain random data."""
    texts = {
        "index": "integers inside the table",
        "position": "counted up",
        "mask": "ones, then zeros to the right",
        "flag": "zeros and ones at random",
        "length": "the full length",
        "size": "ones, since nothing says which sizes fit",
    }
    roles = {name: role_of(name, graph) for name in graph.inputs}
    asked = {n: found for n, r in roles.items() if (found := range_of(n, r, ranges))}
    return [
        *(f"input {n!r}: between {low:g} and {high:g}, as asked" for n, (low, high) in asked.items()),
        *(f"input {n!r}: {texts[r.kind]} ({r.why})" for n, r in roles.items() if r.kind != "data" and n not in asked),
    ]


def _make(
    rng: np.random.Generator, name: str, dtype: int, shape: tuple[int, ...], role: Role, sizes: dict[str, int]
) -> Array:
    numpy_type = _numpy(dtype)
    limit = max(1, min((_size(b, sizes) for b in role.bounds), default=1))
    if role.kind == "index":
        return rng.integers(0, limit, shape).astype(numpy_type)
    if role.kind == "position":
        return np.broadcast_to(np.arange(shape[-1] if shape else 1) % limit, shape).astype(numpy_type)
    if role.kind == "mask" and len(shape) >= 2:
        lengths = rng.integers((shape[-1] + 1) // 2, shape[-1] + 1, (*shape[:-1], 1))
        return (np.arange(shape[-1]) < lengths).astype(numpy_type)
    if role.kind in ("mask", "flag"):
        return np.asarray(rng.random(shape) < 0.5).astype(numpy_type)
    if role.kind == "length":
        return np.full(shape, limit, numpy_type)
    if role.kind == "size":
        return np.ones(shape, numpy_type)
    return _random(rng, name, dtype, shape)


def _random(rng: np.random.Generator, name: str, dtype: int, shape: tuple[int, ...]) -> Array:
    numpy_type = _numpy(dtype)
    if numpy_type.kind in "iu":
        low, high = INTEGER_RANGES.get(dtype, (0, 10))
        return rng.integers(low, high, shape).astype(numpy_type)
    if numpy_type.kind in "fV":
        return rng.standard_normal(shape, np.float32).astype(numpy_type)
    if numpy_type.kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(numpy_type)
    raise BadInput(f"no values can be made up for input {name!r} of text", do="feed it: --inputs file.npz")


def _check_range(name: str, dtype: int, low: float, high: float) -> None:
    """Raises BadInput where the input's element type does not reach as far."""
    import ml_dtypes

    numpy_type = _numpy(dtype)
    if numpy_type.kind == "b":
        least, most = 0.0, 1.0
    else:
        limits = ml_dtypes.finfo if is_float(numpy_type) else ml_dtypes.iinfo
        info = limits(numpy_type)
        least, most = float(info.min), float(info.max)
    if low < least or high > most:
        what = f"input {name!r} is {numpy_type.name}, which reaches from {least:g} to {most:g}"
        raise BadInput(what, where=f"--range {low:g}-{high:g}", do="give a range within that")


def _between(rng: np.random.Generator, dtype: int, shape: tuple[int, ...], low: float, high: float) -> Array:
    """Uniformly drawn, both ends included."""
    numpy_type = _numpy(dtype)
    if numpy_type.kind in "iub":
        return rng.integers(int(np.ceil(low)), int(np.floor(high)), shape, endpoint=True).astype(numpy_type)
    return (low + (high - low) * rng.random(shape)).astype(numpy_type)


def _numpy(dtype: int) -> np.dtype[Any]:
    return np.dtype(helper.tensor_dtype_to_np_dtype(dtype))


def _size(bound: Dim, sizes: dict[str, int]) -> int:
    return bound if isinstance(bound, int) else sizes.get(bound or "", 1)


def _named_sizes(graph: Graph, shapes: Shapes) -> dict[str, int]:
    """Size of each named dimension, from the shapes chosen for the inputs."""
    return {
        dim: size
        for key, found in graph.inputs.items()
        for dim, size in zip((found.shape or ()) if found else (), shapes.get(key, ()), strict=False)
        if isinstance(dim, str)
    }
