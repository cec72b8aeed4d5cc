"""`trtconv explain`."""

from __future__ import annotations

import difflib
import sys
import textwrap

import click

from trtconv.cli.options import json_option
from trtconv.errors import BadInput


@click.command("explain")
@click.argument("what", nargs=-1, required=True, metavar="PASS|OPERATOR|TARGET|ERROR")
@json_option
def command(what: tuple[str, ...], as_json: bool) -> int:
    """Explain a pass, an operator, a target, or a pasted TensorRT error.

    \b
      trtconv explain negative-pads       what it does and why, how to avoid the trouble
      trtconv explain HardSwish           which versions take it, and where that is known from
      trtconv explain tensorrt-8.2        opsets, element types and limits
      trtconv explain "Plugin not found"  what it means and what to do; - reads it from stdin
    """  # noqa: D301
    name = " ".join(what)
    kind, text, content = _explained(sys.stdin.read() if name == "-" else name)
    if as_json:
        from trtconv.report.json import plain

        click.echo(plain("explain", {kind: name, "page": text, **content}))
    else:
        from trtconv.report.terminal import show_explained, show_markdown

        (show_explained if kind == "message" else show_markdown)(text)
    return 0


def _explained(name: str) -> tuple[str, str, dict[str, object]]:
    """What `name` is, the page about it, and more for JSON. Raises BadInput where nothing is known of it."""
    from trtconv.known import every_operator, operator_page, target_page
    from trtconv.parser.explaining import explain_error
    from trtconv.passes.core import Target, UnknownTarget
    from trtconv.passes.core.catalogue import catalogue
    from trtconv.passes.core.page import markdown

    passes = catalogue()
    if name in passes:
        return "pass", markdown(passes[name]), {}
    if name in every_operator():
        return "operator", operator_page(name), {}
    try:
        return "target", target_page(Target.parse(name)), {}
    except UnknownTarget:
        found = explain_error(name)
    if found.explanations:
        return "message", found.text, found.to_json()
    raise _unknown(name, [*passes, *every_operator()])


def _unknown(name: str, names: list[str]) -> BadInput:
    if any(c.isspace() for c in name.strip()):
        return BadInput(
            f"nothing is known of the text {textwrap.shorten(name, 80, placeholder=' …')!r}",
            do="paste the whole message; `trtconv lint` names what TensorRT refuses in a model",
        )
    near = difflib.get_close_matches(name, names, 3)
    hint = f"did you mean {', '.join(near)}?" if near else "`trtconv passes` lists the passes"
    return BadInput(f"there is no pass, operator or target called {name!r}", do=hint)
