"""Run an engine with Polygraphy. Runs in a child process: see `trtconv.isolate`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtconv.runtimes.running import Feed


def run_engine(path: str, feeds: Sequence[tuple[int, Feed]]) -> list[Feed]:
    """Outputs of the engine at `path` for each (profile number, inputs)."""
    from polygraphy.backend.common import BytesFromPath
    from polygraphy.backend.trt import EngineFromBytes, TrtRunner
    from polygraphy.comparator import Comparator
    from polygraphy.logger import G_LOGGER

    from trtconv.isolate import report
    from trtconv.runtimes.running import without_torch

    warnings.simplefilter("ignore")  # Polygraphy asks TensorRT for things that newer versions call deprecated
    outputs = []
    with G_LOGGER.verbosity(G_LOGGER.ERROR), without_torch():
        report("loading the engine")
        engine = EngineFromBytes(BytesFromPath(path))()
        for number, (profile, feed) in enumerate(feeds, 1):
            report(f"case {number}")
            results = Comparator.run([TrtRunner(engine, optimization_profile=profile)], data_loader=[feed])
            outputs.append(dict(results[0][1][0].items()))
    return outputs
