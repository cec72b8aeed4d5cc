"""`trtconv models train`: one option for each choice of a recipe, made from the recipe's own fields."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import Field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trtconv.models import presets, registry
from trtconv.models.card import Options
from trtconv.models.installed import need_torch
from trtconv.models.options import SIZE, option_values
from trtconv.models.recipes import OPTIONS, Recipe

if TYPE_CHECKING:
    from trtconv.models.layouts import Listing
    from trtconv.models.training import Run, Trained

PATH = click.Path(path_type=Path)


class Listed(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """`0.75,2` or `aux*,head.*`: numbers or words with commas between."""

    def __init__(self, kind: type) -> None:
        self.kind, self.name = kind, "NUMBERS" if kind is float else "PATTERNS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The parts of the text."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self.kind(part) for part in str(value).split(",") if part)
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers with commas between", param, ctx)


TYPES = {
    "tuple[int": SIZE,
    "tuple[float": Listed(float),
    "tuple[str": Listed(str),
    "int": int,
    "float": float,
    "bool": bool,
}


def _type(field: Field[Any]) -> Any:
    """What click makes of a recipe field's annotation, which is text here."""
    said = str(field.type)
    if said.startswith("Literal"):
        return click.Choice([part.strip(" \"'") for part in said[len("Literal[") : -1].split(",")])
    return TYPES[said.partition(",")[0]]


def _recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each field; None, the default, leaves the recipe as it is."""
    for spelled, field in reversed(OPTIONS.items()):
        kind = _type(field)
        names = f"{spelled}/--no-{spelled[2:]}" if kind is bool else spelled
        shown = None if kind is bool or isinstance(kind, click.Choice) else spelled[2:].rpartition("-")[2].upper()
        option = click.option(names, field.name, type=kind, default=None, metavar=shown, help=field.metadata["help"])
        command = option(command)
    return command


@click.command("train", short_help="Train a network on a folder of images.")
@click.argument("network")
@click.option("--data", type=PATH, required=True, help="The data set's folder.")
@click.option("--out", type=PATH, help="Where checkpoints and logs go; a run that lies there goes on.  [runs/NETWORK]")
@click.option(
    "--recipe",
    type=click.Choice(list(presets.RECIPES)),
    help="Named recipe; single options below replace its choices.  [the network's own]",
)
@click.option("--weights", type=PATH, help="Weights to start from.")
@click.option("--teacher", type=PATH, help="Checkpoint of a network to learn from (distillation).")
@click.option("--option", "network_options", multiple=True, metavar="NAME=VALUE", help="Option of the network.")
@click.option("--classes", type=int, help="Number of classes, where the data set does not name them.")
@click.option("--label-map", help="ade20k, cityscapes, coco-stuff, or a JSON file {mask value: class}.")
@click.option("--held-out", default=0.1, show_default=True, help="Share to validate on where there is no split.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--workers", default=0, show_default=True, help="Processes that load images; 0: the main one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@_recipe_options
def train(network: str, data: Path, out: Path | None, recipe: str | None, as_json: bool, **asked: Any) -> None:
    """Train NETWORK (see `trtconv models list`) on the data set in a folder.

    Known layouts: train/CLASS/ and val/CLASS/, CLASS/ alone, train.txt and val.txt with lines `path label`
    (or `image;mask`), list.txt, and Cityscapes' folders. Repeat the command to go on with a run that
    stopped. On several GPUs: `torchrun --nproc-per-node N --no-python trtconv models train ...`.
    """
    need_torch()
    # PyTorch's threads spin while they wait. On cores that others use too, a step then takes eight times as
    # long (measured); asleep they cost next to nothing. Read when PyTorch is imported, which is later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    changes = {name: asked.pop(name) for name in [field.name for field in OPTIONS.values()]}
    chosen = presets.recipe(recipe or presets.default_for(network)).but(
        {name: value for name, value in changes.items() if value is not None}
    )
    options = option_values(registry.find(network), asked.pop("network_options"))
    trained = _train(network, data, out or Path("runs") / network, chosen, options, asked)
    if trained:
        from trtconv.report.json import plain

        click.echo(plain("models train", trained.to_json()) if as_json else str(trained))


def _train(
    network: str, data: Path, out: Path, recipe: Recipe, options: Options, asked: dict[str, Any]
) -> Trained | None:
    """Train; the processes beside the first have nothing to say."""
    from trtconv.models import layouts, progress, training
    from trtconv.models.processes import started

    masks = registry.find(network).task == "segmentation"
    splits = [
        data_split(data, split, masks, asked["label_map"], asked["classes"], asked["held_out"])
        for split in ("train", "val")
    ]
    val = layouts.in_classes_of(splits[1], splits[0].classes)
    run: Run = training.Run(
        network, splits[0], val, recipe, out, options, asked["weights"], asked["teacher"], asked["workers"]
    )
    with started(asked["device"]) as processes, progress.bar(processes.first) as reporter:
        trained = training.train(run, processes, reporter)
    return trained if processes.first else None


def data_split(
    data: Path,
    split: str,
    masks: bool,
    label_map: str | None,
    classes: int | None,
    held_out: float = 0.1,
    names: tuple[str, ...] = (),
) -> Listing:
    """One split of a data set, its masks mapped and its classes named, by `names` if nothing else does.

    Raises:
        BadInput: The data set cannot be read, or nothing says how many classes a mask has.
    """
    from trtconv.models import labels, layouts

    listing = layouts.find(data, split, masks=masks, held_out=held_out)
    return layouts.named(listing, labels.label_map(label_map) if label_map else None, classes, names)
