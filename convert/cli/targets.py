"""`trtconv targets`."""

from __future__ import annotations

import click

from trtconv.cli.options import json_option


@click.group("targets", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """List the known targets, or compare two of them."""
    if ctx.invoked_subcommand is not None:
        return 0
    from trtconv.passes.core.target import Target, known

    if as_json:
        from trtconv.report.json import plain

        click.echo(plain("targets", {"targets": known(), "auto": str(Target.auto())}))
    else:
        for name in known():
            click.echo(name)
        click.echo(f"auto: {Target.auto()}")
    return 0
