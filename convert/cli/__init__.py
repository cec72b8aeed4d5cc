"""The command line: parse, call a verb, render, exit code. Importing it loads nothing heavy."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from trtconv import __version__
from trtconv.errors import BadInput, TrtconvError

COMMANDS = {
    "lint": ("trtconv.cli.lint", "Say what TensorRT will refuse, or silently get wrong."),
    "fix": ("trtconv.cli.fix", "Rewrite a model for TensorRT, each rewrite named."),
    "verify": ("trtconv.cli.verify", "Compare outputs: ONNX Runtime, the original, TensorRT."),
    "build": ("trtconv.cli.build", "Build an engine with min/opt/max shape profiles."),
    "gate": ("trtconv.cli.gate", "All of it for every declared model, for CI."),
    "passes": ("trtconv.cli.passes", "List the passes."),
    "explain": ("trtconv.cli.explain", "Explain a pass, or a pasted TensorRT error."),
    "shapes": ("trtconv.cli.shapes", "Convert shape texts to and from trtexec's."),
    "targets": ("trtconv.cli.targets", "List targets, or compare two."),
    "doctor": ("trtconv.cli.doctor", "Say what this machine has and what that allows."),
    "models": ("trtconv.models.cli", "Define, train, evaluate and export the reference networks."),
}
"""Name -> module with a click command `command`, and the line that `trtconv --help` shows for it."""

BUG = 70
CANCELLED = 130


class Commands(click.Group):
    """Loads a command's module when the command is used, so that `--help` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found = importlib.import_module(COMMANDS[name][0]).command
        if not isinstance(found, click.Command):
            raise TypeError(f"{COMMANDS[name][0]}.command is no click command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="trtconv")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def root(debug: bool) -> None:
    """Make an exported ONNX graph a TensorRT engine.

    \b
      trtconv fix model.onnx
      trtconv verify --rtol 1e-3
      trtconv build --shapes image:1-4-8x3x224x224

    Exit codes: 0 fine, 1 findings or parity failure, 2 bad usage or bad input,
    3 this machine cannot do it, 4 native code crashed or ran out of time or memory,
    70 a bug in trtconv, 130 cancelled.
    """  # noqa: D301 - click's mark for lines to keep


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors are printed, never raised, unless `--debug`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = root.main(given, prog_name="trtconv", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        return _usage(error, given)
    except TrtconvError as error:
        if "--debug" in given:
            traceback.print_exc()
        return _fail(error, given)
    except (KeyboardInterrupt, click.Abort):
        click.echo("cancelled", err=True)
        return CANCELLED
    except BrokenPipeError:
        # The reader of our output went away (`| head`); point stdout nowhere so that the exit is quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _fail(BadInput(f"cannot write the output: {error.strerror}"), given)
    except Exception as error:
        if "--debug" in given:
            raise
        return _bug(error)


def _usage(error: click.ClickException, given: Sequence[str]) -> int:
    if "--json" in given:
        return _fail(TrtconvError(error.format_message()), given)
    error.show()
    return 2


def _fail(error: TrtconvError, given: Sequence[str]) -> int:
    if "--json" in given:
        from trtconv.report.json import document

        click.echo(document(next((a for a in given if a in COMMANDS), ""), [], error=error))
    else:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(str(error), err=True)
    return error.exit_code


def _bug(error: Exception) -> int:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
    click.echo(f"a bug in trtconv: {type(error).__name__} at {place}: {error}", err=True)
    click.echo("  do:    run `trtconv --debug ...` and report what it prints, with the model if you can", err=True)
    return BUG


def entry() -> None:
    """Console script."""
    code = main()
    gc.freeze()  # the process ends here: looking for cycles among a model's objects first takes a fifth of its time
    sys.exit(code)
