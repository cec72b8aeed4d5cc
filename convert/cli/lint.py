"""`trtconv lint`."""

from __future__ import annotations

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
@json_option
def command(model: str | None, target: str | None, parser: bool | None, as_json: bool) -> int:
    """Say what TensorRT will refuse in MODEL, or accept and silently get wrong.

    Without MODEL: the models declared in trtconv.toml or pyproject.toml.
    """
    import trtconv
    from trtconv.choice import choose_exported

    choice = choose_exported(model)
    announce(choice, as_json)

    def work(one: ModelConfig) -> Lint:
        return trtconv.lint(one.path, target=target or one.target or "auto", parser=parser).ignoring(one.ignore)

    return finish("lint", each(choice.models, work), as_json)
