"""ONNX Runtime against an engine that is built for the comparison, where there is a GPU to run it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.comparison.comparing import compare_outputs, extra_outputs
from trtconv.comparison.consistency import titles
from trtconv.errors import Unavailable
from trtconv.isolate import Limits, isolated
from trtconv.parity import Leg, OutputParity
from trtconv.refusing import BuildRefused
from trtconv.runtimes.products import Product, product_named

if TYPE_CHECKING:
    from trtconv.comparison.comparing import Expected
    from trtconv.comparison.consistency import Agreement
    from trtconv.comparison.criteria import Criteria
    from trtconv.feeding.batches import Batch
    from trtconv.feeding.cases import ShapesGiven
    from trtconv.feeding.inputs import Case
    from trtconv.runtimes.running import Feed
    from trtconv.shapes import ShapeProfile
    from trtconv.subject import Source


@dataclass(frozen=True)
class EngineRequest:
    """What to build, for which shapes, how its outputs are judged, and what it may take."""

    source: Source
    runtime: str
    shapes: ShapesGiven | None
    criteria: Criteria
    limits: Limits

    @property
    def product(self) -> Product:
        """What builds and runs it."""
        return product_named(self.runtime)

    @property
    def title(self) -> str:
        """Product and version, where it is installed."""
        return f"{self.product.title} {self.product.version}" if self.product.is_installed else self.product.title

    def covering(self, cases: Sequence[Case]) -> EngineRequest:
        """The same with a profile for all cases, where no shapes were given."""
        return self if self.shapes else replace(self, shapes=[covering(cases)])

    def run(self, cases: Sequence[Case], marked: Sequence[str] = ()) -> list[Feed]:
        """Build an engine and run the cases on it; tensors inside that are `marked` come out, too.

        Raises what `build` raises, and NativeFailure.
        """
        from trtconv.building import build
        from trtconv.runtimes.inference import run_engine

        with tempfile.TemporaryDirectory(prefix="trtconv-") as folder:
            engine = build(
                self.source,
                shapes=self.shapes,
                output=Path(folder, "model.engine"),
                target=self.runtime,
                tf32=self.criteria.tf32,
                marked=marked,
                time_limit=self.limits.seconds,
                memory_limit=self.limits.memory,
            )
            return isolated(
                run_engine,
                str(engine.path),
                [(case.profile, case.feed) for case in cases],
                what=f"running the engine with {self.product.title}",
                limits=self.limits,
                environment=self.product.environment,
            )


def engine_legs(
    request: EngineRequest,
    expected: Expected,
    cases: Sequence[Case],
    agreement: Agreement,
    batches: Sequence[Batch],
) -> Iterator[Leg]:
    """Build an engine, run the cases and batches on it, and compare: the cases with what they should give, the batches
    with themselves. Not run where there is no GPU.

    Raises NativeFailure when TensorRT crashes or passes a limit.
    """
    title = request.title
    heads = [Leg(request.runtime, expected.title, title)] if cases else []
    heads += [Leg(request.runtime, *titles(title), kind="consistency")] if batches else []
    fed = [*cases, *(case for batch in batches for case in batch.cases)]
    try:
        if reason := why_not(request.product):
            raise Unavailable(reason)
        outputs = request.covering(fed).run(fed)
    except Unavailable as error:
        yield from (replace(leg, not_run=error.what) for leg in heads)
        return
    except BuildRefused as error:
        yield from (replace(leg, failure=error.what) for leg in heads)
        return
    answers = dict(zip((case.name for case in fed), outputs, strict=True))
    if cases:
        yield _compared(request, expected, title, cases, answers)
    if batches:
        found = agreement.elsewhere(request.criteria)
        for batch in batches:
            found.check(batch, lambda case: answers[case.name])
        yield found.leg(request.runtime, title)


def _compared(
    request: EngineRequest, expected: Expected, title: str, cases: Sequence[Case], answers: Mapping[str, Feed]
) -> Leg:
    found: list[OutputParity] = []
    extra: dict[str, None] = {}
    for case in cases:
        wanted = expected.outputs(case)
        found.extend(compare_outputs(case.name, wanted, answers[case.name], request.criteria))
        extra |= dict.fromkeys(extra_outputs(wanted, answers[case.name]))
    return Leg(request.runtime, expected.title, title, tuple(found), extra=tuple(extra))


def why_not(product: Product) -> str:
    """Why no engine of `product` can run here; empty when one can."""
    from trtconv.runtimes.gpus import find_gpus

    if not product.is_installed:
        return f"{product.title} is not installed: pip install 'trtconv[{product.extra}]'"
    if not find_gpus():
        return f"an engine of {product.title} {product.version} needs an NVIDIA GPU, and this machine has none"
    return ""


def covering(cases: Sequence[Case]) -> ShapeProfile:
    """The profile that takes the shapes of all cases, tuned for the largest."""
    from trtconv.shapes import ShapeProfile, Span

    shapes = {}
    for name in cases[0].feed:
        dims = zip(*(case.feed[name].shape for case in cases), strict=True)
        shapes[name] = tuple(Span(min(sizes), max(sizes), max(sizes)) for sizes in dims)
    return ShapeProfile(shapes)
