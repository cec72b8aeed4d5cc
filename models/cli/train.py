"""`trtconv models train`: one option for each choice of a recipe, made from the recipe's own fields."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import click

from trtconv.models import registry
from trtconv.models.cli.options import PATH, data_options, network_options, numbers, option_values, patterns, size
from trtconv.models.installed import need_torch
from trtconv.models.training import presets
from trtconv.models.training.recipes import OPTIONS, Recipe

if TYPE_CHECKING:
    from trtconv.models.data.labels import LabelMap

LISTS: dict[type, Callable[[str], Any]] = {int: size, float: numbers, str: patterns}
"""What a text becomes where a recipe's field is a tuple of these."""


def _type(hint: Any) -> Any:
    """What click makes of a text for a recipe's field of that type."""
    if get_origin(hint) is UnionType:  # of a tuple and an empty one
        hint = get_args(hint)[0]
    if get_origin(hint) is Literal:
        return click.Choice(get_args(hint))
    return LISTS[get_args(hint)[0]] if get_origin(hint) is tuple else hint


def _recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each field; None, the default, leaves the recipe as it is."""
    hints = get_type_hints(Recipe)
    for spelled, field in reversed(OPTIONS.items()):
        kind = _type(hints[field.name])
        names = f"{spelled}/--no-{spelled[2:]}" if kind is bool else spelled
        shown = None if kind is bool or isinstance(kind, click.Choice) else spelled[2:].rpartition("-")[2].upper()
        option = click.option(names, field.name, type=kind, default=None, metavar=shown, help=field.metadata["help"])
        command = option(command)
    return command


@click.command("train", short_help="Train a network on a folder of images.")
@click.argument("network")
@data_options
@click.option("--out", type=PATH, help="Where checkpoints and logs go; a run that lies there goes on.  [runs/NETWORK]")
@click.option(
    "--recipe",
    type=click.Choice(list(presets.RECIPES)),
    help="Named recipe; single options below replace its choices.  [the network's own]",
)
@click.option("--weights", type=PATH, help="Weights to start from.")
@click.option("--teacher", type=PATH, help="Checkpoint of a network to learn from (distillation).")
@network_options
@click.option("--classes", type=int, help="Number of classes, where the data set does not name them.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@_recipe_options
def command(
    network: str,
    data: Path,
    label_map: LabelMap | None,
    held_out: float,
    workers: int,
    out: Path | None,
    recipe: str | None,
    weights: Path | None,
    teacher: Path | None,
    options: tuple[str, ...],
    classes: int | None,
    device: str,
    as_json: bool,
    **choices: Any,
) -> None:
    """Train NETWORK (see `trtconv models list`) on the data set in a folder.

    Known layouts: train/CLASS/ and val/CLASS/, CLASS/ alone, train.txt and val.txt with lines `path label`
    (or `image;mask`), list.txt, and Cityscapes' folders. Repeat the command to go on with a run that
    stopped. On several GPUs: `torchrun --nproc-per-node N --no-python trtconv models train ...`.
    """
    need_torch()
    # PyTorch's threads spin while they wait. On cores that others use too, a step then takes eight times as
    # long (measured); asleep they cost next to nothing. Read when PyTorch is imported, which is later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from trtconv.models.data import layouts
    from trtconv.models.training.loop import train
    from trtconv.models.training.processes import started
    from trtconv.models.training.reporting import reporter
    from trtconv.models.training.run import Run

    found = registry.find(network)
    chosen = presets.recipe(recipe or presets.default_for(network))
    own = option_values(found, options)
    folder = layouts.Folder(data, masks=found.task == "segmentation", label_map=label_map, held_out=held_out)
    learned = folder.split("train", classes)
    run = Run(
        network=network,
        train=learned,
        val=layouts.in_classes_of(folder.split("val", classes), learned.classes),
        recipe=chosen.but({name: value for name, value in choices.items() if value is not None}),
        out=out or Path("runs") / network,
        options=own,
        weights=weights,
        teacher=teacher,
        workers=workers,
    )
    with started(device) as processes, reporter(processes.first) as told:
        trained = train(run, processes, told)
    if processes.first:
        from trtconv.report.json import plain

        click.echo(plain("models train", trained.to_json()) if as_json else str(trained))
