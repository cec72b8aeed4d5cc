"""`trtconv models ...`: one module a subcommand; importing this loads nothing heavy."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "list": "List the networks: parameters, MACs, default input.",
    "train": "Train a network on a folder of images.",
    "evaluate": "Measure models on a data set.",
    "predict": "Run a model on images, folders and films.",
    "export": "Export a network to ONNX and check it against PyTorch.",
}
"""Name, which is that of the module with the click command `command`, and its line in `trtconv models --help`."""


class Commands(click.Group):
    """Loads a subcommand's module when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of a walk from network to prediction."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The subcommand, or None where there is none of that name."""
        if name not in COMMANDS:
            return None
        found = importlib.import_module(f"trtconv.models.cli.{name}").command
        if not isinstance(found, click.Command):
            raise TypeError(f"trtconv.models.cli.{name}.command is no click command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of subcommands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands)
def command() -> None:
    """Define, train, evaluate and export the reference networks (needs the `models` extra: PyTorch)."""
