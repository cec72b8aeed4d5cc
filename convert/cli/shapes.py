"""`trtconv shapes`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from trtconv.cli.options import json_option
from trtconv.errors import BadInput


@click.command("shapes", context_settings={"ignore_unknown_options": True})
@click.argument("texts", nargs=-1, metavar="TEXT...")
@click.option("--model", type=click.Path(), metavar="MODEL", help="Check the shapes against this model's inputs.")
@json_option
def command(texts: tuple[str, ...], model: str | None, as_json: bool) -> int:
    """Convert shapes to trtexec's arguments, and trtexec's arguments to shapes.

    \b
      trtconv shapes image:1-4-8x3x224x224
      trtconv shapes --minShapes=image:1x3x224x224 --optShapes=image:4x3x224x224 --maxShapes=image:8x3x224x224
    """  # noqa: D301 - click's mark for lines to keep
    from trtconv.shapes import parse_shapes, shapes_text
    from trtconv.trtexec import from_trtexec, to_trtexec

    if (unread := _model_without_shapes(texts, model)) is not None:
        raise unread
    foreign = any(text.startswith("--") for text in texts)
    profiles = from_trtexec(texts) if foreign else parse_shapes(texts)
    if model is not None:
        from trtconv.profiles import model_inputs, profiles_for
        from trtconv.storage.files import open_model

        profiles = profiles_for(model_inputs(open_model(model)), profiles)
    ours, theirs = shapes_text(profiles), to_trtexec(profiles)
    if as_json:
        from trtconv.report.json import plain

        click.echo(plain("shapes", {"shapes": ours, "trtexec": theirs, "profiles": [p.to_json() for p in profiles]}))
    else:
        click.echo(ours if foreign else shlex.join(theirs))
    return 0


def _model_without_shapes(texts: tuple[str, ...], model: str | None) -> Exception | None:
    """What to type instead, where a model stands in place of shapes, or nothing at all."""
    from trtconv.profiles import example, inputs_text, model_inputs
    from trtconv.storage.files import open_model

    named = [text for text in texts if text.endswith(".onnx") or Path(text).exists()]
    if texts and not named:
        return None
    if not texts and model is None:
        return click.UsageError("give shapes, such as image:1-4-8x3x224x224, or trtexec's --minShapes=...")
    file = model or named[0]
    inputs = model_inputs(open_model(file))
    return BadInput(
        f"{named[0]} is a model, not a shape" if named else "no shape is given for the model",
        where=f"the graph's inputs are {inputs_text(inputs)}",
        do=f"for example: trtconv shapes {shlex.quote(example(inputs))} --model {shlex.quote(file)}",
    )
