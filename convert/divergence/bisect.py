"""Where two models part: the first tensor that differs, and the node, edit and pass that wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from onnx import TensorProto

from trtconv.comparison.metrics import EXACT, Difference, Tolerance, compare, is_float, largest_finite
from trtconv.comparison.tolerances import reassociated
from trtconv.divergence.cause import cause_of
from trtconv.divergence.tapping import InOnnxRuntime, Tap, batches, pairs_of, tapped
from trtconv.passes.core.node import reads
from trtconv.runtimes.onnxruntime import failures

if TYPE_CHECKING:
    from trtconv.feeding.inputs import Case
    from trtconv.passes.core import Edit, Graph, Model, Node
    from trtconv.runtimes.running import Array

    Floor = Callable[[str, Array], float]

JUMP = 10.0
"""How much larger than what arrives an error has to be for a node to be its origin, rather than to pass it on."""

MOST_RUNS = 4
"""Runs up to which a network too large for one is gone through from the front; beyond, half of it is left out each
time, as whatever parts usually stays apart."""


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
    where: str = "ONNX Runtime"
    """What ran the model."""
    remark: str = ""
    """What else a reader should know of how it was found."""
    cause: str = ""
    """What the node has other than its twin in the original: `its alpha is 0.24 instead of 0.2`."""

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return {**vars(self), "nodes": list(self.nodes), "difference": self.difference.to_json()}

    def __str__(self) -> str:
        edit = f", written by {self.pass_name} at {self.edit}" if self.pass_name else ""
        where = "" if self.where == "ONNX Runtime" else f" in {self.where}"
        at = f"{self.tensor} ({self.op_type} {self.node}{edit})"
        more = "".join(f"; {text}" for text in (self.cause, self.remark) if text)
        return f"they part{where} at {at}, case {self.case!r}: {self.difference}{more}"


def find_parting(original: Model, model: Model, case: Case, edits: Sequence[Edit] = ()) -> Parting | None:
    """The first tensor of `model`, in topological order, that differs from its twin in `original`.

    Both run in ONNX Runtime. All tensors are looked at in one run where they fit into memory, else in several. Where
    `model` does not run, those in front of the node that fails are looked at, and that node is where they part
    otherwise. None when nothing differs by more than rounding. Raises one of `failures()` where `original` cannot run.
    """
    pairs = pairs_of(original.main, model.main, edits)
    found = _parting(original, model, case, edits, pairs)
    if found is None or found.pass_name:
        return found
    return replace(found, cause=cause_of(original.main, model.main, found.tensor, pairs))


def _parting(
    original: Model, model: Model, case: Case, edits: Sequence[Edit], pairs: Mapping[str, str]
) -> Parting | None:
    nodes, expected = model.main.nodes, InOnnxRuntime(original, case.feed)
    search = Search(model.main, expected, case, edits)
    try:
        return search.among(pairs, _Candidate(InOnnxRuntime(model, case.feed)))
    except CandidateFailed:
        count = _runnable(model, case)
        made = {o for node in nodes[:count] for o in node.outputs}
        left = {name: twin for name, twin in pairs.items() if name in made}
        found = search.among(left, _Candidate(InOnnxRuntime(model, case.feed, count)))
        return found or search.at_failure(nodes[count], pairs, original.main)


class CandidateFailed(Exception):
    """The model does not run."""


def _runnable(model: Model, case: Case) -> int:
    """How many nodes from the first on the model runs."""
    low, high = 0, len(model.main.nodes)
    while high - low > 1:
        middle = (low + high) // 2
        last = [o for node in model.main.nodes[:middle] for o in node.outputs if o][-1:]
        try:
            InOnnxRuntime(model, case.feed, middle).values(last)
            low = middle
        except failures():
            high = middle
    return low


@dataclass
class Search:
    """Looks for the first difference between what `expected` gives and a model with the graph `graph`."""

    graph: Graph
    expected: Tap
    case: Case
    edits: Sequence[Edit] = ()
    where: str = "ONNX Runtime"
    floor: Floor = field(default=lambda name, want: floor_of(want))
    """Errors relative to the range up to which a tensor counts as equal."""
    per_run: int | None = None
    """Tensors that are looked at in one run; None for as many as memory allows."""
    _errors: dict[str, float] = field(default_factory=dict)
    """By tensor of the model that was looked at: the largest difference relative to the tensor's range."""

    def among(self, pairs: Mapping[str, str], actual: Tap) -> Parting | None:
        """The first difference among tensors in topological order. Raises what both sides raise."""
        self._errors = {}
        waiting = batches(pairs, self.graph, self.case.feed, self.per_run)
        if len(waiting) <= MOST_RUNS:
            return next((found for batch in waiting if (found := self._first_in(batch, actual))), None)
        found, low, high = None, 0, len(waiting)
        while low < high:
            middle = (low + high) // 2
            here = self._first_in(waiting[middle], actual)
            found, low, high = (here, low, middle) if here is not None else (found, middle + 1, high)
        return found

    def _first_in(self, batch: Mapping[str, str], actual: Tap) -> Parting | None:
        found: Parting | None = None
        try:
            for name, want, got in tapped(self.expected, actual, batch):
                error = self._errors[name] = distance(want, got)
                floor = self.floor(name, want)
                if found is None and error > floor and error > JUMP * self._arriving(name):
                    found = self._parting(name, compare(want, got, Tolerance(0.0, floor, of_range=True)))
        except CandidateFailed:
            if found is None:
                raise
        return found

    def _arriving(self, name: str) -> float:
        return max((self._errors.get(t, 0.0) for t in segment(self.graph, name, self._errors)[1]), default=0.0)

    def at_failure(self, node: Node, pairs: Mapping[str, str], original: Graph) -> Parting:
        """The node that does not run, although what it reads is equal; or what gives it another element type."""
        self._errors = {}
        for tensor in reads(node):
            found, wanted = self.graph.dtype(tensor), original.dtype(pairs.get(tensor, ""))
            if tensor in pairs and found and wanted and found != wanted:
                names = (TensorProto.DataType.Name(dtype).lower() for dtype in (found, wanted))
                why = f"{node.label} does not run on {next(names)}, which is {next(names)} in the original"
                return self._parting(tensor, Difference("", (), passed=False, why=why))
        tensor = next(o for o in node.outputs if o)
        return self._parting(tensor, Difference("", (), passed=False, why="it does not run"))

    def _parting(self, tensor: str, difference: Difference) -> Parting:
        nodes, _ = segment(self.graph, tensor, self._errors.keys() - {tensor})
        labels = tuple(node.label for node in nodes)
        edit = origin_of(tensor, labels, self.edits)
        names = (edit.pass_name, edit.node) if edit else ("", "")
        at = (labels[0], nodes[0].op_type, labels)
        return Parting(tensor, *at, self.case.name, difference, *names, where=self.where)


@dataclass(frozen=True)
class _Candidate:
    """Tells the failures of the model from those of the original."""

    tap: Tap

    def values(self, names: Sequence[str]) -> dict[str, object]:
        try:
            return self.tap.values(names)
        except failures() as error:
            raise CandidateFailed from error


def distance(want: Array, got: Array) -> float:
    """Largest difference relative to the range of `want`; infinite for another shape or misplaced NaN."""
    if want.shape != got.shape:
        return float("inf")
    found = compare(want, got, EXACT)
    if found.nan_mismatches or found.inf_mismatches:
        return float("inf")
    if not is_float(want.dtype):
        return 1.0 if found.wrong else 0.0
    return found.max_abs / (largest_finite(want) or 1.0)


def floor_of(want: Array) -> float:
    """The error relative to the range that rounding explains."""
    return reassociated(want.dtype) if is_float(want.dtype) else 0.0


def origin_of(tensor: str, labels: Sequence[str], edits: Sequence[Edit]) -> Edit | None:
    """The edit that wrote one of the nodes `labels`, or that replaced what wrote `tensor`."""
    written = {n.label: edit for edit in edits for n in edit.after}
    found = next((written[label] for label in labels if label in written), None)
    return found or next((e for e in edits if tensor in {o for n in e.before for o in n.outputs}), None)


def segment(graph: Graph, tensor: str, compared: Iterable[str]) -> tuple[list[Node], list[str]]:
    """The nodes between `tensor` and the nearest tensors that were compared, and those tensors."""
    first, known = graph.producer(tensor), compared if isinstance(compared, (Mapping, set)) else set(compared)
    nodes, ends = [first] if first is not None else [], []
    for node in nodes:
        for name in reads(node):
            producer = graph.producer(name)
            if name in known or producer is None:
                ends.append(name)
            elif producer not in nodes:
                nodes.append(producer)
    return nodes, ends
