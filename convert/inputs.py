"""What is fed to both sides of a comparison: seeded inputs that make sense to the graph, or the user's own."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from trtconv.errors import BadInput
from trtconv.roles import Role, role_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trtconv.passes.core import Graph, TensorType
    from trtconv.passes.core.graph import Dim

    Array = NDArray[Any]
    Feed = dict[str, Array]
    Shapes = dict[str, tuple[int, ...]]

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


def seeded_case(graph: Graph, name: str, shapes: Shapes, seed: int, values: Mapping[str, Array] | None = None) -> Case:
    """Inputs of `shapes`, the same for the same seed, case name and input name.

    `values` are given as they are, as shape tensors need it. Raises BadInput for what cannot be made up.
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
        feed[key] = _make(rng, key, found.dtype, shapes[key], role_of(key, graph), sizes)
    return Case(name, feed)


def describe_roles(graph: Graph) -> list[str]:
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
    return [f"input {n!r}: {texts[r.kind]} ({r.why})" for n, r in roles.items() if r.kind != "data"]


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
        return (rng.random(shape) < 0.5).astype(numpy_type)
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


# --- from files ----------------------------------------------------------------------------------


def save_cases(cases: Sequence[Case], folder: str | os.PathLike[str]) -> list[Path]:
    """Write each case to an .npz file of its own in `folder`, made where it is not there; raises BadInput."""
    from trtconv.files import writing, written_whole

    paths = []
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot make the folder {folder}: {error.strerror}", where="--save-inputs") from error
    for number, case in enumerate(cases):
        path = Path(folder, f"{number:03d} {case.name.removesuffix('.npz')}.npz")
        with writing(path), written_whole(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **case.feed)  # type: ignore[arg-type]  # input names, none of them a parameter of savez
        paths.append(path)
    return paths


Given = str | os.PathLike[str] | Mapping[str, "Array"] | Sequence[Mapping[str, "Array"]]


def given_cases(graph: Graph, given: Given) -> list[Case]:
    """Cases from an .npz file, a folder of them, or arrays by input name; raises BadInput for what does not fit."""
    cases = [Case(name, _fitted(graph, name, feed)) for name, feed in _read(given)]
    if not cases:
        raise BadInput(f"{given} holds no .npz file", do="save inputs with numpy.savez(file, input_name=array)")
    return cases


def _read(given: Given) -> Iterator[tuple[str, Mapping[str, Array]]]:
    if isinstance(given, Mapping):
        yield "given", given
    elif isinstance(given, (str, os.PathLike)):
        path = Path(given)
        if not path.exists():
            raise BadInput(f"{path} does not exist", where="--inputs")
        for file in sorted(path.glob("*.npz")) if path.is_dir() else [path]:
            yield file.name, _load(file)
    else:
        yield from ((f"given {i}", feed) for i, feed in enumerate(given))


def _load(path: Path) -> Feed:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if isinstance(archive, np.ndarray):
                raise BadInput(f"{path} holds one array without a name", do="use numpy.savez(file, input_name=array)")
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path} is not an .npz file of plain arrays: {error}", where="--inputs") from error


def _fitted(graph: Graph, case: str, feed: Mapping[str, Array]) -> Feed:
    wanted = ", ".join(f"{name}: {_show(t)}" for name, t in graph.inputs.items())
    missing, unknown = [n for n in graph.inputs if n not in feed], [n for n in feed if n not in graph.inputs]
    for names, problem in ((missing, "lacks the input"), (unknown, "has an array that is no input:")):
        if names:
            raise BadInput(f"{case} {problem} {names[0]!r}", where="--inputs", do=f"the graph takes {wanted}")
    return {name: _fit(case, name, np.asarray(feed[name]), found) for name, found in graph.inputs.items()}


def _fit(case: str, name: str, value: Array, found: TensorType | None) -> Array:
    if found is None:
        return value
    shape, dtype = found.shape, _numpy(found.dtype)
    if shape is not None and (
        len(shape) != value.ndim or any(isinstance(d, int) and d != s for d, s in zip(shape, value.shape, strict=True))
    ):
        raise BadInput(f"{case}: {name!r} has shape {list(value.shape)}, the graph takes {_show(found)}")
    if value.dtype != dtype and not np.can_cast(value.dtype, dtype, "same_kind"):
        raise BadInput(f"{case}: {name!r} holds {value.dtype}, the graph takes {_show(found)}")
    return value.astype(dtype, copy=False)


def _show(found: TensorType | None) -> str:
    if found is None:
        return "unknown"
    dims = "x".join("?" if d is None else str(d) for d in found.shape or ())
    return f"{TensorProto.DataType.Name(found.dtype).lower()} {dims or 'scalar'}"
