"""`trtconv models predict`: what a model says about pictures and films."""

from __future__ import annotations

import json
from pathlib import Path

import click

from trtconv.models.evaluate_command import PATH, model_options


@click.command("predict", short_help="Run a model on images, folders and films.")
@click.argument("model", type=PATH)
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, default=Path("predictions"), show_default=True, help="Where overlays go.")
@click.option("--top", default=5, show_default=True, help="Classes to name (classification).")
@click.option("--opacity", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the overlay.")
@click.option("--masks", is_flag=True, help="Write the masks of class numbers too.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each picture.")
@model_options
def predict(
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
    from trtconv.models import prediction
    from trtconv.models.evaluate_command import runners

    ((_, runner),) = runners([model], card, device)
    for found in prediction.predict(runner, paths, out, top=top, opacity=opacity, masks=masks):
        click.echo(json.dumps(found.to_json()) if as_json else str(found))
