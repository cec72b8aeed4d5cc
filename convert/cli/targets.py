"""`trtconv targets`."""

from __future__ import annotations

import click

from trtconv.cli.options import json_option


@click.group("targets", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """List the known targets, or compare two of them: `trtconv targets diff A B`."""
    if ctx.invoked_subcommand is not None:
        return 0
    from trtconv.passes.core.target import Target, known

    if as_json:
        from trtconv.known import summary
        from trtconv.report.json import plain

        facts = [summary(Target.parse(name)) for name in known()]
        click.echo(plain("targets", {"targets": known(), "auto": str(Target.auto()), "facts": facts}))
    else:
        for name in known():
            click.echo(name)
        click.echo(f"auto: {Target.auto()}")
    return 0


@command.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.argument("model", required=False, type=click.Path())
@json_option
def diff(before: str, after: str, model: str | None, as_json: bool) -> int:
    """Say what going from target A to target B gains and breaks: operators, opsets and, of MODEL, findings.

    The findings are what the passes predict for both. Exit code 1 where B refuses or gets wrong what A does not.
    """
    from trtconv.known import compare

    found = compare(before, after, model)
    if as_json:
        from trtconv.report.json import document

        click.echo(document("targets diff", [(model or "", found)]))
    else:
        from trtconv.report.terminal import show

        show(found, model or "")
    return found.exit_code
