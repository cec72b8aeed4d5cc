"""Run the graphs of many edits, before and after: a few sessions for all edits of a pass, in one child process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import GraphProto, ModelProto

from trtconv.comparison.metrics import is_float
from trtconv.errors import NativeFailure
from trtconv.evidence.trials import wrapped
from trtconv.isolate import Limits, Worker, report
from trtconv.runtimes.doubled import NotDoubled, doubled
from trtconv.runtimes.mapped import with_weights
from trtconv.runtimes.onnxruntime import EvaluationFailed, failures, open_session, reason, run_evaluator

if TYPE_CHECKING:
    from trtconv.evidence.trials import Trial
    from trtconv.passes.core import Model
    from trtconv.runtimes.running import Array, Feed

SECONDS = 120.0
"""Wall time that one batch of sessions may take; an operator that hangs must not hang `fix`."""

Answer = list["Array"] | str
"""What a graph gave in one case, or why it did not run."""
Answers = list[tuple[Answer, Answer]]
"""Before and after, in each case of a trial."""


@dataclass(frozen=True)
class Ran:
    """The answers of one trial, and how ONNX Runtime died of the case behind the last of them, if it did."""

    answers: Answers
    died: str = ""


@dataclass(frozen=True)
class Request:
    """What the child needs of one trial: both graphs as serialized models, and the cases by name."""

    models: tuple[bytes, bytes]
    cases: list[tuple[str, Feed]]
    file: str
    """Where the model lies, whose external data the graphs may use."""


class TrialRuns:
    """Runs trials in a child process: a crash of ONNX Runtime costs the case and those behind it, and nothing else."""

    def __init__(self, model: Model, worker: Worker) -> None:
        self._model, self._worker = model, worker

    @staticmethod
    def worker() -> Worker:
        """The child process, to be opened once for all passes; it starts when there is something to run."""
        return Worker("ONNX Runtime", limits=Limits(SECONDS))

    def run(self, trials: Sequence[Trial]) -> list[Ran]:
        """What came of each trial."""
        requests = [self._request(trial) for trial in trials]
        try:
            return [Ran(answers) for answers in self._worker.call(run_batch, requests)]
        except NativeFailure:
            return [self._case_by_case(request) for request in requests]

    def _case_by_case(self, request: Request) -> Ran:
        answers: Answers = []
        for case in request.cases:
            try:
                answers += self._worker.call(run_batch, [replace(request, cases=[case])])[0]
            except NativeFailure as failure:
                return Ran(answers, failure.what)
        return Ran(answers)

    def second_opinion(self, trial: Trial, case: int) -> list[Array] | None:
        """What the ONNX reference evaluator gives for the graph before the edit, in float64 where it can."""
        name, feed = trial.cases[case]
        serialized = self.model_of(trial.before).SerializeToString()
        try:
            return self._worker.call(evaluated, serialized, feed, self._model.file, name)
        except NativeFailure:
            return None

    def model_of(self, graph: GraphProto) -> ModelProto:
        """A model of `graph` with the operator sets and functions of the network."""
        return wrapped(graph, self._model)

    def _request(self, trial: Trial) -> Request:
        before, after = (self.model_of(graph).SerializeToString() for graph in trial.graphs)
        return Request((before, after), trial.cases, self._model.file)


# --- in the child --------------------------------------------------------------------------------


def run_batch(requests: Sequence[Request]) -> list[Answers]:
    """The answers of both graphs in each case of each request."""
    sides = [_Side([ModelProto.FromString(r.models[i]) for r in requests], requests[0].file) for i in (0, 1)]
    answers: list[Answers] = [[] for _ in requests]
    for number in range(max(len(r.cases) for r in requests)):
        feeds = [r.cases[number][1] if number < len(r.cases) else None for r in requests]
        if len(requests) == 1:
            report(f"case {requests[0].cases[number][0]!r}")
        before, after = (side.run(feeds) for side in sides)
        for index, pair in enumerate(zip(before, after, strict=True)):
            if feeds[index] is not None:
                answers[index].append(pair)
    return answers


def evaluated(serialized: bytes, feed: Feed, file: str, case: str) -> list[Array] | None:
    """Outputs by the ONNX reference evaluator, in float64 or else in the model's own types; None where neither works.

    External data is looked for beside `file`.
    """
    report(f"the reference evaluator, case {case!r}")
    model = with_weights(ModelProto.FromString(serialized), file)
    try:
        wide = {name: value.astype(np.float64) if is_float(value.dtype) else value for name, value in feed.items()}
        return list(map(np.asarray, run_evaluator(doubled(model), wide)))
    except (NotDoubled, EvaluationFailed):
        pass
    try:
        return list(map(np.asarray, run_evaluator(model, feed)))
    except EvaluationFailed:
        return None


class _Side:
    """The same half of several trials: joined in one session, with sessions of their own for what does not run so."""

    def __init__(self, models: Sequence[ModelProto], file: str) -> None:
        self.models, self.file = models, file
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
            return [[next(rest) for _ in model.graph.output] for model in self.models]
        return self._run_alone(feeds)

    def _join(self) -> Any:
        if len(self.models) == 1:
            return None
        whole = ModelProto(ir_version=self.models[0].ir_version)
        whole.opset_import.extend(self.models[0].opset_import)
        whole.functions.extend(self.models[0].functions)
        whole.graph.name = "cuts"
        for index, model in enumerate(self.models):
            if any(a.HasField("g") for node in model.graph.node for a in node.attribute):
                return None
            _append(whole.graph, model.graph, f"{index}:")
        try:
            return self._open(whole)
        except failures():
            return None

    def _open(self, model: ModelProto) -> Any:
        return open_session(model, self.file, optimized=False, threads=1)

    def _run_alone(self, feeds: Sequence[Feed | None]) -> list[Answer]:
        return ["" if feed is None else self._answer(index, feed) for index, feed in enumerate(feeds)]

    def _answer(self, index: int, feed: Feed) -> Answer:
        try:
            if index not in self._alone:
                self._alone[index] = self._open(self.models[index])
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
