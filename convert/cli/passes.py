"""`trtconv passes`."""

from __future__ import annotations

import click

from trtconv.cli.options import json_option


@click.command("passes")
@json_option
def command(as_json: bool) -> int:
    """List the passes in the order they run, and what each does to the numbers.

    exact, rounding or approximate: what `fix` promises of a rewrite, explained below the list.
    """
    from trtconv.passes.core.catalogue import catalogue

    if as_json:
        from trtconv.report.json import plain

        rows = [
            {"pass": name, "summary": one.summary(), "safety": one.safety.value, "operators": list(one.ops)}
            for name, one in catalogue().items()
        ]
        click.echo(plain("passes", {"passes": rows}))
    else:
        from trtconv.report.terminal import show_passes

        show_passes(catalogue())
    return 0
