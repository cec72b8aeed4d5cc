"""What `verify` found as a person reads it: one row an output, the worst case of each, beside the noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trtconv.report.console import console, say, say_notes, shorten

if TYPE_CHECKING:
    from rich.console import Console

    from trtconv.comparison.metrics import Difference
    from trtconv.parity import Leg, OutputParity, Parity

STYLE = {"passed": "green", "failed": "bold red", "not run": "yellow"}

NUMBERS = ("max abs", "noise", "max rel", "ULP", "cosine", "argmax", "top-1", "miou")
COLUMNS = ("output", "worst case", *NUMBERS, "worst element", "")
"""In this order; what is empty in every row is left out."""
SPARED = ("worst element", "argmax", "cosine", "ULP", "max rel", "worst case")
"""Columns that a narrow terminal does without, one after the other."""
INDENT = 2


MANY = 100_000
"""Units in the last place from which on their number is rounded."""


def show_parity(result: Parity, model: str) -> None:
    """Print what was compared: a table for each comparison, then where the models part, the noise, and the verdict."""
    out = console()
    out.print(Text(model, style="bold"))
    for leg in result.legs:
        reason = leg.failure or leg.not_run
        rest = f": {leg.expected} against {leg.actual}" + (f": {reason}" if reason else "")
        head = Text.assemble((leg.status.upper(), STYLE[leg.status]), rest)
        out.print(Padding(head, (0, 0, 0, INDENT), expand=False))
        columns = _columns(leg, out)
        if leg.outputs:
            out.print(Padding(_table(leg, columns), (0, 0, 0, INDENT), expand=False))
        for one in leg.outputs:
            if not one.passed:
                is_told = "worst element" in columns or one.difference.worst is None
                found = one.difference.why if is_told else one.difference
                say(out, f"{one.name} ({one.case}): {found}", style="bold red")
            elif one.difference.not_finite:
                say(out, f"{one.name} ({one.case}): {one.difference.left_out}", style="yellow")
    if result.parting is not None:
        say(out, str(result.parting), style="bold")
    if result.curve is not None:
        say(out, result.curve.sentence)
    if result.noise is not None:
        say(out, str(result.noise))
    say_notes(out, result.notes)
    say(out, str(result.verdict), style="green" if result.ok else "")


def _columns(leg: Leg, out: Console) -> list[str]:
    """The columns that hold something, as many as fit side by side."""
    rows = list(_rows(leg.outputs))
    columns = [name for name in COLUMNS if any(row.get(name) for row in rows)]
    for spared in SPARED:
        if Measurement.get(out, out.options, _table(leg, columns)).maximum <= out.width - INDENT:
            break
        columns = [name for name in columns if name != spared]
    return columns


def _table(leg: Leg, columns: Sequence[str]) -> Table:
    rows = _rows(leg.outputs)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in NUMBERS else "left")
    for row in rows:
        table.add_row(*(row.get(name, "") for name in columns))
    return table


def _rows(outputs: Iterable[OutputParity]) -> Iterator[dict[str, str | Text]]:
    """Each output that failed somewhere in all those cases, any other one in its worst."""
    groups: dict[str, list[OutputParity]] = {}
    for one in outputs:
        groups.setdefault(one.name, []).append(one)
    for group in groups.values():
        failed = [one for one in group if not one.passed]
        for one in failed or [max(group, key=lambda o: o.difference.max_abs)]:
            yield _row(one)


def _row(one: OutputParity) -> dict[str, str | Text]:
    d = one.difference
    score = {} if d.score is None else {d.metric: f"{d.score:.5f}"}
    measured = d.passed or d.worst is not None or d.metric == "set"  # else no values could be compared
    return {
        "output": shorten(one.name),
        "worst case": one.case,
        "max abs": f"{d.max_abs:.3g}" if measured else "",
        "noise": "" if one.noise is None else f"{one.noise:.2g}",
        "max rel": f"{d.max_rel:.3g}" if measured else "",
        "ULP": _ulp(d.max_ulp),
        "cosine": "" if d.cosine is None else f"{d.cosine:.7f}",
        "argmax": "" if d.argmax is None else f"{d.argmax:.2%}",
        **score,
        "worst element": _worst(d) if d.worst is not None and (d.wrong or d.max_abs) else "",
        "": Text("passed", "green") if one.passed else Text("FAILED", "bold red"),
    }


def _ulp(distance: int | None) -> str:
    if distance is None:
        return ""
    return str(distance) if distance < MANY else f"{distance:.1e}"


def _worst(difference: Difference) -> str:
    """`[0, 3]: 1.25 / 1.5`: where, what was expected, what was found."""
    values = (f"{v:.6g}" if isinstance(v, float) else str(v) for v in (difference.expected, difference.actual))
    return f"{list(difference.worst or ())}: {' / '.join(values)}"
