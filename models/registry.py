"""Every network by name; importing this file, and listing the names, needs no PyTorch."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from trtconv.errors import BadInput
from trtconv.feeding.preprocessing import Preprocessing
from trtconv.models.card import Card, Options, Task, Value

if TYPE_CHECKING:
    import torch

KINDS: Mapping[type[Value], str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
"""What the types of options are called where a user is told of them."""

Build = Callable[[int, Options], "torch.nn.Module"]


@dataclass(frozen=True)
class Network:
    """A network that can be made by name.

    Attributes:
        name: as in the system the network comes from.
        family: ``mobilenetv3``, ``deeplab`` or ``bisenet``.
        task: ``classification`` or ``segmentation``.
        input_size: (C, H, W) that the reference system uses.
        classes: number of classes that the reference system uses.
        preprocessing: from an image file to the input tensor.
        build: makes the module from the number of classes and every option; imports PyTorch.
        options: the options with their defaults.
        stride: height and width of the input must be multiples of it.
        names: names of the input and the output in the reference system's export.
    """

    name: str
    family: str
    task: Task
    input_size: tuple[int, int, int]
    classes: int
    preprocessing: Preprocessing
    build: Build = field(repr=False)
    options: Options = field(default_factory=dict)
    stride: int = 1
    names: tuple[str, str] = ("image", "outputs")

    def default(self, key: str) -> Value:
        """The value of an option when none is given, whose type every other value must have.

        Raises:
            BadInput: the network has no such option.
        """
        if key not in self.options:
            known = ", ".join(f"{name}={value}" for name, value in self.options.items()) or "none"
            raise BadInput(f"{self.name} has no option {key!r}", where="option", do=f"its options: {known}")
        return self.options[key]

    def card(self, classes: tuple[str, ...] = (), **options: Value) -> Card:
        """A card as the reference system would write it; classes without a name get their number."""
        return Card(
            network=self.name,
            task=self.task,
            input_size=self.input_size,
            classes=classes or tuple(str(i) for i in range(self.classes)),
            preprocessing=self.preprocessing,
            options=dict(options),
        )


@cache
def networks() -> Mapping[str, Network]:
    """Every network by its name, sorted by family and name."""
    from trtconv.models import catalogue

    found = sorted(catalogue.every(), key=lambda network: (network.family, network.name.lower()))
    return MappingProxyType({network.name: network for network in found})


def find(name: str) -> Network:
    """The network of that name.

    Raises:
        BadInput: there is none; the message lists names that look alike.
    """
    known = networks()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    do = f"did you mean {', '.join(near)}?" if near else "`trtconv models list` shows every name"
    raise BadInput(f"there is no network {name!r}", do=do)


def create(name: str, classes: int | None = None, **options: Value) -> torch.nn.Module:
    """A network with PyTorch's default initialisation, in train mode.

    Args:
        name: as `networks` lists it.
        classes: number of classes; None takes the reference system's.
        **options: the network's own, see `Network.options`.

    Raises:
        BadInput: an unknown name or option, an option of the wrong kind, or fewer than one class.
    """
    network = find(name)
    for key, value in options.items():
        _check_option(network, key, value)
    classes = network.classes if classes is None else classes
    if classes < 1:
        raise BadInput(f"{name} needs at least one class, not {classes}", where="classes")
    return network.build(classes, {**network.options, **options})


def _check_option(network: Network, key: str, value: Value) -> None:
    kind = type(network.default(key))
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadInput(f"{key} takes {KINDS[kind]}, not {value!r}", where=network.name)
