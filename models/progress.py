"""The progress of long work on the terminal: on standard error, so that the result alone is on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trtconv.models.history import Row
from trtconv.models.training import Reporter

T = TypeVar("T")

BESIDE = ("step", "epoch", "lr", "loss")


class Bar(Reporter):
    """The bar of a training run, and a line for each validation."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("training", total=None)

    def row(self, row: Row, total: int) -> None:
        """Move the bar; print the metrics of a validation."""
        self.progress.update(self.task, completed=row["step"], total=total, description=f"loss {row['loss']:.4f}")
        metrics = [f"{name} {value:.4f}" for name, value in row.items() if name not in BESIDE]
        if metrics:
            self.say(f"epoch {row['epoch']:g}  loss {row['loss']:.4f}  {'  '.join(metrics)}")

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def bar(shown: bool) -> Iterator[Reporter]:
    """A bar on the terminal, or nothing in the processes beside the first."""
    if not shown:
        yield Reporter()
        return
    with _progress() as progress:
        yield Bar(progress)


def tracked(parts: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    """The parts, and a bar while they are taken that vanishes afterwards; of no known length, `total` is None."""
    with _progress(transient=True) as progress:
        yield from progress.track(parts, total, description=what)


def _progress(*, transient: bool = False) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=transient)
