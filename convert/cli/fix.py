"""`trtconv fix`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trtconv.cli.options import announce, each, finish, json_option, model_argument, shapes_option, target_option
from trtconv.storage.loading import collector_paused

if TYPE_CHECKING:
    from trtconv.config import ModelConfig
    from trtconv.fixing import Fix


@click.command("fix")
@model_argument
@click.option("-o", "--output", type=click.Path(), metavar="OUT", help="Where to write; default: MODEL.fixed.onnx.")
@target_option
@click.option("--only", multiple=True, metavar="PASS", help="Run this pass alone; repeatable.")
@click.option("--skip", multiple=True, metavar="PASS", help="Leave this pass out; repeatable.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--diff", is_flag=True, help="Show the nodes before and after each edit.")
@click.option(
    "--evidence/--no-evidence",
    default=None,
    help="Run the graphs of each edit before and after it; default: up to 5,000 nodes.",
)
@shapes_option
@click.option("--with", "tools", multiple=True, metavar="TOOL", help="Also run onnxsim or onnxslim; repeatable.")
@click.option("--timing", is_flag=True, help="Say where the time went.")
@json_option
@collector_paused()
def command(
    model: str | None,
    output: str | None,
    target: str | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    dry_run: bool,
    diff: bool,
    evidence: bool | None,
    shapes: tuple[str, ...],
    tools: tuple[str, ...],
    timing: bool,
    as_json: bool,
) -> int:
    """Rewrite MODEL so that the target takes it and computes the same; MODEL itself is never changed.

    Without MODEL: the models declared in trtconv.toml or pyproject.toml.
    """
    from dataclasses import replace

    import trtconv
    from trtconv.choice import choose_exported, record_fix
    from trtconv.errors import BadInput
    from trtconv.report.console import working
    from trtconv.report.terminal import show_diff

    choice = choose_exported(model)
    announce(choice, as_json)
    if output is not None and len(choice.models) > 1:
        raise BadInput(f"-o names one file, and {len(choice.models)} models are declared", do="name the model too")

    if shapes and evidence is False:
        raise BadInput("evidence is gathered at shapes", where="--shapes", do="leave out --no-evidence or --shapes")

    def work(one: ModelConfig) -> Fix:
        with working(f"fixing {one.path.name}"):
            result = trtconv.fix(
                one.path,
                target=target or one.target or "auto",
                only=only,
                skip=skip,
                evidence=True if shapes else evidence,
                shapes=shapes or one.shapes,
                tools=tools or one.tools,
            )
            result = result.ignoring(one.ignore)
            if not dry_run:
                out = Path(output) if output else one.fixed
                result = result.save(out)
                record_fix(one.path, out, result.target, result.edits)
        if diff and not as_json:
            show_diff(result)
        return result if timing else replace(result, seconds={})

    return finish("fix", each(choice.models, work), as_json)
