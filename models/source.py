"""Where an exported network's weights come from: a checkpoint, published weights, or a seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from trtconv.errors import BadInput
from trtconv.models import checkpoint, registry, weights
from trtconv.models.card import Card, Options
from trtconv.models.seeded import seeded


def from_checkpoint(path: str | Path, network: str = "") -> tuple[nn.Module, Card]:
    """The network of a checkpoint of ``trtconv models train``, in eval mode, and its card.

    Raises:
        BadInput: the file cannot be used, or holds another network than the one named.
    """
    model, card = checkpoint.load(path)
    if network and network != card.network:
        raise BadInput(f"the checkpoint holds {card.network}, not {network}", where=str(path))
    return model, card


def from_registry(
    network: str,
    weights_file: str | Path | None,
    weights_format: str | None,
    seed: int | None,
    classes: int | tuple[str, ...] | None,
    options: Options,
) -> tuple[nn.Module, Card]:
    """A network by name, in eval mode, and its card; ``mode=pred`` becomes an output of the card.

    Raises:
        BadInput: an unknown network or option, or weights that do not fit.
    """
    found = registry.find(network)
    count = len(classes) if isinstance(classes, tuple) else classes or found.classes
    names = classes if isinstance(classes, tuple) else tuple(str(i) for i in range(count))
    card = found.card(names, **options)
    options = dict(options)
    if options.get("mode") == "pred":
        options["mode"] = "eval"
        card = replace(card, output="argmax")
    if weights_file is None and seed is not None:
        return seeded(network, seed, count, **options), card
    model = registry.create(network, count, **options).eval()
    if weights_file is not None:
        weights.load_file(model, weights_file, format=weights_format)
    return model, card
