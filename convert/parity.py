"""What `verify` found: one output in one case, one runtime against another, and all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

    from trtconv.comparison.metrics import Difference
    from trtconv.comparison.noise import Noise
    from trtconv.divergence.bisect import Parting
    from trtconv.divergence.error_curve import ErrorCurve
    from trtconv.feeding.inputs import Case

Status = Literal["passed", "failed", "not run"]
Kind = Literal["parity", "consistency"]


@dataclass(frozen=True)
class OutputParity:
    """One output in one case."""

    name: str
    case: str
    difference: Difference
    note: str = ""
    noise: float | None = None
    """How far the expected side is from itself, computed another way: the largest absolute difference."""

    @property
    def passed(self) -> bool:
        """Whether the output is within its tolerance."""
        return self.difference.passed

    def to_json(self) -> dict[str, object]:
        """`{"output", "case", "note", "noise", ...}` and all of the difference."""
        head = {"output": self.name, "case": self.case, "note": self.note, "noise": self.noise}
        return {**head, **self.difference.to_json()}

    def __str__(self) -> str:
        noise = "" if self.noise is None else f" (noise {self.noise:.2g})"
        return f"{self.name} ({self.case}) {self.difference}{noise}"


@dataclass(frozen=True)
class Leg:
    """One runtime against another: the expected side and the actual one."""

    runtime: str
    expected: str
    actual: str
    outputs: tuple[OutputParity, ...] = ()
    not_run: str = ""
    """Why this comparison did not take place, empty when it did."""
    failure: str = ""
    """What kept the actual side from running where the expected side runs, empty when nothing did."""
    extra: tuple[str, ...] = ()
    """Outputs that the actual side alone has, and that are compared with nothing."""
    kind: Kind = "parity"
    """Whether two models or runtimes are compared, or one with itself: its batches with the same rows fed otherwise."""

    @property
    def name(self) -> str:
        """What is put to the test."""
        return self.actual if self.kind == "parity" else self.expected

    @property
    def status(self) -> Status:
        """A comparison in which no output was compared has not been run."""
        if self.failure or not all(o.passed for o in self.outputs):
            return "failed"
        return "not run" if self.not_run or not self.outputs else "passed"

    @property
    def is_exact(self) -> bool:
        """Whether two models or runtimes were compared and gave the same numbers, in every output and case."""
        differences = [o.difference for o in self.outputs]
        return self.kind == "parity" and self.status == "passed" and not any(d.wrong or d.max_abs for d in differences)

    @property
    def worst(self) -> OutputParity | None:
        """The output with the most wrong elements; where all passed, the one with the largest error."""
        return max(self.outputs, key=lambda o: (not o.passed, o.difference.wrong, o.difference.max_abs), default=None)

    def to_json(self) -> dict[str, object]:
        """`{"kind", "runtime", "expected", "actual", "status", "reason", "outputs": [...], "extra": [...]}`."""
        return {
            "kind": self.kind,
            "runtime": self.runtime,
            "expected": self.expected,
            "actual": self.actual,
            "status": self.status,
            "reason": self.failure or self.not_run,
            "outputs": [o.to_json() for o in self.outputs],
            "extra": list(self.extra),
        }

    def __str__(self) -> str:
        reason = self.failure or self.not_run
        head = f"{self.status.upper()}: {self.expected} against {self.actual}" + (f": {reason}" if reason else "")
        return "\n".join([head, *(f"  {'passed' if o.passed else 'FAILED'} {o}" for o in self.outputs)])


@dataclass(frozen=True)
class Parity:
    """What `verify` compared, on which inputs, and how it came out."""

    legs: tuple[Leg, ...]
    cases: tuple[Case, ...]
    seed: int
    notes: tuple[str, ...] = ()
    parting: Parting | None = None
    """Where the model parts from what is expected, in ONNX Runtime or in an engine, when that was asked for."""
    saved: Path | None = None
    """The golden file that was written."""
    noise: Noise | None = None
    """How far the expected side is from itself, computed another way."""
    curve: ErrorCurve | None = None
    """The error of every tensor inside, where that was asked for."""

    @property
    def exit_code(self) -> int:
        """0: all passed; 1: something failed; 3: something that was asked for could not be run here."""
        statuses = {leg.status for leg in self.legs}
        if "failed" in statuses:
            return 1
        return 3 if "not run" in statuses or not (statuses or self.saved) else 0

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for ran and passed."""
        return self.exit_code == 0

    @property
    def verdict(self) -> str:
        """One sentence: how many outputs were compared in how many cases, and what did not pass or run."""
        outputs = list(self.outputs)
        failed = sum(not o.passed for o in outputs) + sum(bool(leg.failure) for leg in self.legs)
        idle = [f"{leg.name} NOT RUN ({leg.not_run})" for leg in self.legs if leg.status == "not run"]
        cases = _count(len({one.case for one in outputs}), "case")
        done = f"{_count(len(outputs), 'comparison')} in {cases}, {failed} failed" if outputs else "nothing compared"
        kept = [f"{_count(len(self.cases), 'case')} kept in {self.saved}"] if self.saved else []
        return "; ".join([done, *idle, *kept])

    @property
    def failures(self) -> Iterator[str]:
        """A sentence for each comparison that failed: what kept it from running, or its worst output."""
        for leg in self.legs:
            if leg.status == "failed":
                yield f"{leg.actual}: {leg.failure or leg.worst}"

    @property
    def outputs(self) -> Iterator[OutputParity]:
        """Every output of every leg and case."""
        for leg in self.legs:
            yield from leg.outputs

    def save_inputs(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write what was fed into `folder`, one .npz per case; `verify(inputs=folder)` feeds it again, bit for bit."""
        from trtconv.feeding.given import save_cases

        return save_cases(self.cases, folder)

    def to_json(self) -> dict[str, object]:
        """`{"ok", "seed", "notes", "cases": [...], "legs": [...], "parting", "saved", "noise", "error_curve"}`."""
        return {
            "ok": self.ok,
            "seed": self.seed,
            "notes": list(self.notes),
            "cases": [c.to_json() for c in self.cases],
            "legs": [leg.to_json() for leg in self.legs],
            "parting": self.parting.to_json() if self.parting else None,
            "saved": str(self.saved) if self.saved else None,
            "noise": self.noise.to_json() if self.noise else None,
            "error_curve": self.curve.to_json() if self.curve else None,
        }

    def __str__(self) -> str:
        parting = [str(self.parting)] if self.parting else []
        noise = [str(self.noise)] if self.noise else []
        curve = [self.curve.sentence] if self.curve else []
        return "\n".join([*map(str, self.legs), *parting, *curve, *noise, *(f"note: {n}" for n in self.notes)])


def _count(number: int, thing: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number} {thing}" + "s" * (number != 1)
