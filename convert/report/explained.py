"""What `explain` says, for a person: pages of passes, sheets of facts, and what a text of TensorRT means."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trtconv.report.console import console, say

if TYPE_CHECKING:
    from trtconv.factsheet import Factsheet


def show_page(text: str) -> None:
    """The page of a pass, which is Markdown: rendered in a terminal, as it is in a pipe."""
    from rich.markdown import Markdown

    out = console()
    if out.is_terminal:
        out.print(Padding(Markdown(text), (0, 1)))
    else:
        sys.stdout.write(text)


def show_sheet(sheet: Factsheet) -> None:
    """The facts in columns, then what the sources mean."""
    out, table = console(), Table.grid(padding=(0, 2, 0, 0))
    out.print(Text(sheet.title, style="bold"))
    for note in sheet.notes:
        say(out, note)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    table.add_row("", "", Text("known from", style="dim"))
    about = ""
    for fact in sheet.facts:
        table.add_row("" if fact.about == about else fact.about, fact.says, Text(fact.source, style="dim"))
        about = fact.about
    out.print(Padding(table, (0, 0, 0, 2)))
    out.print()
    for source, means in sheet.sources.items():
        say(out, f"{source}: {means}", style="dim")


def show_meaning(text: str) -> None:
    """Paragraphs with `means:`, `do:` and `see:`, whose further lines stand under the first."""
    out = console()
    for line in text.splitlines():
        hanging = " " * 7 if line.startswith(("means:", "do:", "see:")) else ""
        filled = textwrap.wrap(
            line, out.width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
        )
        sys.stdout.write("\n".join(filled) + "\n")
