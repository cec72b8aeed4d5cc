"""Where the data of an external tensor lies, resolved without ever leaving the model's folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import TensorProto, helper

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array


class ExternalDataError(ValueError):
    """External data that is missing, too short, or outside the model's folder."""


class Slot(NamedTuple):
    """A stretch of a file: `length` bytes from `offset`."""

    path: Path
    offset: int
    length: int


def is_external(tensor: TensorProto) -> bool:
    """Whether the data of `tensor` lies in another file."""
    return bool(tensor.data_location == TensorProto.EXTERNAL)


def locate(tensor: TensorProto, folder: str, model_file: str = "") -> Slot:
    """Where the data of an external tensor lies; raises ExternalDataError.

    The location has to stay inside `folder`. A symbolic link may lead out of it only to where the model file's own
    link leads, which is how download caches lay out a model and its weights.
    """
    entries = {e.key: e.value for e in tensor.external_data}
    location = entries.get("location", "")
    path = _inside(location, Path(folder), Path(model_file) if model_file else None, tensor.name)
    size = path.stat().st_size
    offset = int(entries.get("offset", 0) or 0)
    length = int(entries.get("length", 0) or 0) or _data_bytes(tensor)
    if offset < 0 or length < 0 or offset + length > size:
        raise ExternalDataError(
            f"external data of {tensor.name} ends at byte {offset + length}, and {location} has only {size}"
        )
    return Slot(path, offset, length)


def _inside(location: str, folder: Path, model_file: Path | None, name: str) -> Path:
    relative = Path(location)
    if not location or relative.is_absolute() or ".." in relative.parts:
        raise ExternalDataError(f"external data of {name} points outside the model's folder: {location!r}")
    path = folder / relative
    if not path.is_file():
        raise ExternalDataError(f"external data of {name} is missing: {path}")
    real, homes = path.resolve(), [folder.resolve()]
    if model_file is not None:
        homes.append(model_file.resolve().parent)
    if not any(real.is_relative_to(home) for home in homes):
        raise ExternalDataError(f"external data of {name} is a link that leads outside the model's folder: {path}")
    return path


def _data_bytes(tensor: TensorProto) -> int:
    count: int = math.prod(tensor.dims)
    if tensor.data_type in (TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT4E2M1):
        return (count + 1) // 2
    return count * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize


def read(tensor: TensorProto, slot: Slot) -> Array:
    """The data as an array that maps the file: nothing is read before it is used."""
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if not math.prod(tensor.dims):
        return np.zeros(tuple(tensor.dims), dtype)
    flat = np.memmap(slot.path, dtype.newbyteorder("<"), "r", slot.offset, (math.prod(tensor.dims),))
    return flat.reshape(tuple(tensor.dims))
