"""Settings that hold for every tensor, or for one of them by its name: `1e-3`, `logits:1e-2`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, TypeVar

from trtconv.errors import BadInput

T = TypeVar("T")

ByName: TypeAlias = T | str | Iterable[T | str] | Mapping[str, T | str]
"""A setting, or text `[NAME:]SETTING`, or several of them, or a mapping by name."""

ALL = ""
"""Stands for every tensor that is not named."""


def by_name(given: ByName[T] | None, read: Callable[[object], T], option: str) -> dict[str, T]:
    """Settings by tensor name from what a caller gave, those for `ALL` under the empty name.

    Of settings for the same name the last one counts. `read` turns one into its value and raises ValueError with what
    is wrong, which becomes a BadInput that names `option`.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {str(name): _one(read, value, option) for name, value in given.items()}
    if isinstance(given, Iterable) and not isinstance(given, str) and not _is_pair(given):
        return {name: value for item in given for name, value in by_name(item, read, option).items()}
    if not isinstance(given, str):
        return {ALL: _one(read, given, option)}
    name, _, text = given.rpartition(":")
    return {name: _one(read, text, option)}


def _is_pair(given: object) -> bool:
    """Whether it is one (low, high), not a list of settings."""
    return isinstance(given, tuple) and len(given) == 2 and all(isinstance(v, (int, float)) for v in given)


def _one(read: Callable[[object], T], value: object, option: str) -> T:
    try:
        return read(value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{option} does not take {value!r}: {error}", where=option) from error


def check_names(settings: Iterable[str], known: Iterable[str], what: str, option: str) -> None:
    """Raise BadInput for a setting of a tensor that is not there."""
    known = list(known)
    for name in settings:
        if name != ALL and name not in known:
            raise BadInput(f"there is no {what} {name!r}", where=option, do=f"there are {', '.join(known) or 'none'}")
