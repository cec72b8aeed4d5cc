"""`lint`: what will the target refuse, or silently get wrong?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trtconv.findings import Finding, refusal_at
from trtconv.pipeline import troubles

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.passes.core import Model, Pass, Target


@dataclass(frozen=True)
class Lint:
    """What `lint` found for `target`."""

    target: str
    title: str
    findings: tuple[Finding, ...]
    nodes: int
    crashes: tuple[str, ...] = ()
    ignored: tuple[Finding, ...] = ()
    unused_ignores: tuple[str, ...] = ()

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
        """One sentence."""
        return verdict(self.findings, self.title)

    def to_json(self) -> dict[str, object]:
        """`{"target", "ok", "nodes", "findings": [...]}`."""
        return {
            "target": self.target,
            "ok": self.ok,
            "nodes": self.nodes,
            "findings": [f.to_json() for f in self.findings],
            "ignored": [f.to_json() for f in self.ignored],
            "unused_ignores": list(self.unused_ignores),
            "crashes": list(self.crashes),
        }


def verdict(findings: tuple[Finding, ...], title: str) -> str:
    """How many findings of each effect stand."""
    count = Counter(f.effect for f in findings)
    if not count:
        return f"nothing known against it for {title}"
    words = {"refused": "refused", "silent": "silently wrong", "slow": "slow", "note": "to note"}
    return ", ".join(f"{count[effect]} {text}" for effect, text in words.items() if count[effect])


def lint(source: str | os.PathLike[str] | ModelProto, *, target: str = "auto") -> Lint:
    """Look for trouble in a model without changing it.

    `source` is a path or a ModelProto; raises BadInput for a file that cannot be read or an unknown target.
    """
    from trtconv.loading import load, resolve_target
    from trtconv.passes.core.catalogue import catalogue

    chosen = resolve_target(target)
    model = load(source)
    crashes: list[str] = []
    found = find_all(model, chosen, catalogue().values(), crashes)
    return Lint(str(chosen), chosen.title, tuple(found), count_nodes(model), tuple(crashes))


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
