"""`verify`: does the model compute what the original computes, in ONNX Runtime and in an engine?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtconv.by_name import ByName
    from trtconv.comparison.criteria import Metric
    from trtconv.comparison.noise import Level
    from trtconv.feeding.cases import ShapesGiven
    from trtconv.feeding.given import Given
    from trtconv.parity import Parity
    from trtconv.passes.core import Edit
    from trtconv.subject import Source


def verify(
    source: Source,
    *,
    reference: Source | None = None,
    golden: str | os.PathLike[str] | None = None,
    save_golden: str | os.PathLike[str] | None = None,
    shapes: ShapesGiven | None = None,
    rtol: ByName[float] | None = None,
    atol: ByName[float] | None = None,
    metric: ByName[Metric] | None = None,
    runtimes: Iterable[str] | None = None,
    inputs: Given | None = None,
    seed: int = 0,
    batches: int = 1,
    ranges: ByName[tuple[float, float]] | None = None,
    tf32: bool = False,
    noise: Level = "quick",
    consistency: bool = False,
    mixes_rows: Iterable[str] = (),
    bisect: bool = False,
    error_curve: bool = False,
    edits: Sequence[Edit] = (),
    time_limit: float | None = None,
    memory_limit: str | int | None = None,
) -> Parity:
    """Run the model and what it should equal on the same inputs, and compare every output.

    With a `reference`, ONNX Runtime on the reference against ONNX Runtime on the model. Unless `runtimes` says
    otherwise, also ONNX Runtime against the installed TensorRT or TensorRT-RTX; where that cannot run, the
    comparison is reported as not run, and the exit code is 3. A file that `save_golden` wrote can stand where the
    reference would: `golden` brings inputs and what they gave; what is saved is the expected side of this run.

    Inputs: `shapes` is a `--shapes` text or profiles: every input is fed at min, opt and max; without it, small shapes
    are tried, and said. `batches` is how many sets of values are made up for each, from `seed`, inside `ranges`:
    {"image": (0, 1)} or "image:0-1". Or `inputs`: an .npz file, JSON of Polygraphy, a folder of .npz files or of
    pictures, or arrays by input name.

    Judgement: `rtol` and `atol` replace the defaults of `trtconv.comparison.tolerances`, and `metric` is elementwise,
    cosine, top-1, miou or set, with the least score behind it: "cosine=0.999". Each is a value, or one by output name
    ({"logits": 1e-2} or "logits:1e-2").

    `noise` is how the noise floor is measured, which stands beside each error: quick (the expected side against itself
    with all optimisations, on one thread, on one row of the smallest case), float64 (and computed in float64), or off.
    With `consistency`, the model is also checked against itself, which needs no reference: every row of a batch has to
    come out as it does alone, in another order and with other rows beside it, at min, opt, max and odd sizes. Outputs
    that match a pattern of `mixes_rows` are excused.

    With `bisect`, outputs that differ are followed to the first tensor that does, and to the one of `edits` (those of
    a Fix) that wrote it. With `error_curve`, the error of every tensor inside is measured against what is expected.
    Both look into the first comparison that fails, in ONNX Runtime or in an engine.

    With `time_limit` (seconds) or `memory_limit` (bytes, or 8G), all of it runs in a child process. Raises BadInput for
    models, shapes and inputs that cannot be used, NativeFailure beyond a limit.
    """
    from trtconv.by_name import by_name
    from trtconv.comparison.consistency import Consistency
    from trtconv.comparison.criteria import Criteria, Metric, read_tolerance
    from trtconv.divergence.tracing import Tracing
    from trtconv.feeding.cases import Feeding, read_range
    from trtconv.isolate import Limits, isolated
    from trtconv.sizes import parse_size
    from trtconv.subject import Runs, Subject
    from trtconv.verification import Verification

    memory = parse_size(memory_limit) if isinstance(memory_limit, str) else memory_limit
    limits = Limits(time_limit, memory)
    subject = Subject(source, reference, golden, save_golden)
    checks = Consistency(consistency, (mixes_rows,) if isinstance(mixes_rows, str) else tuple(mixes_rows))
    job = Verification(
        subject,
        Feeding(shapes, inputs, seed, batches, by_name(ranges, read_range, "--range")),
        Criteria(
            by_name(rtol, read_tolerance, "--rtol"),
            by_name(atol, read_tolerance, "--atol"),
            by_name(metric, Metric.read, "--metric"),
        ),
        Runs.of(runtimes, subject, checks, tf32, noise, limits),
        checks,
        Tracing(bisect, tuple(edits), error_curve),
    )
    if limits == Limits():
        return job.run()
    return isolated(job.run, what="running the model", limits=limits)
