"""What is known of one target or one operator, each fact with where it is known from: what `explain` shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from trtconv.known import operators, targets
from trtconv.passes.core.target import Target, facts, measured, parse_version


class Fact(NamedTuple):
    """What is said of something, and where that is known from: a key of `facts()["evidence"]`."""

    about: str
    says: str
    source: str


@dataclass(frozen=True)
class Factsheet:
    """The facts about `title`; `notes` are what a reader should know of all of them."""

    title: str
    facts: tuple[Fact, ...]
    notes: tuple[str, ...] = ()

    @property
    def sources(self) -> dict[str, str]:
        """What each source that a fact names means."""
        return {source: facts()["evidence"][source] for source in dict.fromkeys(f.source for f in self.facts)}

    def markdown(self) -> str:
        """The sheet as a Markdown page with one table."""
        lines = [f"# {self.title}", "", *(line for note in self.notes for line in (note, ""))]
        lines += ["| | | known from |", "|---|---|---|", *(f"| {' | '.join(fact)} |" for fact in self.facts)]
        return "\n".join([*lines, "", *(f"- {name}: {means}" for name, means in self.sources.items())]) + "\n"


def target_sheet(target: Target) -> Factsheet:
    """Where the facts of a target come from, its operators, opsets, element types, constant inputs and limits."""
    oldest, newest = target.documented_opset
    found = [
        Fact("facts", _whose(target), target.evidence("")),
        Fact("operators", f"{len(operators(target))} of the ONNX standard", target.evidence("")),
        Fact("opset", f"{oldest} to {newest}", target.opset_evidence),
    ]
    if target.is_rtx:
        found.append(Fact("parser", f"as of TensorRT {'.'.join(map(str, target.parser))}", "inferred"))
    found += _gathered("element types", _element_types(target), "{what}: {names}")
    found += (Fact("limits", f"{name}: at most {limit:,}", source) for name, limit, source in _limits(target))
    found += _gathered("constants only", _constants_only(target), "{names}")
    notes = (target.doubt,) if target.doubt else ()
    return Factsheet(target.title, tuple(f._replace(source=_source(f.source, target)) for f in found), notes)


def operator_sheet(op_type: str) -> Factsheet:
    """Which products take an operator since when, documented element types, and the passes about it."""
    from trtconv.passes.core.catalogue import catalogue

    known_operator: dict[str, Any] = facts()["operators"].get(op_type, {})
    types = [
        Fact(f"element types from TensorRT {since} on", types, "documentation")
        for since, types in known_operator.get("types", {}).items()
    ]
    about = [name for name, one in catalogue().items() if op_type in one.ops]
    notes = (f"Passes about it: {', '.join(about)}",) if about else ()
    return Factsheet(op_type, (*_since(op_type), *types, *_refusals(op_type)), notes)


def _whose(target: Target) -> str:
    """Whose facts are told, where they are not the target's own."""
    if not target.is_known:
        return f"those of {Target(target.product, target.nearest).title}, the nearest known version before it"
    if target.evidence("") != "inferred":
        return "its own"
    older = (t for t in reversed(targets()) if t.product == target.product and t.version < target.version)
    return f"those of {next(t for t in older if t.evidence('') != 'inferred').title}, as nothing is known of its own"


def _source(source: str, target: Target) -> str:
    """Where a fact is known from that a span of versions shares, for one of them."""
    if not target.is_known:
        return "inferred"
    if target.is_rtx or source == "measured":  # TensorRT-RTX is what was measured, and what was not is TensorRT's
        return "measured" if target.is_rtx and source == "measured" else "inferred"
    return "inferred" if source == "source" and target.evidence("") != "source" else source


def _gathered(about: str, found: Iterable[tuple[str, str, str]], text: str) -> Iterator[Fact]:
    """One fact for all names of which the same is said from the same source."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, what, source in found:
        groups.setdefault((what, source), []).append(name)
    for (what, source), names in groups.items():
        yield Fact(about, text.format(what=what, names=", ".join(names)), source)


def _since(op_type: str) -> Iterator[Fact]:
    """Runs of versions that say the same and know it from the same kind of source."""
    runs: list[tuple[Target, Target, bool, str]] = []
    for target in targets():
        says = (target.has(op_type), target.evidence(op_type))
        if runs and runs[-1][2:] == says and runs[-1][0].product == target.product:
            runs[-1] = (runs[-1][0], target, *says)
        else:
            runs.append((target, target, *says))
    for first, last, has, source in runs:
        title = first.title if first == last else f"{first.title} to {'.'.join(map(str, last.version))}"
        yield Fact(title, "takes it" if has else "does not", source)


def _refusals(op_type: str) -> Iterator[Fact]:
    """What each TensorRT-RTX that registers the operator, and takes no case of it, said when it was asked."""
    from trtconv.runtimes.network import plain_text

    said: dict[str, list[str]] = {}
    for version, found in measured()["versions"].items():
        stage, _, text = found["never_accepted"].get(op_type, "").partition(": ")
        if text:
            said.setdefault(f"{stage}: {plain_text(text) or text}", []).append(version)
    for text, versions in said.items():
        yield Fact(f"TensorRT-RTX {', '.join(versions)}", text, "measured")


def _element_types(target: Target) -> Iterator[tuple[str, str, str]]:
    for name, since, until, how, source in facts()["element_types"]:
        if _covers(target, since, until):
            yield name, how, source


def _constants_only(target: Target) -> Iterator[tuple[str, str, str]]:
    for op_type, name, _, since, until, source in facts()["constants_only"]:
        if _covers(target, since, until):
            yield f"{name} of {op_type}", "", source


def _limits(target: Target) -> Iterator[tuple[str, int, str]]:
    for name, limit, since, until, source in facts()["limits"]:
        if _covers(target, since, until):
            yield name, limit, source


def _covers(target: Target, since: str, until: str | None) -> bool:
    return not target.before(*parse_version(since)) and (until is None or target.before(*parse_version(until)))
