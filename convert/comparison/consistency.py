"""Does a model agree with itself? Checks that need no reference: the rows of a batch, fed in other company.

Every row of a batch has to come out as it does when it is fed alone, in another order, or with fewer or more rows
beside it, at the least, best and largest sizes of each profile and at odd ones between them. That is where engines that
are right at batch 1 and wrong at batch 4 are caught, and exports with a batch written into them. Sizes of images are
not compared with each other: a network may well compute something else on a larger one.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trtconv.comparison.comparing import tensors
from trtconv.comparison.metrics import Difference
from trtconv.comparison.mixing import Mixing, find_mixing
from trtconv.errors import BadInput
from trtconv.feeding.batches import NothingToCheck, batches
from trtconv.feeding.cases import shapes_of
from trtconv.feeding.guessing import is_free
from trtconv.parity import Leg, OutputParity
from trtconv.runtimes.onnxruntime import infer

if TYPE_CHECKING:
    from trtconv.comparison.criteria import Criteria
    from trtconv.feeding.batches import Batch, Probe
    from trtconv.feeding.cases import Feeding
    from trtconv.feeding.inputs import Case
    from trtconv.passes.core import Graph, Model
    from trtconv.runtimes.running import Array, Feed, Running

FINDS = frozenset(("NonMaxSuppression", "NonZero", "Unique", "Compress", "StringSplit"))
"""Operators that give as many elements as they find: their rows are not those of the batch."""


ENOUGH = 2
"""Batches of guessed sizes that are run."""


@dataclass(frozen=True)
class Consistency:
    """Whether a model is checked against itself, and which of its outputs may depend on other rows."""

    asked: bool = False
    mixes_rows: tuple[str, ...] = ()
    """Shell patterns of output names."""

    def __post_init__(self) -> None:
        if self.mixes_rows and not self.asked:
            raise BadInput(
                "that an output may mix rows says something of a model checked against itself only",
                where="--mixes-rows",
                do="add --consistency, or leave out --mixes-rows",
            )

    def agreement(self, graph: Graph, criteria: Criteria) -> Agreement:
        """An empty one, in which the outputs that mix rows are excused.

        Raises BadInput for a pattern that no output matches.
        """
        found = Agreement(graph, criteria)
        for pattern in self.mixes_rows:
            if not fnmatch.filter(graph.outputs, pattern):
                raise BadInput(
                    f"no output is called {pattern!r}", where="--mixes-rows", do=f"there are {', '.join(graph.outputs)}"
                )
        for name in graph.outputs:
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.mixes_rows):
                found.excuse(name, f"output {name} may mix rows, as was said")
        return found


def check_consistency(
    agreement: Agreement, model: Model, running: Running, feeding: Feeding
) -> tuple[Leg, list[Batch]]:
    """Check a model against itself in ONNX Runtime, and give the batches that ran.

    Where rows meet, the first node at which they do is looked for; outputs behind an operator that is there to mix
    them are excused. Raises BadInput for shapes and inputs that contradict the graph.
    """
    title = f"{running.title} on the model"
    ran: list[Batch] = []
    try:
        for batch in batches(model, feeding):
            if agreement.check(batch, lambda case: infer(running, case.feed)):
                ran.append(batch)
                agreement.explain(model, batch)
            if batch.guessed and len(ran) == ENOUGH:
                break
    except NothingToCheck as why:
        return Leg("onnxruntime", *titles(title), not_run=str(why), kind="consistency"), []
    return agreement.leg("onnxruntime", title), ran


def titles(title: str) -> tuple[str, str]:
    """What the two sides of the comparison are called."""
    return f"batches of {title}", "the same rows fed otherwise"


@dataclass
class Agreement:
    """What came of the batches so far: of each output, batch and kind of probe, the worst."""

    graph: Graph
    criteria: Criteria
    failure: str = ""
    skipped: dict[str, str] = field(default_factory=dict)
    """Outputs that are not compared, and why."""
    mixing: Mixing | None = None
    """Where rows first meet, when they do."""
    tried: list[str] = field(default_factory=list)
    """The batches that were fed, and how their rows were otherwise."""
    _worst: dict[tuple[str, str, str], OutputParity] = field(default_factory=dict)

    def check(self, batch: Batch, answer: Callable[[Case], Feed]) -> bool:
        """Ask for the outputs of a batch and of its probes, and compare them; False where guessed sizes do not run."""
        try:
            whole = dict(tensors(answer(batch.case)))
        except BadInput as error:
            if batch.guessed and not _any_runs(batch, answer):
                return False
            self._fail(f"{batch.case.name}: {batch.count} rows do not run: {error.what}")
            return True
        self.tried.append(f"{shapes_of(batch.case)}: {', '.join(dict.fromkeys(p.kind for p in batch.probes))}")
        for probe in batch.probes:
            case = batch.fed(probe)
            try:
                outputs = dict(tensors(answer(case)))
            except BadInput as error:
                self._fail(f"{case.name} does not run where {batch.count} rows do: {error.what}")
                continue
            for one in self._compare(batch, probe, whole, outputs):
                self._keep(one, (one.name, batch.case.name, probe.kind))
        return True

    def excuse(self, output: str, why: str) -> None:
        """Leave an output out."""
        self.skipped[output] = why
        self._worst = {key: one for key, one in self._worst.items() if key[0] != output}

    def explain(self, model: Model, batch: Batch) -> None:
        """Look where the rows of a batch meet whose outputs disagree; excuse them where they are meant to."""
        failed = {one.name for one in self.outputs if not one.passed}
        if not failed or self.mixing is not None:
            return
        self.mixing = find_mixing(model, batch)
        if self.mixing is not None and self.mixing.is_meant:
            for name in failed:
                self.excuse(name, f"output {name} is not compared: {self.mixing}, as they are meant to")

    def elsewhere(self, criteria: Criteria) -> Agreement:
        """An empty one for another runtime, with the same outputs left out."""
        return Agreement(self.graph, criteria, skipped=dict(self.skipped))

    @property
    def outputs(self) -> tuple[OutputParity, ...]:
        """Everything that was compared."""
        return tuple(self._worst.values())

    def leg(self, runtime: str, title: str) -> Leg:
        """The comparison as it is reported."""
        idle = "" if self.outputs or self.failure else "; ".join(self.skipped.values()) or "nothing could be compared"
        return Leg(runtime, *titles(title), self.outputs, idle, self.failure, kind="consistency")

    @property
    def notes(self) -> list[str]:
        """What was not compared, and where rows meet."""
        failed = any(not one.passed for one in self.outputs)
        fed = [f"the same rows were fed otherwise, of {'; '.join(self.tried)}"] if self.tried else []
        return [*fed, *self.skipped.values(), *([str(self.mixing)] if failed and self.mixing else [])]

    def _fail(self, why: str) -> None:
        self.failure = self.failure or why

    def _keep(self, one: OutputParity, key: tuple[str, str, str]) -> None:
        known = self._worst.get(key)
        if known is None or _badness(one) > _badness(known):
            self._worst[key] = one

    def _compare(self, batch: Batch, probe: Probe, whole: Feed, outputs: Feed) -> Iterator[OutputParity]:
        case = f"{batch.case.name}: {probe.name}"
        for name, value in whole.items():
            if name in self.skipped:
                continue
            if name not in outputs:
                yield OutputParity(name, case, _missing(value))
                continue
            wanted = list(_wanted(value, batch.count, probe.rows, self.graph, name))
            if all(want.shape != outputs[name].shape for want in wanted) and (finder := _finder(name, self.graph)):
                self.excuse(name, f"output {name} has as many elements as {finder} finds, so its rows are not compared")
                continue
            found = [self.criteria.judge(name, want, outputs[name]) for want in wanted]
            yield OutputParity(name, case, min(found, key=lambda d: (not d.passed, d.wrong)))


def _any_runs(batch: Batch, answer: Callable[[Case], Feed]) -> bool:
    """Whether fewer rows of a batch run."""
    for probe in batch.probes:
        if len(probe.rows) < batch.count:
            with suppress(BadInput):
                answer(batch.fed(probe))
                return True
    return False


def _badness(one: OutputParity) -> tuple[bool, int, float]:
    return not one.passed, one.difference.wrong, one.difference.max_abs


def _missing(value: Array) -> Difference:
    return Difference(str(value.dtype), value.shape, passed=False, why="the output is missing", wrong=value.size)


def _wanted(whole: Array, count: int, rows: Sequence[int], graph: Graph, output: str) -> Iterator[Array]:
    """What an output may be for `rows` of a batch of `count`: those rows, one place or several each.

    Or the same as ever, for an output without rows; where all sizes are fixed, the graph does not tell which it is.
    """
    shape = graph.shape(output.split("[")[0]) or (None,)
    is_fixed = not any(is_free(t.shape[0]) for t in graph.inputs.values() if t is not None and t.shape)
    has_rows = whole.ndim > 0 and whole.shape[0] > 0 and whole.shape[0] % count == 0
    if has_rows and (is_fixed or is_free(shape[0])):
        split = whole.reshape(count, whole.shape[0] // count, *whole.shape[1:])
        yield split[list(rows)].reshape(-1, *whole.shape[1:])
        if not is_fixed:
            return
    yield whole


def _finder(output: str, graph: Graph) -> str:
    """The operator that may decide how many elements an output has, where there is one that depends on the data."""
    waiting, seen = [output.split("[")[0]], {output}
    while waiting:
        node = graph.producer(waiting.pop())
        if node is None:
            continue
        if node.op_type in FINDS and not node.domain:
            return node.op_type
        waiting += [name for name in node.inputs if name and name not in seen]
        seen.update(node.inputs)
    return ""
