"""`trtconv verify`."""

from __future__ import annotations

from pathlib import Path

import click

from trtconv.cli.options import announce, finish, json_option, model_argument, shapes_option, tolerance_options


@click.command("verify")
@model_argument
@click.option("--reference", type=click.Path(), metavar="ORIGINAL", help="What MODEL should equal.")
@shapes_option
@tolerance_options
@click.option("--runtimes", metavar="LIST", help="onnxruntime, tensorrt, tensorrt-rtx; default: what is installed.")
@click.option("--inputs", type=click.Path(), metavar="PATH", help="Feed an .npz file, or each of a folder.")
@click.option("--seed", default=0, show_default=True, help="Seed of the inputs that are made up.")
@click.option("--tf32", is_flag=True, help="Let TensorRT use TF32.")
@click.option("--bisect", is_flag=True, help="Where outputs differ, find the first tensor, node and edit that does.")
@click.option(
    "--save-inputs", type=click.Path(), metavar="FOLDER", help="Keep what was fed, to feed it again: --inputs."
)
@json_option
def command(
    model: str | None,
    reference: str | None,
    shapes: tuple[str, ...],
    rtol: float | None,
    atol: float | None,
    runtimes: str | None,
    inputs: str | None,
    seed: int,
    tf32: bool,
    bisect: bool,
    save_inputs: str | None,
    as_json: bool,
) -> int:
    """Run MODEL and what it should equal on the same inputs, and compare every output.

    Without MODEL: the declared models, or what the last `trtconv fix` in this folder wrote, against its original.
    """
    import trtconv
    from trtconv.choice import choose_fixed, recorded_edits
    from trtconv.report.terminal import working

    choice = choose_fixed(model)
    announce(choice, as_json)
    asked = tuple(r.strip() for r in runtimes.split(",")) if runtimes else None
    results = []
    for one in choice.models:
        with working(f"comparing {one.path.name}"):
            result = trtconv.verify(
                one.path,
                reference=reference or one.reference,
                shapes=shapes or one.shapes,
                rtol=one.rtol if rtol is None else rtol,
                atol=one.atol if atol is None else atol,
                runtimes=asked or one.runtimes,
                inputs=inputs or one.inputs,
                seed=seed,
                tf32=tf32,
                bisect=bisect,
                edits=recorded_edits(one.path) if bisect else (),
            )
        if save_inputs is not None:
            result.save_inputs(Path(save_inputs, one.path.stem) if len(choice.models) > 1 else save_inputs)
        results.append((str(one.path), result))
    return finish("verify", results, as_json)
