"""From a file to what runs it: which runtime by the file's ending, and which card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trtconv.errors import BadInput
from trtconv.models import engines
from trtconv.models.card import Card, read_json
from trtconv.models.runners import OnnxRunner, Runner, TorchRunner

CHECKPOINTS = (".pth", ".pt", ".ckpt")


def card_of(path: Path) -> Card:
    """The card in a checkpoint, an ONNX file or a JSON file; of an engine, in the ONNX file it was built from.

    Raises:
        BadInput: There is none in it.
    """
    if path.suffix == ".onnx":
        return Card.from_onnx(path)
    if path.suffix == ".json":
        return Card.from_json(read_json(path), where=str(path))
    if path.suffix in engines.ENDINGS:
        return engines.card_of_engine(path)
    return Card.from_checkpoint(path)


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
        if card is None and path.suffix in engines.ENDINGS:
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
    if path.suffix in engines.ENDINGS:
        engines.need_gpu(path)
        return engines.EngineRunner(path, card or card_of(path))
    if path.suffix == ".onnx":
        return OnnxRunner(path, card or card_of(path))
    if path.suffix in CHECKPOINTS:
        from trtconv.models import checkpoint

        model, own = checkpoint.load(path)
        return TorchRunner(model, card or own, device)
    known = " ".join((*CHECKPOINTS, ".onnx", *engines.ENDINGS))
    raise BadInput(f"{path} is no known kind of model", do=f"known endings: {known}")
