"""Texts on the command line that stand for sizes and for a network's own options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from trtconv.errors import BadInput
from trtconv.models.registry import Network

Value = bool | int | float | str


class Size(click.ParamType[tuple[int, int]]):
    """`352x480` is height and width; one number is a square."""

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """(height, width) in pixels."""
        if isinstance(value, tuple):
            return value
        parts = str(value).lower().split("x")
        try:
            height, width = (int(part) for part in (parts * 2 if len(parts) == 1 else parts))
        except ValueError:
            self.fail(f"{value!r} is no height and width; write 352x480 or 224", param, ctx)
        return height, width


SIZE = Size()


def option_values(network: Network, texts: Sequence[str]) -> dict[str, Value]:
    """`key=value` texts as the types that the network's options have.

    Raises:
        BadInput: no equals sign, an unknown key, or a value of another type.
    """
    return dict(_option(network, text) for text in texts)


def _option(network: Network, text: str) -> tuple[str, Value]:
    key, equals, value = text.partition("=")
    known = " ".join(f"{k}={v}" for k, v in network.options.items())
    if not equals or key not in network.options:
        raise BadInput(f"{network.name} has no option {text!r}", where="--option", do=f"its options: {known}")
    kind = type(network.options[key])
    try:
        return key, _TRUTH[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError) as error:
        raise BadInput(f"{key} takes a {kind.__name__}, not {value!r}", where="--option") from error


_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
