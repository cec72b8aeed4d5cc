"""Options that several commands share, and how a command ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from trtconv.errors import Failed, TrtconvError, worst

if TYPE_CHECKING:
    from trtconv.choice import Choice
    from trtconv.config import ModelConfig
    from trtconv.report.json import Result

F = TypeVar("F", bound=Callable[..., Any])


def _named(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """What an empty shell variable leaves is no choice: it would pass for `auto`."""
    if value == "":
        raise click.BadParameter("is empty; leave it out for the installed product", ctx, parameter)
    return value


model_argument = click.argument("model", required=False, type=click.Path())
target_option = click.option(
    "--target",
    metavar="T",
    callback=_named,
    help="Product and version, e.g. tensorrt-8.2, tensorrt-rtx-1.7; auto: the installed one.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
shapes_option = click.option(
    "--shapes", multiple=True, metavar="TEXT", help="min-opt-max of each input: image:1-4-8x3x224x224"
)
time_limit_option = click.option(
    "--time-limit", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Seconds that native code may take."
)
memory_limit_option = click.option("--memory-limit", metavar="SIZE", help="Memory that native code may take: 8G, 512M.")


class Sectioned(click.Command):
    """A command whose help shows its options under headings: those made by `in_section`, and last all others."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(getattr(parameter, "section", ""), []).append(record)
        others = sections.pop("", [])
        for title, records in [*sections.items(), ("Other options", others)]:
            with formatter.section(title):
                formatter.write_dl(records)


class _Option(click.Option):
    def __init__(self, *args: Any, section: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.section = section


def in_section(section: str, *names: str, **options: Any) -> Callable[[F], F]:
    """A click option that a `Sectioned` command shows under the heading `section`."""
    return click.option(*names, cls=_Option, section=section, **options)


def each(models: Sequence[ModelConfig], work: Callable[[ModelConfig], Result]) -> list[tuple[str, Result]]:
    """What `work` makes of each model; of several, one that cannot be dealt with does not keep the others from it.

    Raises what `work` raises for a single model.
    """
    results: list[tuple[str, Result]] = []
    for one in models:
        try:
            results.append((str(one.path), work(one)))
        except TrtconvError as error:
            if len(models) == 1:
                raise
            results.append((str(one.path), Failed(error)))
    return results


def finish(command: str, results: Sequence[tuple[str, Result]], as_json: bool) -> int:
    """Print the results and return the exit code: the worst of them."""
    if as_json:
        from trtconv.report.json import document

        click.echo(document(command, results))
    else:
        from trtconv.report.terminal import show

        for model, result in results:
            show(result, model)
    return worst(result.exit_code for _, result in results)


def announce(choice: Choice, as_json: bool) -> None:
    """Say where the models come from when the user named none."""
    if choice.source and not as_json:
        click.echo(f"using {choice.source}", err=True)
