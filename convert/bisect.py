"""Where two models part: the first tensor that differs, and the node, edit and pass that wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import ModelProto, helper

from trtconv.metrics import Difference, Tolerance, compare, is_float, largest_finite
from trtconv.passes.core.node import reads
from trtconv.runtimes.onnxruntime import failures, numpy_type, open_session

if TYPE_CHECKING:
    from trtconv.inputs import Case
    from trtconv.passes.core import Edit, Graph, Model, Node
    from trtconv.runtimes.running import Array, Feed

FLOOR = 32
"""Units of roundoff, relative to the tensor's range, below which both sides count as equal: what re-associated
arithmetic differs by."""

JUMP = 10.0
"""How much larger than what arrives an error has to be for a node to be its origin, rather than to pass it on."""

TENSORS_PER_RUN = 4096
BYTES_PER_RUN = 512 << 20
"""Of intermediate tensors that one run on either side may keep; a larger network takes several runs."""


@dataclass(frozen=True)
class Parting:
    """The first tensor at which the model parts from the original."""

    tensor: str
    node: str
    """The node of the model that writes it."""
    op_type: str
    nodes: tuple[str, ...]
    """All nodes between it and the last tensors that are still equal."""
    case: str
    difference: Difference
    pass_name: str = ""
    edit: str = ""
    """The node that the pass rewrote, where the node comes from an edit."""

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return {**vars(self), "nodes": list(self.nodes), "difference": self.difference.to_json()}

    def __str__(self) -> str:
        edit = f", written by {self.pass_name} at {self.edit}" if self.pass_name else ""
        return f"they part at {self.tensor} ({self.op_type} {self.node}{edit}), case {self.case!r}: {self.difference}"


def find_parting(original: Model, model: Model, case: Case, edits: Sequence[Edit] = ()) -> Parting | None:
    """The first tensor of `model`, in topological order, that differs from the one of the same name in `original`.

    All of them are looked at in one run where they fit into memory, else in several, up to the one that holds it. Where
    `model` does not run, those in front of the node that fails are looked at, and that node is where they part
    otherwise. None when nothing differs by more than rounding. Raises one of `failures()` where `original` cannot run.
    """
    search = _Search(original, model, case, edits)
    try:
        return search.among(len(model.main.nodes))
    except CandidateFailed:
        count = search.runnable()
        return search.among(count) or search.at_failure(model.main.nodes[count])


class CandidateFailed(Exception):
    """The model does not run."""


@dataclass
class _Search:
    original: Model
    model: Model
    case: Case
    edits: Sequence[Edit]

    def among(self, count: int) -> Parting | None:
        """The first difference among what the first `count` nodes write."""
        errors: dict[str, float] = {}
        graph, found = self.model.main, None
        for names in _runs(self.original.main, graph, count, self.case.feed):
            for name, want, got in self._both(names, count):
                errors[name] = distance(want, got)
                arriving = max((errors.get(t, 0.0) for t in _segment(graph, name, errors)[1]), default=0.0)
                if found is None and errors[name] > _floor(want) and errors[name] > JUMP * arriving:
                    found = self._parting(name, errors, _difference(want, got))
            if found is not None:
                return found
        return None

    def runnable(self) -> int:
        """How many nodes from the first on the model runs."""
        low, high = 0, len(self.model.main.nodes)
        while high - low > 1:
            middle = (low + high) // 2
            names = [o for node in self.model.main.nodes[:middle] for o in node.outputs if o][-1:]
            try:
                _run(self.model, names, self.case.feed, middle)
                low = middle
            except failures():
                high = middle
        return low

    def at_failure(self, node: Node) -> Parting:
        """The node that does not run, although what it reads is equal on both sides."""
        tensor = next(o for o in node.outputs if o)
        return self._parting(tensor, {}, Difference("", (), passed=False, why="it does not run"))

    def _both(self, names: Sequence[str], count: int) -> Iterator[tuple[str, Array, Array]]:
        want = _run(self.original, names, self.case.feed)
        try:
            got = _run(self.model, names, self.case.feed, count)
        except failures() as error:
            raise CandidateFailed from error
        for name in names:
            a, b = want.pop(name), got.pop(name)
            if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
                yield name, a, b

    def _parting(self, tensor: str, errors: dict[str, float], difference: Difference) -> Parting:
        known = {name: e for name, e in errors.items() if name != tensor}
        nodes, _ = _segment(self.model.main, tensor, known)
        labels = tuple(node.label for node in nodes)
        written = {n.label: edit for edit in self.edits for n in edit.after}
        edit = next((written[label] for label in labels if label in written), None)
        edit = edit or next((e for e in self.edits if tensor in {o for n in e.before for o in n.outputs}), None)
        names = (edit.pass_name, edit.node) if edit else ("", "")
        return Parting(tensor, labels[0], nodes[0].op_type, labels, self.case.name, difference, *names)


def distance(want: Array, got: Array) -> float:
    """Largest difference relative to the range of `want`; infinite for another shape or misplaced NaN."""
    if want.shape != got.shape:
        return float("inf")
    found = _difference(want, got)
    if found.nan_mismatches or found.inf_mismatches:
        return float("inf")
    if not is_float(want.dtype):
        return 1.0 if found.wrong else 0.0
    return found.max_abs / (largest_finite(want) or 1.0)


def _difference(want: Array, got: Array) -> Difference:
    return compare(want, got, Tolerance(0.0, 0.0))


def _floor(want: Array) -> float:
    return float(np.finfo(want.dtype).eps) * FLOOR if want.dtype.kind == "f" else 0.0


# --- running -------------------------------------------------------------------------------------


def _runs(original: Graph, model: Graph, count: int, feed: Feed) -> Iterator[list[str]]:
    """Tensors that both sides have, in topological order, as many at a time as one run may keep."""
    batch = next((value.shape[0] for value in feed.values() if value.ndim), 1)
    chosen: list[str] = []
    kept = 0
    shared = (o for node in model.nodes[:count] for o in node.outputs if o and original.producer(o) is not None)
    for name in shared:
        size = _bytes(model, name, batch)
        if chosen and (kept + size > BYTES_PER_RUN or len(chosen) == TENSORS_PER_RUN):
            yield chosen
            chosen, kept = [], 0
        chosen.append(name)
        kept += size
    if chosen:
        yield chosen


def _bytes(graph: Graph, name: str, batch: int) -> int:
    """Size of a tensor, unknown dimensions taken as the batch in front and as 64 elsewhere."""
    found = graph.type(name)
    if found is None or found.shape is None:
        return 1 << 20
    dims = [d if isinstance(d, int) else batch if axis == 0 else 64 for axis, d in enumerate(found.shape)]
    return int(np.prod(dims, dtype=np.float64)) * helper.tensor_dtype_to_np_dtype(found.dtype).itemsize


def _run(model: Model, names: Sequence[str], feed: Feed, count: int | None = None) -> dict[str, Any]:
    """Values of `names`, with no more than the first `count` nodes of the model."""
    session = open_session(_marked(model, names, count), model.file)
    dtypes = {value.name: numpy_type(value.type) for value in session.get_inputs()}
    typed = {name: feed[name].astype(dtype, copy=False) for name, dtype in dtypes.items()}
    return dict(zip(names, session.run(list(names), typed), strict=True))


def _marked(model: Model, names: Sequence[str], count: int | None) -> ModelProto:
    """The model, or its first nodes, with `names` as outputs."""
    proto = ModelProto()
    proto.CopyFrom(model.proto)
    graph = proto.graph
    if count is not None and count < len(graph.node):
        del graph.node[count:]
        made = {o for node in graph.node for o in node.output}
        kept = [value for value in graph.output if value.name in made]
        del graph.output[:]
        graph.output.extend(kept)
    known = {value.name for value in graph.output}
    graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name not in known)
    return proto


# --- naming --------------------------------------------------------------------------------------


def _segment(graph: Graph, tensor: str, compared: dict[str, float]) -> tuple[list[Node], list[str]]:
    """The nodes between `tensor` and the nearest tensors that were compared, and those tensors."""
    first = graph.producer(tensor)
    nodes, ends = [first] if first is not None else [], []
    for node in nodes:
        for name in reads(node):
            producer = graph.producer(name)
            if name in compared or producer is None:
                ends.append(name)
            elif producer not in nodes:
                nodes.append(producer)
    return nodes, ends
