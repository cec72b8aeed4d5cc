"""A bar for long work: on standard error, so that the result alone is on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")


def tracked(parts: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    """The parts, and a bar while they are taken that vanishes afterwards; of no known length, `total` is None."""
    with bar(transient=True) as progress:
        yield from progress.track(parts, total, description=what)


def bar(*, transient: bool = False) -> Progress:
    """The bar, to be entered; a transient one leaves nothing behind."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=transient)
