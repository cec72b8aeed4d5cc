"""`trtconv explain`."""

from __future__ import annotations

import difflib

import click

from trtconv.cli.options import json_option
from trtconv.errors import BadInput


@click.command("explain")
@click.argument("name", metavar="PASS")
@json_option
def command(name: str, as_json: bool) -> int:
    """Explain PASS: what it does and why, for which targets, when it refuses, how to avoid the trouble."""
    from trtconv.passes.core.catalogue import catalogue
    from trtconv.passes.core.page import markdown

    passes = catalogue()
    if name not in passes:
        near = difflib.get_close_matches(name, passes, 3)
        hint = f"did you mean {', '.join(near)}?" if near else "`trtconv passes` lists them"
        raise BadInput(f"there is no pass called {name!r}", do=hint)
    text = markdown(passes[name])
    if as_json:
        from trtconv.report.json import plain

        click.echo(plain("explain", {"pass": name, "page": text}))
    else:
        from trtconv.report.terminal import show_markdown

        show_markdown(text)
    return 0
