"""How a training run says how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress

from trtconv.models.progress import bar
from trtconv.models.training.history import Row


class Reporter:
    """Hears how a run goes; this one keeps it to itself."""

    def row(self, row: Row, total: int) -> None:
        """A new row of the log, and the number of steps in all."""

    def say(self, text: str) -> None:
        """Something worth knowing at the start."""


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
def reporter(shown: bool) -> Iterator[Reporter]:
    """A bar on the terminal, or nothing in the processes beside the first."""
    if not shown:
        yield Reporter()
        return
    with bar() as progress:
        yield Bar(progress)
