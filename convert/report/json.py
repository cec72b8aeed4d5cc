"""The one JSON schema that every command prints with `--json` (docs/json.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from trtconv import __version__
from trtconv.errors import worst

if TYPE_CHECKING:
    from trtconv.errors import TrtconvError

SCHEMA = "trtconv/1"


class Result(Protocol):
    """What a verb returns."""

    @property
    def exit_code(self) -> int:
        """Exit code that the result calls for."""

    def to_json(self) -> dict[str, object]:
        """The result in plain values."""


def document(command: str, results: Sequence[tuple[str, Result]], error: TrtconvError | None = None) -> str:
    """One document: the results with the model each is about, or the error that ended the command."""
    code = error.exit_code if error else worst(r.exit_code for _, r in results)
    listed = [{"model": model, "exit_code": r.exit_code, **r.to_json()} for model, r in results]
    return _dump({**_head(command, code), "results": listed, "error": error.to_json() if error else None})


def plain(command: str, content: dict[str, object]) -> str:
    """One document of a command that is not about models."""
    return _dump({**_head(command, 0), **content, "error": None})


def _head(command: str, code: int) -> dict[str, object]:
    return {"schema": SCHEMA, "trtconv": __version__, "command": command, "exit_code": code}


def _dump(value: dict[str, object]) -> str:
    return json.dumps(finite(value), indent=2)


def finite(value: object) -> object:
    """JSON has no NaN and no infinity: they become their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return value
