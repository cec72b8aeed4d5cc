"""The gate as GitHub workflow commands: annotations on the run, and on the line of Python where one is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtconv.gating import Gate, Step

LEVEL = {"failed": "error", "error": "error", "not run": "warning"}


def workflow_commands(gates: Sequence[Gate]) -> Iterator[str]:
    """`::error file=...::...` for each step that did not pass, and for each finding that is left."""
    for one in gates:
        for step in one.steps:
            if step.status in LEVEL:
                title = f"trtconv {step.name}: {step.status}"
                yield _command(LEVEL[step.status], step.summary, file=one.model, title=title)
            yield from _findings(one, step)


def _findings(one: Gate, step: Step) -> Iterator[str]:
    for finding in step.findings:
        file, _, line = finding.source.rpartition(":") if finding.source else (one.model, "", "")
        message = f"{finding.node} ({finding.op_type}): {finding.why}"
        yield _command("error", message, file=file, line=line, title=f"{finding.pass_name} ({one.target})")


def _command(level: str, message: str, **properties: str) -> str:
    given = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items() if value)
    return f"::{level} {given}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
