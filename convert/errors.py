"""What can go wrong for a user, and the exit code that each kind ends with."""

from __future__ import annotations


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
