"""Evaluate constant nodes in ONNX Runtime: all of a graph in few sessions, so that the bits are the runtime's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from onnx import ModelProto, ValueInfoProto, helper, numpy_helper

from trtconv.passes.core.types import data_size

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array, Graph
    from trtconv.passes.core.node import Node

    Known = Callable[[str], Array | None]

IMPURE = frozenset(
    {
        # another result each time
        "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
        # carry the precision that the engine is to use
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
        # no tensors
        "Optional", "OptionalGetElement", "OptionalHasElement", "SequenceAt", "SequenceConstruct", "SequenceEmpty",
        "SequenceErase", "SequenceInsert", "SequenceLength", "SplitToSequence", "ConcatFromSequence",
        # files and texts
        "ImageDecoder", "StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "TfIdfVectorizer",
    }
)  # fmt: skip
"""Standard operators that never fold, whatever their inputs."""


COPY_LIMIT = 1 << 16
"""Bytes of a constant that travel inside the model; larger ones are fed."""

SESSION_LIMIT = 1 << 26
"""Bytes of constants in one session, as far as its nodes can do without each other: they are in memory at once."""


def is_pure(node: Node) -> bool:
    """Whether the outputs of `node` are a function of its inputs, and may be kept as constants."""
    if node.domain or node.subgraphs or node.op_type in IMPURE:
        return False
    return not (node.op_type == "Dropout" and (node.input(2) or node.attr_int("is_test", 1) == 0))


def run(graph: Graph, nodes: Sequence[Node], wanted: Sequence[str], known: Known) -> dict[str, Array]:
    """Values of the tensors `wanted`, all computed by `nodes` from constants; those that fail are left out."""
    done: dict[str, Array] = {}
    for group in _groups(graph, nodes):
        written = {o for node in group for o in node.outputs}
        done |= _run_group(graph, group, [t for t in wanted if t in written], known)
    return done


def _groups(graph: Graph, nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    """Nodes that need each other stay together; all do where their constants are small."""
    if _bytes(graph, nodes) <= SESSION_LIMIT:
        yield nodes
        return
    group: list[Node] = []
    size = 0
    for part in _parts(nodes):
        size += _bytes(graph, part)
        if group and size > SESSION_LIMIT:
            yield group
            group, size = [], _bytes(graph, part)
        group += part
    yield group


def _parts(nodes: Sequence[Node]) -> Iterable[list[Node]]:
    """Nodes connected by the tensors between them, in topological order."""
    home: dict[str, list[Node]] = {}
    for node in nodes:
        found = {id(part): part for t in node.inputs if (part := home.get(t)) is not None}
        largest = max(found.values(), key=len, default=[])
        for part in found.values():
            if part is not largest:
                largest += part
                home.update((o, largest) for other in part for o in other.outputs)
        largest.append(node)
        home.update((o, largest) for o in node.outputs)
    return {id(part): part for part in home.values()}.values()


def _bytes(graph: Graph, nodes: Sequence[Node]) -> int:
    """Bytes of the constants that `nodes` read."""
    protos = {t: p for node in nodes for t in node.inputs if (p := graph.constant_proto(t)) is not None}
    return sum(map(data_size, protos.values()))


def _run_group(graph: Graph, nodes: Sequence[Node], wanted: Sequence[str], known: Known) -> dict[str, Array]:
    if not wanted:
        return {}
    try:
        return _in_one_session(graph, nodes, wanted, known)
    except Exception:  # ONNX Runtime raises types of its own, without a common base: find the node it has no kernel for
        return _one_by_one(graph, nodes, wanted, known)


def _one_by_one(graph: Graph, nodes: Sequence[Node], wanted: Sequence[str], known: Known) -> dict[str, Array]:
    done: dict[str, Array] = {}

    def known_by_now(tensor: str) -> Array | None:
        return done[tensor] if tensor in done else known(tensor)

    written = {o for node in nodes for o in node.outputs if o}
    for node in nodes:
        if any(t in written and t not in done for t in node.inputs):
            continue
        try:
            done |= _in_one_session(graph, [node], [o for o in node.outputs if o], known_by_now)
        except Exception:  # as above; the node stays in the graph as it is
            continue
    return {o: v for o, v in done.items() if o in wanted}


def _in_one_session(graph: Graph, nodes: Sequence[Node], wanted: Sequence[str], known: Known) -> dict[str, Array]:
    import onnxruntime

    proto, feed = _model(graph, nodes, wanted, known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False  # it would take twice what large results need
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(wanted, session.run(list(wanted), feed), strict=True))


def _model(
    graph: Graph, nodes: Sequence[Node], wanted: Sequence[str], known: Known
) -> tuple[ModelProto, dict[str, Array]]:
    """A model of `nodes`: small constants as initializers, large ones as inputs with their feed, not copied."""
    source = graph.model.proto
    proto = ModelProto(ir_version=max(source.ir_version, 4), opset_import=source.opset_import)
    proto.graph.name = "constants"
    proto.graph.node.extend(node.to_proto() for node in nodes)
    proto.graph.output.extend(ValueInfoProto(name=name) for name in wanted)
    written, feed = {o for node in nodes for o in node.outputs}, {}
    for tensor in dict.fromkeys(t for node in nodes for t in node.inputs if t and t not in written):
        data = known(tensor)
        assert data is not None, tensor
        if data.nbytes <= COPY_LIMIT:
            proto.graph.initializer.append(numpy_helper.from_array(data, tensor))
        else:
            dtype = helper.np_dtype_to_tensor_dtype(data.dtype)
            proto.graph.input.append(helper.make_tensor_value_info(tensor, dtype, data.shape))
            feed[tensor] = data
    return proto, feed
