"""`lint`: what will the target refuse, or silently get wrong?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trtconv.findings import PARSER, Finding, refusal_at
from trtconv.pipeline import troubles
from trtconv.storage.loading import collector_paused

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.ignoring import Ignore
    from trtconv.parser.judging import Disagreement
    from trtconv.parser.parsing import ParserVerdict
    from trtconv.passes.core import Model, Pass, Target


@dataclass(frozen=True)
class Lint:
    """What `lint` found for `target`: what the passes predict and, where it was asked, what the parser says."""

    target: str
    title: str
    findings: tuple[Finding, ...]
    nodes: int
    crashes: tuple[str, ...] = ()
    ignored: tuple[Finding, ...] = ()
    unused_ignores: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parser: ParserVerdict | None = None
    disagreements: tuple[Disagreement, ...] = ()

    def ignoring(self, ignores: Iterable[Ignore]) -> Lint:
        """The same with the findings that `ignores` cover set apart: they no longer fail it."""
        from trtconv.ignoring import sift

        found = sift(self.findings, ignores)
        return replace(self, findings=found.standing, ignored=found.ignored, unused_ignores=found.unused)

    @property
    def ok(self) -> bool:
        """Whether nothing is refused or silently wrong; what is merely slow does not count."""
        return not any(f.is_fatal for f in self.findings)

    @property
    def exit_code(self) -> int:
        """0, or 1 with findings that the target refuses or gets wrong."""
        return 0 if self.ok else 1

    @property
    def verdict(self) -> str:
        """One sentence that says what it applies to: the parser that was asked, or a version it is predicted for."""
        if self.parser is None:
            return verdict(self.findings, self.title)
        word = "parses" if self.parser.accepted else "does not parse"
        predicted = counts(tuple(f for f in self.findings if f.pass_name != PARSER))
        return f"{word} for {self.title}, as {self.parser.version} says; predicted: {predicted}"

    def to_json(self) -> dict[str, object]:
        """`{"target", "ok", "nodes", "verdict", "basis", "parser", "disagreements", "findings", ...}`."""
        return {
            "target": self.target,
            "ok": self.ok,
            "nodes": self.nodes,
            "verdict": self.verdict,
            "basis": "parser" if self.parser else "predicted",
            "parser": self.parser.to_json() if self.parser else None,
            "disagreements": [d.to_json() for d in self.disagreements],
            "notes": list(self.notes),
            "findings": [f.to_json() for f in self.findings],
            "ignored": [f.to_json() for f in self.ignored],
            "unused_ignores": list(self.unused_ignores),
            "crashes": list(self.crashes),
        }


def verdict(findings: tuple[Finding, ...], title: str) -> str:
    """What is predicted for the target: how many findings of each effect stand."""
    return f"{title}, predicted: {counts(findings)}"


def counts(findings: tuple[Finding, ...]) -> str:
    """How many findings of each effect stand."""
    count = Counter(f.effect for f in findings)
    if not count:
        return "nothing known against it"
    words = {"refused": "refused", "silent": "silently wrong", "slow": "slow", "note": "to note"}
    return ", ".join(f"{count[effect]} {text}" for effect, text in words.items() if count[effect])


@collector_paused()
def lint(source: str | os.PathLike[str] | ModelProto, *, target: str = "auto", parser: bool | None = None) -> Lint:
    """Look for trouble in a model without changing it.

    `source` is a path or a ModelProto. The passes read the graph alone, never the data of external weights. The
    product's own parser is asked, too, where it is installed in the target's version (0.3 s, in a child process);
    `parser` False leaves it out, True insists. Raises BadInput for a file that cannot be read or an unknown target,
    Unavailable where a parser that was insisted on is missing.
    """
    from trtconv.parser.judging import ask, compare
    from trtconv.passes.core.catalogue import catalogue
    from trtconv.storage.loading import load, resolve_target

    chosen = resolve_target(target)
    crashes: list[str] = []
    model = load(source)
    findings = tuple(find_all(model, chosen, catalogue().values(), crashes))
    word, why_none = ask(source, chosen, parser)
    disagreements: tuple[Disagreement, ...] = ()
    if word is not None:
        findings, disagreements = compare(findings, word, model)
    return Lint(
        str(chosen),
        chosen.title,
        findings,
        count_nodes(model),
        tuple(crashes),
        notes=(*doubts(model, chosen), *filter(None, [why_none])),
        parser=word,
        disagreements=disagreements,
    )


def doubts(model: Model, target: Target) -> list[str]:
    """What makes all that is said of a target less certain: a version that is not known, an undocumented opset."""
    found = [target.doubt] if target.doubt else []
    newest = target.documented_opset[1]
    if model.opset > newest:
        found.append(
            f"opset {model.opset} is newer than the {newest} documented for {target.title}: its parser does not check, "
            "and reads newer operators by older rules"
        )
    return found


def find_all(
    model: Model, target: Target, passes: Iterable[Pass], crashes: list[str], *, refusals: bool = False
) -> list[Finding]:
    """Every finding of `passes`; with `refusals`, also why each could not be mended."""
    found = []
    for one in passes:
        for graph, node, trouble in troubles(one, model, target, crashes):
            refusal = refusal_at(one, node, graph, target) if refusals else ""
            found.append(Finding.of(one, node, trouble, refusal))
    return found


def count_nodes(model: Model) -> int:
    """Nodes of all graphs, subgraphs included."""
    return sum(len(graph.nodes) for graph in model.graphs())
