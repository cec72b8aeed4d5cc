"""Where the rows of a batch meet: the first nodes at which one row depends on another."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import ModelProto, helper

from trtconv.comparison.metrics import compare
from trtconv.comparison.tolerances import default_tolerance
from trtconv.feeding.rows import rows_of
from trtconv.passes.core.node import reads
from trtconv.runtimes.onnxruntime import failures, open_session

if TYPE_CHECKING:
    from trtconv.feeding.batches import Batch
    from trtconv.passes.core import Graph, Model, Node
    from trtconv.runtimes.running import Array, Feed

TENSORS_PER_RUN = 256

RECURRENT = ("LSTM", "GRU", "RNN", "Scan", "Loop")


@dataclass(frozen=True)
class Mixing:
    """The first tensor whose rows depend on each other, and the nodes behind the last ones whose rows do not."""

    tensor: str
    nodes: tuple[str, ...]
    """Operator and name of each, the one that writes the tensor last."""
    is_meant: bool
    """Whether one is there to mix what lies along axis 0: a recurrence over time, statistics of a batch."""

    def __str__(self) -> str:
        return f"rows of the batch meet at {', '.join(self.nodes)} (tensor {self.tensor})"


def find_mixing(model: Model, batch: Batch) -> Mixing | None:
    """The first nodes, in topological order, at which the rows of a batch meet; None where that cannot be told.

    Rows 0 and 1 are fed, then row 1 twice: what belongs to row 1 has to stay the same. Tensors that have no rows in
    front, as a third run with three rows shows, are passed over.
    """
    rows = rows_of(model.main)
    if rows is None or rows.fixed or batch.count < 2:
        return None
    feeds = [rows.take(batch.case.feed, chosen) for chosen in ([0, 1], [1, 1], [0, 1, 1])]
    names = [o for node in model.main.nodes for o in node.outputs if o and not model.main.is_constant(o)]
    apart = set(model.main.inputs)
    try:
        for start in range(0, len(names), TENSORS_PER_RUN):
            for name, depends in _looked_at(model, names[start : start + TENSORS_PER_RUN], feeds):
                if depends:
                    nodes = _between(model.main, name, apart)
                    labels = tuple(f"{node.op_type} {node.label}" for node in nodes)
                    return Mixing(name, labels, any(map(_is_meant, nodes)))
                apart.add(name)
    except failures():
        return None
    return None


def _between(graph: Graph, tensor: str, apart: Container[str]) -> list[Node]:
    """The nodes that lead from tensors in `apart` and constants to `tensor`, in topological order."""
    found: set[Node] = set()
    waiting = [tensor]
    while waiting:
        node = graph.producer(waiting.pop())
        if node is not None and node not in found:
            found.add(node)
            waiting += [name for name in reads(node) if name not in apart and not graph.is_constant(name)]
    return [node for node in graph.nodes if node in found]


def _is_meant(node: Node) -> bool:
    return node.op_type in RECURRENT or bool(node.op_type == "BatchNormalization" and node.attr_int("training_mode", 0))


def _looked_at(model: Model, names: Sequence[str], feeds: Sequence[Feed]) -> Iterator[tuple[str, bool]]:
    """Of the tensors that have rows: whether row 1 is not the same beside row 0 as beside itself."""
    session = open_session(_marked(model.proto, names), model.file)
    runs = [session.run(list(names), {key: feed[key] for key in model.main.inputs}) for feed in feeds]
    for name, *values in zip(names, *runs, strict=True):
        if all(isinstance(value, np.ndarray) for value in values) and _has_rows(*values):
            mixed, alone, half = values[0], values[1], values[0].shape[0] // 2
            yield name, not compare(alone[half:], mixed[half:], default_tolerance(mixed.dtype.name)).passed


def _has_rows(two: Array, same: Array, three: Array) -> bool:
    """Whether axis 0 grows with the batch, and nothing else does."""
    is_even = two.ndim > 0 and two.size > 0 and two.shape[0] % 2 == 0 and same.shape == two.shape
    return is_even and three.shape == (two.shape[0] // 2 * 3, *two.shape[1:])


def _marked(proto: ModelProto, names: Sequence[str]) -> ModelProto:
    """The model with `names` as its outputs."""
    out: Any = ModelProto()
    out.CopyFrom(proto)
    del out.graph.output[:]
    out.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    return out  # type: ignore[no-any-return]
