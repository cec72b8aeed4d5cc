"""`trtconv models train`: one option for each choice of a recipe, made from the recipe's own fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import Field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trtconv.errors import BadInput
from trtconv.models import presets, registry
from trtconv.models.card import Options
from trtconv.models.recipes import OPTIONS, Recipe

if TYPE_CHECKING:
    from trtconv.models.layouts import Listing
    from trtconv.models.training import Run, Trained

PATH = click.Path(path_type=Path)


class Numbers(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """`0.75,2`, or `512x1024` for whole numbers; one whole number is a square."""

    name = "numbers"

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The parts of the text as numbers or words."""
        if isinstance(value, tuple):
            return value
        separator = "x" if self.kind is int else ","
        try:
            parts = tuple(self.kind(part) for part in str(value).split(separator) if part)
        except ValueError:
            self.fail(f"{value!r} is not a list of {self.kind.__name__}s between {separator!r}", param, ctx)
        return parts * 2 if self.kind is int and len(parts) == 1 else parts


def _type(field: Field[Any]) -> Any:
    """What click makes of a recipe field's annotation, which is text here."""
    said = str(field.type)
    if said.startswith("Literal"):
        return click.Choice([part.strip(" \"'") for part in said[len("Literal[") : -1].split(",")])
    if said.startswith("tuple"):
        return Numbers({"int": int, "float": float, "str": str}[said[len("tuple[") :].split(",")[0]])
    return {"int": int, "float": float, "bool": bool}[said]


def _recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each field; None, the default, leaves the recipe as it is."""
    for spelled, field in reversed(OPTIONS.items()):
        kind = _type(field)
        names = f"{spelled}/--no-{spelled[2:]}" if kind is bool else spelled
        shown = None if kind is bool or isinstance(kind, click.Choice) else spelled[2:].rpartition("-")[2].upper()
        option = click.option(names, field.name, type=kind, default=None, metavar=shown, help=field.metadata["help"])
        command = option(command)
    return command


def _network_option(text: str) -> tuple[str, bool | int | float | str]:
    """`output_stride=16`, as the registry wants it."""
    key, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"{text!r} is not NAME=VALUE", where="--option")
    for spelled, meant in (("true", True), ("false", False)):
        if value.lower() == spelled:
            return key, meant
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value


@click.command("train", short_help="Train a network on a folder of images.")
@click.argument("network")
@click.option("--data", type=PATH, required=True, help="The data set's folder.")
@click.option("--out", type=PATH, help="Where checkpoints and logs go; a run that lies there goes on.  [runs/NETWORK]")
@click.option("--recipe", help="Named recipe; single options below replace its choices.  [the network's own]")
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
    changes = {name: asked.pop(name) for name in [field.name for field in OPTIONS.values()]}
    chosen = presets.recipe(recipe or presets.default_for(network)).but(
        {name: value for name, value in changes.items() if value is not None}
    )
    options = dict(_network_option(text) for text in asked.pop("network_options"))
    trained = _train(network, data, out or Path("runs") / network, chosen, options, asked)
    if trained:
        click.echo(json.dumps(trained.to_json(), indent=1) if as_json else str(trained))


def _train(
    network: str, data: Path, out: Path, recipe: Recipe, options: Options, asked: dict[str, Any]
) -> Trained | None:
    """Train; the processes beside the first have nothing to say."""
    from trtconv.models import progress, training
    from trtconv.models.processes import started

    masks = registry.find(network).task == "segmentation"
    splits = [
        data_split(data, split, masks, asked["label_map"], asked["classes"], asked["held_out"])
        for split in ("train", "val")
    ]
    run: Run = training.Run(
        network, splits[0], splits[1], recipe, out, options, asked["weights"], asked["teacher"], asked["workers"]
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
