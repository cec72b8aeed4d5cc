"""What a file that is no ONNX model is instead, by its first bytes, and how to get from it to one."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HEAD = 1024
"""Bytes of a file that are looked at."""

LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class Kind(NamedTuple):
    """What a file is, and what its owner can do about it."""

    what: str
    do: str


def _starts_with(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(marks)


def _has_at(offset: int, mark: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[offset:].startswith(mark)


def _is_page(head: bytes) -> bool:
    return head.lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _is_safetensors(head: bytes) -> bool:
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < HEAD - 3:  # else a character that the look cut through
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\r\n" for c in text)


_EXPORT = "export it first: torch.onnx.export(...), or `trtconv models export`"
_FROM_TENSORFLOW = "convert it with tf2onnx: https://github.com/onnx/tensorflow-onnx"
_AGAIN = "copy or export it again"
_ONNX = "give the .onnx file"

CHECKPOINT = Kind("a PyTorch checkpoint, not an ONNX model", _EXPORT)

_KINDS: tuple[tuple[Callable[[bytes], bool], Kind], ...] = (
    (
        _starts_with(LFS_POINTER),
        Kind("a Git LFS pointer: the model itself was never fetched", "git lfs pull --include='*.onnx'"),
    ),
    (_is_page, Kind("a web page, not the file that it shows", "download the file itself, by its raw or download link")),
    (_starts_with(b"<?xml", b"<net"), Kind("XML text, not a binary ONNX model", _ONNX)),
    (_starts_with(b"{", b"["), Kind("text, JSON by the look of it, not a binary ONNX model", _ONNX)),
    (_starts_with(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), CHECKPOINT),
    (_starts_with(b"\x89HDF\r\n"), Kind("an HDF5 file, as Keras writes them, not an ONNX model", _FROM_TENSORFLOW)),
    (_has_at(4, b"TFL3"), Kind("a TensorFlow Lite model, not an ONNX model", _FROM_TENSORFLOW)),
    (_has_at(4, b"ORTM"), Kind("a model in ONNX Runtime's own format", "give the .onnx file that it was made from")),
    (_has_at(1, b"trt\0"), Kind("a TensorRT engine", "give the ONNX model that it was built from")),
    (_starts_with(b"GGUF"), Kind("a GGUF file: weights without a graph", "export the network to ONNX instead")),
    (_is_safetensors, Kind("a safetensors file: weights without a graph", _EXPORT)),
    (_starts_with(b"\x93NUMPY"), Kind("a NumPy array, not an ONNX model", _ONNX)),
    (_starts_with(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"), Kind("compressed", "unpack it first")),
    (_has_at(257, b"ustar"), Kind("a tar archive", "unpack it first")),
    (_starts_with(b"\x89PNG", b"\xff\xd8\xff"), Kind("a picture", _ONNX)),
    (lambda head: not any(head), Kind("nothing but zeros, as a download that broke off leaves it", _AGAIN)),
    (_is_text, Kind("text, not a binary ONNX model", _ONNX)),
)

_SUFFIXES = {
    **dict.fromkeys((".pth", ".pt", ".ckpt", ".bin"), CHECKPOINT),
    ".pb": Kind("a TensorFlow graph, by its name", _FROM_TENSORFLOW),
    ".pdmodel": Kind("a Paddle model, by its name", "convert it with paddle2onnx"),
    ".mlmodel": Kind("a Core ML model, by its name", "export the network that it was made from to ONNX"),
    ".onnx": Kind("truncated or damaged: its protobuf does not parse", _AGAIN),
}


def recognise(path: Path) -> Kind:
    """What the file at `path`, which is no readable ONNX model, seems to be. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    found = (kind for is_it, kind in _KINDS if is_it(head))
    return next(found, _SUFFIXES.get(path.suffix.lower(), Kind("not an ONNX model", _ONNX)))


def _archive(path: Path) -> Kind:
    """What a zip archive holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        names = []
    models = [name for name in names if name.endswith(".onnx")]
    if models:
        return Kind("a zip archive, not an ONNX model", f"unpack it, and give {', '.join(models[:3])}")
    if not names or any(name.endswith(("data.pkl", "constants.pkl")) for name in names):
        return CHECKPOINT if names or path.suffix != ".onnx" else Kind("a damaged zip archive", _AGAIN)
    if "config.json" in names and "metadata.json" in names:
        return Kind("a Keras model, not an ONNX model", _FROM_TENSORFLOW)
    if all(name.endswith(".npy") for name in names):
        return Kind("NumPy arrays (.npz), not an ONNX model", _ONNX)
    return Kind("a zip archive without an ONNX model", _ONNX)


def recognise_folder(path: Path) -> Kind:
    """What the folder at `path`, given where a model was expected, seems to be."""
    if (path / "saved_model.pb").is_file():
        return Kind("a folder: a TensorFlow SavedModel", _FROM_TENSORFLOW)
    models = sorted(p.name for p in path.glob("*.onnx") if p.is_file())[:5]
    if models:
        return Kind("a folder", f"name a file in it: {', '.join(models)}")
    return Kind("a folder, without an .onnx file in it", "give the path of an ONNX model")
