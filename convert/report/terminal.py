"""Results as a person reads them: in a terminal with colour, in a pipe or a log without."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trtconv.errors import worst
from trtconv.report.console import console, say, say_notes, shorten
from trtconv.report.parity import show_parity

if TYPE_CHECKING:
    from trtconv.building import Engine
    from trtconv.doctoring import Doctor
    from trtconv.errors import Failed
    from trtconv.findings import Finding
    from trtconv.fixing import Fix
    from trtconv.gating import Gate, Step
    from trtconv.known import Difference
    from trtconv.linting import Lint
    from trtconv.parity import Parity
    from trtconv.passes.core import Edit, Node, Pass

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

STYLE = {"refused": "bold red", "silent": "bold magenta", "slow": "yellow", "note": "cyan"}
NAMES_SHOWN = 2
TIME_SHOWN = 0.01
"""Share of the time from which on a step is named."""


def show(result: object, model: str) -> None:
    """Print a result about `model`. Its class goes by its name: else showing one result would import every verb."""
    _SHOWN[type(result).__name__](result, model)


def _failed(result: Failed, model: str) -> None:
    click.echo(f"{model}: {result.error}", err=True)


def _lint(result: Lint, model: str) -> None:
    out = console()
    out.print(Text.assemble((model, "bold"), f": {_nodes(result.nodes)}, for {result.title}"))
    _findings(out, result.findings)
    _suppressed(out, result.ignored, result.unused_ignores)
    _crashes(out, result.crashes)
    for one in result.disagreements:
        say(out, f"disagreement: {one}", style="yellow")
    say_notes(out, result.notes)
    say(out, str(result.verdict), style="green" if result.ok else "")


def _fix(result: Fix, model: str) -> None:
    out = console()
    counts = f"{_nodes(result.nodes_before)}, {result.nodes_after} after, for {result.title}"
    out.print(Text.assemble((model, "bold"), f": {counts}"))
    grid = _grid()
    for name, edits in _grouped(result.edits, lambda e: e.pass_name).items():
        more = len({e.why for e in edits}) - 1
        why = edits[0].why + (f" (and {more} more reason{'s' * (more > 1)}; --diff shows each edit)" if more else "")
        grid.add_row(Text("fixed", "green"), f"{len(edits)} x", name, why)
    for name, undone in _grouped(result.undone, lambda e: e.pass_name).items():
        others = f" (and {len(undone) - 1} more; --json has each)" if len(undone) > 1 else ""
        why = f"at {undone[0].node}: {undone[0].evidence}{others}"
        grid.add_row(Text("undone", "bold red"), f"{len(undone)} x", name, why)
    if grid.row_count:
        out.print(grid)
    if result.evidence:
        say(out, f"evidence for the edits: {result.evidence}", style="dim")
    _findings(out, result.remaining)
    _suppressed(out, result.ignored, result.unused_ignores)
    _crashes(out, result.crashes)
    say_notes(out, result.notes)
    _timing(out, result.seconds)
    say(out, str(result.verdict), style="green" if result.ok else "")


def _parity(result: Parity, model: str) -> None:
    show_parity(result, model)


def _engine(result: Engine, model: str) -> None:
    out = console()
    out.print(Text(f"{model} -> {result.verdict}"))
    for profile in result.profiles:
        if profile.shapes or profile.values:
            say(out, f"profile {profile.text}")
    say_notes(out, result.notes)
    say(out, f"details in {result.sidecar}", style="dim")


def _doctor(result: Doctor, model: str = "") -> None:
    out = console()
    out.print(Text(f"Python {result.python}, {result.system}"))
    grid = Table.grid(padding=(0, 2, 0, 2))
    for package in result.packages:
        style = "green" if package.works else "dim" if not package.version else "red"
        grid.add_row(Text(package.name, style), package.version or "-", package.note)
    for gpu in result.gpus:
        grid.add_row(Text("GPU", "green"), "", str(gpu))
    if not result.gpus:
        grid.add_row(Text("GPU", "dim"), "-", "none found")
    out.print(grid)
    out.print()
    abilities = Table.grid(padding=(0, 2, 0, 2))
    for ability in result.abilities:
        mark = Text("yes", "green") if ability.possible else Text("no", "yellow")
        abilities.add_row(mark, ability.name, ability.why)
    out.print(abilities)


def _difference(result: Difference, model: str) -> None:
    out = console()
    out.print(Text(f"{result.before} -> {result.after}", style="bold"))
    for word, names in (("gained", result.gained), ("lost", result.lost)):
        say(out, f"operators {word}: {', '.join(names) or 'none'}")
    (_, before), (_, after) = result.opsets
    say(out, f"documented opset: up to {before} -> up to {after}")
    say(out, f"known from: {', '.join(result.evidence)}", style="dim")
    say_notes(out, result.notes)
    for word, findings in (("appear", result.appear), ("disappear", result.disappear)):
        if model:
            say(out, f"findings in {model} that {word}: {len(findings)}")
        _findings(out, findings)


def _findings(out: Console, findings: Iterable[Finding]) -> None:
    grid = _grid()
    for (effect, name, why, refusal), group in _grouped(
        findings, lambda f: (f.effect, f.pass_name, f.why, f.refusal)
    ).items():
        text = f"{why}; not mended: {refusal}" if refusal else why
        what = _what(text, [f.node for f in group], [made for f in group if (made := _made_by(f))])
        grid.add_row(Text(effect, STYLE.get(effect, "")), f"{len(group)} x", name, what)
    if grid.row_count:
        out.print(grid)


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def _suppressed(out: Console, ignored: tuple[Finding, ...], unused: tuple[str, ...]) -> None:
    if ignored:
        say(out, f"{len(ignored)} ignored, as the configuration says", style="dim")
    for one in unused:
        say(out, f"unused suppression: {one}", style="yellow")


def _crashes(out: Console, crashes: Iterable[str]) -> None:
    for crash in crashes:
        say(out, f"a bug in trtconv: {crash}; the rest went on. Please report it.", style="red")


def _timing(out: Console, seconds: Mapping[str, float]) -> None:
    """The steps that took time, longest first, and what all the others took together."""
    total = sum(seconds.values())
    if not seconds:
        return
    grid = Table.grid(padding=(0, 2, 0, 2))
    for _ in range(2):
        grid.add_column(justify="right")
    ranked = sorted(seconds.items(), key=lambda step: -step[1])
    shown = [(name, took) for name, took in ranked if took >= total * TIME_SHOWN]
    others = ranked[len(shown) :]
    for name, took in [*shown, (f"{len(others)} others", sum(took for _, took in others)), ("together", total)]:
        grid.add_row(f"{took:.3f} s", f"{took / total:.0%}", name)
    out.print(grid)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 1, 0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _made_by(finding: Finding) -> str:
    """`net.py:12 (features.3.conv)`, as far as it is known."""
    if finding.source and finding.module:
        return f"{finding.source} ({finding.module})"
    return finding.source or finding.module


def _what(why: str, nodes: list[str], sources: list[str]) -> Text:
    """The reason; below it the first nodes, and the lines of Python and modules that made them."""
    names = ", ".join(shorten(n) for n in nodes[:NAMES_SHOWN])
    more = f" and {len(nodes) - NAMES_SHOWN} more" if len(nodes) > NAMES_SHOWN else ""
    made = "\nfrom " + ", ".join(list(dict.fromkeys(sources))[:NAMES_SHOWN]) if sources else ""
    return Text.assemble(why, "\n", (f"{names}{more}{made}", "dim"))


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def show_diff(result: Fix) -> None:
    """Each edit as removed and added nodes."""
    out = console()
    for edit in result.edits:
        out.print(Text(f"{edit.pass_name} at {edit.node}: {edit.why}", style="bold"))
        if edit.evidence is not None:
            say(out, str(edit.evidence), style="dim")
        for line in _diff_lines(edit):
            out.print(Text(line, style="red" if line[0] == "-" else "green"), soft_wrap=True)


def _diff_lines(edit: Edit) -> Iterator[str]:
    yield from (f"- {_node_line(n)}" for n in edit.before)
    yield from (f"+ {_node_line(n)}" for n in edit.after)


def _node_line(node: Node) -> str:
    return f"{', '.join(o for o in node.outputs if o)} = {node.op_type}({', '.join(node.inputs)})  [{node.label}]"


def show_passes(passes: Mapping[str, Pass]) -> None:
    """One line a pass, then what the words in the second column mean."""
    from trtconv.passes.core import Safety

    out, grid = console(), Table.grid(padding=(0, 2, 0, 0))
    for name, one in passes.items():
        grid.add_row(Text(name, "bold"), one.safety.value, one.summary())
    out.print(grid)
    out.print()
    for safety in Safety:
        say(out, f"{safety}: {safety.means}", style="dim")


def show_gates(gates: Sequence[Gate]) -> None:
    """One row a model, one column a step, then what did not pass, then the verdict."""
    out = console()
    names = list(dict.fromkeys(s.name for g in gates for s in g.steps))
    table = Table(box=box.SIMPLE, pad_edge=False)
    for title in ("model", "target", *names):
        table.add_column(title)
    for one in gates:
        cells = {s.name: _cell(s) for s in one.steps}
        table.add_row(shorten(one.model), one.target, *(cells.get(n, Text("-", "dim")) for n in names))
    out.print(table)
    for one in gates:
        for step in one.steps:
            if step.status != "passed":
                out.print(Text.assemble((f"{one.model}: {step.name} {step.status}: ", "bold"), step.summary))
                _findings(out, step.findings)
        _suppressed(out, (), one.unused_ignores)
    code = worst(g.exit_code for g in gates)
    out.print(Text(f"exit code {code}", style="green" if code == 0 else "red"))


def _cell(step: Step) -> Text:
    style = {"passed": "green", "not run": "yellow"}.get(step.status, "red")
    return Text(f"{step.status} {step.seconds:.1f} s", style)


_SHOWN: dict[str, Callable[[Any, str], None]] = {
    "Difference": _difference,
    "Doctor": _doctor,
    "Engine": _engine,
    "Failed": _failed,
    "Fix": _fix,
    "Lint": _lint,
    "Parity": _parity,
}
