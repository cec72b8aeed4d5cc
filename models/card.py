"""The model card: what a network needs so that nobody feeds it another network's mean and std."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

from trtconv.errors import BadInput
from trtconv.feeding.preprocessing import CARD_KEY, Preprocessing

Task = Literal["classification", "segmentation"]
Output = Literal["logits", "softmax", "argmax"]
Value = bool | int | float | str
Options = Mapping[str, Value]
"""A network's own options by name, as `create` takes them."""


@dataclass(frozen=True)
class Card:
    """One network as trained or exported; stored in a checkpoint and in the metadata of an ONNX file.

    Attributes:
        network: name in the registry.
        options: what was passed to ``create`` beside the number of classes.
        task: ``classification`` or ``segmentation``.
        input_size: (C, H, W) of the image the network was made for.
        classes: the class names, in the order of the outputs.
        preprocessing: from an image file to the input tensor.
        output: what the network returns: ``logits``, ``softmax`` or ``argmax``.
        exporter: ``torchscript`` or ``dynamo``; empty in a checkpoint.
        torch: version of PyTorch that wrote the export; empty in a checkpoint.
        opset: ONNX opset of the export; 0 in a checkpoint.
    """

    network: str
    task: Task
    input_size: tuple[int, int, int]
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    options: Options = field(default_factory=dict)
    output: Output = "logits"
    exporter: str = ""
    torch: str = ""
    opset: int = 0

    def to_json(self) -> dict[str, object]:
        """The card as JSON values; ``from_json`` is the way back."""
        return dict(json.loads(json.dumps(asdict(self))))

    @classmethod
    def from_json(cls, values: Mapping[str, object], *, where: str = "") -> Card:
        """A card from what ``to_json`` returned.

        Raises:
            BadInput: a field is missing or unknown.
        """
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise BadInput(f"the model card has unknown fields: {', '.join(unknown)}", where=where, do=_NEWER)
        tupled = {name: _tuples(value) for name, value in values.items()}
        try:
            tupled["preprocessing"] = Preprocessing.from_json(tupled["preprocessing"])  # type: ignore[arg-type]
            return cls(**tupled)  # type: ignore[arg-type]
        except (KeyError, TypeError) as error:
            raise BadInput(f"the model card is incomplete: {error}", where=where, do=_NEWER) from error

    def to_metadata(self) -> dict[str, str]:
        """Metadata of an ONNX file: the card as JSON, and its most wanted fields to read at a glance."""
        look = self.preprocessing
        return {
            CARD_KEY: json.dumps(self.to_json(), sort_keys=True),
            "trtconv.network": self.network,
            "trtconv.task": self.task,
            "trtconv.exporter": f"{self.exporter}, torch {self.torch}, opset {self.opset}",
            "trtconv.classes": ", ".join(self.classes),
            "trtconv.feeding.preprocessing": f"{look.colour}, resize {look.resize}, crop {look.crop}, "
            f"{look.interpolation}, x * {look.scale:g}, mean {look.mean}, std {look.std}",
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], *, where: str = "") -> Card:
        """The card in the metadata of an ONNX file or of an engine's sidecar.

        Raises:
            BadInput: there is no card, or it is damaged.
        """
        if CARD_KEY not in metadata:
            raise BadInput("the model carries no card", where=where, do="export it with `trtconv models export`")
        try:
            values = json.loads(metadata[CARD_KEY])
        except json.JSONDecodeError as error:
            raise BadInput(f"the model card is not JSON: {error}", where=where, do=_NEWER) from error
        return cls.from_json(values, where=where)

    @classmethod
    def from_onnx(cls, path: str | Path) -> Card:
        """The card of an ONNX file; weights kept outside the file are not read.

        Raises:
            BadInput: the file cannot be read, or carries no card.
        """
        import onnx
        from google.protobuf.message import DecodeError

        try:
            model = onnx.load(path, load_external_data=False)
        except (OSError, DecodeError) as error:
            raise BadInput(f"cannot read the ONNX file: {error}", where=str(path)) from error
        return cls.from_metadata({p.key: p.value for p in model.metadata_props}, where=str(path))

    @classmethod
    def from_checkpoint(cls, path: str | Path) -> Card:
        """The card of a checkpoint that ``trtconv models train`` wrote.

        Raises:
            BadInput: the file cannot be read, or carries no card.
        """
        from trtconv.models import checkpoint

        return checkpoint.card(checkpoint.read(path), where=str(path))


_NEWER = "write the file again with this version of trtconv"


def _tuples(value: object) -> object:
    """JSON lists as the tuples they were."""
    if isinstance(value, list):
        return tuple(_tuples(v) for v in value)
    return {k: _tuples(v) for k, v in value.items()} if isinstance(value, dict) else value


def read_json(path: Path) -> dict[str, object]:
    """The object in a JSON file.

    Raises:
        BadInput: It cannot be read, or holds something else.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise BadInput(f"no model card: {error}", where=str(path), do="give one with --card FILE") from error
