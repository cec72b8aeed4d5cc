"""`trtconv gate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from trtconv.cli.options import announce, json_option, model_argument, shapes_option, target_option
from trtconv.errors import BadInput, worst


@click.command("gate")
@model_argument
@target_option
@click.option("--steps", metavar="LIST", help="Of lint, fix, verify and build; default: all, or as declared.")
@click.option("--runtimes", metavar="LIST", help="Runtimes that verify compares, e.g. onnxruntime on a CPU runner.")
@shapes_option
@click.option("--rtol", multiple=True, metavar="[OUTPUT:]X", help="Relative tolerance of verify.")
@click.option("--atol", multiple=True, metavar="[OUTPUT:]X", help="Absolute tolerance of verify.")
@click.option("--junit", type=click.Path(), metavar="FILE", help="Also write JUnit XML.")
@json_option
def command(
    model: str | None,
    target: str | None,
    steps: str | None,
    runtimes: str | None,
    junit: str | None,
    as_json: bool,
    **settings: tuple[str, ...],
) -> int:
    """Lint, fix, verify and build every declared model, or MODEL alone; one table, one exit code.

    Nothing is kept but the report. With GITHUB_ACTIONS set, what fails is annotated on the run.
    """
    import os
    from dataclasses import replace

    from trtconv.choice import choose_exported
    from trtconv.gating import gate, named_steps
    from trtconv.report.console import working
    from trtconv.report.github import workflow_commands
    from trtconv.storage.files import write_text, writing
    from trtconv.subject import named_runtimes

    wins: dict[str, Any] = {**_readable(settings), "target": target}
    wins["runtimes"] = named_runtimes(_parts(runtimes), where="--runtimes") if runtimes else None
    asked = named_steps(_parts(steps), where="--steps") if steps is not None else None
    if junit:
        with writing(Path(junit)):  # what cannot be written is said before the work
            pass
    choice = choose_exported(model)
    announce(choice, as_json)
    if wins["shapes"] and len(choice.models) > 1:
        raise BadInput("--shapes are those of one model, and several are declared", do="name the model too")
    models = [replace(m, **{key: value for key, value in wins.items() if value}) for m in choice.models]
    with working(f"checking {len(models)} model{'s' * (len(models) != 1)}", in_logs=not as_json) as say:
        gates = gate(models, steps=asked, on_progress=say)
    if junit:
        from trtconv.report.junit import document as junit_document

        write_text(Path(junit), junit_document(gates))
    if os.environ.get("GITHUB_ACTIONS"):
        for line in workflow_commands(gates):
            click.echo(line, err=as_json)
    if as_json:
        from trtconv.report.json import document as json_document

        click.echo(json_document("gate", [(g.model, g) for g in gates]))
    else:
        from trtconv.report.terminal import show_gates

        show_gates(gates)
    return worst(g.exit_code for g in gates)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _readable(settings: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The settings themselves; raises BadInput for what the steps could not read later, before the work."""
    from trtconv.by_name import by_name
    from trtconv.comparison.criteria import read_tolerance
    from trtconv.shapes import parse_shapes

    parse_shapes(settings["shapes"])
    for name in ("rtol", "atol"):
        by_name(settings[name], read_tolerance, f"--{name}")
    return settings
