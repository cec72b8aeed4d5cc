"""Options that several commands share, and how a command ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from trtconv.choice import Choice
    from trtconv.report.json import Result

F = TypeVar("F", bound=Callable[..., Any])

model_argument = click.argument("model", required=False, type=click.Path())
target_option = click.option(
    "--target", metavar="T", help="Product and version, e.g. tensorrt-8.2, tensorrt-rtx-1.7; auto: the installed one."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
shapes_option = click.option(
    "--shapes", multiple=True, metavar="TEXT", help="min-opt-max of each input: image:1-4-8x3x224x224"
)
time_limit_option = click.option(
    "--time-limit", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Seconds that native code may take."
)
memory_limit_option = click.option("--memory-limit", metavar="SIZE", help="Memory that native code may take: 8G, 512M.")


def tolerance_options(command: F) -> F:
    """`--rtol` and `--atol`."""
    command = click.option("--atol", type=click.FloatRange(min=0), help="Absolute tolerance.")(command)
    return click.option("--rtol", type=click.FloatRange(min=0), help="Relative tolerance.")(command)


def finish(command: str, results: Sequence[tuple[str, Result]], as_json: bool) -> int:
    """Print the results and return the exit code: the worst of them."""
    if as_json:
        from trtconv.report.json import document

        click.echo(document(command, results))
    else:
        from trtconv.report.terminal import show

        for model, result in results:
            show(result, model)
    return max((result.exit_code for _, result in results), default=0)


def announce(choice: Choice, as_json: bool) -> None:
    """Say where the models come from when the user named none."""
    if choice.source and not as_json:
        click.echo(f"using {choice.source}", err=True)
