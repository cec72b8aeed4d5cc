"""Findings that a project knows and accepts: which are ignored, and which suppressions match nothing any more."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from trtconv.findings import PARSER, Finding


@dataclass(frozen=True)
class Ignore:
    """A finding that is known and accepted: pass and node as shell patterns, and the reason why."""

    pass_name: str
    node: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is one of those meant."""
        return fnmatch.fnmatchcase(finding.pass_name, self.pass_name) and fnmatch.fnmatchcase(finding.node, self.node)

    def __str__(self) -> str:
        return f"{self.pass_name} at {self.node} ({self.reason})"


@dataclass(frozen=True)
class Sifted:
    """Findings that stand, those ignored, and the suppressions that matched none."""

    standing: tuple[Finding, ...]
    ignored: tuple[Finding, ...]
    unused: tuple[str, ...]


def sift(findings: tuple[Finding, ...], ignores: Iterable[Ignore]) -> Sifted:
    """Part `findings` into those that stand and those that one of `ignores` covers."""
    ignores = tuple(ignores)
    ignored = tuple(f for f in findings if any(i.covers(f) for i in ignores))
    unused = tuple(f"{i}{_doubt(i)}" for i in ignores if not any(i.covers(f) for f in findings))
    return Sifted(tuple(f for f in findings if f not in ignored), ignored, unused)


def _doubt(unused: Ignore) -> str:
    """A word on a suppression whose pass there is not: most often a misspelt name."""
    from trtconv.passes.core.catalogue import catalogue

    names = [*catalogue(), PARSER]
    if fnmatch.filter(names, unused.pass_name):
        return ""
    near = difflib.get_close_matches(unused.pass_name, names, 1)
    return ": there is no such pass" + (f"; did you mean {near[0]}?" if near else "")
