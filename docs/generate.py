"""Write the parts of docs/ that come from the code: a page a pass, each command's help, the library's functions.

python docs/generate.py           write
python docs/generate.py --check   exit with 1 where a page is out of date
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click

import trtconv
from trtconv.cli import COMMANDS, root
from trtconv.passes.core import Safety
from trtconv.passes.core.catalogue import catalogue
from trtconv.passes.core.page import markdown

DOCS = Path(__file__).parent
HELP = re.compile(r"(<!-- help -->\n).*?(<!-- end of help -->)", re.DOTALL)
FUNCTIONS = re.compile(r"(<!-- functions -->\n).*?(<!-- end of functions -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Every generated page and what it should hold."""
    found = {DOCS / "passes" / f"{name}.md": markdown(one, pictures=True) for name, one in catalogue().items()}
    found[DOCS / "passes" / "README.md"] = passes_index()
    for name in COMMANDS:
        path = DOCS / "commands" / f"{name}.md"
        if path.exists():
            found[path] = with_help(path.read_text(encoding="utf-8"), name)
    library = DOCS / "library.md"
    found[library] = with_functions(library.read_text(encoding="utf-8"))
    return found


def passes_index() -> str:
    """The list of passes, with a link to each page."""
    rows = [f"| [{n}]({n}.md) | {p.safety.value} | {p.summary()} |" for n, p in catalogue().items()]
    return "\n".join(
        [
            "# Passes",
            "",
            "In the order they run. `trtconv explain PASS` prints the same pages.",
            "",
            "| pass | safety | what it does |",
            "|---|---|---|",
            *rows,
            "",
            *(f"- {safety}: {safety.means}" for safety in Safety),
            "",
        ]
    )


def with_help(text: str, name: str) -> str:
    """The page of a command with its current help between the markers."""
    command = root.get_command(click.Context(root), name)
    assert command is not None
    context = click.Context(command, info_name=f"trtconv {name}", max_content_width=100, terminal_width=100)
    block = f"```\n{command.get_help(context)}\n```\n"
    return HELP.sub(lambda m: m[1] + block + m[2], text)


def with_functions(text: str) -> str:
    """The page of the library with the signature and the docstring of each public function between the markers."""
    public = [getattr(trtconv, name) for name in sorted(dir(trtconv))]
    block = "\n".join(_function(one) for one in public if inspect.isfunction(one) and not one.__name__.startswith("_"))
    return FUNCTIONS.sub(lambda m: m[1] + block + m[2], text)


def _function(function: Callable[..., object]) -> str:
    """Its signature with one argument a line, and what its docstring says."""
    signature = inspect.signature(function)
    arguments, has_star = [], False
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not has_star:
            arguments.append("*")
            has_star = True
        default = "" if one.default is one.empty else f" = {one.default!r}"
        arguments.append(f"{one.name}: {one.annotation}{default}")
    listed = "\n" + "".join(f"    {argument},\n" for argument in arguments) if arguments else ""
    head = f"{function.__name__}({listed}) -> {signature.return_annotation}"
    return f"### {function.__name__}\n\n```python\n{head}\n```\n\n{inspect.getdoc(function)}\n"


def main() -> int:
    """Write the pages, or with --check name those that are out of date."""
    wanted = pages()
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    stale += [p for p in (DOCS / "passes").glob("*.md") if p not in wanted]
    if "--check" in sys.argv:
        for path in stale:
            print(f"out of date: {path.relative_to(DOCS.parent)}; run `make docs`")
        return 1 if stale else 0
    (DOCS / "passes").mkdir(exist_ok=True)
    for path in stale:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
