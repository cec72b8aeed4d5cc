"""What each graph input is for, told from the nodes that read it: data, indices into a table, masks, lengths, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from trtconv.passes.core import Graph, Node
    from trtconv.passes.core.types import Dim

Kind = Literal["data", "index", "position", "flag", "mask", "length", "size"]

Carriers = dict[str, tuple[int, ...] | None]

CARRIES: Carriers = {
    "Cast": (0,),
    "CastLike": (0,),
    "Concat": None,
    "Expand": (0,),
    "Flatten": (0,),
    "Gather": (0,),
    "GatherElements": (0,),
    "GatherND": (0,),
    "Identity": (0,),
    "Reshape": (0,),
    "Slice": (0,),
    "Split": (0,),
    "Squeeze": (0,),
    "Tile": (0,),
    "Transpose": (0,),
    "Unsqueeze": (0,),
}
"""Operators that hand the values of these inputs on (None: of all) without changing them."""

CARRIES_INTEGERS: Carriers = {"Clip": (0,), "Max": None, "Min": None, "Mul": None, "Where": (1, 2)}
"""The same for integers: masked, clipped and chosen ones stay inside what they index."""

INDEXES = {
    ("Gather", 1),
    ("GatherElements", 1),
    ("GatherND", 1),
    ("ScatterElements", 1),
    ("ScatterND", 1),
    ("RoiAlign", 2),
}
CONDITIONS = {("Where", 0), ("If", 0), ("Loop", 1), ("And", 0), ("And", 1), ("Or", 0), ("Or", 1), ("Not", 0)}
LENGTHS = {("LSTM", 4), ("GRU", 4), ("RNN", 4), ("ReverseSequence", 1)}
SIZES = {
    ("ConstantOfShape", 0),
    ("Expand", 1),
    ("Loop", 0),
    ("Pad", 1),
    ("Range", 0),
    ("Range", 1),
    ("Range", 2),
    ("Reshape", 1),
    ("Resize", 2),
    ("Resize", 3),
    ("Slice", 1),
    ("Slice", 2),
    ("Slice", 3),
    ("Slice", 4),
    ("Tile", 1),
    ("TopK", 1),
    ("Upsample", 1),
}


@dataclass(frozen=True)
class Role:
    """What an input is for. `bounds` are the sizes of what it counts into: the smallest one limits its values."""

    kind: Kind = "data"
    bounds: tuple[Dim, ...] = ()
    why: str = ""


def role_of(name: str, graph: Graph) -> Role:
    """The role of graph input `name`, from its readers; masks and positions go by their name, too."""
    found = graph.inputs.get(name)
    is_integer = found is not None and found.dtype in INTEGERS
    uses = list(_uses(name, graph, CARRIES | CARRIES_INTEGERS if is_integer else CARRIES))
    if re.search(r"mask(?!ed)", name.lower()) and (is_integer or _is_bool(name, graph)):
        return Role("mask", (), "a mask by its name")
    indexed = [(node, bounds) for node, index, scope in uses if (bounds := _bounds(node, index, scope)) is not None]
    if indexed:
        bounds = tuple(b for _, some in indexed for b in some)
        kind: Kind = "position" if is_integer and "position" in name.lower() else "index"
        return Role(kind, bounds, f"indexes into {indexed[0][0].input(0) or 'a one-hot table'}")
    lengths = [(node, scope) for node, index, scope in uses if (node.op_type, index) in LENGTHS]
    if lengths:
        return Role("length", tuple(_time_axis(*pair) for pair in lengths), f"lengths of {lengths[0][0].label}")
    if is_integer and (reader := _first(uses, SIZES)):
        return Role("size", (), f"sizes for {reader.label} ({reader.op_type})")
    if _is_bool(name, graph) or (is_integer and (_first(uses, CONDITIONS) or _is_complemented(uses, graph))):
        return Role("flag", (), "zeros and ones")
    return Role()


INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
"""`TensorProto.DataType` of the integers of 8 to 64 bits."""

Use = tuple["Node", int, "Graph"]


def _uses(tensor: str, graph: Graph, carriers: Carriers) -> Iterator[Use]:
    """Nodes that read the values of `tensor`, directly or through operators that hand them on, subgraphs included."""
    waiting, seen = [(tensor, graph)], {(tensor, id(graph))}
    while waiting:
        current, scope = waiting.pop()
        for node in scope.consumers(current):
            after = [(o, scope) for o in _carried(node, current, carriers)]
            after += [(current, inner) for inner in node.subgraphs.values()]
            yield from ((node, i, scope) for i, name in enumerate(node.inputs) if name == current)
            waiting += [pair for pair in after if (pair[0], id(pair[1])) not in seen]
            seen.update((name, id(where)) for name, where in after)


def _carried(node: Node, tensor: str, carriers: Carriers) -> list[str]:
    if node.domain or node.op_type not in carriers:
        return []
    positions = carriers[node.op_type]
    carries = positions is None or any(node.input(i) == tensor for i in positions)
    return [o for o in node.outputs if o] if carries else []


def _bounds(node: Node, index: int, graph: Graph) -> tuple[Dim, ...] | None:
    """Sizes that limit an index which `node` reads as input `index`; None where it is no index."""
    if node.domain:
        return None
    if (node.op_type, index) == ("OneHot", 0):
        depth = graph.constant(node.input(1))
        return (None if depth is None else int(depth.reshape(-1)[0]),)
    if (node.op_type, index) not in INDEXES:
        return None
    shape = graph.shape(node.input(0))
    if not shape:
        return (None,)
    if node.op_type.endswith("ND"):
        return shape
    return (shape[node.attr_int("axis", 0)],)


def _time_axis(node: Node, graph: Graph) -> Dim:
    shape = graph.shape(node.input(0))
    if not shape:
        return None
    if node.op_type == "ReverseSequence":
        return shape[node.attr_int("time_axis", 0)]
    return shape[1 if node.attr_int("layout", 0) else 0]


def _first(uses: list[Use], wanted: set[tuple[str, int]]) -> Node | None:
    return next((node for node, index, _ in uses if not node.domain and (node.op_type, index) in wanted), None)


def _is_bool(name: str, graph: Graph) -> bool:
    found = graph.inputs.get(name)
    return found is not None and found.dtype == 9


def _is_complemented(uses: list[Use], graph: Graph) -> bool:
    """Whether someone computes 1 - x, casts x to bool or asks x == 0, as attention masks are read."""
    for node, index, scope in uses:
        if node.op_type == "Cast" and node.attr_int("to", 0) == 9:
            return True
        other = node.input(1 - index) if index < 2 else ""
        value = scope.constant(other) if node.op_type in ("Sub", "Equal") and scope.is_constant(other) else None
        if value is not None and value.size == 1 and (node.op_type, float(value.reshape(-1)[0])) in COMPLEMENTS:
            return True
    return False


COMPLEMENTS = {("Sub", 1.0), ("Equal", 0.0)}
