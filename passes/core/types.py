"""Element types and shapes of tensors, and how they stand in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from onnx import TensorProto, TypeProto, ValueInfoProto, helper

Dim = int | str | None
"""A dimension: known, named (`dim_param`), or unknown."""


class TensorType(NamedTuple):
    """Element type (`onnx.TensorProto.DataType`) and shape; `shape` is None when not even the rank is known."""

    dtype: int
    shape: tuple[Dim, ...] | None

    @property
    def rank(self) -> int | None:
        """Number of dimensions, or None."""
        return None if self.shape is None else len(self.shape)

    @property
    def is_static(self) -> bool:
        """Whether every dimension is a number."""
        return self.shape is not None and all(isinstance(d, int) for d in self.shape)

    def refined(self, sizes: tuple[Dim, ...] | None) -> TensorType:
        """With the numbers and names that `sizes` has and this has not."""
        if sizes is None or (self.shape is not None and len(self.shape) != len(sizes)):
            return self
        pairs = zip(self.shape or (None,) * len(sizes), sizes, strict=True)
        return TensorType(self.dtype, tuple(d if isinstance(d, int) or size is None else size for d, size in pairs))


class Types:
    """Types by tensor, read from the protos of shape inference when first asked for: most never are."""

    def __init__(self, protos: dict[str, TypeProto] | None = None) -> None:
        self._sizes: Sizes | None = None
        self._spares_inference = False
        self._told: dict[str, tuple[Dim, ...] | None] = {}
        self._protos = protos or {}
        self._known: dict[str, TensorType] = {}

    def learn(self, sizes: Sizes | None, spares_inference: bool) -> None:
        """Let `sizes` say more of each type, of those that were asked for before, too."""
        self._sizes, self._spares_inference, self._told = sizes, spares_inference, {}
        self._known = {tensor: self._refined(tensor, found) for tensor, found in self._known.items()}

    def learn_like(self, other: Types) -> None:
        """Learn what `other` has learnt."""
        self.learn(other._sizes, other._spares_inference)

    def told(self, tensor: str) -> tuple[Dim, ...] | None:
        """All dimensions of `tensor`, where they are numbers and names that are known without inference."""
        if self._sizes is None or not self._spares_inference:
            return None
        if tensor not in self._told:
            sizes = self._sizes(tensor)
            self._told[tensor] = None if sizes is None or None in sizes else sizes
        return self._told[tensor]

    def _refined(self, tensor: str, found: TensorType) -> TensorType:
        return found if self._sizes is None or found.is_static else found.refined(self._sizes(tensor))

    def get(self, tensor: str) -> TensorType | None:
        """Type of `tensor`; None where it is unknown, or no tensor's."""
        found = self._known.get(tensor)
        if found is None and tensor in self._protos:
            found = tensor_type(self._protos.pop(tensor))
            if found is not None:
                found = self._known[tensor] = self._refined(tensor, found)
        return found

    def __setitem__(self, tensor: str, found: TensorType) -> None:
        self._known[tensor] = found

    def __contains__(self, tensor: str) -> bool:
        return self.get(tensor) is not None

    def forget(self, tensor: str) -> None:
        """Drop what is known of `tensor`."""
        self._known.pop(tensor, None)
        self._protos.pop(tensor, None)

    def copy(self) -> Types:
        """The same types, to change by themselves."""
        other = Types(dict(self._protos))
        other._known = dict(self._known)
        other.learn_like(self)
        return other

    def items(self) -> Iterator[tuple[str, TensorType]]:
        """Every tensor with its type."""
        for tensor in list(self._protos):
            self.get(tensor)
        yield from list(self._known.items())


Sizes = Callable[[str], tuple[Dim, ...] | None]
"""What folding knows of the dimensions of a tensor; None where it knows nothing."""


def data_size(tensor: TensorProto) -> int:
    """Bytes that the data of `tensor` takes, told from its dimensions."""
    count = 1
    for dim in tensor.dims:
        count *= dim
    if tensor.data_type == TensorProto.STRING:
        return count * 16
    return int(count * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def tensor_type(proto: TypeProto) -> TensorType | None:
    """TensorType of a TypeProto; None for sequences, optionals and missing types."""
    if proto.WhichOneof("value") != "tensor_type" or not proto.tensor_type.elem_type:
        return None
    tensor = proto.tensor_type
    if not tensor.HasField("shape"):
        return TensorType(tensor.elem_type, None)
    shape = tuple(d.dim_value if d.HasField("dim_value") else (d.dim_param or None) for d in tensor.shape.dim)
    return TensorType(tensor.elem_type, shape)


def type_proto(found: TensorType) -> TypeProto:
    """TypeProto of a TensorType."""
    return helper.make_tensor_type_proto(found.dtype, found.shape)


def value_info(name: str, found: TensorType | None) -> ValueInfoProto:
    """ValueInfoProto of a tensor; without a type where none is known."""
    if found is None:
        return ValueInfoProto(name=name)
    return helper.make_tensor_value_info(name, found.dtype, found.shape)
