"""The progress of a training run on the terminal: a bar, and a line for each validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trtconv.models.history import Row

BESIDE = ("step", "epoch", "lr", "loss")


@contextmanager
def bar(shown: bool) -> Iterator[Callable[[Row, int], None]]:
    """What to call with each row of the log and the number of steps in all; on standard error."""
    if not shown:
        yield lambda row, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("training", total=None)

        def notify(row: Row, total: int) -> None:
            progress.update(task, completed=row["step"], total=total, description=f"loss {row['loss']:.4f}")
            metrics = [f"{name} {value:.4f}" for name, value in row.items() if name not in BESIDE]
            if metrics:
                progress.console.print(f"epoch {row['epoch']:g}  loss {row['loss']:.4f}  {'  '.join(metrics)}")

        yield notify
