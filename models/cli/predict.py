"""`trtconv models predict`: what a model says about pictures and films."""

from __future__ import annotations

from pathlib import Path

import click

from trtconv.models.cli.options import PATH, model_options
from trtconv.models.installed import need_torch


@click.command("predict", short_help="Run a model on images, folders and films.")
@click.argument("model", type=PATH)
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, default=Path("predictions"), show_default=True, help="Where overlays go.")
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Classes to name (classification).")
@click.option("--opacity", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the overlay.")
@click.option("--masks", is_flag=True, help="Write the masks of class numbers too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@model_options
def command(
    model: Path,
    paths: tuple[Path, ...],
    out: Path,
    top: int,
    opacity: float,
    masks: bool,
    as_json: bool,
    card: Path | None,
    device: str,
) -> None:
    """Run MODEL (a checkpoint, an ONNX file or an engine) on images, folders of them, and films.

    Classes are named with their probabilities; masks are laid over the pictures and written as PNG (films: MP4).
    """
    need_torch()
    from trtconv.models import prediction, progress
    from trtconv.models.opening import open_runners

    ((_, runner),) = open_runners([model], card, device)
    with runner:
        found = prediction.predict(runner, paths, out, top=top, opacity=opacity, masks=masks)
        if as_json:
            from trtconv.report.json import plain

            shown = progress.tracked(found, None, str(model))
            click.echo(plain("models predict", {"predictions": [one.to_json() for one in shown]}))
            return
        for one in found:
            click.echo(str(one))
