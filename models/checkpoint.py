"""Read and write checkpoints: ``{"model": state_dict, "card": {...}, ...}``, never running what they hold."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import torch

from trtconv.errors import BadInput
from trtconv.models.card import Card
from trtconv.storage.files import writing, written_whole

DAMAGED = (OSError, RuntimeError, EOFError, ValueError, LookupError, AssertionError, struct.error)
"""What `torch.load` raises for a file that is damaged, or no checkpoint at all."""


def read(path: str | Path) -> Mapping[str, object]:
    """What ``torch.save`` wrote, on the CPU; only tensors and plain values are accepted.

    Raises:
        BadInput: the file is missing, damaged, or wants code to run.
    """
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(
            f"not a checkpoint of plain tensors: {reason}",
            where=str(path),
            do="save the state_dict alone: torch.save(model.state_dict(), path)",
        ) from error
    except FileNotFoundError:
        raise BadInput(f"there is no file {path}") from None
    except DAMAGED as error:
        raise BadInput(f"cannot read the checkpoint: {error}", where=str(path)) from error
    if not isinstance(values, Mapping):
        raise BadInput(f"the checkpoint holds a {type(values).__name__}, not a dict", where=str(path))
    return values


def save(path: str | Path, model: torch.nn.Module, card: Card, **extra: object) -> None:
    """Write the weights, the card and whatever else a run needs to go on; whole or not at all."""
    path = Path(path)
    values = {"model": model.state_dict(), "card": card.to_json(), **extra}
    with writing(path), written_whole(path) as temporary:
        torch.save(values, temporary)


def card(values: Mapping[str, object], *, where: str = "") -> Card:
    """The card in what ``read`` returned.

    Raises:
        BadInput: there is none, or it is damaged.
    """
    found = values.get("card")
    if not isinstance(found, Mapping):
        raise BadInput(
            "the checkpoint carries no card",
            where=where,
            do="name the network, and give the file as --weights",
        )
    return Card.from_json(found, where=where)


def load(path: str | Path) -> tuple[torch.nn.Module, Card]:
    """The network that a checkpoint of ``save`` holds, in eval mode, and its card.

    Raises:
        BadInput: the file cannot be read, carries no card, or its weights do not fit the network.
    """
    from trtconv.models import weights
    from trtconv.models.registry import create

    values = read(path)
    found = card(values, where=str(path))
    model = create(found.network, classes=len(found.classes), **found.options)
    tensors = weights.state_dict(values, where=str(path))
    weights.load(model, weights.Converted(tensors), where=str(path))
    return model.eval(), found
