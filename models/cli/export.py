"""`trtconv models export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from trtconv.models import registry
from trtconv.models.cli.options import PATH, network_options, option_values, size


@click.command("export")
@click.argument("name", required=False, default="")
@click.option("-o", "--output", type=PATH, help="The ONNX file to write (default: NAME.onnx).")
@click.option("--weights", "weights_file", type=PATH, help="Published weights: .pth, .pt, .pdparams.")
@click.option("--format", "weights_format", metavar="SYSTEM", help="The system they are from, if not recognised.")
@click.option("--checkpoint", "checkpoint_file", type=PATH, help="A checkpoint of `trtconv models train`.")
@click.option("--seed", type=click.IntRange(min=0), help="Draw weights from this seed instead.")
@click.option("--classes", type=int, metavar="N", help="Number of classes.")
@network_options
@click.option("--exporter", type=click.Choice(["torchscript", "dynamo"]), default="torchscript", show_default=True)
@click.option("--opset", type=int, metavar="N", help="ONNX opset (default: 17 for torchscript, 18 for dynamo).")
@click.option(
    "--dynamic",
    type=click.Choice(["batch", "size", "none"]),
    default="batch",
    show_default=True,
    help="Dimensions left open; size: batch, height and width.",
)
@click.option("--size", type=size, metavar="HxW", help="Height and width: 224x224.")
@click.option("--input-name", metavar="TEXT", help="Name of the image (default: image).")
@click.option("--output-name", metavar="TEXT", help="Name of the result (default: outputs).")
@click.option("--preset", is_flag=True, help="The names that the network's own system uses.")
@click.option("--append", type=click.Choice(["softmax", "argmax"]), help="Over the classes, in the graph.")
@click.option("--check/--no-check", default=True, help="Compare ONNX Runtime with PyTorch.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def command(
    name: str,
    output: Path | None,
    options: tuple[str, ...],
    input_name: str | None,
    output_name: str | None,
    preset: bool,
    as_json: bool,
    **choices: Any,
) -> int:
    """Export a network to ONNX and check ONNX Runtime against PyTorch.

    \b
      trtconv models export mobilenetv3_large --weights mobilenet_v3_large-8738ca79.pth
      trtconv models export --checkpoint runs/best.pth -o net.onnx --opset 13

    Exit code 1 where ONNX Runtime differs from PyTorch by more than 1e-5 of the largest output, or of one where
    all are smaller.
    """  # noqa: D301 - click's mark for lines to keep
    if not name and choices["checkpoint_file"] is None:
        raise click.UsageError("name a network, or give --checkpoint; `trtconv models list` shows the names")
    from trtconv.models.installed import need_torch

    need_torch()
    from trtconv.models.card import Card
    from trtconv.report.console import working

    with working("importing PyTorch"):
        from trtconv.models.exporting import export

    network = registry.find(name or Card.from_checkpoint(choices["checkpoint_file"]).network)
    names = network.names if preset else ("image", "outputs")
    with working(f"exporting {network.name}", in_logs=not as_json) as say:
        done = export(
            network.name,
            output or Path(f"{network.name}.onnx"),
            input_name=input_name or names[0],
            output_name=output_name or names[1],
            options=option_values(network, options),
            on_progress=say,
            **choices,
        )
    if as_json:
        from trtconv.report.json import document

        click.echo(document("models export", [(network.name, done)]))
    else:
        click.echo(str(done))
    return done.exit_code
