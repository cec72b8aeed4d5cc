"""Read Paddle's ``.pdparams``: a pickle, of which nothing but arrays and plain containers is accepted."""

from __future__ import annotations

import collections
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from trtconv.errors import BadInput

NAMES = "StructuredToParameterName@@"  # Paddle's own table beside the tensors


def read(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a ``.pdparams`` file under Paddle's names.

    Raises:
        BadInput: the file is missing, damaged, or wants anything but arrays and containers.
    """
    try:
        with Path(path).open("rb") as file:
            values = _Arrays(file).load()
    except pickle.UnpicklingError as error:
        raise BadInput(
            f"not a .pdparams file of plain arrays: {error}",
            where=str(path),
            do="save it with paddle.save(model.state_dict(), path)",
        ) from error
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # a damaged pickle fails in as many ways as there are opcodes
        raise BadInput(f"the .pdparams file is damaged: {type(error).__name__}: {error}", where=str(path)) from error
    if not isinstance(values, Mapping):
        raise BadInput(f"the file holds a {type(values).__name__}, not a dict", where=str(path))
    return dict(_tensors(values, str(path)))


def to_torch(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """PyTorch's names for BatchNorm's statistics, and linear weights as (out, in) instead of (in, out)."""
    renamed = {}
    for key, tensor in tensors.items():
        stem, _, leaf = key.rpartition(".")
        leaf = {"_mean": "running_mean", "_variance": "running_var"}.get(leaf, leaf)
        renamed[f"{stem}.{leaf}"] = tensor.T.contiguous() if tensor.ndim == 2 else tensor
    return renamed


def _tensors(values: Mapping[object, object], path: str) -> Iterator[tuple[str, torch.Tensor]]:
    for key, value in values.items():
        if key == NAMES:
            continue
        array = value[1] if isinstance(value, tuple) and len(value) == 2 else value  # (name, array)
        if not isinstance(key, str) or not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            raise BadInput(f"{key!r} is no array of numbers but a {type(array).__name__}", where=path)
        yield key, torch.from_numpy(array.copy())


class _Arrays(pickle.Unpickler):
    """Knows the handful of names that a pickle of NumPy arrays mentions, and no other."""

    def find_class(self, module: str, name: str) -> object:
        """What stands for the name.

        Raises:
            pickle.UnpicklingError: the name is none of those; nothing is imported.
        """
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}")
        return _ALLOWED[module, name]


def _array(kind: type, shape: tuple[int, ...], code: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    """An empty array whose state the pickle fills in."""
    if kind is not np.ndarray or shape != (0,):
        raise pickle.UnpicklingError(f"it wants an array of {kind!r} and shape {shape}")
    return np.ndarray((0,), np.int8)


def _encode(text: str, encoding: str) -> bytes:
    """How protocol 2 spells bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it wants bytes as {encoding}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "tuple"): tuple,
    ("__builtin__", "tuple"): tuple,
}
