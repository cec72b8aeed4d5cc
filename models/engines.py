"""Engines of TensorRT and TensorRT-RTX on a data set, and what `trtconv build` wrote beside them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trtconv.errors import BadInput, Unavailable
from trtconv.models.card import Card, read_json
from trtconv.models.runners import Array, Runner
from trtconv.runtimes.gpus import find_gpus
from trtconv.runtimes.products import PRODUCTS, Product

ENDINGS = (".engine", ".plan", ".trt")


class EngineRunner(Runner):
    """A TensorRT or TensorRT-RTX engine through Polygraphy; the first optimization profile."""

    def __init__(self, path: Path, card: Card) -> None:
        need_gpu(path)
        product = _product(path)
        self.runtime = product.title
        # Polygraphy decides between the two when it is imported.
        os.environ["POLYGRAPHY_USE_TENSORRT_RTX"] = product.environment.get("POLYGRAPHY_USE_TENSORRT_RTX", "0")
        from polygraphy.backend.common import BytesFromPath
        from polygraphy.backend.trt import EngineFromBytes, TrtRunner
        from polygraphy.exception import PolygraphyException

        try:
            engine = EngineFromBytes(BytesFromPath(str(path)))()
        except PolygraphyException as error:
            raise BadInput(
                f"{product.title} cannot load the engine: {error}",
                where=str(path),
                do="build it with the version, and for the GPU, of this machine",
            ) from error
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        self.input = next(name for name in names if engine.get_tensor_mode(name).name == "INPUT")
        half = engine.get_tensor_dtype(self.input).name == "HALF"
        self.dtype = np.float16 if half else np.float32
        low, _, high = engine.get_tensor_profile_shape(self.input, 0)
        size = (low[2], low[3]) if tuple(low[2:]) == tuple(high[2:]) else None
        super().__init__(card, least=low[0], most=high[0], size=size)
        self.runner = TrtRunner(engine)
        self.runner.activate()

    def _run(self, pixels: npt.NDArray[np.float32]) -> Array:
        outputs = self.runner.infer({self.input: np.ascontiguousarray(pixels, self.dtype)})
        return np.array(next(iter(outputs.values())))

    def close(self) -> None:
        """Free the execution context."""
        self.runner.deactivate()


def need_gpu(path: Path) -> None:
    """Refuse to go on where no NVIDIA GPU can be used.

    Raises:
        Unavailable: There is no driver, or no GPU behind it.
    """
    if not find_gpus():
        raise Unavailable(
            "an engine runs on an NVIDIA GPU, and this machine has none",
            where=str(path),
            do="run the command where the engine was built, or give the ONNX file",
        )


def _product(engine: Path) -> Product:
    """The installed product that built the engine, or, where nothing says which, the one that is installed."""
    known = PRODUCTS.get(str(sidecar(engine).get("product")))
    installed = [product for product in PRODUCTS.values() if product.is_installed]
    if not installed or (known and known not in installed):
        raise Unavailable(
            f"{known.title if known else 'TensorRT'} is not installed",
            where=str(engine),
            do="pip install 'trtconv[tensorrt]' or 'trtconv[rtx]', whichever built the engine",
        )
    return known or installed[0]


def sidecar(engine: Path) -> dict[str, object]:
    """What `trtconv build` wrote beside an engine; empty where there is nothing."""
    path = engine.with_name(f"{engine.name}.json")
    return read_json(path) if path.is_file() else {}


def card_of_engine(engine: Path) -> Card:
    """The card of the ONNX file that the sidecar names, as it is or beside the engine.

    Raises:
        BadInput: There is no such file, or it has no card.
    """
    source = sidecar(engine).get("source")
    named = Path(str(source["path"])) if isinstance(source, dict) and source.get("path") else None
    if named:
        for found in (named, engine.parent / named.name):
            if found.is_file():
                return Card.from_onnx(found)
    raise BadInput(
        "an engine holds no model card, and the ONNX file it was built from is not found",
        where=str(engine),
        do="give that ONNX file, or the checkpoint, with --card FILE",
    )
