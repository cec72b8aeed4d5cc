"""Both graphs of an edit as they can be run, and the cases that they are run on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnx import GraphProto, ModelProto, TensorProto, helper

from trtconv.evidence.samples import Sizes, samples
from trtconv.feeding.guessing import is_free
from trtconv.feeding.roles import INTEGERS
from trtconv.passes.core import Model, TensorType
from trtconv.passes.core.node import reads
from trtconv.passes.core.types import data_size, value_info

if TYPE_CHECKING:
    from trtconv.evidence.cutting import Cut, Half
    from trtconv.passes.core import Node
    from trtconv.runtimes.running import Feed

CONSTANT_LIMIT = 64 << 20
"""Bytes of constants of one cut; beyond it an edit is not checked."""
LARGE_SIDE = 16
"""Fixed height or width from which on an edit is tried on smaller images first."""


class NotCheckable(Exception):
    """Why an edit cannot be checked here."""


@dataclass
class Trial:
    """Both graphs of an edit over the same inputs, which `cases` feed."""

    before: GraphProto
    after: GraphProto
    cases: list[tuple[str, Feed]]
    is_shrunk: bool = False
    """Whether large fixed sizes were made smaller, which a rewrite need not take."""
    is_guessed: bool = False
    """Whether an input has sizes, or holds integers or constants, that the network computes in front: made-up ones may
    not fit."""
    declared: tuple[TensorType | None, ...] = ()
    """What is known of each output's type, where no size was made smaller."""

    @property
    def graphs(self) -> tuple[GraphProto, GraphProto]:
        """Before and after."""
        return self.before, self.after


def trial_of(cut: Cut, model: Model, seed: int, sizes: Sizes, *, shrink: bool = False) -> Trial:
    """Both graphs as they can be run, with `shrink` on small images instead of large ones. Raises NotCheckable."""
    if cut.lost:
        raise NotCheckable(f"nothing provides {cut.lost[0]!r} any more")
    if not cut.outputs:
        raise NotCheckable("what reads its outputs was rewritten along with it")
    cut = cut.typed()
    names = list(dict.fromkeys([*cut.before.inputs, *cut.after.inputs]))
    inside = next((name for name in names if name in cut.before.made or name in cut.after.made), None)
    if inside is not None:
        raise NotCheckable(f"{inside!r} is on one side of the boundary before and on the other one afterwards")
    known = {name: _known_type(name, cut) for name in names}
    types = {name: shrunk(found) for name, found in known.items()} if shrink else known
    before, after = (_graph(half, types) for half in (cut.before, cut.after))
    guessed = any(_is_guessed(name, found, model) or _is_settled(name, cut) for name, found in known.items())
    place = Model(wrapped(before, model), model.file).main
    cases = list(samples(types, before, place, seed, sizes))
    return Trial(before, after, cases, types != known, guessed, () if types != known else cut.declared)


def _is_guessed(name: str, found: TensorType, model: Model) -> bool:
    """Whether made-up sizes or integers for a tensor may be such as never arrive there."""
    inputs = model.main.inputs
    free = {d for t in inputs.values() if t for d in t.shape or () if isinstance(d, str)}
    computed = name not in inputs and (found.dtype in INTEGERS or found.dtype == TensorProto.BOOL)
    return computed or any(is_free(d) and d not in free for d in found.shape or ())


def _is_settled(name: str, cut: Cut) -> bool:
    """Whether a tensor comes from constants and sizes alone, so that what is made up may never arrive there."""
    return any(name in half.upstream and half.is_no_data(name) for half in (cut.before, cut.after))


def shrunk(found: TensorType) -> TensorType:
    """The type with large sizes of images left open, the same ones by the same name."""
    dims = found.shape or ()
    if len(dims) < 4:
        return found
    small = [f"={d}" if isinstance(d, int) and d > LARGE_SIDE else d for d in dims[2:]]
    return TensorType(found.dtype, (*dims[:2], *small))


def _known_type(name: str, cut: Cut) -> TensorType:
    found = cut.type(name)
    if found is None:
        raise NotCheckable(f"the type of {name!r} is not known")
    return found


def _graph(half: Half, types: dict[str, TensorType]) -> GraphProto:
    graph = GraphProto(name="cut")
    graph.node.extend(node.to_proto() for node in _sorted(half.nodes))
    used = {t for n in half.nodes for t in reads(n)} | set(half.outputs)
    constants = {name: tensor for name, tensor in half.constants.items() if name in used}
    if sum(map(data_size, constants.values())) > CONSTANT_LIMIT:
        raise NotCheckable(f"its constants are larger than {CONSTANT_LIMIT >> 20} MiB")
    for name, tensor in constants.items():
        copy = graph.initializer.add()
        copy.CopyFrom(tensor)
        copy.name = name
    graph.input.extend(value_info(name, found) for name, found in types.items())
    for index, name in enumerate(half.outputs):
        graph.node.append(helper.make_node("Identity", [name], [f"output:{index}"]))
        graph.output.append(helper.make_empty_tensor_value_info(f"output:{index}"))
    return graph


def _sorted(nodes: Sequence[Node]) -> Iterator[Node]:
    """Nodes in topological order."""
    waiting = list(nodes)
    while waiting:
        missing = {o for n in waiting for o in n.outputs}
        ready = [n for n in waiting if missing.isdisjoint(reads(n))]
        if not ready:
            raise NotCheckable("its nodes read each other")
        yield from ready
        waiting = [n for n in waiting if n not in ready]


def wrapped(graph: GraphProto, model: Model) -> ModelProto:
    """A model of `graph` with the operator sets and functions of `model`."""
    out = ModelProto(ir_version=model.proto.ir_version)
    out.opset_import.extend(model.proto.opset_import)
    out.functions.extend(model.proto.functions)
    out.graph.CopyFrom(graph)
    return out
