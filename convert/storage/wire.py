"""Large weights of a model on protobuf's wire: left in the file when it is read, copied from there when it is written.

Parsing a model holds its weights once more in memory, and serialising it twice more. Both can do without them: a
message is a list of fields that each say how long they are, so weights are cut out and put in as stretches of bytes.
The encoding: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence

from google.protobuf.message import Message
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

from trtconv.passes.core.external import Slot

Buffer = bytes | mmap.mmap

OUTSIDE_FROM = 1 << 16
"""Bytes from which the data of a tensor is left in the file."""
MARK = "\0to be put in"
"""Location of a tensor whose data is going to be put in; its offset is the number of its piece."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    """Bytes that are no protobuf message."""


class Held:
    """The raw data of a tensor in memory, which is copied only when it is written."""

    def __init__(self, tensor: TensorProto) -> None:
        self.tensor, self.length = tensor, len(tensor.raw_data)


Piece = bytes | memoryview | Slot | Held
"""A stretch of a message: its bytes, or where they are."""
Cutter = Callable[[memoryview, int, int], list[Piece] | None]


def _number(message: type[Message], field: str) -> int:
    return int(message.DESCRIPTOR.fields_by_name[field].number)


CHILDREN: dict[type[Message], dict[int, type[Message]]] = {
    ModelProto: {_number(ModelProto, "graph"): GraphProto},
    GraphProto: {_number(GraphProto, "initializer"): TensorProto, _number(GraphProto, "node"): NodeProto},
    NodeProto: {_number(NodeProto, "attribute"): AttributeProto},
    AttributeProto: {_number(AttributeProto, "t"): TensorProto, _number(AttributeProto, "g"): GraphProto},
}
"""Where weights are: the fields of each message that lead to them."""
RAW_DATA, DATA_LOCATION = _number(TensorProto, "raw_data"), _number(TensorProto, "data_location")


def without_weights(data: Buffer, location: str) -> bytes:
    """The ModelProto in `data` with large weights as external data: stretches of the file `location`, which `data` is.

    Raises Malformed.
    """

    def cut(view: memoryview, start: int, end: int) -> list[Piece] | None:
        fields = list(_fields(view, start, end))
        raw = next((f for f in fields if f[0] == RAW_DATA), None)
        if raw is None or raw[3] - raw[2] < OUTSIDE_FROM or any(f[0] == DATA_LOCATION for f in fields):
            return None
        return [view[start : raw[1]], view[raw[3] : end], _reference(location, raw[2], raw[3] - raw[2])]

    with memoryview(data) as view:
        pieces = _replaced(view, 0, len(view), ModelProto, lambda start, end: end - start >= OUTSIDE_FROM, cut)
        return b"".join(p for p in pieces or [view] if isinstance(p, (bytes, memoryview)))  # they all are


def with_weights(data: bytes, weights: Sequence[Piece]) -> list[Piece]:
    """The pieces of a file: the ModelProto in `data` with `weights` in place of the marked tensors' data."""

    def put(view: memoryview, start: int, end: int) -> list[Piece] | None:
        tensor = TensorProto.FromString(bytes(view[start:end]))
        entries = {e.key: e.value for e in tensor.external_data}
        if entries.get("location") != MARK:
            return None
        piece = weights[int(entries["offset"])]
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        return [tensor.SerializeToString(), _head(RAW_DATA, size_of(piece)), piece]

    mark = MARK.encode()
    view = memoryview(data)
    return _replaced(view, 0, len(data), ModelProto, lambda start, end: data.find(mark, start, end) >= 0, put) or [data]


def mark(tensor: TensorProto, number: int) -> None:
    """Leave the data of `tensor` to piece `number` of `with_weights`."""
    refer(tensor, MARK, number, 0)


def refer(tensor: TensorProto, location: str, offset: int, length: int) -> None:
    """Let the data of `tensor` be `length` bytes at `offset` of the file `location`."""
    tensor.ClearField("raw_data")
    tensor.ClearField("external_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(value))


def size_of(piece: Piece) -> int:
    """Bytes of a piece."""
    return len(piece) if isinstance(piece, (bytes, memoryview)) else piece.length


# --- fields --------------------------------------------------------------------------------------


def _replaced(
    view: memoryview, start: int, end: int, message: type[Message], is_worth: Callable[[int, int], bool], cutter: Cutter
) -> list[Piece] | None:
    """The message between `start` and `end` with each tensor replaced by what `cutter` makes of it.

    Only fields that `is_worth` says yes to are looked into. None where nothing was replaced.
    """
    pieces: list[Piece] = []
    kept = start
    for number, begin, inside, stop in _fields(view, start, end):
        child = CHILDREN[message].get(number)
        if child is None or not is_worth(inside, stop):
            continue
        if child is TensorProto:
            new = cutter(view, inside, stop)
        else:
            new = _replaced(view, inside, stop, child, is_worth, cutter)
        if new is not None:
            pieces += [view[kept:begin], _head(number, sum(map(size_of, new))), *new]
            kept = stop
    return [*pieces, view[kept:end]] if pieces else None


def _fields(view: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, begin, begin of the value, and end of each field."""
    begin = start
    while begin < end:
        key, inside = _varint(view, begin, end)
        kind = key & 7
        if kind == BYTES:
            length, inside = _varint(view, inside, end)
            stop = inside + length
        elif kind == VARINT:
            stop = _varint(view, inside, end)[1]
        elif kind in (FIXED64, FIXED32):
            stop = inside + (8 if kind == FIXED64 else 4)
        else:
            raise Malformed(f"a field at byte {begin} is of the unknown kind {kind}")
        if stop > end:
            raise Malformed(f"a field at byte {begin} ends behind its message")
        yield key >> 3, begin, inside, stop
        begin = stop


def _varint(view: memoryview, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = view[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
    raise Malformed(f"a number at byte {position} has no end")


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _head(number: int, length: int) -> bytes:
    """What comes before the bytes of a field."""
    return _encoded(number << 3 | BYTES) + _encoded(length)


def _reference(location: str, offset: int, length: int) -> bytes:
    """The fields of a TensorProto that say where its data is."""
    tensor = TensorProto()
    refer(tensor, location, offset, length)
    return bytes(tensor.SerializeToString())
