"""`trtconv models ...`: which subcommand lives where; importing this loads nothing heavy."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "list": ("list_command", "command", "List the networks: parameters, MACs, default input."),
    "train": ("train_command", "train", "Train a network on a folder of images."),
    "evaluate": ("evaluate_command", "evaluate", "Measure models on a data set."),
    "predict": ("predict_command", "predict", "Run a model on images, folders and films."),
    "export": ("export_command", "command", "Export a network to ONNX and check it against PyTorch."),
}
"""Name -> module, its click command, and the line that `trtconv models --help` shows for it."""


class Commands(click.Group):
    """Loads a subcommand's module when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of a walk from network to prediction."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The subcommand, or None where there is none of that name."""
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        found = getattr(importlib.import_module(f"trtconv.models.{module}"), attribute)
        if not isinstance(found, click.Command):
            raise TypeError(f"{module}.{attribute} is no click command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of subcommands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.command(cls=Commands)
def command() -> None:
    """Define, train, evaluate and export the reference networks (needs the `models` extra: PyTorch)."""
