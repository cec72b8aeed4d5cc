"""Values of the tensors inside two models, side by side: paired by name, fetched some at a time and not kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from onnx import ModelProto, TensorProto, helper

from trtconv.runtimes.onnxruntime import numpy_type, open_session

if TYPE_CHECKING:
    from trtconv.passes.core import Edit, Graph, Model
    from trtconv.runtimes.running import Array, Feed

TENSORS_PER_RUN = 4096
BYTES_PER_RUN = 256 << 20
"""Of intermediate tensors that one run on either side may keep; a larger network takes several runs."""


class Tap(Protocol):
    """A model, fed one case, whose inner tensors can be asked for."""

    def values(self, names: Sequence[str]) -> dict[str, Any]:
        """Values of tensors by name, those that it can hand out. Raises what the runtime raises."""


@dataclass(frozen=True)
class InOnnxRuntime:
    """A model in ONNX Runtime, or no more than its first `count` nodes."""

    model: Model
    feed: Feed
    count: int | None = None

    def values(self, names: Sequence[str]) -> dict[str, Any]:
        """Values of tensors by name. Raises one of `failures()`."""
        session = open_session(marked(self.model.proto, names, self.count), self.model.file)
        dtypes = {value.name: numpy_type(value.type) for value in session.get_inputs()}
        typed = {name: self.feed[name].astype(dtype, copy=False) for name, dtype in dtypes.items()}
        return dict(zip(names, session.run(list(names), typed), strict=True))


class Tapped(NamedTuple):
    """One tensor of the model, and the one of the original that it should equal."""

    name: str
    want: Array
    got: Array


def marked(model: ModelProto, names: Sequence[str], count: int | None = None) -> ModelProto:
    """The model, or its first `count` nodes, with `names` as further outputs."""
    proto = ModelProto()
    proto.CopyFrom(model)
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


def pairs_of(original: Graph, model: Graph, edits: Sequence[Edit] = ()) -> dict[str, str]:
    """The tensor of `original` that each tensor which `model` computes should equal, in topological order.

    Passes keep the names of tensors at the edge of what they rewrite; where readers were sent to another tensor, the
    edit knows.
    """
    followed: dict[str, str] = {}
    for edit in edits:
        for old, new in edit.renamed:
            followed[new] = followed.get(old, old)
    found = {}
    for name in (o for node in model.nodes for o in node.outputs if o):
        twin = name if original.producer(name) is not None else followed.get(name, "")
        if twin and original.producer(twin) is not None:
            found[name] = twin
    return found


def batches(pairs: Mapping[str, str], graph: Graph, feed: Feed, per_run: int | None = None) -> list[dict[str, str]]:
    """The pairs, as many at a time as one run may keep, or `per_run`."""
    most = per_run or TENSORS_PER_RUN
    rows = next((value.shape[0] for value in feed.values() if value.ndim), 1)
    found: list[dict[str, str]] = []
    kept = 0
    for name, twin in pairs.items():
        size = _bytes(graph, name, rows)
        if not found or kept + size > BYTES_PER_RUN or len(found[-1]) == most:
            found.append({})
            kept = 0
        found[-1][name] = twin
        kept += size
    return found


def _bytes(graph: Graph, name: str, rows: int) -> int:
    """Size of a tensor, unknown dimensions taken as the batch in front and as 64 elsewhere."""
    found = graph.type(name)
    if found is None or found.shape is None or found.dtype == TensorProto.STRING:
        return 1 << 20
    dims = [d if isinstance(d, int) else rows if axis == 0 else 64 for axis, d in enumerate(found.shape)]
    return int(np.prod(dims, dtype=np.float64)) * helper.tensor_dtype_to_np_dtype(found.dtype).itemsize


def tapped(expected: Tap, actual: Tap, batch: Mapping[str, str]) -> Iterator[Tapped]:
    """Both values of each pair; each is let go as soon as the next is asked for."""
    want = expected.values(list(dict.fromkeys(batch.values())))
    got = actual.values(list(batch))
    last = {twin: name for name, twin in batch.items()}
    for name, twin in batch.items():
        a, b = want.get(twin), got.pop(name, None)
        if last[twin] == name:
            want.pop(twin, None)
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            yield Tapped(name, a, b)
