"""`trtconv gate`."""

from __future__ import annotations

from pathlib import Path

import click

from trtconv.cli.options import announce, json_option, model_argument, target_option


@click.command("gate")
@model_argument
@target_option
@click.option("--steps", default="lint,fix,verify,build", show_default=True, help="Which steps to run.")
@click.option("--runtimes", metavar="LIST", help="Runtimes that verify compares, e.g. onnxruntime on a CPU runner.")
@click.option("--junit", type=click.Path(), metavar="FILE", help="Also write JUnit XML.")
@json_option
def command(
    model: str | None, target: str | None, steps: str, runtimes: str | None, junit: str | None, as_json: bool
) -> int:
    """Lint, fix, verify and build every declared model, or MODEL alone; one table, one exit code.

    Nothing is kept but the report. With GITHUB_ACTIONS set, what fails is annotated on the run.
    """
    import os
    from dataclasses import replace

    from trtconv.choice import choose_exported
    from trtconv.errors import worst
    from trtconv.gating import gate
    from trtconv.report.console import working
    from trtconv.report.github import workflow_commands
    from trtconv.storage.files import write_text, writing
    from trtconv.subject import named_runtimes

    asked = named_runtimes(runtimes.split(","), where="--runtimes") if runtimes else None
    if junit:
        with writing(Path(junit)):  # what cannot be written is said before the work
            pass
    choice = choose_exported(model)
    announce(choice, as_json)
    models = [replace(m, target=target or m.target, runtimes=asked or m.runtimes) for m in choice.models]
    with working(f"checking {len(models)} model{'s' * (len(models) != 1)}", in_logs=not as_json) as say:
        gates = gate(models, steps=[s.strip() for s in steps.split(",") if s.strip()], on_progress=say)
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
