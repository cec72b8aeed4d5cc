"""Run the graphs of many edits, before and after, on made-up values: a few sessions for all edits of a pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, helper

from trtconv.guessing import is_free, kind_of
from trtconv.inputs import seeded_case
from trtconv.passes.core import Model, TensorType
from trtconv.passes.core.node import reads
from trtconv.passes.core.types import data_size, value_info
from trtconv.roles import INTEGERS, role_of
from trtconv.runtimes.onnxruntime import failures, open_session, reason

if TYPE_CHECKING:
    from trtconv.cutting import Cut, Half
    from trtconv.passes.core import Node
    from trtconv.passes.core.types import Dim
    from trtconv.runtimes.running import Array, Feed

Sizes = tuple[tuple[str, dict[str, int]], ...]

SIZES: Sizes = (
    ("random", {"batch": 2, "side": 14, "length": 12}),
    ("ugly", {"batch": 2, "side": 14, "length": 12}),
    ("extreme", {"batch": 2, "side": 14, "length": 12}),
    ("odd and ugly", {"batch": 3, "side": 17, "length": 7}),
    ("size 1", {"batch": 1, "side": 1, "length": 1}),
    ("empty", {"batch": 0, "side": 16, "length": 8}),
)
"""Cases, and the sizes of dynamic dimensions in each. Without dynamic dimensions only the first three differ."""

LARGE_SIZES: Sizes = (("large", {"batch": 2, "side": 72, "length": 64}),)
"""For what does not run on small inputs."""

UGLY = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, 3.0, -3.0, 6.0, -6.0, 1e-7, 1e-40)
EXTREME = (np.inf, -np.inf, np.nan, 3e38, -3e38, 65504.0, -65504.0)

SPECIAL = {"ugly": UGLY, "odd and ugly": UGLY, "extreme": (*UGLY, *EXTREME)}
FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16})

CONSTANT_LIMIT = 64 << 20
"""Bytes of constants of one cut; beyond it an edit is not checked."""
LARGE_SIDE = 16
"""Fixed height or width from which on an edit is tried on smaller images first."""
LARGE = 1 << 24
"""Work in one cut from which on it is run on random values only."""


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
    """Whether an input has sizes, or holds integers, that the network computes in front: made-up ones may not fit."""

    @property
    def graphs(self) -> tuple[GraphProto, GraphProto]:
        """Before and after."""
        return self.before, self.after


def trial_of(cut: Cut, model: Model, seed: int, sizes: Sizes = SIZES, *, shrink: bool = False) -> Trial:
    """Both graphs as they can be run, with `shrink` on small images instead of large ones. Raises NotCheckable."""
    if cut.lost:
        raise NotCheckable(f"nothing provides {cut.lost[0]!r} any more")
    if not cut.outputs:
        raise NotCheckable("what reads its outputs was rewritten along with it")
    names = list(dict.fromkeys([*cut.before.inputs, *cut.after.inputs]))
    inside = next((name for name in names if name in cut.before.made or name in cut.after.made), None)
    if inside is not None:
        raise NotCheckable(f"{inside!r} is on one side of the boundary before and on the other one afterwards")
    known = {name: _known_type(name, cut) for name in names}
    types = {name: shrunk(found) for name, found in known.items()} if shrink else known
    before, after = (_graph(half, types) for half in (cut.before, cut.after))
    guessed = any(_is_guessed(name, found, model) for name, found in known.items())
    return Trial(before, after, list(_cases(types, before, model, seed, sizes)), types != known, guessed)


def _is_guessed(name: str, found: TensorType, model: Model) -> bool:
    """Whether made-up sizes or integers for a tensor may be such as never arrive there."""
    inputs = model.main.inputs
    free = {d for t in inputs.values() if t for d in t.shape or () if isinstance(d, str)}
    computed = name not in inputs and (found.dtype in INTEGERS or found.dtype == TensorProto.BOOL)
    return computed or any(is_free(d) and d not in free for d in found.shape or ())


def shrunk(found: TensorType) -> TensorType:
    """The type with large sizes of images left open, the same ones by the same name."""
    dims = found.shape or ()
    if len(dims) < 4:
        return found
    small = [f"={d}" if isinstance(d, int) and d > LARGE_SIDE else d for d in dims[2:]]
    return TensorType(found.dtype, (*dims[:2], *small))


def _known_type(name: str, cut: Cut) -> TensorType:
    found = cut.before.types.get(name) or cut.after.types.get(name)
    if found is None or found.shape is None:
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


# --- values --------------------------------------------------------------------------------------


def _cases(
    types: dict[str, TensorType], graph: GraphProto, model: Model, seed: int, chosen: Sizes
) -> Iterator[tuple[str, Feed]]:
    main = Model(wrapped(graph, model), model.file).main
    plain = [n for n, found in types.items() if found.dtype in FLOATS and role_of(n, main).kind == "data"]
    seen: list[dict[str, tuple[int, ...]]] = []
    for name, sizes in chosen:
        shapes, special = sized(types, sizes), SPECIAL.get(name)
        if (shapes in seen and not (plain and special)) or (seen and _work(shapes, graph) > LARGE):
            continue
        seen.append(shapes)
        feed = seeded_case(main, name, shapes, seed).feed
        if special:
            rng = np.random.default_rng(seed)
            feed |= {n: _mixed(rng, feed[n], special) for n in plain}
        yield name, feed


def _work(shapes: dict[str, tuple[int, ...]], graph: GraphProto) -> int:
    """Multiplications, were every weight used at every position."""
    positions = sum(int(np.prod(shape)) // max(1, shape[1] if len(shape) > 1 else 1) for shape in shapes.values())
    return positions * max(64, sum(int(np.prod(tensor.dims)) for tensor in graph.initializer))


def sized(types: dict[str, TensorType], sizes: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """Shapes in which dimensions of one name have one size, and nameless ones that of their place."""
    chosen: dict[object, int] = {}
    shapes = {}
    for name, found in types.items():
        dims = found.shape or ()
        for axis, dim in enumerate(dims):
            if is_free(dim):
                chosen.setdefault(_key(dim, axis, len(dims)), sizes[kind_of(dim, axis, len(dims))])
        shapes[name] = tuple(
            chosen[_key(d, axis, len(dims))] if is_free(d) else int(d or 0) for axis, d in enumerate(dims)
        )
    return shapes


def _key(dim: Dim, axis: int, rank: int) -> object:
    """Dimensions with the same key get the same size; without a name, counted from the right, as in broadcasting."""
    return dim if isinstance(dim, str) else rank - axis if axis else "batch"


def _mixed(rng: np.random.Generator, values: Array, special: Sequence[float]) -> Array:
    """A third of the values replaced by special ones, ties included."""
    with np.errstate(over="ignore"):
        chosen = rng.choice(np.array(special), values.shape).astype(values.dtype)
    return np.where(rng.random(values.shape) < 0.3, chosen, values)


# --- running -------------------------------------------------------------------------------------


def wrapped(graph: GraphProto, model: Model) -> ModelProto:
    """A model of `graph` with the operator sets and functions of `model`."""
    out = ModelProto(ir_version=model.proto.ir_version)
    out.opset_import.extend(model.proto.opset_import)
    out.functions.extend(model.proto.functions)
    out.graph.CopyFrom(graph)
    return out


Outputs = list["Array"]
Answer = Outputs | str
"""What a graph gave in one case, or why it did not run."""


def run_trials(trials: Sequence[Trial], model: Model) -> list[list[tuple[Answer, Answer]]]:
    """The answers of both graphs in each case of each trial."""
    sides = [_Side([t.graphs[side] for t in trials], model) for side in (0, 1)]
    answers: list[list[tuple[Answer, Answer]]] = [[] for _ in trials]
    for number in range(max((len(t.cases) for t in trials), default=0)):
        feeds = [t.cases[number][1] if number < len(t.cases) else None for t in trials]
        before, after = (side.run(feeds) for side in sides)
        for trial, pair in enumerate(zip(before, after, strict=True)):
            if feeds[trial] is not None:
                answers[trial].append(pair)
    return answers


class _Side:
    """The same half of several trials: joined in one session, with sessions of their own for what does not run so."""

    def __init__(self, graphs: Sequence[GraphProto], model: Model) -> None:
        self.graphs, self.model = graphs, model
        self._alone: dict[int, Any] = {}
        self._last: dict[str, Array] = {}
        self._joined = self._join()

    def run(self, feeds: Sequence[Feed | None]) -> list[Answer]:
        """One case of each graph; a graph without one is fed its previous case, whose answer is not asked for."""
        self._last |= {f"{i}:{n}": value for i, feed in enumerate(feeds) if feed for n, value in feed.items()}
        if self._joined is not None:
            try:
                values = self._joined.run(None, self._last)
            except failures():
                return self._run_alone(feeds)
            rest = iter(values)
            return [[next(rest) for _ in graph.output] for graph in self.graphs]
        return self._run_alone(feeds)

    def _join(self) -> Any:
        whole = GraphProto(name="cuts")
        for index, graph in enumerate(self.graphs):
            if len(self.graphs) == 1 or any(a.HasField("g") for node in graph.node for a in node.attribute):
                return None
            _append(whole, graph, f"{index}:")
        try:
            return open_session(wrapped(whole, self.model), self.model.file, optimized=False, threads=1)
        except failures():
            return None

    def _run_alone(self, feeds: Sequence[Feed | None]) -> list[Answer]:
        return ["" if feed is None else self._answer(index, feed) for index, feed in enumerate(feeds)]

    def _answer(self, index: int, feed: Feed) -> Answer:
        try:
            if index not in self._alone:
                proto = wrapped(self.graphs[index], self.model)
                self._alone[index] = open_session(proto, self.model.file, optimized=False, threads=1)
            return list(self._alone[index].run(None, feed))
        except failures() as error:
            return reason(error)


def _append(whole: GraphProto, graph: GraphProto, prefix: str) -> None:
    for number, node in enumerate(graph.node):
        copy = whole.node.add()
        copy.CopyFrom(node)
        copy.name = f"{prefix}{number}"
        copy.input[:] = [prefix + t if t else "" for t in node.input]
        copy.output[:] = [prefix + t if t else "" for t in node.output]
    for field in ("initializer", "input", "output"):
        for item in getattr(graph, field):
            copy = getattr(whole, field).add()
            copy.CopyFrom(item)
            copy.name = prefix + item.name
