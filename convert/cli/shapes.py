"""`trtconv shapes`."""

from __future__ import annotations

import click

from trtconv.cli.options import json_option


@click.command("shapes", context_settings={"ignore_unknown_options": True})
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option("--model", type=click.Path(), metavar="MODEL", help="Check the shapes against this model's inputs.")
@json_option
def command(texts: tuple[str, ...], model: str | None, as_json: bool) -> int:
    """Convert shapes to trtexec's arguments, and trtexec's arguments to shapes.

    \b
      trtconv shapes image:1-4-8x3x224x224
      trtconv shapes --minShapes=image:1x3x224x224 --optShapes=image:4x3x224x224 --maxShapes=image:8x3x224x224
    """  # noqa: D301 - click's mark for lines to keep
    import shlex

    from trtconv.shapes import parse_shapes, shapes_text
    from trtconv.trtexec import from_trtexec, to_trtexec

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
