"""A network behind one small interface, whether PyTorch, ONNX Runtime or TensorRT computes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trtconv.errors import BadInput
from trtconv.models.card import Card

if TYPE_CHECKING:
    from typing import Self

    import torch

Array = npt.NDArray[np.generic]


class Runner(ABC):
    """Runs batches of (N, 3, H, W) float32; `card` says how they are made and what comes out, `runtime` what runs.

    A runtime that wants at least `least` or takes at most `most` images gets them in parts, the last
    one filled up; `size` is the one (H, W) it takes, or None.
    """

    runtime: str

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
