"""What is verified, what it should equal, and where it is run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trtconv.comparison.noise import LEVELS, Level
from trtconv.errors import BadInput
from trtconv.isolate import Limits

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.comparison.consistency import Consistency

    Source = str | os.PathLike[str] | ModelProto

RUNTIMES = ("onnxruntime", "tensorrt", "tensorrt-rtx")


@dataclass(frozen=True)
class Subject:
    """The model, and what it should equal: another model, or a golden file."""

    source: Source
    reference: Source | None = None
    golden: str | os.PathLike[str] | None = None
    save_golden: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.reference is not None and self.golden is not None:
            raise BadInput(
                "a reference and a golden file are two different things to compare with", do="give one of them"
            )

    @property
    def has_expected(self) -> bool:
        """Whether something but the model itself says what its outputs should be."""
        return self.reference is not None or self.golden is not None


@dataclass(frozen=True)
class Runs:
    """Where the model is run: runtimes, what engines may do, and what running may take."""

    compared: tuple[str, ...]
    """Runtimes whose outputs are compared with what is expected."""
    checked: tuple[str, ...]
    """Runtimes in which the model is checked against itself."""
    tf32: bool
    noise: Level
    limits: Limits

    @classmethod
    def of(
        cls,
        runtimes: Iterable[str] | None,
        subject: Subject,
        consistency: Consistency,
        tf32: bool,
        noise: Level,
        limits: Limits,
    ) -> Runs:
        """What is to be run where: in the runtimes named, else in ONNX Runtime and the installed engine.

        In ONNX Runtime a model is compared only where something but itself is expected. Where a golden file is to be
        written and nothing was named, nothing has to be compared. Raises BadInput for runtimes that mean nothing.
        """
        if noise not in LEVELS:
            raise BadInput(f"there is no noise {noise!r}", do=f"there is {', '.join(LEVELS)}")
        records_only = subject.save_golden is not None and not subject.has_expected
        wanted = named_runtimes(runtimes) if runtimes is not None else _installed()
        checked = wanted if consistency.asked else ()
        compared = tuple(r for r in wanted if r != "onnxruntime" or subject.has_expected)
        if records_only and runtimes is None:
            compared = ()
        if not (compared or checked or records_only):
            raise BadInput(
                "there is nothing to compare the model with in ONNX Runtime",
                do="name the model it was made from, --reference ORIGINAL, or a golden file, --golden FILE; "
                "or check it against itself: --consistency",
            )
        return cls(compared, checked, tf32, noise, limits)

    @property
    def engines(self) -> tuple[str, ...]:
        """The runtimes that need an engine to be built."""
        return tuple(r for r in dict.fromkeys((*self.compared, *self.checked)) if r != "onnxruntime")


def uses_shapes(golden: object, runtimes: Iterable[str] | None, consistency: bool) -> bool:
    """Whether shapes say anything: beside a golden file, which brings its inputs, to engines and to batches alone."""
    return golden is None or consistency or runtimes is None or set(runtimes) != {"onnxruntime"}


def _installed() -> tuple[str, ...]:
    from trtconv.passes.core import Target

    return "onnxruntime", Target.auto().product


def named_runtimes(runtimes: Iterable[str], where: str = "") -> tuple[str, ...]:
    """The runtimes named `where`, each once. Raises BadInput for one that there is not, or where none is named."""
    named = tuple(dict.fromkeys(runtimes))
    for name in named:
        if name not in RUNTIMES:
            raise BadInput(f"there is no runtime {name!r}", where=where, do=f"known are {', '.join(RUNTIMES)}")
    if not named:
        raise BadInput("no runtime was named", where=where, do=f"known are {', '.join(RUNTIMES)}")
    return named
