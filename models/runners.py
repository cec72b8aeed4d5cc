"""A network behind one small interface, whether PyTorch, ONNX Runtime or TensorRT computes it."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from trtconv.errors import BadInput, Unavailable
from trtconv.models.card import Card

if TYPE_CHECKING:
    from typing import Self

    import torch

Array = npt.NDArray[np.generic]

CHECKPOINTS = (".pth", ".pt", ".ckpt")
ENGINES = (".engine", ".plan", ".trt")


class Runner(ABC):
    """Runs batches of (N, 3, H, W) float32; `card` says how they are made and what comes out.

    A runtime that wants at least `least` or takes at most `most` images gets them in parts, the last
    one filled up; `size` is the one (H, W) it takes, or None.
    """

    runtime: ClassVar[str]

    def __init__(
        self, card: Card, *, least: int = 1, most: int | None = None, size: tuple[int, int] | None = None
    ) -> None:
        self.card, self.least, self.most, self.size = card, least, most, size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027  most runtimes have nothing to give back
        """Give back what the runtime holds."""

    @abstractmethod
    def _run(self, pixels: npt.NDArray[np.float32]) -> Array:
        """The output for a batch of a size that the runtime takes."""

    def __call__(self, pixels: npt.NDArray[np.float32]) -> Array:
        """The first output: logits, probabilities or labels, as the card says; N as in `pixels`.

        Raises:
            BadInput: The runtime takes another height and width.
        """
        if self.size and pixels.shape[2:] != self.size:
            raise BadInput(
                f"the network takes images of {self.size[0]}x{self.size[1]}, not {pixels.shape[2]}x{pixels.shape[3]}",
                do="export it with a dynamic size, or leave out --scales",
            )
        most = self.most or len(pixels)
        parts = [self._filled(pixels[i : i + most]) for i in range(0, len(pixels), most)]
        return np.concatenate(parts)

    def _filled(self, part: npt.NDArray[np.float32]) -> Array:
        missing = max(0, self.least - len(part))
        return self._run(np.concatenate([part, part[-1:].repeat(missing, 0)]))[: len(part)]


class TorchRunner(Runner):
    """A network in PyTorch, in eval mode."""

    runtime = "PyTorch"

    def __init__(self, model: torch.nn.Module, card: Card, device: torch.device | str = "cpu") -> None:
        super().__init__(card)
        self.model, self.device = model.eval().to(device), device

    def _run(self, pixels: npt.NDArray[np.float32]) -> Array:
        import torch

        with torch.inference_mode():
            output = self.model(torch.from_numpy(pixels).to(self.device))
        first: torch.Tensor = output[0] if isinstance(output, (tuple, list)) else output
        return first.cpu().numpy()


class OnnxRunner(Runner):
    """An ONNX file in ONNX Runtime; on CUDA where that build of ONNX Runtime has it."""

    runtime = "ONNX Runtime"

    def __init__(self, path: Path, card: Card) -> None:
        import onnxruntime as ort

        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [p for p in wanted if p in ort.get_available_providers()]
        try:
            self.session = ort.InferenceSession(path, providers=providers)
        except Exception as error:  # the classes of ONNX Runtime's errors share no base but this
            raise BadInput(f"ONNX Runtime refuses the file: {error}", where=str(path)) from error
        image = self.session.get_inputs()[0]
        self.input = image.name
        self.dtype = np.float16 if image.type == "tensor(float16)" else np.float32
        fixed = [d if isinstance(d, int) else 0 for d in image.shape]
        size = (fixed[2], fixed[3]) if fixed[2] and fixed[3] else None
        super().__init__(card, least=fixed[0] or 1, most=fixed[0] or None, size=size)

    def _run(self, pixels: npt.NDArray[np.float32]) -> Array:
        output: Array = self.session.run(None, {self.input: pixels.astype(self.dtype)})[0]
        return output


class EngineRunner(Runner):
    """A TensorRT or TensorRT-RTX engine through Polygraphy; the first optimization profile."""

    runtime = "TensorRT"

    def __init__(self, path: Path, card: Card) -> None:
        need_gpu(path)
        _choose_tensorrt(path)
        from polygraphy.backend.common import BytesFromPath
        from polygraphy.backend.trt import EngineFromBytes, TrtRunner
        from polygraphy.exception import PolygraphyException

        try:
            engine = EngineFromBytes(BytesFromPath(str(path)))()
        except PolygraphyException as error:
            raise BadInput(
                f"TensorRT cannot load the engine: {error}",
                where=str(path),
                do="build it with the TensorRT version, and for the GPU, of this machine",
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
    import ctypes

    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        count = 0
    else:
        number = ctypes.c_int(0)
        driver.cuInit(0)
        driver.cuDeviceGetCount(ctypes.byref(number))
        count = number.value
    if count == 0:
        raise Unavailable(
            "an engine runs on an NVIDIA GPU, and this machine has none",
            where=str(path),
            do="run the command where the engine was built, or give the ONNX file",
        )


def _choose_tensorrt(path: Path) -> None:
    """Point Polygraphy, which decides on import, at the product that built the engine, or else at the installed one."""
    record = sidecar(path)
    packages = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
    wanted = packages.get(str(record.get("product")))
    installed = [package for package in packages.values() if find_spec(package)]
    if not installed or (wanted and wanted not in installed):
        raise Unavailable(
            f"{wanted or 'TensorRT'} is not installed",
            where=str(path),
            do="pip install 'trtconv[tensorrt]' or 'trtconv[rtx]', whichever built the engine",
        )
    os.environ["POLYGRAPHY_USE_TENSORRT_RTX"] = str(int((wanted or installed[0]) == "tensorrt_rtx"))


def sidecar(engine: Path) -> dict[str, object]:
    """What `trtconv build` wrote beside an engine; empty where there is nothing."""
    path = engine.with_name(f"{engine.name}.json")
    return _json(path) if path.is_file() else {}


def card_of(path: Path) -> Card:
    """The card in a checkpoint, an ONNX file or a JSON file; of an engine, in the ONNX file it was built from.

    Raises:
        BadInput: There is none in it.
    """
    if path.suffix == ".onnx":
        return Card.from_onnx(path)
    if path.suffix == ".json":
        return Card.from_json(_json(path), where=str(path))
    if path.suffix in ENGINES:
        return Card.from_onnx(_built_from(path))
    return Card.from_checkpoint(path)


def _built_from(engine: Path) -> Path:
    """The ONNX file that the sidecar names, as it is or beside the engine."""
    source = sidecar(engine).get("source")
    named = Path(str(source["path"])) if isinstance(source, dict) and source.get("path") else None
    if named:
        for found in (named, engine.parent / named.name):
            if found.is_file():
                return found
    raise BadInput(
        "an engine holds no model card, and the ONNX file it was built from is not found",
        where=str(engine),
        do="give that ONNX file, or the checkpoint, with --card FILE",
    )


def _json(path: Path) -> dict[str, object]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise BadInput(f"no model card: {error}", where=str(path), do="give one with --card FILE") from error


def open_runners(
    paths: Sequence[Path], card_file: Path | None = None, device: str = "cpu"
) -> list[tuple[Path, Runner]]:
    """A runner for each file; `card_file` replaces their own cards, and a card serves the engines after it.

    Raises:
        BadInput: see `open_runner`.
        Unavailable: see `open_runner`.
    """
    given = card_of(card_file) if card_file else None
    latest, opened = given, []
    for path in paths:
        card = given
        if card is None and path.suffix in ENGINES:
            try:
                card = card_of(path)
            except BadInput:
                card = latest
        runner = open_runner(path, card, device)
        opened.append((path, runner))
        latest = runner.card
    return opened


def open_runner(path: Path, card: Card | None = None, device: str = "cpu") -> Runner:
    """The runner for a file, by its ending; its own card unless `card` is given.

    Raises:
        BadInput: The file is missing, of an unknown kind, damaged, or has no card.
        Unavailable: An engine, and no GPU or no TensorRT here.
    """
    if not path.is_file():
        raise BadInput(f"{path} is not a file", do="give a checkpoint, an ONNX file or an engine")
    if path.suffix in ENGINES:
        need_gpu(path)
        return EngineRunner(path, card or card_of(path))
    if path.suffix == ".onnx":
        return OnnxRunner(path, card or card_of(path))
    if path.suffix in CHECKPOINTS:
        from trtconv.models import checkpoint

        model, own = checkpoint.load(path)
        return TorchRunner(model, card or own, device)
    known = " ".join((*CHECKPOINTS, ".onnx", *ENGINES))
    raise BadInput(f"{path} is no known kind of model", do=f"known endings: {known}")
