"""Where results are printed to: a terminal with colour, a pipe or a log without."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

NAME_WIDTH = 48


class _Plain(Console):
    """Leaves no blanks at the ends of lines: they are noise in a log."""

    def print(self, *objects: object, **options: Any) -> None:
        with self.capture() as captured:
            super().print(*objects, **options)
        for line in captured.get().splitlines():
            self.file.write(line.rstrip() + "\n")


def console(stderr: bool = False) -> Console:
    """A console with lines of 120 characters where they are not read in a terminal; honours NO_COLOR."""
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(stderr=stderr, highlight=False, emoji=False, markup=False)
    width = int(os.environ.get("COLUMNS", 120))
    return _Plain(stderr=stderr, width=width, highlight=False, emoji=False, markup=False)


def shorten(name: str, width: int = NAME_WIDTH) -> str:
    """`name` with its middle left out where it is longer than `width`: both ends tell nodes apart."""
    if len(name) <= width:
        return name
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"


@contextmanager
def working(what: str, *, in_logs: bool = False) -> Iterator[Callable[[str], None]]:
    """Show on a terminal's stderr that something is going on; the block may say how far it is.

    Where stderr is a file or a pipe, what the block says is a line of its own `in_logs`, else nothing.
    """
    out = console(stderr=True)
    if not out.is_terminal:
        yield (lambda text: out.print(Text(text))) if in_logs else (lambda text: None)
        return
    with out.status(what) as status:
        yield lambda text: status.update(f"{what}: {text}")


def say(out: Console, text: str, style: str = "") -> None:
    """A paragraph, indented by two, its further lines too."""
    out.print(Padding(Text(text, style=style), (0, 0, 0, 2), expand=False))


def say_notes(out: Console, notes: Iterable[str]) -> None:
    """What a reader should know, one paragraph each."""
    for note in notes:
        say(out, f"note: {note}", style="dim")
