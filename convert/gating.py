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

from trtconv.errors import BadInput, TrtconvError, Unavailable, worst

if TYPE_CHECKING:
    from trtconv.config import ModelConfig
    from trtconv.findings import Finding

STEPS = ("lint", "fix", "verify", "build")
STATUS = {0: "passed", 1: "failed", Unavailable.exit_code: "not run"}
"""Of a step, by its exit code; "error" for any other."""
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
    findings: tuple[Finding, ...] = ()
    """What the target refuses or gets wrong, and is not ignored: of lint what it found, of fix what is left."""
    unused_ignores: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """`{"name", "status", "seconds", "summary", "exit_code", "details": the verb's own JSON}`."""
        return {key: value for key, value in vars(self).items() if key not in ("findings", "unused_ignores")}


@dataclass(frozen=True)
class Gate:
    """What the gate says of one model."""

    model: str
    target: str
    steps: tuple[Step, ...]

    @property
    def exit_code(self) -> int:
        """The worst of the steps."""
        return worst(s.exit_code for s in self.steps)

    @property
    def unused_ignores(self) -> tuple[str, ...]:
        """The suppressions that matched nothing that lint found and nothing that fix left."""
        unused = [s.unused_ignores for s in self.steps if s.name in ("lint", "fix")]
        return tuple(one for one in unused[0] if all(one in other for other in unused)) if unused else ()

    def to_json(self) -> dict[str, object]:
        """`{"target", "steps": [...], "unused_ignores"}`."""
        steps = [s.to_json() for s in self.steps]
        return {"target": self.target, "steps": steps, "unused_ignores": list(self.unused_ignores)}


@dataclass(frozen=True)
class _Answer:
    """What a verb says of a model."""

    exit_code: int
    summary: str
    details: dict[str, object]
    findings: tuple[Finding, ...] = ()
    unused_ignores: tuple[str, ...] = ()


def gate(
    models: Sequence[ModelConfig],
    *,
    steps: Iterable[str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> tuple[Gate, ...]:
    """Run `steps` for each model, by default those declared for it, else all.

    The fixed graph and the engine are thrown away afterwards. `on_progress` is told each step before it begins.

    A step that this machine cannot run counts as not run, with exit code 3: leave it out with `steps` or the
    configuration's `runtimes` to say that this is meant. Raises BadInput for an unknown step or target.
    """
    from trtconv.storage.loading import resolve_target

    asked = None if steps is None else named_steps(steps, where="steps")
    plans = [(m, str(resolve_target(m.target or "auto")), asked or m.steps or STEPS) for m in models]
    say = on_progress or (lambda text: None)
    return tuple(_gate_one(model, target, chosen, say) for model, target, chosen in plans)


def named_steps(steps: Iterable[str], where: str) -> tuple[str, ...]:
    """The steps named `where`. Raises BadInput for one that there is not, or where none is named."""
    named = tuple(steps)
    for name in named:
        if name not in STEPS:
            raise BadInput(f"there is no step {name!r}", where=where, do=f"steps are {', '.join(STEPS)}")
    if not named:
        do = f"steps are {', '.join(STEPS)}"
        raise BadInput("no step is named, so nothing would be checked", where=where, do=do)
    return named


def _gate_one(model: ModelConfig, target: str, steps: Sequence[str], on_progress: Callable[[str], None]) -> Gate:
    wanted = {*steps, *(("fix",) if {"verify", "build"} & set(steps) else ())}
    lint = _lint_before_fix if "fix" in wanted else _lint
    work: dict[str, Callable[..., _Answer]] = {"lint": lint, "fix": _fix, "verify": _verify, "build": _build}
    done: list[Step] = []
    with _scratch(model.path) as fixed:
        for name in STEPS:
            if name in wanted:
                on_progress(f"{name} of {model.path}")
                done.append(_step(name, work[name], model, target, fixed))
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


def _step(name: str, work: Callable[..., _Answer], model: ModelConfig, target: str, fixed: Path) -> Step:
    from trtconv.isolate import Limits, isolated
    from trtconv.sizes import parse_size

    limits = Limits(model.time_limit or TIME_LIMIT, parse_size(model.memory_limit) if model.memory_limit else None)
    start = time.monotonic()
    try:
        answer = isolated(work, model, target, fixed, what=f"{name} of {model.path.name}", limits=limits)
    except Unavailable as error:
        answer = _Answer(error.exit_code, error.what, error.to_json())
    except TrtconvError as error:
        answer = _Answer(error.exit_code, str(error), error.to_json())
    status = STATUS.get(answer.exit_code, "error")
    return Step(name, status, round(time.monotonic() - start, 3), **vars(answer))


def _lint(model: ModelConfig, target: str, fixed: Path) -> _Answer:
    from trtconv.linting import lint

    result = lint(model.path, target=target).ignoring(model.ignore)
    return _Answer(result.exit_code, result.verdict, result.to_json(), _fatal(result.findings), result.unused_ignores)


def _lint_before_fix(model: ModelConfig, target: str, fixed: Path) -> _Answer:
    """What lint finds fails nothing: `fix` mends it or says why not."""
    return replace(_lint(model, target, fixed), exit_code=0, findings=())


def _fix(model: ModelConfig, target: str, fixed: Path) -> _Answer:
    from trtconv.fixing import fix

    result = fix(model.path, target=target, shapes=model.shapes, tools=model.tools).save(fixed)
    result = replace(result.ignoring(model.ignore), output=None)
    summary = f"{len(result.edits)} edits; {result.verdict}"
    return _Answer(result.exit_code, summary, result.to_json(), _fatal(result.remaining), result.unused_ignores)


def _fatal(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.is_fatal)


def _verify(model: ModelConfig, target: str, fixed: Path) -> _Answer:
    from trtconv.subject import uses_shapes
    from trtconv.verifying import verify

    result = verify(
        fixed,
        reference=None if model.golden else model.reference or model.path,
        golden=model.golden,
        shapes=model.shapes if uses_shapes(model.golden, model.runtimes, model.consistency) else None,
        rtol=model.rtol,
        atol=model.atol,
        metric=model.metric,
        ranges=model.ranges,
        consistency=model.consistency,
        mixes_rows=model.mixes_rows if model.consistency else (),
        runtimes=model.runtimes,
        inputs=model.inputs,
    )
    return _Answer(result.exit_code, "; ".join([result.verdict, *result.failures]), result.to_json())


def _build(model: ModelConfig, target: str, fixed: Path) -> _Answer:
    from trtconv.building import build

    result = build(
        fixed,
        shapes=model.shapes,
        output=fixed.with_suffix(".engine"),
        target=target,
        compute_capabilities=model.compute_capabilities,
    )
    return _Answer(result.exit_code, result.verdict, result.to_json())
