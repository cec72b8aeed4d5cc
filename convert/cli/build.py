"""`trtconv build`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trtconv.cli.options import (
    announce,
    each,
    finish,
    json_option,
    memory_limit_option,
    model_argument,
    shapes_option,
    target_option,
    time_limit_option,
)

if TYPE_CHECKING:
    from trtconv.building import Engine
    from trtconv.config import ModelConfig


class SeveralValues(click.Command):
    """Lets `--compute-capability` take several values at once, as in `--compute-capability 8.6 8.9`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_repeated(args, "--compute-capability", r"\d+\.\d+")))


def _repeated(args: list[str], option: str, value: str) -> list[str]:
    """`--option a b` as `--option a --option b`, for values of the given form."""
    out: list[str] = []
    taking = False
    for argument in args:
        follows = bool(out) and out[-1] == option
        if taking and not follows and re.fullmatch(value, argument):
            out.append(option)
        taking = argument == option or (taking and bool(re.fullmatch(value, argument)))
        out.append(argument)
    return out


@click.command("build", cls=SeveralValues)
@model_argument
@shapes_option
@click.option("-o", "--output", type=click.Path(), metavar="ENGINE", help="Where to write; default: MODEL.engine.")
@target_option
@click.option(
    "--compute-capability",
    "capabilities",
    multiple=True,
    metavar="CC ...",
    help="GPUs to build for ahead of time (TensorRT-RTX): 8.6 8.9; default: the product's own choice.",
)
@click.option("--workspace", metavar="SIZE", help="Memory that layers may use while running, e.g. 1G.")
@click.option("--optimization-level", type=click.IntRange(0, 5), metavar="N", help="Builder optimization level, 0-5.")
@click.option("--version-compatible", is_flag=True, help="An engine that later versions can run.")
@click.option("--hardware-compatible", metavar="LEVEL", help="ampere+ or same-compute-capability.")
@click.option("--strip-plan", is_flag=True, help="Leave out weights that a refit can supply.")
@click.option("--refit", is_flag=True, help="Let weights be replaced in the built engine.")
@click.option("--timing-cache", type=click.Path(), metavar="FILE", help="Read and update a timing cache.")
@click.option("--tf32", is_flag=True, help="Allow TF32, which trades precision for speed.")
@time_limit_option
@memory_limit_option
@json_option
def command(
    model: str | None,
    shapes: tuple[str, ...],
    output: str | None,
    target: str | None,
    capabilities: tuple[str, ...],
    workspace: str | None,
    optimization_level: int | None,
    version_compatible: bool,
    hardware_compatible: str | None,
    strip_plan: bool,
    refit: bool,
    timing_cache: str | None,
    tf32: bool,
    time_limit: float | None,
    memory_limit: str | None,
    as_json: bool,
) -> int:
    """Build an engine from MODEL, with a min/opt/max profile for every dynamic input.

    Without MODEL: the declared models, or what the last `trtconv fix` in this folder wrote.
    Parsing and building run in a child process; the engine appears whole or not at all, with ENGINE.json beside it.
    """
    import trtconv
    from trtconv.choice import choose_fixed
    from trtconv.errors import BadInput
    from trtconv.report.console import working

    choice = choose_fixed(model)
    announce(choice, as_json)
    if output is not None and len(choice.models) > 1:
        raise BadInput(f"-o names one file, and {len(choice.models)} models are declared", do="name the model too")

    def work(one: ModelConfig) -> Engine:
        with working(f"building {one.path.name}") as say:
            return trtconv.build(
                one.path,
                shapes=shapes or one.shapes,
                output=Path(output) if output else None,
                target=target or one.target or "auto",
                compute_capabilities=capabilities or one.compute_capabilities,
                time_limit=time_limit or one.time_limit,
                memory_limit=memory_limit or one.memory_limit,
                workspace=workspace,
                optimization_level=optimization_level,
                version_compatible=version_compatible,
                hardware_compatible=hardware_compatible,
                strip_plan=strip_plan,
                refit=refit,
                timing_cache=timing_cache,
                tf32=tf32,
                on_progress=say,
            )

    return finish("build", each(choice.models, work), as_json)
