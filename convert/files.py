"""Open and save ONNX files: what can be wrong with a file, external data, output that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.errors import BadInput, TrtconvError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto

PROTOBUF_LIMIT = 2**31 - 1
"""Bytes that one protobuf message may have; larger models keep their weights in external files."""
EXTERNAL_FROM = 1 << 16
"""Bytes from which a tensor is moved to the external file when a model outgrows PROTOBUF_LIMIT."""


def open_model(path: str | os.PathLike[str]) -> ModelProto:
    """Parse the ONNX file at `path`; weights in external files stay where they are, checked but not read.

    Raises BadInput for what is missing, empty, no ONNX or truncated, and for external data that is missing,
    too short or outside the model's folder.
    """
    path = Path(path)
    model = _parsed(path, _content(path))
    _check_external(model, path)
    return model


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise BadInput(f"{path} is a folder", do="name an .onnx file in it")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}", do=_nearby(path)) from None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
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
        raise _not_onnx(path, content) from error
    if not model.ir_version or not model.HasField("graph"):
        raise _not_onnx(path, content)
    if not model.graph.node and not model.graph.output:
        raise BadInput(f"{path} holds no graph", do="export or copy the model again")
    return model


def _not_onnx(path: Path, content: bytes) -> BadInput:
    """What the file seems to be instead."""
    if content[:2] == b"PK" or content[:2] == b"\x80\x02" or path.suffix in (".pth", ".pt"):
        return BadInput(
            f"{path} is a PyTorch checkpoint, not an ONNX model",
            do="export it first: torch.onnx.export(...), or `trtconv models export`",
        )
    if content[:1] in b"{<":
        return BadInput(f"{path} is text, not a binary ONNX model", do="give the .onnx file")
    if path.suffix == ".onnx":
        return BadInput(f"{path} is truncated or damaged: its protobuf does not parse", do="copy or export it again")
    return BadInput(f"{path} is not an ONNX model", do="give the .onnx file")


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
    from trtconv.passes.core.external import ExternalDataError, locate

    for tensor in external_tensors(model.graph):
        try:
            locate(tensor, str(path.parent), str(path))
        except (ExternalDataError, ValueError, OSError) as error:
            raise BadInput(
                str(error), where=str(path), do="keep the model together with its weight files, in one folder"
            ) from error


def save_model(model: ModelProto, path: str | os.PathLike[str], source: str | os.PathLike[str] | None = None) -> None:
    """Write `model` to `path`, whole or not at all.

    `source` is the file that the model came from: its external weights are referred to where both lie in one
    folder, and copied beside the output otherwise. Raises BadInput where the output cannot be written.
    """
    path = Path(path)
    if source is not None and path.exists() and path.samefile(source):
        raise BadInput(f"{path} is the input, which is never changed", do="choose another output with -o")
    with writing(path):
        if source is not None and Path(source).resolve().parent != path.resolve().parent:
            model = _bring_weights(model, path, Path(source))
        if model.ByteSize() > PROTOBUF_LIMIT:
            model = _move_weights_out(model, path)
        with written_whole(path) as temporary:
            temporary.write_bytes(model.SerializeToString())


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all. Raises BadInput where it cannot be written."""
    with writing(path), written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _bring_weights(model: ModelProto, path: Path, source: Path) -> ModelProto:
    """A copy of `model` that refers to copies of its weight files beside `path`."""
    from trtconv.passes.core.external import locate

    if not any(True for _ in external_tensors(model.graph)):
        return model
    out = type(model)()
    out.CopyFrom(model)
    copied: dict[Path, str] = {}
    for tensor in external_tensors(out.graph):
        original = locate(tensor, str(source.parent), str(source)).path
        if original not in copied:
            copied[original] = f"{path.name}.{original.name}"
            with written_whole(path.with_name(copied[original])) as temporary:
                shutil.copyfile(original, temporary)
        next(e for e in tensor.external_data if e.key == "location").value = copied[original]
    return out


def _move_weights_out(model: ModelProto, path: Path) -> ModelProto:
    """A model whose large tensors lie in one file beside `path`, since a protobuf message may not pass 2 GiB."""
    name = f"{path.name}.data"
    tensors = list(model.graph.initializer)
    out = _without_initializers(model)
    with written_whole(path.with_name(name)) as temporary, temporary.open("wb") as file:
        for tensor in tensors:
            if len(tensor.raw_data) < EXTERNAL_FROM:
                out.graph.initializer.append(tensor)
            else:
                _refer(out.graph.initializer.add(), tensor, name, file.tell(), file.write(tensor.raw_data))
    return out


def _without_initializers(model: ModelProto) -> ModelProto:
    """A copy of everything but the weights, which are too large to copy."""
    out, graph = type(model)(), type(model.graph)()
    for field, value in model.ListFields():
        if field.name != "graph":
            _set(out, field.name, value)
    for field, value in model.graph.ListFields():
        if field.name != "initializer":
            _set(graph, field.name, value)
    out.graph.MergeFrom(graph)
    return out


def _set(message: ModelProto | GraphProto, field: str, value: object) -> None:
    current = getattr(message, field)
    if hasattr(current, "extend"):
        current.extend(value)
    elif hasattr(current, "CopyFrom"):
        current.CopyFrom(value)
    else:
        setattr(message, field, value)


def _refer(out: TensorProto, tensor: TensorProto, location: str, offset: int, length: int) -> None:
    """Let `out` be `tensor` with its data at `offset` of the file `location`."""
    out.name, out.data_type, out.data_location = tensor.name, tensor.data_type, type(tensor).EXTERNAL
    out.dims.extend(tensor.dims)
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        out.external_data.add(key=key, value=str(value))


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
