"""`trtconv models evaluate`: one data set, any number of models, one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trtconv.errors import BadInput
from trtconv.models.installed import need_torch

if TYPE_CHECKING:
    from trtconv.models.card import Card
    from trtconv.models.evaluation import Evaluation, TestTime
    from trtconv.models.runners import Runner

PATH = click.Path(path_type=Path)


def model_options(command: Any) -> Any:
    """The options of every command that runs a model."""
    card = click.option("--card", type=PATH, help="Take the model card from this file instead of the model's own.")
    device = click.option("--device", default="cpu", show_default=True, help="Of a checkpoint: cpu, cuda or cuda:N.")
    return card(device(command))


@click.command("evaluate", short_help="Measure models on a data set.")
@click.argument("models", nargs=-1, required=True, type=PATH)
@click.option("--data", type=PATH, required=True, help="The data set's folder.")
@click.option("--split", default="val", show_default=True, help="train or val.")
@click.option("--scales", default="1", show_default=True, help="Scales to average over, as in 0.5,1,1.5.")
@click.option("--flip", is_flag=True, help="Average over the mirrored image too.")
@click.option("--batch", default=16, show_default=True, help="Images at a time.")
@click.option("--workers", default=0, show_default=True, help="Processes that load images; 0: the main one.")
@click.option("--label-map", help="ade20k, cityscapes, coco-stuff, or a JSON file {mask value: class}.")
@click.option("--held-out", default=0.1, show_default=True, help="Share to validate on where there is no split.")
@click.option("--per-class", is_flag=True, help="Show each class, not only the means.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@model_options
def evaluate(models: tuple[Path, ...], scales: str, flip: bool, as_json: bool, per_class: bool, **asked: Any) -> None:
    """Measure MODELS (checkpoints, ONNX files, engines) on a data set, all with the same code.

    The preprocessing comes from each model's card. An engine without one takes the card of the model before it.
    """
    need_torch()
    from trtconv.models.evaluation import TestTime

    try:
        test_time = TestTime(tuple(float(scale) for scale in scales.split(",")), flip)
    except ValueError as error:
        raise BadInput(f"{scales!r} is not a list of numbers", where="--scales", do="write 0.5,1,1.5") from error
    results = _evaluate_all(models, test_time, asked)
    if as_json:
        from trtconv.report.json import plain

        click.echo(plain("models evaluate", {"evaluations": [result.to_json() for result in results]}))
        return
    click.echo(table(results))
    if per_class:
        click.echo("\n" + "\n\n".join(map(class_table, results)))


def _evaluate_all(models: Sequence[Path], test_time: TestTime, asked: dict[str, Any]) -> list[Evaluation]:
    from trtconv.models.datasets import checked
    from trtconv.models.evaluation import evaluate

    results = []
    for path, runner in runners(models, asked["card"], asked["device"]):
        with runner:
            batches = checked(_batches(runner, asked))
            results.append(evaluate(runner, batches, model=str(path), test_time=test_time))
    return results


def runners(models: Sequence[Path], card: Path | None, device: str) -> list[tuple[Path, Runner]]:
    """A runner for each file; a card that one of them has serves the engines after it."""
    from trtconv.models.runners import ENGINES, card_of, open_runner

    given: Card | None = card_of(card) if card else None
    before, found = given, []
    for path in models:
        own = given
        if own is None and path.suffix in ENGINES:
            try:
                own = card_of(path)
            except BadInput:
                own = before
        found.append((path, open_runner(path, own, device)))
        before = found[-1][1].card
    return found


def _batches(runner: Runner, asked: dict[str, Any]) -> Any:
    """The data set as this runner's card wants it."""
    from trtconv.models.datasets import Measuring, measuring_batches
    from trtconv.models.layouts import in_classes_of
    from trtconv.models.train_command import data_split

    card = runner.card
    masks = card.task == "segmentation"
    listing = data_split(
        asked["data"], asked["split"], masks, asked["label_map"], None, asked["held_out"], card.classes
    )
    samples = Measuring(in_classes_of(listing, card.classes), card.preprocessing)
    return measuring_batches(samples, asked["batch"], asked["workers"])


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
