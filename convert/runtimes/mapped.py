"""Weights in files, handed to ONNX Runtime as mapped arrays.

It refuses files that are links, as those of download caches are, and knows nothing of weights inside a model's own
file. Where each tensor lies is `trtconv.passes.core.external`'s word, which no link leads out of the model's folder.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from trtconv.passes.core.external import PACKED, embed, is_external, locate, read
from trtconv.storage.files import external_tensors

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

    from trtconv.passes.core.external import Slot


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
