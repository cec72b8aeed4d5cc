"""Texts on the command line and what they stand for, and the options that several `models` commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from trtconv.errors import BadInput
from trtconv.models.card import Value
from trtconv.models.registry import KINDS, Network

if TYPE_CHECKING:
    from trtconv.models.data.labels import LabelMap

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


def size(text: str) -> tuple[int, int]:
    """(height, width) in pixels of `352x480`; one number is a square."""
    parts = text.lower().split("x")
    try:
        height, width = (int(part) for part in (parts * 2 if len(parts) == 1 else parts))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no height and width; write 352x480 or 224") from None
    return height, width


def numbers(text: str) -> tuple[float, ...]:
    """The numbers of `0.75,2`."""
    try:
        return tuple(float(part) for part in text.split(",") if part)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a list of numbers; write 0.5,1,1.5") from None


def patterns(text: str) -> tuple[str, ...]:
    """The patterns of `aux*,head.*`."""
    return tuple(part for part in text.split(",") if part)


def label_map(text: str) -> LabelMap:
    """The label map of that name, or in that JSON file."""
    from trtconv.models.data import labels

    return labels.label_map(text)


network_options = click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="The network's own; see `trtconv models list`."
)


_MAPS = "ade20k, cityscapes, coco-stuff, or a JSON file {mask value: class}."


def data_options(command: F) -> F:
    """How a data set's folder is read."""
    for option in (
        click.option("--workers", default=0, show_default=True, help="Processes that load images; 0: the main one."),
        click.option(
            "--held-out", default=0.1, show_default=True, help="Share to validate on where there is no split."
        ),
        click.option("--label-map", type=label_map, metavar="MAP", help=_MAPS),
        click.option("--data", type=PATH, required=True, help="The data set's folder."),
    ):
        command = option(command)
    return command


def model_options(command: F) -> F:
    """How a model's file is run."""
    card = click.option("--card", type=PATH, help="Take the model card from this file instead of the model's own.")
    device = click.option("--device", default="cpu", show_default=True, help="Of a checkpoint: cpu, cuda or cuda:N.")
    return card(device(command))


def option_values(network: Network, texts: Sequence[str]) -> dict[str, Value]:
    """`key=value` texts as the types that the network's options have.

    Raises:
        BadInput: no equals sign, an unknown key, or a value of another type.
    """
    return dict(_option(network, text) for text in texts)


def _option(network: Network, text: str) -> tuple[str, Value]:
    key, _, value = text.partition("=")
    kind = type(network.default(key))
    try:
        return key, _TRUTH[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError) as error:
        raise BadInput(
            f"{key} takes {KINDS[kind]}, not {value!r}", where="--option", do=f"such as {key}={network.default(key)}"
        ) from error


_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
