"""`trtconv lint`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trtconv.cli.options import announce, each, finish, json_option, model_argument, target_option

if TYPE_CHECKING:
    from trtconv.config import ModelConfig
    from trtconv.linting import Lint


@click.command("lint")
@model_argument
@target_option
@click.option(
    "--parser/--no-parser", default=None, help="Ask the product's own parser, too; by default where it is installed."
)
@click.option("--sarif", type=click.Path(), metavar="FILE", help="Also write SARIF 2.1.0, for code scanning.")
@json_option
def command(model: str | None, target: str | None, parser: bool | None, sarif: str | None, as_json: bool) -> int:
    """Say what TensorRT will refuse in MODEL, or accept and silently get wrong.

    Without MODEL: the models declared in trtconv.toml or pyproject.toml.
    """
    import trtconv
    from trtconv.choice import choose_exported
    from trtconv.storage.files import write_text, writing

    if sarif:
        with writing(Path(sarif)):  # what cannot be written is said before the work
            pass
    choice = choose_exported(model)
    announce(choice, as_json)

    def work(one: ModelConfig) -> Lint:
        return trtconv.lint(one.path, target=target or one.target or "auto", parser=parser).ignoring(one.ignore)

    results = each(choice.models, work)
    if sarif:
        from trtconv.report.sarif import document

        write_text(Path(sarif), document(results))
    return finish("lint", results, as_json)
