"""`trtconv models evaluate`: one data set, any number of models, one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trtconv.models.cli.options import PATH, data_options, model_options, numbers
from trtconv.models.installed import need_torch

if TYPE_CHECKING:
    from trtconv.models.data.labels import LabelMap
    from trtconv.models.evaluation import Evaluation


@click.command("evaluate", short_help="Measure models on a data set.")
@click.argument("models", nargs=-1, required=True, type=PATH)
@data_options
@click.option("--split", default="val", show_default=True, help="train or val.")
@click.option("--scales", type=numbers, default="1", show_default=True, help="To average over, as in 0.5,1,1.5.")
@click.option("--flip", is_flag=True, help="Average over the mirrored image too.")
@click.option("--batch", type=click.IntRange(1), default=16, show_default=True, help="Images at a time.")
@click.option("--per-class", is_flag=True, help="Show each class, not only the means.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@model_options
def command(
    models: tuple[Path, ...],
    data: Path,
    label_map: LabelMap | None,
    held_out: float,
    workers: int,
    split: str,
    scales: tuple[float, ...],
    flip: bool,
    batch: int,
    per_class: bool,
    as_json: bool,
    card: Path | None,
    device: str,
) -> None:
    """Measure MODELS (checkpoints, ONNX files, engines) on a data set, all with the same code.

    The preprocessing comes from each model's card. An engine without one takes the card of the model before it.
    """
    need_torch()
    from trtconv.models import progress
    from trtconv.models.data import layouts
    from trtconv.models.data.datasets import Measuring, measuring_batches
    from trtconv.models.data.loading import checked
    from trtconv.models.evaluation import TestTime, evaluate
    from trtconv.models.opening import open_runners

    if not scales or min(scales) <= 0:
        raise click.BadParameter("a scale is above 0", param_hint="--scales")
    results = []
    for path, runner in open_runners(models, card, device):
        known = runner.card
        folder = layouts.Folder(data, masks=known.task == "segmentation", label_map=label_map, held_out=held_out)
        listing = layouts.in_classes_of(folder.split(split, otherwise=known.classes), known.classes)
        batches = measuring_batches(Measuring(listing, known.preprocessing), batch, workers)
        shown = progress.tracked(checked(batches), len(batches), str(path))
        with runner:
            results.append(evaluate(runner, shown, model=str(path), test_time=TestTime(scales, flip)))
    if as_json:
        from trtconv.report.json import plain

        click.echo(plain("models evaluate", {"evaluations": [result.to_json() for result in results]}))
        return
    click.echo(table(results))
    if per_class:
        click.echo("\n" + "\n\n".join(map(class_table, results)))


def table(results: Sequence[Evaluation]) -> str:
    """One line a model, one column a metric, in percent."""
    names = list(dict.fromkeys(name for result in results for name in result.metrics))
    head = ["model", "runtime", "images", *names]
    rows = [[r.model, r.runtime, str(r.images), *(percent(r.metrics.get(name)) for name in names)] for r in results]
    return f"{results[0].test_time}\n{aligned([head, *rows])}"


def class_table(result: Evaluation) -> str:
    """One line a class, in percent."""
    columns = list(next(iter(result.per_class.values())))
    rows = [[name, *(percent(values[c]) for c in columns)] for name, values in result.per_class.items()]
    return aligned([[result.model, *columns], *rows])


def percent(value: float | None) -> str:
    """A share with two decimals, and a dash where there is none."""
    return "-" if value is None or value != value else f"{value:.2%}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(o.rjust(w) for o, w in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
