"""`trtconv explain`."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

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
    found = _explained(sys.stdin.read() if name == "-" else name)
    if as_json:
        from trtconv.report.json import plain

        click.echo(plain("explain", {found.kind: name, "page": found.page, **found.content}))
    else:
        found.show()
    return 0


@dataclass(frozen=True)
class _Explained:
    kind: str
    page: str
    show: Callable[[], None]
    content: dict[str, object] = field(default_factory=dict)


def _explained(name: str) -> _Explained:
    """What `name` is, and what is to be said of it. Raises BadInput where nothing is known of it."""
    from trtconv.factsheet import operator_sheet, target_sheet
    from trtconv.known import every_operator
    from trtconv.parser.explaining import explain_error
    from trtconv.passes.core import Target, UnknownTarget
    from trtconv.passes.core.catalogue import catalogue
    from trtconv.passes.core.page import markdown
    from trtconv.report.explained import show_meaning, show_page, show_sheet

    passes = catalogue()
    if name in passes:
        page = markdown(passes[name])
        return _Explained("pass", page, lambda: show_page(page))
    if name in every_operator() or _is_standard(name):
        sheet = operator_sheet(name)
        return _Explained("operator", sheet.markdown(), lambda: show_sheet(sheet))
    try:
        facts = target_sheet(Target.parse(name))
        return _Explained("target", facts.markdown(), lambda: show_sheet(facts))
    except UnknownTarget as error:
        why = str(error)
    found = explain_error(name)
    if found.explanations:
        return _Explained("message", found.text, lambda: show_meaning(found.text), found.to_json())
    raise _meant_as_target(name, why) or _unknown(name, [*passes, *every_operator()])


def _is_standard(name: str) -> bool:
    """Whether the ONNX standard has an operator of that name."""
    import onnx

    return bool(onnx.defs.has(name))


def _meant_as_target(name: str, why: str) -> BadInput | None:
    """That `name` is no known target, where it looks like one."""
    from trtconv.passes.core.target import PRODUCTS, known_ranges

    is_near = bool(difflib.get_close_matches(re.split(r"-?v?\d", name.lower())[0], [*PRODUCTS, "trt", "rtx"], 1, 0.75))
    return BadInput(why, do=f"{known_ranges()} are known") if is_near or re.fullmatch(r"v?\d[\d.]*", name) else None


def _unknown(name: str, names: list[str]) -> BadInput:
    if os.path.isfile(name):
        file = shlex.quote(name)
        return BadInput(
            f"{name} is a file, and explain takes a name or a message",
            do=f"`trtconv lint {file}` looks at a model; `trtconv explain - < {file}` at a log",
        )
    if any(c.isspace() for c in name.strip()):
        return BadInput(
            f"nothing is known of the text {textwrap.shorten(name, 80, placeholder=' …')!r}",
            do="paste the whole message; `trtconv lint` names what TensorRT refuses in a model",
        )
    near = difflib.get_close_matches(name, names, 3)
    hint = f"did you mean {', '.join(near)}?" if near else "`trtconv passes` lists the passes"
    return BadInput(f"there is no pass, operator or target called {name!r}", do=hint)
