"""What can go wrong for a user, and the exit code that each kind ends with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class TrtconvError(Exception):
    """Something a user can act on: what is wrong, where, and what to do next.

    The command line prints it without a traceback and exits with `exit_code`.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.do = what, where, do

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.do:
            lines.append(f"  do:    {self.do}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """`{"error": ..., "where": ..., "do": ..., "exit_code": ...}`."""
        return {"error": self.what, "where": self.where, "do": self.do, "exit_code": self.exit_code}


class BadInput(TrtconvError):
    """A file, an option or a value that cannot be used (exit code 2)."""


class Unavailable(TrtconvError):
    """This machine cannot do it: no GPU, no TensorRT, a missing optional package (exit code 3)."""

    exit_code = 3


class NativeFailure(TrtconvError):
    """Native code crashed, or ran out of time or memory (exit code 4)."""

    exit_code = 4


BY_SEVERITY = (0, Unavailable.exit_code, 1, BadInput.exit_code, NativeFailure.exit_code)
"""Exit codes, the worst last: what was not run never hides what failed."""


def worst(codes: Iterable[int]) -> int:
    """The exit code that several results call for together."""
    return max(codes, key=BY_SEVERITY.index, default=0)


@dataclass(frozen=True)
class Failed:
    """One of several models that a command could not deal with; the others went on."""

    error: TrtconvError

    @property
    def exit_code(self) -> int:
        """That of the error."""
        return self.error.exit_code

    def to_json(self) -> dict[str, object]:
        """`{"error": {"error", "where", "do", "exit_code"}}`."""
        return {"error": self.error.to_json()}
