"""The values that the graphs of an edit are run on: random ones, and those that operators treat in their own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto

from trtconv.feeding.guessing import is_free, kind_of
from trtconv.feeding.inputs import seeded_case
from trtconv.feeding.roles import role_of

if TYPE_CHECKING:
    from trtconv.feeding.cases import ShapesGiven
    from trtconv.passes.core import Graph, TensorType
    from trtconv.passes.core.types import Dim
    from trtconv.runtimes.running import Array, Feed

    Types = Mapping[str, TensorType]
    Shapes = dict[str, tuple[int, ...]]

Sizes = tuple[tuple[str, dict[str, int]], ...]

EVEN = {"batch": 2, "side": 14, "length": 12}
SIZES: Sizes = (
    ("random", EVEN),
    ("ugly", EVEN),
    ("special", EVEN),
    ("largest", EVEN),
    ("odd and ugly", {"batch": 3, "side": 17, "length": 7}),
    ("size 1", {"batch": 1, "side": 1, "length": 1}),
    ("empty", {"batch": 0, "side": 16, "length": 8}),
)
"""Cases, and the sizes of dynamic dimensions in each. Without dynamic dimensions only the first four differ."""

LARGE_SIZES: Sizes = (("large", {"batch": 2, "side": 72, "length": 64}),)
"""For what does not run on small inputs."""

UGLY = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, 3.0, -3.0, 6.0, -6.0, 1e-7)
"""Zeros, ones, halves (which rounding ties at) and the corners of hard activations; drawn often, so that order ties."""

SIGNED = frozenset({TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64})
UGLY_INTEGERS = (0, -1, 1, -7, 2)
"""Besides what `seeded_case` gives; for signed integers that are data, not sizes or indices."""

LIMITS = {  # largest finite value, smallest denormal
    TensorProto.FLOAT: (3.4028234e38, 1e-45),
    TensorProto.DOUBLE: (1.7976931348623157e308, 5e-324),
    TensorProto.FLOAT16: (65504.0, 6e-8),
    TensorProto.BFLOAT16: (3.3895314e38, 1e-40),
}

ORDERING = frozenset(("ArgMax", "ArgMin", "NonMaxSuppression", "ReduceMax", "ReduceMin", "TopK", "Unique"))
"""Operators that put values in order, among which the standard gives NaN no place."""
POOLS = frozenset({"GlobalMaxPool", "MaxPool", "MaxRoiPool"})
"""They do, too, and one of ONNX Runtime's kernels starts at the least finite number, which minus infinity is below."""
TO_INTEGERS = frozenset({"Cast", "CastLike", "DynamicQuantizeLinear", "QGemm", "QuantizeLinear"})
"""Operators that may make integers of floats: undefined for NaN, infinity and what is out of range. `QLinear...` do."""
PLACES = frozenset({"DeformConv", "GridSample", "RoiAlign"})
"""Operators that may make places in a picture of floats, which is as undefined."""
RECURRENCES = frozenset({"GRU", "LSTM", "RNN"})
"""ONNX Runtime clips what goes into their activations, so that NaN and infinity come out as some number."""

LARGE = 1 << 24
"""Multiplications in one cut from which on it is run on random values only."""


def sizes_of(graph: Graph, shapes: ShapesGiven | None) -> Sizes:
    """The usual cases, and one for min, opt and max of each profile in `shapes`: those sizes where an input's dimension
    has a name, by which the graph knows it inside, too. The empty one comes last: not every kernel survives it.

    Raises BadInput for shapes that contradict the graph.
    """
    from trtconv.profiles import profiles_for
    from trtconv.shapes import POINTS

    found: list[tuple[str, dict[str, int]]] = []
    for number, profile in enumerate(profiles_for(graph.inputs, shapes) if shapes else (), 1):
        for point in POINTS:
            pairs = [(t.shape, profile.at(point)[n]) for n, t in graph.inputs.items() if t and t.shape is not None]
            dims = {d: size for dims, shape in pairs for d, size in zip(dims, shape, strict=True)}
            named = {_named(d): size for d, size in dims.items() if isinstance(d, str)}
            found.append((f"profile {number} {point}", {**EVEN, **named}))
    *usual, empty = SIZES
    return (*usual, *found, empty)


def _named(dim: str) -> str:
    return f"dimension {dim}"


def samples(types: Types, graph: GraphProto, place: Graph, seed: int, chosen: Sizes) -> Iterator[tuple[str, Feed]]:
    """Each case of `chosen` that says something of its own: its name, and a value for each input of `graph`.

    `place` is the view of `graph`, which tells indices and sizes from data.
    """
    data = [n for n in types if role_of(n, place).kind == "data"]
    plain = [n for n in data if types[n].dtype in LIMITS]
    whole = [n for n in data if types[n].dtype in SIGNED]
    seen: list[Shapes] = []
    for name, sizes in chosen:
        shapes, special = sized(types, sizes), special_values(name, graph)
        if (shapes in seen and not ((plain or whole) and special)) or (seen and work(shapes, graph) > LARGE):
            continue
        seen.append(shapes)
        feed = seeded_case(place, name, shapes, seed).feed
        rng = np.random.default_rng(seed)
        if special:
            feed |= {n: _mixed(rng, feed[n], (*_limits(name, types[n].dtype), *special)) for n in plain}
        if special in (UGLY, UGLY[::-1]):
            feed |= {n: _mixed(rng, feed[n], UGLY_INTEGERS) for n in whole}
        yield name, feed


def special_values(case: str, graph: GraphProto) -> tuple[float, ...]:
    """The values that a case mixes in, as far as the operators of `graph` are defined on them; none for other cases."""
    if case in ("ugly", "odd and ugly"):
        return UGLY if case == "ugly" else UGLY[::-1]  # a small tensor has room for the first ones only
    if case not in ("special", "largest") or any(map(_is_undefined, graph.node)):
        return ()
    if case == "largest":
        return UGLY
    if any(node.op_type in POOLS for node in graph.node):
        return (np.inf, *UGLY)
    return (np.inf, -np.inf, *UGLY) if any(map(_orders, graph.node)) else (np.nan, np.inf, -np.inf, *UGLY)


def _is_undefined(node: NodeProto) -> bool:
    """Whether NaN, infinity and the largest numbers have no result that could be compared."""
    to = next((a.i for a in node.attribute if a.name == "to"), None)
    if node.op_type in PLACES | RECURRENCES or node.op_type.startswith("QLinear"):
        return True
    return node.op_type in TO_INTEGERS and to not in LIMITS


def _orders(node: NodeProto) -> bool:
    reduction = next((a.s for a in node.attribute if a.name == "reduction"), b"")
    return node.op_type in ORDERING or (node.op_type.startswith("Scatter") and reduction in (b"max", b"min"))


def _limits(case: str, dtype: int) -> tuple[float, ...]:
    """The ends of what an element type holds: the largest numbers where they are the case, else the smallest."""
    largest, smallest = LIMITS[TensorProto.DataType.ValueType(dtype)]
    ends = {"largest": (largest, -largest, largest / 2), "special": ()}
    return ends.get(case, (smallest, -smallest))


def _mixed(rng: np.random.Generator, values: Array, special: tuple[float, ...]) -> Array:
    """A third of the values replaced by special ones, again and again in turn; more where each would not come once."""
    count = min(values.size, max(len(special), values.size * 3 // 10))
    out = values.copy()
    out.reshape(-1)[rng.permutation(values.size)[:count]] = np.resize(np.array(special), count).astype(values.dtype)
    return out


def work(shapes: Mapping[str, tuple[int, ...]], graph: GraphProto) -> int:
    """Multiplications, were every weight used at every position."""
    positions = sum(int(np.prod(shape)) // max(1, shape[1] if len(shape) > 1 else 1) for shape in shapes.values())
    return positions * max(64, sum(int(np.prod(tensor.dims)) for tensor in graph.initializer))


def sized(types: Types, sizes: dict[str, int]) -> Shapes:
    """Shapes in which dimensions of one name have one size, and nameless ones that of their place."""
    chosen: dict[object, int] = {}
    shapes = {}
    for name, found in types.items():
        dims = found.shape or ()
        for axis, dim in enumerate(dims):
            if is_free(dim):
                made_up = sizes[kind_of(dim, axis, len(dims))]
                chosen.setdefault(_key(dim, axis, len(dims)), sizes.get(_named(str(dim)), made_up))
        shapes[name] = tuple(
            chosen[_key(d, axis, len(dims))] if is_free(d) else int(d or 0) for axis, d in enumerate(dims)
        )
    return shapes


def _key(dim: Dim, axis: int, rank: int) -> object:
    """Dimensions with the same key get the same size; without a name, counted from the right, as in broadcasting."""
    return dim if isinstance(dim, str) else rank - axis if axis else "batch"
