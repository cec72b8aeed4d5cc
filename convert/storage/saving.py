"""Write a model, its weights copied from file to file: whole or not at all, and no link to what it was made from."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.errors import BadInput
from trtconv.passes.core.external import Slot, embed, is_external, is_within, location_of
from trtconv.passes.core.types import data_size
from trtconv.storage import wire
from trtconv.storage.files import external_tensors, place_of, writing, written_whole

if TYPE_CHECKING:
    from typing import BinaryIO

    from onnx import GraphProto, ModelProto, TensorProto

    from trtconv.storage.wire import Piece

PROTOBUF_LIMIT = 2**31 - 1
"""Bytes that one protobuf message may have; larger models keep their weights in external files."""
STREAMED_FROM = 1 << 26
"""Bytes of weights from which they are written one by one, rather than serialised all at once."""
ALIGNMENT = 1 << 12
"""Weights in an external file begin at multiples of it, so that runtimes can map them."""
MOST_AT_ONCE, BLOCK = 1 << 30, 1 << 24
"""Bytes copied in one call by the kernel, and through memory."""


def save_model(model: ModelProto, path: str | os.PathLike[str], source: str | os.PathLike[str] | None = None) -> None:
    """Write `model` to `path`, whole or not at all.

    `source` is the file that the model came from: weights in it are copied into the output. Weights in external files
    are referred to where both models lie in one folder, and copied beside the output otherwise, as they are where a
    file is a link, which most readers refuse. Raises BadInput where the output cannot be written.
    """
    path = Path(path)
    if source is not None and path.exists() and path.samefile(source):
        raise BadInput(f"{path} is the input, which is never changed", do="choose another output with -o")
    with writing(path):
        content = _content_of_small(model)
        if content is None:
            _save_thin(_Thin.of(model, path, Path(source) if source is not None else None), path)
        else:
            with written_whole(path) as temporary:
                temporary.write_bytes(content)


def whole(model: ModelProto, source: Path) -> ModelProto:
    """`model` with the weights that are still in its file `source`; itself where there are none.

    Raises BadInput where the file is gone.
    """
    if not any(is_within(tensor, str(source)) for tensor in external_tensors(model.graph)):
        return model
    out = type(model)()
    out.CopyFrom(model)
    for tensor in external_tensors(out.graph):
        if is_within(tensor, str(source)):
            embed(tensor, place_of(tensor, source))
    return out


def _content_of_small(model: ModelProto) -> bytes | None:
    """The serialised model where it has no external data and is small enough to be held twice."""
    weights = 0
    for tensor in model.graph.initializer:
        if is_external(tensor):
            return None
        weights += data_size(tensor)
    if weights >= STREAMED_FROM:
        return None
    content = bytes(model.SerializeToString())
    return None if b"location" in content and any(True for _ in external_tensors(model.graph)) else content


# --- a model without its weights -----------------------------------------------------------------


@dataclass
class _Thin:
    """A model whose large weights are left to be put in, and the files that go along with it."""

    model: ModelProto
    weights: list[Piece] = field(default_factory=list)
    copies: dict[Path, str] = field(default_factory=dict)
    """Weight files that are copied beside the output, and what they are called there."""
    data: str = ""
    """Name of the file that takes the weights of a model which is too large for one file."""

    @classmethod
    def of(cls, model: ModelProto, path: Path, source: Path | None) -> _Thin:
        thin = cls(_without_initializers(model))
        for tensor in model.graph.initializer:
            thin._add(tensor)
        referred = {location_of(tensor) for tensor in external_tensors(thin.model.graph)}
        if source is not None:
            thin._place(path, source, referred)
        thin.data = _free(f"{path.name}.data", referred | set(thin.copies.values()))
        return thin

    def _add(self, tensor: TensorProto) -> None:
        if not tensor.HasField("raw_data") or data_size(tensor) < wire.OUTSIDE_FROM:
            self.model.graph.initializer.append(tensor)
            return
        light = self.model.graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        if tensor.HasField("doc_string"):
            light.doc_string = tensor.doc_string
        light.metadata_props.extend(tensor.metadata_props)
        wire.mark(light, len(self.weights))
        self.weights.append(wire.Held(tensor))

    def _place(self, path: Path, source: Path, referred: set[str]) -> None:
        """Say of each external tensor where the output finds it: in itself, in the same file, or in a copy."""
        beside = source.parent.resolve() == path.parent.resolve()
        for tensor in external_tensors(self.model.graph):
            if location_of(tensor) == wire.MARK:
                continue
            slot = place_of(tensor, source)
            if is_within(tensor, str(source)):
                wire.mark(tensor, len(self.weights))
                self.weights.append(slot)
            elif not beside or _is_link(slot.path, path.parent):
                if slot.path not in self.copies:
                    taken = referred | set(self.copies.values())
                    self.copies[slot.path] = _free(f"{path.name}.{slot.path.name}", taken)
                wire.refer(tensor, self.copies[slot.path], slot.offset, slot.length)

    def move_out(self, file: BinaryIO) -> None:
        """Write the weights to `file`, the external file."""
        for tensor in external_tensors(self.model.graph):
            if location_of(tensor) == wire.MARK:
                piece = self.weights[int(next(e.value for e in tensor.external_data if e.key == "offset"))]
                file.write(bytes(-file.tell() % ALIGNMENT))
                offset = file.tell()
                _write(piece, file)
                wire.refer(tensor, self.data, offset, wire.size_of(piece))


def _save_thin(thin: _Thin, path: Path) -> None:
    """Write all files of the model; none takes its name before all are written, and the model is the last."""
    with ExitStack() as stack:

        def opened(name: str) -> BinaryIO:
            return stack.enter_context(stack.enter_context(written_whole(path.with_name(name))).open("wb"))

        target = opened(path.name)
        for original, name in thin.copies.items():
            _copy(original, 0, original.stat().st_size, opened(name))
        pieces = wire.with_weights(thin.model.SerializeToString(), thin.weights)
        if sum(map(wire.size_of, pieces)) > PROTOBUF_LIMIT:
            thin.move_out(opened(thin.data))
            pieces = [thin.model.SerializeToString()]
        for piece in pieces:
            _write(piece, target)


def _free(name: str, taken: set[str]) -> str:
    """`name`, or `name.1`, `name.2`, ... where it is taken."""
    candidates = (name, *(f"{name}.{number}" for number in range(1, len(taken) + 1)))
    return next(one for one in candidates if one not in taken)


def _is_link(file: Path, folder: Path) -> bool:
    """Whether `file` is what onnx and ONNX Runtime refuse: a symbolic link, one out of `folder`, a hard link."""
    return file.is_symlink() or not file.resolve().is_relative_to(folder.resolve()) or file.stat().st_nlink > 1


def _without_initializers(model: ModelProto) -> ModelProto:
    """A copy of everything but the weights, which are too large to copy."""
    out, graph = type(model)(), type(model.graph)()
    for descriptor, value in model.ListFields():
        if descriptor.name != "graph":
            _set(out, descriptor.name, value)
    for descriptor, value in model.graph.ListFields():
        if descriptor.name != "initializer":
            _set(graph, descriptor.name, value)
    out.graph.MergeFrom(graph)
    return out


def _set(message: ModelProto | GraphProto, name: str, value: object) -> None:
    current = getattr(message, name)
    if hasattr(current, "extend"):
        current.extend(value)
    elif hasattr(current, "CopyFrom"):
        current.CopyFrom(value)
    else:
        setattr(message, name, value)


# --- copying -------------------------------------------------------------------------------------


def _write(piece: Piece, file: BinaryIO) -> None:
    if isinstance(piece, Slot):
        _copy(*piece, file)
    else:
        file.write(piece.tensor.raw_data if isinstance(piece, wire.Held) else piece)


def _copy(source: Path, offset: int, length: int, file: BinaryIO) -> None:
    """Append a stretch of the file `source` to `file`: by the kernel, which shares blocks where the file system can.

    Never by a hard link: writing to the output would change the input.
    """
    file.flush()
    with _opened(source) as original:
        while length:
            done = _copy_some(original.fileno(), offset, length, file.fileno())
            if not done:
                raise BadInput(f"{source} is shorter than it was when it was read", do="run it again")
            offset, length = offset + done, length - done
    file.seek(0, os.SEEK_END)


def _copy_some(source: int, offset: int, length: int, target: int) -> int:
    """Bytes that were appended to the file `target`."""
    with suppress(AttributeError, OSError):  # not on this system, or not between these two file systems
        return os.copy_file_range(source, target, min(length, MOST_AT_ONCE), offset)
    return os.write(target, os.pread(source, min(length, BLOCK), offset))


def _opened(source: Path) -> BinaryIO:
    try:
        return source.open("rb")
    except OSError as error:
        raise BadInput(f"cannot read {source}: {error.strerror}", do="run it again once the file is back") from error
