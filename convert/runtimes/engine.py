"""Build an engine with TensorRT or TensorRT-RTX. Runs in a child process: see `trtconv.isolate`."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trtconv.errors import BadInput
from trtconv.isolate import report
from trtconv.runtimes.builder_config import Flags, builder_config
from trtconv.runtimes.marking import mark
from trtconv.runtimes.network import Network, NetworkTensor, ParserError, parse_network, plain_text, runtime
from trtconv.shapes import ShapeProfile


@dataclass(frozen=True)
class Built:
    """What came of it. With `errors` (the parser's) or `failure` (the builder's words) there is no engine."""

    version: str
    errors: tuple[ParserError, ...] = ()
    failure: str = ""
    tensors: tuple[NetworkTensor, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


def build_engine(
    model: str, output: str, profiles: Sequence[ShapeProfile], flags: Flags, marked: Sequence[str] = ()
) -> Built:
    """Parse `model`, build it and write the serialized engine to `output`; `marked` tensors become outputs, too.

    Raises BadInput for a shape tensor without values, for an unknown compute capability, and where the engine cannot
    be written.
    """
    warnings.simplefilter("ignore")  # Polygraphy gives TensorRT-RTX a timing cache, which that calls deprecated
    trt, start = runtime(), time.monotonic()
    parsed = parse_network(trt, model)
    if not parsed.accepted:
        return Built(trt.__version__, parsed.errors)
    mark(parsed, marked)
    tensors = parsed.tensors
    _check_shape_tensors(tensors, profiles)
    report("the builder's start")
    engine = _serialized(parsed, builder_config(trt, tensors, profiles, flags), flags.timing_cache)
    noted = tuple(dict.fromkeys(map(plain_text, parsed.log.warnings)))
    if engine is None:
        return Built(trt.__version__, failure=_failure(parsed.log.errors), tensors=tensors, warnings=noted)
    _write(engine, Path(output))
    return Built(trt.__version__, tensors=tensors, warnings=noted, seconds=time.monotonic() - start)


def _check_shape_tensors(tensors: Sequence[NetworkTensor], profiles: Sequence[ShapeProfile]) -> None:
    for tensor in tensors:
        if tensor.is_input and tensor.is_shape_tensor and any(tensor.name not in p.values for p in profiles):
            count = tensor.shape[0] if tensor.shape else 1
            raise BadInput(
                f"input {tensor.name!r} is a shape tensor, whose values the shapes inside depend on",
                where=f"{tensor.name}: {tensor.dtype}{list(tensor.shape)}",
                do=f"give min-opt-max of its values: --shapes {tensor.name}={'x'.join(['1-4-8'] * count)}",
            )


def _serialized(parsed: Network, config: Any, timing_cache: str | None) -> Any:
    """The engine's bytes, or None where the builder refuses; then the log says why."""
    from polygraphy.backend.trt import EngineBytesFromNetwork
    from polygraphy.exception import PolygraphyException
    from polygraphy.logger import G_LOGGER

    network = (parsed.builder, parsed.network, parsed.parser)
    try:
        with G_LOGGER.verbosity(G_LOGGER.CRITICAL + 1):
            return EngineBytesFromNetwork(network, config, save_timing_cache=timing_cache)()
    except PolygraphyException as error:
        parsed.log.errors.append(str(error))
        return None


def _failure(errors: Sequence[str]) -> str:
    """The builder's first error; along with any, it complains about a missing GPU, which says nothing."""
    return next((text for text in map(plain_text, errors) if text), "the builder gives no reason")


def _write(engine: Any, path: Path) -> None:
    from trtconv.storage.files import writing

    with writing(path):
        path.write_bytes(memoryview(engine))
