"""`trtconv verify`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trtconv.cli.options import Sectioned, announce, each, finish, in_section, json_option, model_argument
from trtconv.errors import BadInput

if TYPE_CHECKING:
    from trtconv.config import ModelConfig
    from trtconv.parity import Parity

WHAT, FED, JUDGED = "What is compared", "What is fed", "How it is judged"


@click.command("verify", cls=Sectioned)
@model_argument
@in_section(WHAT, "--reference", type=click.Path(), metavar="ORIGINAL", help="What MODEL should equal.")
@in_section(WHAT, "--golden", type=click.Path(), metavar="FILE", help="Or what it once gave, in a golden file.")
@in_section(WHAT, "--save-golden", type=click.Path(), metavar="FILE", help="Keep inputs and outputs, for --golden.")
@in_section(WHAT, "--consistency", is_flag=True, help="Check MODEL against itself, which needs no reference.")
@in_section(WHAT, "--mixes-rows", multiple=True, metavar="OUTPUT", help="Outputs that may depend on other rows.")
@in_section(WHAT, "--runtimes", metavar="LIST", help="onnxruntime, tensorrt, tensorrt-rtx; default: what is installed.")
@in_section(WHAT, "--tf32", is_flag=True, help="Let TensorRT use TF32.")
@in_section(WHAT, "--bisect", is_flag=True, help="Where outputs differ, find the first node and edit that does.")
@in_section(
    WHAT,
    "--error-curve",
    type=click.Path(),
    metavar="FILE",
    help="Draw the error of every tensor inside over depth: .html, .svg, .png or .json.",
)
@in_section(FED, "--shapes", multiple=True, metavar="TEXT", help="min-opt-max of each input: image:1-4-8x3x224x224")
@in_section(FED, "--inputs", type=click.Path(), metavar="PATH", help="Feed .npz, Polygraphy's JSON, or a folder.")
@in_section(
    FED, "--range", "ranges", multiple=True, metavar="[INPUT:]LOW-HIGH", help="Bounds of made-up values: image:0-1."
)
@in_section(FED, "--batches", type=click.IntRange(min=1), default=1, show_default=True, help="Sets of values a shape.")
@in_section(FED, "--seed", default=0, show_default=True, help="Of what is made up.")
@in_section(FED, "--save-inputs", type=click.Path(), metavar="FOLDER", help="Keep what was fed, for --inputs.")
@in_section(JUDGED, "--rtol", multiple=True, metavar="[OUTPUT:]X", help="Relative tolerance, of all or of one output.")
@in_section(JUDGED, "--atol", multiple=True, metavar="[OUTPUT:]X", help="Absolute tolerance, of all or of one output.")
@in_section(
    JUDGED,
    "--metric",
    multiple=True,
    metavar="[OUTPUT:]M",
    help="elementwise, cosine, top-1 or miou, with the least score if it is not the usual one: cosine=0.999; "
    "or set, for elements in no order.",
)
@in_section(
    JUDGED,
    "--noise",
    type=click.Choice(["off", "quick", "float64"]),
    default="quick",
    show_default=True,
    help="How the noise floor beside each error is measured.",
)
@json_option
def command(
    model: str | None,
    reference: str | None,
    golden: str | None,
    save_golden: str | None,
    runtimes: str | None,
    save_inputs: str | None,
    error_curve: str | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Run MODEL and what it should equal on the same inputs, and compare every output.

    Without MODEL: the declared models, or what the last `trtconv fix` in this folder wrote, against
    its original.
    """
    import trtconv
    from trtconv.choice import choose_fixed, recorded_edits
    from trtconv.report.console import working
    from trtconv.report.curve import check_path

    if error_curve is not None:
        check_path(Path(error_curve))
    choice = choose_fixed(model)
    announce(choice, as_json)
    if save_golden is not None and len(choice.models) > 1:
        raise BadInput("--save-golden names one file, and several models are declared", do="name the model too")
    asked = tuple(r.strip() for r in runtimes.split(",")) if runtimes else None

    def work(one: ModelConfig) -> Parity:
        expected, chosen = _expected(one, reference, golden), asked or one.runtimes
        with working(f"comparing {one.path.name}"):
            result = trtconv.verify(
                one.path,
                **expected,
                save_golden=save_golden,
                runtimes=chosen,
                edits=recorded_edits(one.path) if given["bisect"] or error_curve else (),
                error_curve=error_curve is not None,
                **_settings(one, given, expected.get("golden"), chosen),
            )
        stem = one.path.stem if len(choice.models) > 1 else ""
        written = [*_save_inputs(result, save_inputs, stem), *_save_curve(result, error_curve, stem)]
        return replace(result, notes=(*result.notes, *written))

    return finish("verify", each(choice.models, work), as_json)


def _save_inputs(result: Parity, folder: str | None, stem: str) -> Iterator[str]:
    """Keep what was fed, in a folder of its own for each of several models, and say where."""
    if folder is not None:
        place = Path(folder, stem)
        result.save_inputs(place)
        yield f"what was fed is kept in {place}"


def _save_curve(result: Parity, file: str | None, stem: str) -> Iterator[str]:
    """Draw the error curve, in a file of its own for each of several models, and say where."""
    if file is not None and result.curve is not None:
        path = Path(file)
        yield f"the error curve is in {result.curve.save(path.with_stem(f'{path.stem}-{stem}') if stem else path)}"


def _expected(declared: ModelConfig, reference: str | None, golden: str | None) -> dict[str, Any]:
    """What MODEL should equal: what the command line names, else the golden file declared, else the reference."""
    if reference is not None or golden is not None:
        return {"reference": reference, "golden": golden}
    return {"golden": declared.golden} if declared.golden is not None else {"reference": declared.reference}


def _settings(
    declared: ModelConfig, given: dict[str, Any], golden: object, runtimes: Iterable[str] | None
) -> dict[str, Any]:
    """Options of the command line, and where none was given what is declared for the model and says something."""
    from trtconv.subject import uses_shapes

    known = {"inputs", "rtol", "atol", "metric", "consistency"}
    consistency = given["consistency"] or declared.consistency
    if uses_shapes(golden, runtimes, consistency):
        known.add("shapes")
    if consistency:
        known.add("mixes_rows")
    if not given["inputs"]:  # which are fed as they are
        known.add("ranges")
    return {name: value or (getattr(declared, name) if name in known else value) for name, value in given.items()}
