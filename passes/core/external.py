"""Where the data of an external tensor lies, resolved without ever leaving the model's folder."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array


class ExternalDataError(ValueError):
    """External data that is missing, too short, or outside the model's folder."""


class Slot(NamedTuple):
    """A stretch of a file: `length` bytes from `offset`."""

    path: Path
    offset: int
    length: int


PACKED = {
    TensorProto.DataType.Value(name): bits
    for name, bits in {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}.items()
    if name in TensorProto.DataType.keys()  # noqa: SIM118 - no mapping, whatever it looks like
}
"""Bits of the elements that share bytes, as far as this version of onnx knows them."""


def is_external(tensor: TensorProto) -> bool:
    """Whether the data of `tensor` was left in a file."""
    return bool(tensor.data_location == TensorProto.EXTERNAL)


def is_within(tensor: TensorProto, model_file: str) -> bool:
    """Whether the data of `tensor` was left in the model's own file, as that of large weights is."""
    return is_external(tensor) and (location_of(tensor), bool(model_file)) == (os.path.basename(model_file), True)


def location_of(tensor: TensorProto) -> str:
    """The file that an external tensor names, relative to the model's folder."""
    return next((e.value for e in tensor.external_data if e.key == "location"), "")


def locate(tensor: TensorProto, folder: str, model_file: str = "") -> Slot:
    """Where the data of an external tensor lies; raises ExternalDataError.

    The location has to stay inside `folder`. A symbolic link may lead out of it only to where the model file's own
    link leads, which is how download caches lay out a model and its weights.
    """
    entries = {e.key: e.value for e in tensor.external_data}
    location = location_of(tensor)
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
    bits = PACKED.get(tensor.data_type)
    return -(-count * bits // 8) if bits else count * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize


def read(tensor: TensorProto, slot: Slot) -> Array:
    """The data as an array that maps the file where that can be: nothing is read before it is used.

    Elements that are packed, or lie at odd places as they do inside a model's own file, are read at once.
    """
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type).newbyteorder("<")
    shape, count = tuple(tensor.dims), math.prod(tensor.dims)
    if not count:
        return np.zeros(shape, dtype)
    if tensor.data_type in PACKED:
        raw = np.fromfile(slot.path, np.uint8, slot.length, offset=slot.offset).tobytes()
        return numpy_helper.to_array(TensorProto(data_type=tensor.data_type, dims=shape, raw_data=raw))
    if slot.offset % dtype.itemsize:
        return np.fromfile(slot.path, dtype, count, offset=slot.offset).reshape(shape)
    return np.memmap(slot.path, dtype, "r", slot.offset, (count,)).reshape(shape)


def embed(tensor: TensorProto, slot: Slot) -> None:
    """Take the data of an external tensor into the tensor itself."""
    with slot.path.open("rb") as file:
        file.seek(slot.offset)
        tensor.raw_data = file.read(slot.length)
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")
