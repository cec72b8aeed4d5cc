"""`fix`: rewrite what the target refuses or gets wrong, name each rewrite, and say what is left."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from trtconv.errors import BadInput
from trtconv.findings import Finding
from trtconv.linting import count_nodes, doubts, find_all, verdict
from trtconv.storage.loading import collector_paused
from trtconv.timing import Clock

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.feeding.cases import ShapesGiven
    from trtconv.ignoring import Ignore
    from trtconv.passes.core import Edit, Pass
    from trtconv.storage.files import FileState

EVIDENCE_NODES = 5000
"""Nodes of a model up to which `fix` gathers evidence unless told otherwise."""

_NO_EVIDENCE = f"no evidence was gathered: the model has more than {EVIDENCE_NODES:,} nodes; --evidence gathers it"


@dataclass(frozen=True)
class Fix:
    """A rewritten model, each edit, and the findings that remain, each with the reason why."""

    thin: ModelProto
    """The model; large weights that are as they were may still be in its file `source`."""
    target: str
    title: str
    edits: tuple[Edit, ...]
    remaining: tuple[Finding, ...]
    nodes_before: int
    nodes_after: int
    crashes: tuple[str, ...] = ()
    undone: tuple[Edit, ...] = ()
    """Edits that were taken back, because their evidence showed another output."""
    ignored: tuple[Finding, ...] = ()
    unused_ignores: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    source: Path | None = None
    source_state: FileState | None = None
    """What `source` was like when it was read; None where no weights were left in it."""
    output: Path | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall time by step: import, read, each pass, shape inference, evidence, what is left, write."""

    @cached_property
    def model(self) -> ModelProto:
        """The model with all its weights but those in external files. Raises BadInput where `source` is gone."""
        from trtconv.storage.saving import whole

        return whole(self.thin, self.source) if self._is_left_in(self.source) else self.thin

    @property
    def ok(self) -> bool:
        """Whether nothing that the target refuses or gets wrong is left."""
        return not any(f.is_fatal for f in self.remaining)

    @property
    def exit_code(self) -> int:
        """0, or 1 where something is left that the target refuses or gets wrong."""
        return 0 if self.ok else 1

    @property
    def verdict(self) -> str:
        """One sentence: what is left, and what was written."""
        left = verdict(self.remaining, self.title)
        return f"{left}; wrote {self.output}" if self.output else left

    @property
    def evidence(self) -> str:
        """How many edits are bit-equal, close or not checkable: `12 bit-equal, 2 within 3 ULP`; empty without any.

        Those that part at inputs about which their pass promises nothing are counted once more.
        """
        found = [edit.evidence for edit in self.edits if edit.evidence is not None]
        counts = Counter[str](e.verdict for e in found)
        furthest = max((e.max_ulp for e in found), default=0)
        texts = {"bit-equal": "bit-equal", "close": f"within {furthest} ULP", "not checkable": "not checkable here"}
        said = [f"{counts[verdict]} {text}" for verdict, text in texts.items() if counts[verdict]]
        apart = sum(bool(e.apart) for e in found)
        return ", ".join(said) + (f"; {apart} of them apart at NaN, infinity, overflow or underflow" if apart else "")

    def ignoring(self, ignores: Iterable[Ignore]) -> Fix:
        """The same with the findings that `ignores` cover set apart: they no longer fail it."""
        from trtconv.ignoring import sift

        found = sift(self.remaining, ignores)
        return replace(self, remaining=found.standing, ignored=found.ignored, unused_ignores=found.unused)

    def save(self, path: str | os.PathLike[str]) -> Fix:
        """Write the model, whole or not at all, and return the Fix that knows where. Raises BadInput."""
        from trtconv.storage.saving import save_model

        clock = Clock(self.seconds)
        with clock.step("write"):
            self._is_left_in(self.source)
            save_model(self.thin, path, self.source)
        return replace(self, output=Path(path), seconds=clock.seconds)

    def _is_left_in(self, source: Path | None) -> TypeGuard[Path]:
        """Whether there are weights in `source` only. Raises BadInput where it was written to since it was read."""
        from trtconv.storage.files import state_of_large

        if source is None or self.source_state is None:
            return False
        if state_of_large(source) != self.source_state:
            raise BadInput(f"{source} is not what it was when it was read", do="fix it again")
        return True

    def to_json(self) -> dict[str, object]:
        """`{"target", "ok", "nodes_before", "nodes_after", "edits": [...], "remaining": [...]}`."""
        return {
            "target": self.target,
            "ok": self.ok,
            "nodes_before": self.nodes_before,
            "nodes_after": self.nodes_after,
            "edits": [e.to_json() for e in self.edits],
            "remaining": [f.to_json() for f in self.remaining],
            "ignored": [f.to_json() for f in self.ignored],
            "unused_ignores": list(self.unused_ignores),
            "notes": list(self.notes),
            "crashes": list(self.crashes),
            "undone": [e.to_json() for e in self.undone],
            "output": str(self.output) if self.output else None,
            "seconds": {step: round(took, 4) for step, took in self.seconds.items()},
        }


@collector_paused()
def fix(
    source: str | os.PathLike[str] | ModelProto,
    *,
    target: str = "auto",
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    evidence: bool | None = None,
    shapes: ShapesGiven | None = None,
    tools: Sequence[str] = (),
) -> Fix:
    """Rewrite a model for `target`; the file or the ModelProto handed over is not changed.

    `only` and `skip` name passes. With `evidence` (the default up to EVIDENCE_NODES nodes), the graphs of each edit are
    run before and after it on made-up values, at small sizes and at min, opt and max of the profiles in `shapes`, and
    an edit that changes what is computed is undone and reported. So is one that makes of what the target refuses
    something that it gets wrong and no pass can mend.
    `tools` names other optimizers (onnxsim, onnxslim) that are run afterwards, each in a child process and as one edit,
    which is compared in ONNX Runtime unless `evidence` is False.

    Raises BadInput for an unreadable file, an unknown target, pass or tool, and shapes that contradict the graph,
    Unavailable for a tool not installed.
    """
    clock = Clock()
    with clock.step("import"):
        from trtconv.bargain import bad_bargains
        from trtconv.pipeline import Outcome, run
        from trtconv.storage.files import state_of_large
        from trtconv.storage.loading import load, resolve_target
        from trtconv.tools import apply_tool, choose_tools

        chosen = resolve_target(target)
        passes, others = choose(only, skip), choose_tools(tools)
    outcome = Outcome(clock=clock)
    while True:
        with clock.step("read"):
            state = state_of_large(source) if isinstance(source, (str, os.PathLike)) else None
            model = load(source)
            file, before = model.file, count_nodes(model)
        with_evidence = before <= EVIDENCE_NODES if evidence is None else evidence
        run(model, chosen, passes, outcome, evidence=with_evidence, shapes=shapes)
        for tool in others:
            model = apply_tool(tool, model, outcome, evidence=evidence is not False)
            run(model, chosen, passes, outcome, evidence=with_evidence, shapes=shapes)
        with clock.step("what is left"):
            everything = choose((), ())  # what a pass that was left out would have said stands, too
            found = find_all(model, chosen, everything, outcome.crashes, refusals=True)
        if not (bad := bad_bargains(outcome.edits, found)):
            break
        outcome = Outcome(undone=[*outcome.undone, *bad], clock=clock)
    left = _left_out(_undone(found, outcome.undone), {one.name() for one in passes})
    after = count_nodes(model)
    with clock.step("write"):
        proto = model.commit()
    return Fix(
        thin=proto,
        target=str(chosen),
        title=chosen.title,
        edits=tuple(outcome.edits),
        remaining=tuple(left),
        nodes_before=before,
        nodes_after=after,
        crashes=tuple(outcome.crashes),
        undone=tuple(outcome.undone),
        notes=(*doubts(model, chosen), *([_NO_EVIDENCE] if evidence is None and not with_evidence else [])),
        source=Path(file) if file else None,
        source_state=state,
        seconds=clock.seconds,
    )


def _undone(findings: Iterable[Finding], undone: Iterable[Edit]) -> Iterator[Finding]:
    """The findings, with the reason why an edit was undone at those that would be mended otherwise."""
    reasons = {(e.pass_name, e.node): f"the rewrite was undone: {e.evidence}" for e in undone}
    for finding in findings:
        reason = reasons.get((finding.pass_name, finding.node))
        yield replace(finding, refusal=reason) if reason and not finding.refusal else finding


def _left_out(findings: Iterable[Finding], ran: Collection[str]) -> Iterator[Finding]:
    """The findings, with that as the reason at those of passes that did not run: whether they could, nobody asked."""
    for finding in findings:
        yield finding if finding.pass_name in ran else replace(finding, refusal="this pass was left out")


def choose(only: Iterable[str], skip: Iterable[str]) -> list[Pass]:
    """The catalogue's passes in order, narrowed; raises BadInput for a name that is not there."""
    from trtconv.passes.core.catalogue import catalogue

    passes, only, skip = catalogue(), set(only), set(skip)
    for name in sorted(only | skip):
        if name not in passes:
            raise BadInput(f"there is no pass called {name!r}", do="`trtconv passes` lists them")
    return [one for name, one in passes.items() if name not in skip and (not only or name in only)]
