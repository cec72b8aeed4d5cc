"""Folding, merging and removal over random whole graphs: every output bit for bit as before, empty tensors included."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import onnx
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from support import Feed, assert_same, open_session

import trtconv

CLEANING = (
    "no-op-nodes", "unfolded-constants", "repeated-nodes", "constant-condition", "transpose-pairs", "unread-outputs",
    "branch-output-names",
)  # fmt: skip
SIZES = ({"N": 2, "H": 3}, {"N": 1, "H": 1}, {"N": 3, "H": 4}, {"N": 0, "H": 2}, {"N": 4, "H": 0})
INPUTS = {
    "x": (np.float32, ("N", 3, "H")),
    "y": (np.float32, ("N", "H")),
    "k": (np.int64, ("H",)),
    "b": (np.bool_, ("N", 1)),
    "s": (np.float32, (2, 3, 4)),
    "i": (np.int64, ()),
}
LARGEST, DEEPEST = 2000, 5
"""Elements and rank of the tensors that a graph may hold."""

Values = list[np.ndarray]
"""A tensor at each of SIZES."""


@dataclass
class Scope:
    """A graph that grows node by node, and what each tensor holds at each of SIZES."""

    draw: st.DrawFn
    opset: int
    outer: Scope | None = None
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)
    values: dict[str, Values] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def fresh(self) -> str:
        """A name that no other tensor of the model has."""
        self.names.append(f"t{len(self.names)}")
        return self.names[-1]

    def inside(self) -> Scope:
        """A subgraph of this one."""
        return Scope(self.draw, self.opset, self, names=self.names)

    def visible(self) -> dict[str, Values]:
        """Every tensor that a node here may read."""
        return {**(self.outer.visible() if self.outer else {}), **self.values}

    def pick(self, fits: Callable[[np.ndarray], bool] = lambda _: True) -> str:
        """A visible tensor that fits, the late ones sooner; raises LookupError where there is none."""
        found = [name for name, values in self.visible().items() if fits(values[0])]
        if not found:
            raise LookupError
        return self.draw(st.sampled_from(found[::-1]))

    def first(self, name: str) -> np.ndarray:
        """What `name` holds at the first of SIZES."""
        return self.visible()[name][0]

    def constant(self, value: object, dtype: object = np.int64) -> str:
        """A constant, as an initializer or a node."""
        data, name = np.asarray(value, dtype), self.fresh()
        if self.draw(st.booleans()):
            self.initializers.append(numpy_helper.from_array(data, name))
        else:
            tensor = numpy_helper.from_array(data, name)
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        self.values[name] = [data] * len(SIZES)
        return name

    def op(self, op_type: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        """A node; raises ValueError where it cannot run, or where runtime and standard disagree."""
        node = helper.make_node(op_type, inputs, [self.fresh() for _ in range(outputs)], **attributes)
        self.add(node)
        return node.output[0]

    def add(self, node: NodeProto) -> None:
        """Keep `node` if it runs at all of SIZES."""
        visible = self.visible()
        read = [n for n in dict.fromkeys([*node.input, *captured(node)]) if n]
        model = single(node, {n: visible[n][0] for n in read}, self.opset)
        found: list[Values] = []
        for at in range(len(SIZES)):
            feed = {n: visible[n][at] for n in read}
            with np.errstate(all="ignore"):
                found.append(agreed(model, feed))
        for name, values in zip(node.output, zip(*found, strict=True), strict=True):
            if len({(v.dtype, v.ndim) for v in values}) != 1 or any(v.size > LARGEST for v in values):
                raise ValueError
            if values[0].ndim > DEEPEST:
                raise ValueError
            self.values[name] = list(values)
        self.nodes.append(node)

    def grow(self, count: int, steps: list[Callable[[Scope], object]]) -> Scope:
        """Try `count` steps; one that cannot run leaves what it had built so far, as exporters leave dead nodes."""
        for _ in range(count):
            with suppress(ValueError, LookupError):
                self.draw(st.sampled_from(steps))(self)
        return self

    def graph(self, inputs: list[onnx.ValueInfoProto], outputs: list[str], shapes: bool) -> GraphProto:
        """The graph with these outputs, whose shapes are declared or not."""
        infos = []
        for name in outputs:
            value = self.visible()[name][0]
            dtype = helper.np_dtype_to_tensor_dtype(value.dtype)
            infos.append(helper.make_tensor_value_info(name, dtype, [None] * value.ndim if shapes else None))
        return helper.make_graph(self.nodes, "g", inputs, infos, self.initializers)


def captured(node: NodeProto) -> list[str]:
    """Tensors that the subgraphs of `node` read from outside."""
    found: list[str] = []
    for attribute in node.attribute:
        if attribute.type != onnx.AttributeProto.GRAPH:
            continue
        g = attribute.g
        own = {v.name for v in (*g.input, *g.initializer)} | {o for n in g.node for o in n.output}
        read = [r for n in g.node for r in (*n.input, *captured(n))]
        found += [r for r in read if r and r not in own]
    return found


def single(node: NodeProto, inputs: Feed, opset: int) -> ModelProto:
    """A model of `node` alone."""
    infos = [
        helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), [None] * v.ndim)
        for k, v in inputs.items()
    ]
    graph = helper.make_graph([node], "g", infos, [onnx.ValueInfoProto(name=o) for o in node.output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def agreed(model: ModelProto, feed: Feed) -> Values:
    """Outputs in ONNX Runtime; raises ValueError where it refuses, or the standard has other shapes or integers."""
    try:
        onnx.defs.get_schema(model.graph.node[0].op_type, model.opset_import[0].version)
        got = open_session(model).run(None, feed)
        want = ReferenceEvaluator(model).run(None, feed)
    except Exception as error:
        raise ValueError from error
    for one, other in zip(got, want, strict=True):
        if not isinstance(one, np.ndarray) or one.shape != np.shape(other) or one.dtype != np.asarray(other).dtype:
            raise ValueError
        if one.dtype.kind != "f" and not np.array_equal(one, other):
            raise ValueError
    return got


def number(a: np.ndarray) -> bool:
    return a.dtype.kind in "fi"


def vector(a: np.ndarray) -> bool:
    return a.dtype == np.int64 and a.ndim == 1 and a.size <= 6


def ranked(a: np.ndarray) -> bool:
    return a.ndim > 0


def _of_one(s: Scope) -> object:
    ops, kinds = s.draw(
        st.sampled_from([(["Neg", "Abs", "Sign", "Identity"], "fi"), (["Relu", "Floor", "Ceil", "Sqrt"], "f")])
    )
    return s.op(s.draw(st.sampled_from(ops)), s.pick(lambda a: a.dtype.kind in kinds))


def _of_two(s: Scope) -> object:
    x = s.pick(number)
    dtype = s.first(x).dtype
    if s.draw(st.booleans()):
        y = s.pick(lambda a: a.dtype == dtype)
    else:
        y = s.constant(s.draw(st.sampled_from([0, 1, 2, -1, [1], [1, 2, 3]])), dtype)
    ops = ["Add", "Sub", "Mul", "Div", "Equal", "Less", "GreaterOrEqual", "Max", "Min", "Pow"]
    pair = [x, y] if s.draw(st.booleans()) else [y, x]
    return s.op(s.draw(st.sampled_from(ops)), *pair)


def _cast(s: Scope) -> object:
    to = [TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL]
    # What a float beyond the range of integers becomes is up to the processor.
    x = s.pick(lambda a: a.dtype.kind != "f" or (np.isfinite(a).all() and (np.abs(a) < 1e9).all()))
    return s.op("Cast", x, to=s.draw(st.sampled_from(to)))


def _shape(s: Scope) -> object:
    attributes = {}
    if s.opset >= 15 and s.draw(st.booleans()):
        attributes = {"start": s.draw(st.integers(-3, 3)), "end": s.draw(st.integers(-3, 3))}
    return s.op("Shape", s.pick(), **attributes)


def _gather(s: Scope) -> object:
    x = s.pick(s.draw(st.sampled_from([vector, ranked])))
    axis = s.draw(st.integers(0, s.first(x).ndim - 1))
    size = max(s.first(x).shape[axis], 1)
    index = st.integers(-size, size - 1)
    return s.op("Gather", x, s.constant(s.draw(st.one_of(index, st.lists(index, max_size=3)))), axis=axis)


def _concat(s: Scope) -> object:
    x = s.pick(s.draw(st.sampled_from([vector, ranked])))
    like = s.first(x)
    others = [s.pick(lambda a: (a.dtype, a.ndim) == (like.dtype, like.ndim)) for _ in range(s.draw(st.integers(0, 2)))]
    return s.op("Concat", x, *others, axis=s.draw(st.integers(-like.ndim, like.ndim - 1)))


def _reshape(s: Scope) -> object:
    x = s.pick()
    sizes = [s.draw(st.sampled_from([d, d, d, 0, -1, 1])) for d in s.first(x).shape]
    given = s.draw(st.sampled_from([sizes, [-1], [0, -1], [*sizes, 1]]))
    shape = s.constant(given) if s.draw(st.booleans()) else s.pick(vector)
    return s.op("Reshape", x, shape, **({"allowzero": 1} if s.opset >= 14 and s.draw(st.booleans()) else {}))


def _reshape_by_own_sizes(s: Scope) -> object:
    x = s.pick(ranked)
    shape, rank = s.op("Shape", x), s.first(x).ndim
    parts, axis = [], 0
    while axis < rank:
        width = s.draw(st.sampled_from([1, 1, 2])) if axis + 1 < rank else 1
        part = s.op("Gather", shape, s.constant([*range(axis, axis + width)]), axis=0)
        if width == 2:
            part = s.op("ReduceProd", part, keepdims=1) if s.opset < 18 else s.op("ReduceProd", part, s.constant([0]))
        given = st.sampled_from(["own", "own", "number", "rest"])
        parts.append(
            {"own": part, "number": s.constant([s.first(x).shape[axis]]), "rest": s.constant([-1])}[s.draw(given)]
        )
        axis += width
    wanted = s.op("Concat", *parts, axis=0)
    return s.op(s.draw(st.sampled_from(["Reshape", "Reshape", "Expand"])), x, wanted)


def _slice(s: Scope) -> object:
    x = s.pick(ranked)
    axis = s.draw(st.integers(0, s.first(x).ndim - 1))
    size = s.first(x).shape[axis]
    bound = st.sampled_from([0, 1, -1, 2, -2, size, size - 1, 2**63 - 1, -(2**63), 100, -100])
    start, step = s.constant([s.draw(bound)]), s.constant([s.draw(st.sampled_from([1, 1, 2, -1, -2]))])
    if s.draw(st.booleans()):
        end = s.op("Gather", s.op("Shape", x), s.constant([axis]), axis=0)
    else:
        end = s.constant([s.draw(bound)])
    return s.op("Slice", x, start, end, s.constant([axis]), step)


def _transpose(s: Scope) -> object:
    x = s.pick(ranked)
    return s.op("Transpose", x, perm=s.draw(st.permutations(range(s.first(x).ndim))))


def _squeeze(s: Scope) -> object:
    x = s.pick()
    shape = s.first(x).shape
    op_type = s.draw(st.sampled_from(["Squeeze", "Unsqueeze"]))
    axes = [i for i, d in enumerate(shape) if d == 1] if op_type == "Squeeze" else [*range(len(shape) + 1)]
    if not axes:
        raise LookupError
    chosen = [s.draw(st.sampled_from(axes))]
    return s.op(op_type, x, s.constant(chosen)) if s.opset >= 13 else s.op(op_type, x, axes=chosen)


def _expand(s: Scope) -> object:
    shape = s.draw(st.lists(st.sampled_from([1, 1, 2, 3]), max_size=3))
    return s.op("Expand", s.pick(), s.constant(shape) if s.draw(st.booleans()) else s.pick(vector))


def _where(s: Scope) -> object:
    condition, x = s.pick(lambda a: a.dtype == np.bool_), s.pick()
    return s.op("Where", condition, x, s.pick(lambda a: a.dtype == s.first(x).dtype))


def _fill(s: Scope) -> object:
    dtype = s.draw(st.sampled_from([np.float32, np.int64, np.bool_]))
    value = numpy_helper.from_array(np.asarray([s.draw(st.integers(0, 2))], dtype))
    return s.op("ConstantOfShape", s.pick(vector), value=value)


def _range(s: Scope) -> object:
    end = s.pick(lambda a: a.dtype == np.int64 and a.ndim == 0)
    return s.op("Range", s.constant(s.draw(st.integers(-1, 1))), end, s.constant(s.draw(st.sampled_from([1, 2, -1]))))


def _reduce(s: Scope) -> object:
    x = s.pick(lambda a: number(a) and a.ndim > 0)
    op_type = s.draw(st.sampled_from(["ReduceMax", "ReduceMin", "ReduceProd", "ReduceMean"]))
    axes = s.draw(st.lists(st.integers(-s.first(x).ndim, -1), min_size=1, max_size=2, unique=True))
    keep = s.draw(st.integers(0, 1))
    if s.opset >= 18:
        return s.op(op_type, x, s.constant(axes), keepdims=keep)
    return s.op(op_type, x, axes=axes, keepdims=keep)


def _split(s: Scope) -> object:
    x = s.pick(ranked)
    axis = s.draw(st.integers(0, s.first(x).ndim - 1))
    parts = s.draw(st.integers(1, 3))
    return s.op("Split", x, outputs=parts, axis=axis, **({"num_outputs": parts} if s.opset >= 18 else {}))


def _pad(s: Scope) -> object:
    x = s.pick(lambda a: number(a) and a.ndim > 0)
    pads = [s.draw(st.sampled_from([0, 0, 0, 1, -1])) for _ in range(2 * s.first(x).ndim)]
    return s.op("Pad", x, s.constant(pads), mode=s.draw(st.sampled_from(["constant", "edge"])))


def _no_op(s: Scope) -> object:
    x = s.pick(lambda a: a.dtype == np.float32)
    if s.draw(st.booleans()):
        return s.op("Dropout", x)
    return s.op("Flatten", x, axis=s.draw(st.integers(0, s.first(x).ndim)))


def _again(s: Scope) -> object:
    candidates = [n for n in s.nodes if n.op_type != "Constant"]
    if not candidates:
        raise LookupError
    node = NodeProto()
    node.CopyFrom(s.draw(st.sampled_from(candidates)))
    node.output[:] = [s.fresh() for _ in node.output]
    return s.add(node)


def _if(s: Scope) -> object:
    if s.draw(st.booleans()):
        condition = s.constant(s.draw(st.booleans()), np.bool_)
    else:
        condition = s.pick(lambda a: a.dtype == np.bool_ and a.shape in ((), (1,)))
    branches = [s.inside().grow(3, STEPS) for _ in range(2)]
    x = branches[0].pick()
    like = s.first(x) if x in s.visible() else branches[0].first(x)
    y = branches[1].pick(lambda a: (a.dtype, a.ndim) == (like.dtype, like.ndim))
    ends = [[branch.op("Identity", t)] for branch, t in zip(branches, (x, y), strict=True)]
    graphs = [b.graph([], end, s.draw(st.booleans())) for b, end in zip(branches, ends, strict=True)]
    return s.op("If", condition, then_branch=graphs[0], else_branch=graphs[1])


def _loop(s: Scope) -> object:
    state = s.pick()
    like = s.first(state)
    body = s.inside()
    # Nothing reads the count: ONNX Runtime gives it a rank by how it is used.
    count, condition, carried = body.fresh(), body.fresh(), body.fresh()
    body.values[condition] = [np.asarray(True)] * len(SIZES)
    body.values[carried] = s.visible()[state]
    body.grow(4, STEPS)
    last = body.op("Identity", body.pick(lambda a: (a.dtype, a.ndim) == (like.dtype, like.ndim)))
    ends = [body.op("Identity", condition), last, body.op("Identity", body.pick())]
    infos = [
        helper.make_tensor_value_info(count, TensorProto.INT64, []),
        helper.make_tensor_value_info(condition, TensorProto.BOOL, []),
        helper.make_tensor_value_info(carried, helper.np_dtype_to_tensor_dtype(like.dtype), [None] * like.ndim),
    ]
    graph = body.graph(infos, ends, s.draw(st.booleans()))
    # Without a turn, the shape of what is gathered is up to the runtime.
    trips = s.constant(s.draw(st.integers(1, 3)))
    return s.op("Loop", trips, s.constant(True, np.bool_), state, outputs=2, body=graph)


STEPS: list[Callable[[Scope], object]] = [
    _of_one, _of_one, _of_two, _of_two, _of_two, _cast, _shape, _shape, _shape, _gather, _gather, _concat, _concat,
    _reshape, _reshape, _reshape_by_own_sizes, _reshape_by_own_sizes, _slice, _slice, _transpose, _squeeze, _expand,
    _where, _fill, _range, _reduce, _split, _pad, _no_op, _again, _again,
]  # fmt: skip
NESTING: list[Callable[[Scope], object]] = [*STEPS, _if, _if, _loop]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[ModelProto, list[Feed]]:
    """A model of some twenty nodes that runs at all of SIZES, and its inputs there."""
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    scope = Scope(draw, draw(st.sampled_from([11, 13, 17, 18, 21])))
    for name, (dtype, shape) in INPUTS.items():
        arrays = [[sizes.get(str(d), d) for d in shape] for sizes in SIZES]
        scope.values[name] = [np.asarray(rng.integers(-3, 4, a) * 0.75, np.float32).astype(dtype) for a in arrays]
    scope.grow(draw(st.integers(6, 20)), NESTING)
    made = [o for n in scope.nodes for o in n.output if n.op_type != "Constant"] or [scope.op("Relu", "x")]
    read = {t for n in scope.nodes for t in (*n.input, *captured(n))}
    outputs = {t for t in made if t not in read} | set(draw(st.lists(st.sampled_from(made), max_size=2)))
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
        for name, (dtype, shape) in INPUTS.items()
    ]
    graph = scope.graph(infos, sorted(outputs), shapes=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", scope.opset)], ir_version=8)
    return model, [{n: scope.values[n][at] for n in INPUTS} for at in range(len(SIZES))]


# Shrinking a graph of twenty nodes takes minutes: the model is noted as it is.
@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(graphs())
def test_every_output_stays_bit_for_bit(drawn: tuple[ModelProto, list[Feed]]) -> None:
    model, feeds = drawn
    note(onnx.printer.to_text(model))
    result = trtconv.fix(model, target="tensorrt-10.3", only=CLEANING, evidence=False)
    assert not result.crashes
    onnx.checker.check_model(result.model)
    for feed in feeds:
        with np.errstate(all="ignore"):
            assert_same(model, result.model, feed)
    again = trtconv.fix(result.model, target="tensorrt-10.3", only=CLEANING, evidence=False)
    assert not again.edits, "what is clean stays as it is"
