"""Bring published weights into a network: recognise the system they come from, rename, and say what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from trtconv.errors import BadInput
from trtconv.models import checkpoint, pdparams

Tensors = dict[str, torch.Tensor]
AUXILIARY = ("aux", "conv_out16.", "conv_out32.")  # BiSeNet's heads that exist for training only
SHOWN = 6


@dataclass(frozen=True)
class Loaded:
    """What became of a file of weights.

    Attributes:
        format: the system it was recognised as, or named.
        tensors: number of tensors of the network that were set.
        missing: keys of the network that the file has not.
        unexpected: keys of the file that the network has not.
        misshapen: keys whose shapes differ, with both shapes.
        kept: keys of the network that this kind of file does not hold, such as those of a head.
        dropped: keys of the file that this network has no use for, such as auxiliary heads.
    """

    format: str
    tensors: int
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshapen: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.format} weights: {self.tensors} tensors set"]
        lines += [f"  {name}: {_some(keys)}" for name, keys in self._named("kept", "dropped") if keys]
        return "\n".join(lines + self.problems())

    def problems(self) -> list[str]:
        """A line each for missing, unexpected and misshapen keys."""
        named = self._named("missing", "unexpected", "misshapen")
        return [f"  {name}: {_some(keys)}" for name, keys in named if keys]

    def to_json(self) -> dict[str, object]:
        """The fields by name."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    def _named(self, *names: str) -> list[tuple[str, tuple[str, ...]]]:
        return [(name, getattr(self, name)) for name in names]


@dataclass(frozen=True)
class Converted:
    """Weights under this network's names.

    Attributes:
        tensors: by key.
        covers: prefixes of the network's keys that such a file must fill.
        spare: prefixes of keys that the network may lack; by default those of auxiliary heads.
    """

    tensors: Tensors
    covers: tuple[str, ...] = ("",)
    spare: tuple[str, ...] = AUXILIARY


def load_file(model: nn.Module, path: str | Path, *, format: str | None = None, partial: bool = False) -> Loaded:
    """Set the weights of a network from a file of any of the systems.

    Args:
        model: as `trtconv.models.create` makes it; also a backbone's file fits a network around it.
        path: the file; nothing in it is run.
        format: a key of `FORMATS`; None recognises it.
        partial: leave tensors alone that are missing or have another shape, to train on with other classes.

    Raises:
        BadInput: the file cannot be read, its format is unknown, or (unless partial) it does not fit; the error
            lists missing, unexpected and misshapen keys.
    """
    if format is not None and format not in FORMATS:
        raise BadInput(f"there is no format {format!r}", where="format", do=f"known: {', '.join(FORMATS)}")
    is_paddle = format == "paddle" or (format is None and Path(path).suffix == ".pdparams")
    values: Mapping[str, object] = pdparams.read(path) if is_paddle else checkpoint.read(path)
    found = "paddle" if is_paddle else format or recognise(values, where=str(path))
    converted = FORMATS[found](model, state_dict(values, where=str(path)))
    return load(model, converted, format=found, where=str(path), partial=partial)


def load(
    model: nn.Module,
    weights: Converted,
    *,
    format: str = "trtconv",
    where: str = "",
    partial: bool = False,
) -> Loaded:
    """Set the weights of a network; the arguments and errors are those of `load_file`."""
    own = model.state_dict()
    given = {k: v for k, v in weights.tensors.items() if k in own or not k.startswith(weights.spare)}
    fitting = {k: v for k, v in given.items() if k in own and v.shape == own[k].shape}
    # Older files, and other frameworks, have no counter of batches.
    absent = [k for k in own if k not in given and not k.endswith("num_batches_tracked")]
    loaded = Loaded(
        format=format,
        tensors=len(fitting),
        missing=tuple(k for k in absent if k.startswith(weights.covers)),
        unexpected=tuple(k for k in given if k not in own),
        misshapen=tuple(
            f"{k} {tuple(v.shape)} for {tuple(own[k].shape)}" for k, v in given.items() if k in own and k not in fitting
        ),
        kept=tuple(k for k in absent if not k.startswith(weights.covers)),
        dropped=tuple(k for k in weights.tensors if k not in given),
    )
    problems = loaded.problems()
    if not fitting or (problems and not partial):
        raise BadInput("\n".join([f"{format} weights do not fit the network", *problems]), where=where, do=_FIT)
    model.load_state_dict({**own, **fitting})
    return loaded


def state_dict(values: object, *, where: str = "") -> Tensors:
    """The tensors by key in what a checkpoint holds: unwrapped, without the ``module.`` of parallel training.

    Raises:
        BadInput: something in it is no tensor.
    """
    while isinstance(values, Mapping):
        inner = next((values[key] for key in WRAPPERS if isinstance(values.get(key), Mapping)), None)
        if inner is None:
            break
        values = inner
    tensors: Tensors = {}
    for key, value in _flat(values):
        if not isinstance(value, torch.Tensor):
            raise BadInput(f"{key!r} is a {type(value).__name__}, not a tensor", where=where, do=_PLAIN)
        tensors[key.removeprefix("module.")] = value
    return tensors


def recognise(values: Mapping[str, object], *, where: str = "") -> str:
    """The system that a checkpoint comes from: a key of `FORMATS`.

    Raises:
        BadInput: it is none of them.
    """
    if "card" in values:
        return "trtconv"
    if "model_state" in values:
        return "vainf"
    keys = list(state_dict(values, where=where))
    for name, prefixes in SIGNS.items():
        if any(key.startswith(prefixes) for key in keys):
            return name
    raise BadInput(
        f"cannot tell where these weights come from: {_some(tuple(keys))}",
        where=where,
        do=f"name the format: {', '.join(FORMATS)}",
    )


def _as_they_are(model: nn.Module, tensors: Tensors) -> Converted:
    return Converted(tensors)


def _torchvision(model: nn.Module, tensors: Tensors) -> Converted:
    """A MobileNetV3, or an ImageNet classifier whose features become a backbone."""
    own = model.state_dict()
    if any(key.startswith("backbone.low_level_features.") for key in own):
        renamed = {_mobilenetv2_key(key): value for key, value in tensors.items()}
        return Converted(renamed, ("backbone.",), ("features.18.", "classifier."))
    for prefix in ("backbone.", "cp.resnet."):
        if f"{prefix}layer1.0.conv1.weight" in own:
            renamed = {k if k.startswith("fc.") else prefix + k: v for k, v in tensors.items()}
            return Converted(renamed, (prefix,), ("fc.",))
    return Converted(tensors)


def _mobilenetv2_key(key: str) -> str:
    """``features.N`` is a low-level feature below 4; the last convolution and the classifier are not features."""
    root, _, rest = key.partition(".")
    number = rest.partition(".")[0]
    if root != "features" or number == "18":
        return key
    return f"backbone.{'low' if int(number) < 4 else 'high'}_level_features.{rest}"


def _coincheung(model: nn.Module, tensors: Tensors) -> Converted:
    """A checkpoint, or the backbone alone."""
    if any(key.startswith(("head.", "conv_out.")) for key in tensors):
        return Converted(tensors)
    roots = {key.partition(".")[0] for key in tensors}
    return Converted(tensors, tuple(f"{root}." for root in sorted(roots)))


def _paddle(model: nn.Module, tensors: Tensors) -> Converted:
    return Converted(pdparams.to_torch(tensors))


def _flat(values: object) -> list[tuple[str, object]]:
    """Items of a dict, and of dicts in it one level down, as ``backbone_v2.pth`` has them."""
    items = values.items() if isinstance(values, Mapping) else ()
    flat: list[tuple[str, object]] = []
    for key, value in items:
        inner = value.items() if isinstance(value, Mapping) else None
        flat += [(str(key), value)] if inner is None else [(f"{key}.{k}", v) for k, v in inner]
    return flat


def _some(keys: tuple[str, ...]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more


FORMATS: dict[str, Callable[[nn.Module, Tensors], Converted]] = {
    "trtconv": _as_they_are,
    "torchvision": _torchvision,
    "timm": _as_they_are,
    "vainf": _as_they_are,
    "coincheung": _coincheung,
    "paddle": _paddle,
}
WRAPPERS = ("model_state", "model", "state_dict")
SIGNS = {
    "timm": ("conv_stem.",),
    "vainf": ("backbone.",),
    "coincheung": ("cp.", "detail."),
    "torchvision": ("features.", "layer1."),
}
_FIT = "name the network, classes and options that the weights were trained with"
_PLAIN = "save the state_dict alone: torch.save(model.state_dict(), path)"
