"""Named arrays in .npz files, bit for bit: what numpy.savez writes, for any name and for every ONNX element type."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from trtconv.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class ArrayWriter:
    """Writes arrays to an .npz file one by one, so that none has to be kept. The file is whole when the block ends.

    The same arrays make the same file. numpy.savez takes no array named `file`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def add(self, name: str, value: Array) -> None:
        """Append an array."""
        with self._zip.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
            np.lib.format.write_array(member, value, allow_pickle=False)

    def add_text(self, name: str, text: str) -> None:
        """Append a text, which numpy.load gives as bytes."""
        self._zip.writestr(zipfile.ZipInfo(name), text)

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)
"""What reading a file raises that is no .npz file, or is damaged."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An .npz file, whose arrays are read when they are asked for; raises one of `UNREADABLE` for another file."""
    with path.open("rb") as file:
        if not file.read(6).startswith((b"PK", b"\x93NUMPY")):  # numpy would take it for pickled objects
            raise ValueError("it is no archive of arrays")
        file.seek(0)
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.ndarray):
            raise ValueError("it holds one array without a name")
        with found:
            yield found


def read_arrays(path: Path, where: str = "") -> dict[str, Array]:
    """All arrays of an .npz file by name; raises BadInput for a file that is none, or is damaged."""
    try:
        with opened(path) as archive:
            return {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        raise BadInput(
            f"{path} is not an .npz file of plain arrays: {error}",
            where=where,
            do="use numpy.savez(file, input_name=array)",
        ) from error


def as_type(value: Array, dtype: np.dtype[Any]) -> Array | None:
    """`value` in the element type that a graph declares; None where that would change its kind.

    numpy files know no bfloat16, float8 or int4: such arrays come back as raw bytes, and are taken for what they were.
    """
    if value.dtype == dtype:
        return value
    if value.dtype.kind == "V" and value.dtype.names is None and value.dtype.name.startswith("void"):
        return value.view(dtype) if value.dtype.itemsize == dtype.itemsize else None
    return value.astype(dtype, copy=False) if np.can_cast(value.dtype, dtype, "same_kind") else None
