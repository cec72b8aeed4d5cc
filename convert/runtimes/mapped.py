"""Weights in files, as ONNX Runtime takes them: the files themselves where it can read them, else mapped arrays.

What it reads by itself it does not copy: opening 2.7 GB of weights that are transposed first takes 3.0 GB, and 8.2 GB
where they are handed over as arrays. It refuses files that are links, as those of download caches are, and knows
nothing of weights inside a model's own file. Where each tensor lies is `trtconv.passes.core.external`'s word, which no
link leads out of the model's folder.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from trtconv.passes.core.external import PACKED, embed, is_external, is_within, locate, location_of, read
from trtconv.storage.files import external_tensors

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

    from trtconv.passes.core.external import Slot

ALIGNED = 8
"""Bytes of the largest element: where data lie at odd places, they are not read in place."""


def readable_folder(proto: ModelProto, file: str) -> str:
    """The folder from which ONNX Runtime can read all weights of `proto` by itself; empty where there is none.

    `file` is the model's own. Raises ExternalDataError for weights that cannot be read.
    """
    folder = os.path.realpath(os.path.dirname(file))
    kept = {id(tensor) for tensor in proto.graph.initializer}
    for tensor in external_tensors(proto.graph):
        slot = _place(tensor, file)
        is_plain = tensor.data_type not in PACKED and slot.offset % ALIGNED == 0 and id(tensor) in kept
        is_link = os.path.realpath(slot.path) != os.path.join(folder, os.path.normpath(location_of(tensor)))
        if not is_plain or is_link or is_within(tensor, file):
            return ""
    return folder


def without_files(proto: ModelProto, file: str) -> tuple[ModelProto, dict[str, Any]]:
    """`proto` as ONNX Runtime takes it without looking into a file, and the OrtValues of its weights by name.

    `file` is the model's own. `proto` is not changed. Raises ExternalDataError for weights that cannot be read.
    """
    out = type(proto)()
    out.CopyFrom(proto)
    kept = [t for t in out.graph.initializer if is_external(t) and t.data_type not in PACKED]
    values = {tensor.name: _value(tensor, file) for tensor in kept}
    for tensor in external_tensors(out.graph):
        if tensor.name not in values:
            embed(tensor, _place(tensor, file))
    return out, values


def with_weights(proto: ModelProto, file: str) -> ModelProto:
    """A copy of `proto` that needs no files. Raises ExternalDataError for weights that cannot be read."""
    out = type(proto)()
    out.CopyFrom(proto)
    for tensor in external_tensors(out.graph):
        embed(tensor, _place(tensor, file))
    return out


def _value(tensor: TensorProto, file: str) -> Any:
    from onnxruntime import OrtValue

    array = read(tensor, _place(tensor, file))
    if array.dtype.kind != "V":
        return OrtValue.ortvalue_from_numpy(array)
    plain = array.view(f"u{array.dtype.itemsize}")  # bfloat16 and the kinds of float8, which numpy does not have
    return OrtValue.ortvalue_from_numpy_with_onnx_type(plain, tensor.data_type)


def _place(tensor: TensorProto, file: str) -> Slot:
    return locate(tensor, os.path.dirname(file), file)
