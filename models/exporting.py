"""Export a network to ONNX, with its card inside, and compare ONNX Runtime with PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from trtconv.errors import BadInput
from trtconv.feeding.preprocessing import Preprocessing
from trtconv.models import registry
from trtconv.models.card import Card, Options, Output
from trtconv.models.exporters import Dynamic, Form, write
from trtconv.models.source import from_checkpoint, from_registry
from trtconv.storage.files import writing
from trtconv.storage.saving import save_model

TOLERANCE = 1e-5
"""Largest difference between ONNX Runtime and PyTorch, as a share of the largest logit or of one."""


@dataclass(frozen=True)
class Export:
    """An ONNX file and how far it is from the network it came from.

    Attributes:
        path: the file.
        card: as in its metadata.
        nodes: number of nodes.
        input_name: name of the image.
        input_shape: its shape; text where a dimension is open.
        output_name: name of the result.
        max_abs_diff: largest difference between ONNX Runtime and PyTorch on noise; for labels, how much
            PyTorch's logit of a chosen label lies below its best at most. None where nothing was compared.
        tolerance: what ``max_abs_diff`` may be.
    """

    path: Path
    card: Card
    nodes: int
    input_name: str
    input_shape: tuple[int | str, ...]
    output_name: str
    max_abs_diff: float | None
    tolerance: float

    @property
    def ok(self) -> bool:
        """ONNX Runtime agrees with PyTorch, or was not asked."""
        return self.max_abs_diff is None or self.max_abs_diff <= self.tolerance

    @property
    def exit_code(self) -> int:
        """0 when it agrees, 1 when not."""
        return 0 if self.ok else 1

    def to_json(self) -> dict[str, object]:
        """The fields by name."""
        plain = {"path": str(self.path), "card": self.card.to_json(), "input_shape": list(self.input_shape)}
        return {**vars(self), **plain, "ok": self.ok}

    def __str__(self) -> str:
        card = self.card
        shape = "x".join(map(str, self.input_shape))
        lines = [
            f"{self.path}: {card.network}, {self.nodes} nodes, {card.exporter}, opset {card.opset}",
            f"  {self.input_name} {shape} -> {self.output_name} ({card.output})",
        ]
        if self.max_abs_diff is not None:
            verdict = "agrees with" if self.ok else "DIFFERS FROM"
            lines.append(
                f"  ONNX Runtime {verdict} PyTorch: max abs diff {self.max_abs_diff:.2g}"
                f" (tolerance {self.tolerance:.2g})"
            )
        if not self.ok and card.opset < 11:
            lines.append("  opset 9 and 10 cannot say how PyTorch places pixels when it resizes; use 11 or later")
        return "\n".join(lines)


def export(
    network: str,
    path: str | Path,
    *,
    checkpoint_file: str | Path | None = None,
    weights_file: str | Path | None = None,
    weights_format: str | None = None,
    seed: int | None = None,
    classes: int | tuple[str, ...] | None = None,
    exporter: str = "torchscript",
    opset: int | None = None,
    dynamic: Dynamic = "batch",
    size: tuple[int, int] | None = None,
    input_name: str = "image",
    output_name: str = "outputs",
    append: Output | None = None,
    check: bool = True,
    options: Options | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Export:
    """Export a network of the registry to one ONNX file.

    Args:
        network: name in the registry; may be empty with a checkpoint.
        path: the ONNX file to write, whole or not at all.
        checkpoint_file: a checkpoint of ``trtconv models train``: weights, classes, options and preprocessing.
        weights_file: weights of a known system, see `trtconv.models.weights`.
        weights_format: the system; None recognises it.
        seed: without a file of weights, draw some from this seed; None takes PyTorch's initialisation.
        classes: their number or names; None takes the checkpoint's or the reference system's.
        exporter: ``torchscript`` or ``dynamo``.
        opset: ONNX opset; None takes 17 for torchscript and 18 for dynamo.
        dynamic: ``none``, ``batch`` or ``size`` (batch, height and width).
        size: (height, width); None takes the checkpoint's or the reference system's.
        input_name: name of the image.
        output_name: name of the result.
        append: ``softmax`` or ``argmax`` over the classes.
        check: compare ONNX Runtime with PyTorch, at another batch (and size) than exported where those are open.
        options: the network's own, see `Network.options`.
        on_progress: told each step before it begins.

    Raises:
        BadInput: an option or file that cannot be used.
    """
    say = on_progress or (lambda text: None)
    path = Path(path)
    with writing(path):  # what cannot be written is said before the work
        pass
    say("making the network")
    if checkpoint_file is not None:
        if weights_file is not None or seed is not None or classes is not None or options:
            raise BadInput("a checkpoint brings its own weights, classes and options", where=str(checkpoint_file))
        model, card = from_checkpoint(checkpoint_file, network)
    else:
        model, card = from_registry(network, weights_file, weights_format, seed, classes, options or {})
    card = _finished(card, size, append, exporter, opset)
    stride = registry.find(card.network).stride
    form = Form(card.exporter, card.opset, dynamic, input_name, output_name, stride)
    say(f"writing its graph with the {form.exporter} exporter")
    with _ending(model, card.output):
        proto = write(model, card.input_size, form)
    onnx.helper.set_model_props(proto, card.to_metadata())
    if check:
        say("comparing ONNX Runtime with PyTorch")
    difference, scale = compare(model, proto, card, dynamic, stride) if check else (None, 1.0)
    save_model(proto, path)
    return Export(
        path=path,
        card=card,
        nodes=len(proto.graph.node),
        input_name=input_name,
        input_shape=tuple(d.dim_param or d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim),
        output_name=output_name,
        max_abs_diff=difference,
        tolerance=TOLERANCE * scale,
    )


def _finished(
    card: Card, size: tuple[int, int] | None, append: Output | None, exporter: str, opset: int | None
) -> Card:
    """The card with all that the export decides."""
    found = registry.find(card.network)
    if append and card.output != "logits":
        raise BadInput(f"{card.network} returns {card.output} already", where="append")
    height, width = size or card.input_size[1:]
    if min(height, width) < 32 or height % found.stride or width % found.stride:
        raise BadInput(
            f"{card.network} cannot take {height}x{width} images",
            where="size",
            do=f"give a height and a width of at least 32, multiples of {found.stride}",
        )
    return replace(
        card,
        input_size=(card.input_size[0], height, width),
        preprocessing=_resized(card, (height, width)),
        output=append or card.output,
        exporter=exporter,
        torch=torch.__version__,
        opset=opset or (17 if exporter == "torchscript" else 18),
    )


def _resized(card: Card, size: tuple[int, int]) -> Preprocessing:
    """Preprocessing that ends at the exported size."""
    look = card.preprocessing
    if size == card.input_size[1:]:
        return look
    if look.crop is None:
        return replace(look, resize=size)
    if isinstance(look.resize, int):
        # Keep the share of the image that the crop shows.
        return replace(look, crop=size, resize=round(look.resize * max(size) / max(look.crop)))
    return replace(look, crop=size, resize=size)


@contextmanager
def _ending(model: nn.Module, output: Output) -> Iterator[None]:
    """While the block runs, the network ends in softmax or argmax; a hook leaves every node name as it was."""
    if output == "logits":
        yield
        return
    handle = model.register_forward_hook(lambda _m, _i, logits: _ended(logits, output))
    try:
        yield
    finally:
        handle.remove()


def _ended(logits: torch.Tensor, output: Output) -> torch.Tensor:
    return logits.softmax(dim=1) if output == "softmax" else logits.argmax(dim=1)


def compare(model: nn.Module, proto: onnx.ModelProto, card: Card, dynamic: Dynamic, stride: int) -> tuple[float, float]:
    """Largest difference between ONNX Runtime and PyTorch on noise, and the scale of the numbers (at least one)."""
    channels, height, width = card.input_size
    if dynamic == "size":
        height, width = height + stride * (32 // stride), width + stride * (64 // stride)
    image = np.random.default_rng(0).standard_normal((1, channels, height, width), np.float32)
    if dynamic != "none":
        image = np.concatenate([image, image[:, :, ::-1], image[..., ::-1]])
    with torch.no_grad():
        logits = model(torch.from_numpy(image.copy()))
    got = _run(proto, image)
    if card.output == "argmax":
        chosen = logits.gather(1, torch.from_numpy(got).unsqueeze(1))
        return _largest(logits.amax(dim=1, keepdim=True) - chosen), _scale(logits)
    want = logits if card.output == "logits" else _ended(logits, card.output)
    return _largest(torch.from_numpy(got) - want), _scale(want)


def _run(proto: onnx.ModelProto, image: NDArray[np.float32]) -> NDArray[np.float32]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: image})[0]
    return result


def _largest(difference: torch.Tensor) -> float:
    """NaN where anything is, which no tolerance accepts."""
    return float(difference.abs().max())


def _scale(values: torch.Tensor) -> float:
    return max(1.0, float(values.abs().max()))
