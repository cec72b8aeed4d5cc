"""`trtconv doctor`."""

from __future__ import annotations

import click

from trtconv.cli.options import json_option


@click.command("doctor")
@json_option
def command(as_json: bool) -> int:
    """Say which runtimes, versions and GPUs this machine has, and what each allows."""
    import trtconv

    found = trtconv.doctor()
    if as_json:
        from trtconv.report.json import plain

        click.echo(plain("doctor", found.to_json()))
    else:
        from trtconv.report.terminal import show

        show(found, "")
    return 0
