"""Open ONNX files, saying what is wrong with one, and write files that appear whole or not at all."""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.errors import BadInput, TrtconvError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto

    from trtconv.passes.core.external import Slot

MAPPED_FROM = 1 << 26
"""Bytes from which a file is mapped rather than read: its large weights stay where they are."""


FileState = tuple[int, int]
"""Size in bytes and time of the last change in ns: another one says that a file was written to."""


def state_of_large(path: str | os.PathLike[str]) -> FileState | None:
    """State of a file that `open_model` leaves weights in; None for a smaller one, or where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if found.st_size >= MAPPED_FROM else None


def open_model(path: str | os.PathLike[str]) -> ModelProto:
    """Parse the ONNX file at `path`; weights in external files stay where they are, checked but not read.

    So do the large weights of a large file: they are external data in that file itself. Raises BadInput for what is
    missing, empty, no ONNX or truncated, and for external data that is missing, too short or outside the folder.
    """
    path = Path(path)
    content = _content(path)
    model = _parsed(path, content)
    if b"location" in content:
        _check_external(model, path)
    return model


def _content(path: Path) -> bytes:
    """The bytes of the file, without those of large weights where there are many."""
    from trtconv.storage.wire import Malformed, without_weights

    if path.is_dir():
        from trtconv.storage.recognising import recognise_folder

        folder = recognise_folder(path)
        raise BadInput(f"{path} is {folder.what}", do=folder.do)
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < MAPPED_FROM:
                content = file.read()
            else:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    content = without_weights(mapped, path.name)
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}", do=_nearby(path)) from None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except Malformed as error:
        raise _not_onnx(path) from error
    if not content:
        raise BadInput(f"{path} is empty", do="export or copy the model again")
    return content


def _nearby(path: Path) -> str:
    folder = path.parent
    models = sorted(p.name for p in folder.glob("*.onnx"))[:5] if folder.is_dir() else []
    return f"there are: {', '.join(models)}" if models else "give the path of an ONNX model"


def _parsed(path: Path, content: bytes) -> ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise _not_onnx(path) from error
    if not model.ir_version or not model.HasField("graph"):
        raise _not_onnx(path)
    if not model.graph.node and not model.graph.output:
        raise BadInput(f"{path} holds no graph", do="export or copy the model again")
    return model


def _not_onnx(path: Path) -> BadInput:
    """What the file seems to be instead."""
    from trtconv.storage.recognising import recognise

    found = recognise(path)
    return BadInput(f"{path} is {found.what}", do=found.do)


def external_tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Every tensor of `graph` and its subgraphs whose data lies in another file."""
    from trtconv.passes.core.external import is_external

    yield from (t for t in graph.initializer if is_external(t))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and is_external(attribute.t):
                yield attribute.t
            if attribute.HasField("g"):
                yield from external_tensors(attribute.g)


def _check_external(model: ModelProto, path: Path) -> None:
    for tensor in external_tensors(model.graph):
        place_of(tensor, path)


def place_of(tensor: TensorProto, model_file: Path) -> Slot:
    """Where the data of an external tensor of the model in `model_file` lies. Raises BadInput."""
    from trtconv.passes.core.external import ExternalDataError, locate

    try:
        return locate(tensor, str(model_file.parent), str(model_file))
    except (ExternalDataError, ValueError, OSError) as error:
        raise BadInput(str(error), where=str(model_file), do=_reunite(model_file, tensor)) from error


def _reunite(model_file: Path, tensor: TensorProto) -> str:
    """How the weights of a model get to where it looks for them."""
    from trtconv.passes.core.external import location_of
    from trtconv.storage.recognising import LFS_POINTER

    weights = model_file.parent / location_of(tensor)
    if not weights.resolve().is_relative_to(model_file.parent.resolve()):
        return "keep the weight files of a model in its own folder"
    try:
        with weights.open("rb") as file:
            is_pointer = file.read(len(LFS_POINTER)) == LFS_POINTER
    except (OSError, ValueError):
        is_pointer = False
    if is_pointer:
        return f"{weights.name} is a Git LFS pointer, and the weights were never fetched: git lfs pull"
    return "keep the model together with its weight files, in one folder"


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all. Raises BadInput where it cannot be written."""
    with writing(path), written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses while `path` is written into an error that names path and reason."""
    if path.exists() and not path.is_file():
        raise BadInput(f"{path} is no regular file", do="write elsewhere with -o")
    if not path.parent.is_dir():
        raise BadInput(f"there is no folder {path.parent} to write {path.name} into", do="create it, or choose another")
    try:
        yield
    except TrtconvError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise BadInput(
            f"cannot write {path}: {error.strerror}",
            do="free some space, or write elsewhere with -o" if full else "write elsewhere with -o",
        ) from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its name when the block ends well, and vanishes otherwise.

    A symbolic link stays one: what it leads to is written.
    """
    path = path.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
