"""`gate`: lint, fix, verify and build for every declared model, each in a child process with limits, for CI."""

from __future__ import annotations

import glob
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.config import suppress
from trtconv.errors import BadInput, TrtconvError, Unavailable

if TYPE_CHECKING:
    from trtconv.config import ModelConfig

STEPS = ("lint", "fix", "verify", "build")
TIME_LIMIT = 600.0
"""Seconds that one step of one model may take unless the configuration says otherwise."""


@dataclass(frozen=True)
class Step:
    """One verb at one model. `status` is passed, failed, not run, or error."""

    name: str
    status: str
    seconds: float
    summary: str
    exit_code: int
    details: dict[str, object]

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return dict(vars(self))


@dataclass(frozen=True)
class Gate:
    """What the gate says of one model."""

    model: str
    target: str
    steps: tuple[Step, ...]

    @property
    def exit_code(self) -> int:
        """The worst of the steps."""
        return max((s.exit_code for s in self.steps), default=0)

    def to_json(self) -> dict[str, object]:
        """`{"target", "steps": [...]}`."""
        return {"target": self.target, "steps": [s.to_json() for s in self.steps]}


Outcome = tuple[int, str, dict[str, object]]
"""Exit code, one line, and the verb's own JSON."""


def gate(models: Sequence[ModelConfig], *, steps: Iterable[str] = STEPS) -> tuple[Gate, ...]:
    """Run `steps` for each model; the fixed graph and the engine are thrown away afterwards.

    A step that this machine cannot run counts as not run, with exit code 3: leave it out with `steps` or the
    configuration's `runtimes` to say that this is meant. Raises BadInput for an unknown step.
    """
    chosen = tuple(steps)
    for name in chosen:
        if name not in STEPS:
            raise BadInput(f"there is no step {name!r}", do=f"steps are {', '.join(STEPS)}")
    return tuple(_gate_one(model, chosen) for model in models)


def _gate_one(model: ModelConfig, steps: Sequence[str]) -> Gate:
    from trtconv.storage.loading import resolve_target

    target = str(resolve_target(model.target or "auto"))
    done: list[Step] = []
    with _scratch(model.path) as fixed:
        work: dict[str, Callable[..., Outcome]] = {"lint": _lint, "fix": _fix, "verify": _verify, "build": _build}
        for name in STEPS:
            if name in steps or (name == "fix" and {"verify", "build"} & set(steps)):
                done.append(_step(name, work[name], model, target, fixed))
                if (
                    name == "lint"
                    and not done[-1].details.get("ok", True)
                    and not {"fix", "verify", "build"} & set(steps)
                ):
                    done[-1] = replace(done[-1], status="failed", exit_code=1)
                if name == "fix" and not fixed.exists():
                    break
    return Gate(str(model.path), target, tuple(done))


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """Where the fixed model goes for as long as the block runs, with all that is named after it.

    A folder of its own; a model with weights in other files is put beside them, which saves copying them.
    """
    if _has_weight_files(path) and os.access(path.parent, os.W_OK):
        fixed = path.with_name(f".gate-{os.getpid()}-{path.name}")
        try:
            yield fixed
        finally:
            for left in path.parent.glob(f"{glob.escape(fixed.stem)}.*"):
                left.unlink()
        return
    with tempfile.TemporaryDirectory(prefix="trtconv-gate-") as folder:
        yield Path(folder, path.name)


def _has_weight_files(path: Path) -> bool:
    from trtconv.passes.core.external import is_within
    from trtconv.storage.files import external_tensors, open_model

    try:
        return any(not is_within(tensor, str(path)) for tensor in external_tensors(open_model(path).graph))
    except TrtconvError:  # which the first step is going to report
        return False


def _step(name: str, work: Callable[..., Outcome], model: ModelConfig, target: str, fixed: Path) -> Step:
    from trtconv.isolate import Limits, isolated
    from trtconv.sizes import parse_size

    limits = Limits(model.time_limit or TIME_LIMIT, parse_size(model.memory_limit) if model.memory_limit else None)
    start = time.monotonic()
    try:
        code, line, details = isolated(work, model, target, fixed, what=f"{name} of {model.path.name}", limits=limits)
        status = "passed" if code == 0 else "not run" if code == Unavailable.exit_code else "failed"
    except Unavailable as error:
        status, code, line, details = "not run", error.exit_code, error.what, error.to_json()
    except TrtconvError as error:
        status = "failed" if error.exit_code == 1 else "error"
        code, line, details = error.exit_code, str(error), error.to_json()
    return Step(name, status, round(time.monotonic() - start, 3), line, code, details)


def _lint(model: ModelConfig, target: str, fixed: Path) -> Outcome:
    """What lint finds fails the gate only where `fix` does not follow, which mends it or says why not."""
    from trtconv.linting import lint

    result = lint(model.path, target=target)
    return 0, result.verdict, result.to_json()


def _fix(model: ModelConfig, target: str, fixed: Path) -> Outcome:
    from trtconv.fixing import fix

    result = fix(model.path, target=target, tools=model.tools).save(fixed)
    remaining, ignored, unused = suppress(result.remaining, model.ignore)
    result = replace(result, remaining=remaining, ignored=ignored, unused_ignores=tuple(map(str, unused)), output=None)
    return result.exit_code, f"{len(result.edits)} edits; {result.verdict}", result.to_json()


def _verify(model: ModelConfig, target: str, fixed: Path) -> Outcome:
    from trtconv.verifying import verify

    result = verify(
        fixed,
        reference=None if model.golden else model.reference or model.path,
        golden=model.golden,
        shapes=model.shapes,
        rtol=model.rtol,
        atol=model.atol,
        metric=model.metric,
        ranges=model.ranges,
        consistency=model.consistency,
        mixes_rows=model.mixes_rows,
        runtimes=model.runtimes,
        inputs=model.inputs,
    )
    return result.exit_code, result.verdict, result.to_json()


def _build(model: ModelConfig, target: str, fixed: Path) -> Outcome:
    from trtconv.building import build

    result = build(
        fixed,
        shapes=model.shapes,
        output=fixed.with_suffix(".engine"),
        target=target,
        compute_capabilities=model.compute_capabilities,
    )
    return result.exit_code, result.verdict, result.to_json()
