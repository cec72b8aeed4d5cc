"""What is known of targets and operators, and from where, as pages for `explain` and differences for `targets diff`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trtconv.passes.core.target import Target, facts, known, measured, parse_version

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


def target_page(target: Target) -> str:
    """Markdown page: where the facts of a target come from, its opsets, element types, constants and limits."""
    nearest = Target(target.product, target.nearest)
    oldest, newest = target.documented_opset
    rows = [
        ("facts", f"those of {nearest.title}" if target.is_newer_than_known else "its own", target.evidence("")),
        ("operators", f"{len(operators(target))} of the ONNX standard", target.evidence("")),
        ("opset", f"{oldest} to {newest}", target.opset_evidence),
        ("parser", f"as of TensorRT {'.'.join(map(str, target.parser))}", "inferred" if target.is_rtx else "source"),
        *((f"{name} tensors", how, source) for name, how, source in _element_types(target)),
        *((f"at most {limit}", name, source) for name, limit, source in _limits(target)),
        *((f"{op}: {name}", "a constant", source) for op, name, source in _constants_only(target)),
    ]
    return _page(target.title, rows)


def operator_page(op_type: str) -> str:
    """Markdown page: which products take an operator since when, documented element types, and the passes about it."""
    from trtconv.passes.core.catalogue import catalogue
    from trtconv.runtimes.network import plain_text

    known_operator: dict[str, Any] = facts()["operators"].get(op_type, {})
    rows = list(_ranges(op_type))
    rows += [
        (f"element types, TensorRT {since}", types, "documentation")
        for since, types in known_operator.get("types", {}).items()
    ]
    for version, found in measured()["versions"].items():
        why = found["never_accepted"].get(op_type)
        if why:
            stage, _, text = why.partition(": ")
            rows.append((f"TensorRT-RTX {version}, {stage}", plain_text(text) or text, "measured"))
    about = [name for name, one in catalogue().items() if op_type in one.ops]
    passes = ["", "Passes about it: " + ", ".join(about)] if about else []
    return _page(op_type, rows) + "\n".join([*passes, ""])


def _ranges(op_type: str) -> Iterator[tuple[str, str, str]]:
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
        yield title, "takes it" if has else "does not", source


def _element_types(target: Target) -> Iterator[tuple[str, str, str]]:
    for name, since, until, how, source in facts()["element_types"]:
        if _covers(target, since, until):
            yield name, how, source


def _constants_only(target: Target) -> Iterator[tuple[str, str, str]]:
    for op_type, name, _, since, until, source in facts()["constants_only"]:
        if _covers(target, since, until):
            yield op_type, name, source


def _limits(target: Target) -> Iterator[tuple[str, int, str]]:
    for name, limit, since, until, source in facts()["limits"]:
        if _covers(target, since, until):
            yield name, limit, source


def _covers(target: Target, since: str, until: str | None) -> bool:
    return not target.before(*parse_version(since)) and (until is None or target.before(*parse_version(until)))


def _page(title: str, rows: list[tuple[str, str, str]]) -> str:
    sources = list(dict.fromkeys(source for _, _, source in rows))
    lines = [f"# {title}", "", "| | | known from |", "|---|---|---|"]
    lines += [f"| {name} | {says} | {source} |" for name, says, source in rows]
    lines += ["", *(f"- {source}: {facts()['evidence'][source]}" for source in sources)]
    return "\n".join(lines) + "\n"
