"""Which operators each target takes, and `targets diff`: what lies between two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trtconv.passes.core.target import Target, facts, known, measured

if TYPE_CHECKING:
    from trtconv.findings import Finding


@dataclass(frozen=True)
class Difference:
    """What lies between two targets: operators, and the findings of a model that only one of them has."""

    before: str
    after: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    opsets: tuple[tuple[int, int], tuple[int, int]]
    evidence: tuple[str, ...]
    appear: tuple[Finding, ...] = ()
    disappear: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """What makes all of this less certain: a version that is not known."""

    @property
    def exit_code(self) -> int:
        """1 where the model has trouble with the second target that it does not have with the first."""
        return int(any(f.is_fatal for f in self.appear))

    def to_json(self) -> dict[str, object]:
        """All fields."""
        findings = {"appear": self.appear, "disappear": self.disappear}
        return {**vars(self), **{key: [f.to_json() for f in found] for key, found in findings.items()}}


def compare(before: str, after: str, model: str | None = None) -> Difference:
    """What going from one target to another gains and breaks. Raises BadInput for what is no target or no model."""
    from trtconv.linting import lint
    from trtconv.storage.loading import resolve_target

    a, b = resolve_target(before), resolve_target(after)
    old, new = operators(a), operators(b)
    first: tuple[Finding, ...] = ()
    second: tuple[Finding, ...] = ()
    if model is not None:
        first = lint(model, target=str(a), parser=False).findings
        second = lint(model, target=str(b), parser=False).findings
    known_before, known_after = ({(f.fingerprint, f.effect) for f in found} for found in (first, second))
    return Difference(
        str(a),
        str(b),
        tuple(sorted(new - old)),
        tuple(sorted(old - new)),
        (a.documented_opset, b.documented_opset),
        tuple(dict.fromkeys((a.evidence(""), b.evidence("")))),
        tuple(f for f in second if (f.fingerprint, f.effect) not in known_before),
        tuple(f for f in first if (f.fingerprint, f.effect) not in known_after),
        tuple(filter(None, (a.doubt, b.doubt))),
    )


def summary(target: Target) -> dict[str, object]:
    """The figures of a target in plain values, and where they are known from."""
    return {
        "target": str(target),
        "operators": len(operators(target)),
        "evidence": target.evidence(""),
        "documented_opset": target.documented_opset,
        "parser_generation": ".".join(map(str, target.parser)),
    }


def targets() -> list[Target]:
    """Every known target, oldest first."""
    return [Target.parse(name) for name in known()]


def operators(target: Target) -> set[str]:
    """The standard operators that the target's parser takes."""
    every = {*facts()["operators"], *(o for v in measured()["versions"].values() for o in v["registered"])}
    return {o for o in every if target.has(o)}


def every_operator() -> set[str]:
    """The operators that some known target takes or has taken."""
    return set().union(*(operators(t) for t in (Target.parse("tensorrt"), *map(Target.parse, known()[-4:]))))
