"""How torchvision, timm and PaddleClas call the weights of MobileNetV3.

The network is built once, as parts with roles; each class here hangs the same layers, in the same order,
under its library's names, so that published weights load as they are and exported nodes are called as users
know them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from torch import nn

from trtconv.models.networks.activations import BatchNormAct

Layers = Iterable[tuple[str, nn.Module]]
S = TypeVar("S", bound=nn.Sequential)


@dataclass(frozen=True)
class Part:
    """Layers with their roles in order of execution, and the container that runs them.

    Attributes:
        kind: ``stem``, ``block``, ``last`` or ``head``.
        layers: (role, layer); the roles in a convolution unit are ``<unit>.conv``, ``<unit>.bn``, ``<unit>.act``.
        container: ``nn.Sequential``, or a subclass that adds the input.
        stage: number of the stage.
    """

    kind: str
    layers: list[tuple[str, nn.Module]]
    container: type[nn.Sequential] = nn.Sequential
    stage: int = 0


class Names(ABC):
    """One library's names.

    Attributes:
        squeeze: names of pool, reduction, activation, expansion and gate in squeeze-and-excite.
    """

    squeeze: ClassVar[tuple[str, str, str, str, str]]

    @abstractmethod
    def network(self, parts: list[Part]) -> nn.Sequential:
        """The whole network."""

    @staticmethod
    def gather(container: type[S], layers: Layers) -> S:
        """A container of named layers."""
        return container(OrderedDict(layers))


class Torchvision(Names):
    """``features.<i>.block.<j>.<0 conv|1 norm>``, ``classifier.<0|3>``."""

    squeeze = ("avgpool", "fc1", "activation", "fc2", "scale_activation")

    def network(self, parts: list[Part]) -> nn.Sequential:
        """Everything, in order, under the library's names."""
        *body, head = parts
        pool, flatten, *classifier = head.layers
        return nn.Sequential(
            OrderedDict(
                features=nn.Sequential(*map(self._part, body)),
                avgpool=pool[1],
                flatten=flatten[1],
                classifier=nn.Sequential(*(layer for _, layer in classifier)),
            )
        )

    def _part(self, part: Part) -> nn.Sequential:
        units = [nn.Sequential(*u) if type(u) is nn.Sequential else u for u in _units(part).values()]
        if part.kind != "block":
            return nn.Sequential(*(layer for _, layer in part.layers))
        return part.container(OrderedDict(block=nn.Sequential(*units)))


class Paddle(Names):
    """``conv.conv``, ``blocks.<i>.<unit>.<conv|bn>``, ``blocks.<i>.mid_se``, ``last_second_conv``, ``fc``."""

    squeeze = ("avg_pool", "conv1", "relu", "conv2", "hardsigmoid")
    _block = {
        "expand": "expand_conv",
        "depthwise": "bottleneck_conv",
        "squeeze": "mid_se",
        "project": "linear_conv",
    }
    _head = {"pool": "avg_pool", "head": "last_conv", "act": "hardswish", "classifier": "fc"}

    def network(self, parts: list[Part]) -> nn.Sequential:
        """Everything, in order, under the library's names."""
        stem, *blocks, last, head = parts
        return nn.Sequential(
            OrderedDict(
                [
                    ("conv", _units(stem)["unit"]),
                    ("blocks", nn.Sequential(*map(self._part, blocks))),
                    ("last_second_conv", _units(last)["unit"]),
                    *((self._head.get(role, role), layer) for role, layer in head.layers),
                ]
            )
        )

    def _part(self, part: Part) -> nn.Sequential:
        named = ((self._block[role], layer) for role, layer in _units(part).items())
        return self.gather(part.container, named)


class Timm(Names):
    """``conv_stem``, ``bn1``, ``blocks.<stage>.<block>.conv_pw``, ..., ``conv_head``, ``classifier``."""

    squeeze = ("pool", "conv_reduce", "act1", "conv_expand", "gate")
    _expanding = {
        "expand": ("conv_pw", "bn1"),
        "depthwise": ("conv_dw", "bn2"),
        "project": ("conv_pwl", "bn3"),
    }
    _separable = {"depthwise": ("conv_dw", "bn1"), "project": ("conv_pw", "bn2")}
    _head = {"pool": "global_pool", "head": "conv_head", "act": "act2"}

    def network(self, parts: list[Part]) -> nn.Sequential:
        """Everything, in order, under the library's names."""
        stem, *blocks, head = parts
        stages: list[list[nn.Module]] = [[] for _ in range(blocks[-1].stage + 1)]
        for part in blocks:
            stages[part.stage].append(self._part(part))
        return nn.Sequential(
            OrderedDict(
                [
                    *self._flat(stem, {"unit": ("conv_stem", "bn1")}),
                    ("blocks", nn.Sequential(*(nn.Sequential(*stage) for stage in stages))),
                    *((self._head.get(role, role), layer) for role, layer in head.layers),
                ]
            )
        )

    def _part(self, part: Part) -> nn.Sequential:
        roles = {role for role, _ in part.layers}
        names = self._expanding if "expand.conv" in roles else self._separable
        return self.gather(part.container, self._flat(part, names if part.kind == "block" else _LAST))

    def _flat(self, part: Part, names: dict[str, tuple[str, str]]) -> Layers:
        """A unit as two layers, convolution and norm, with the activation inside the norm."""
        layers = dict(part.layers)
        for role, layer in part.layers:
            unit, _, kind = role.partition(".")
            if kind == "conv":
                yield names[unit][0], layer
            elif kind == "bn":
                act = layers.get(f"{unit}.act")
                assert isinstance(layer, nn.BatchNorm2d)
                yield names[unit][1], layer if act is None else BatchNormAct(layer, act)
            elif not kind:
                yield "se", layer


_LAST = {"unit": ("conv", "bn1")}
NAMES: dict[str, Names] = {"torchvision": Torchvision(), "timm": Timm(), "paddle": Paddle()}


def _units(part: Part) -> dict[str, nn.Module]:
    """Layers by unit; those of a convolution unit in one container of ``conv``, ``bn`` and ``act``."""
    units: dict[str, nn.Module] = {}
    for role, layer in part.layers:
        unit, _, kind = role.partition(".")
        if kind:
            units.setdefault(unit, nn.Sequential()).add_module(kind, layer)
        else:
            units[unit] = layer
    return units
