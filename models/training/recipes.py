"""A training recipe: every choice that decides the result, in one frozen value; no PyTorch needed to read one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from trtconv.errors import BadInput

Value = bool | int | float | str | tuple[float, ...] | tuple[str, ...]


def _choice(default: Value, say: str) -> Any:
    """A field with the sentence that the command line shows for it."""
    return field(default=default, metadata={"help": say})


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the sentence beside each choice is its documentation."""

    epochs: int = _choice(100, "Passes over the training split.")
    steps: int = _choice(0, "Length in batches instead of epochs, when not 0.")
    batch: int = _choice(32, "Images in a step, over all processes.")
    seed: int = _choice(0, "Seed of the initial weights, the order and the augmentations.")
    log_every: int = _choice(20, "Steps in a row of the log.")
    eval_every: int = _choice(1, "Epochs between two validations; the last epoch is always validated.")
    checkpoint_every: int = _choice(0, "Steps between two checkpoints; 0: at the end of each epoch.")

    optimizer: Literal["sgd", "adam", "rmsprop"] = _choice("sgd", "sgd, adam or rmsprop.")
    lr: float = _choice(0.01, "Learning rate after the warm-up.")
    momentum: float = _choice(0.9, "Of SGD and RMSProp.")
    weight_decay: float = _choice(0.0, "L2 penalty.")
    decay_all: bool = _choice(True, "Decay biases and normalisation weights too.")
    head: tuple[str, ...] = _choice((), "Name patterns of the parameters that form the head.")
    head_lr: float = _choice(1.0, "Factor on the learning rate of the head.")

    schedule: Literal["poly", "cosine", "step", "constant"] = _choice("cosine", "poly, cosine, step or constant.")
    power: float = _choice(0.9, "Of the poly schedule.")
    step_every: float = _choice(0.33, "Of the step schedule: share of the run between two drops.")
    step_factor: float = _choice(0.1, "Of the step schedule: what a drop multiplies the rate by.")
    warmup: float = _choice(0.0, "Share of the run that is warm-up.")
    warmup_start: float = _choice(0.0, "Factor the warm-up starts with.")
    warmup_curve: Literal["linear", "exponential"] = _choice("linear", "linear or exponential.")

    loss: Literal["cross-entropy", "ohem"] = _choice("cross-entropy", "cross-entropy or ohem (hard pixels only).")
    label_smoothing: float = _choice(0.0, "Share of a label that is spread over all classes.")
    class_weights: tuple[float, ...] = _choice((), "A weight for each class.")
    ohem_threshold: float = _choice(0.7, "Pixels whose class is surer than this are easy.")
    aux_weight: float = _choice(1.0, "Weight of the loss of each auxiliary output.")
    distill_weight: float = _choice(1.0, "Share of the teacher in the loss, when there is one.")
    temperature: float = _choice(1.0, "What softens teacher and student before they are compared.")

    freeze: tuple[str, ...] = _choice((), "Name patterns of the parameters that stay as they are.")
    freeze_statistics: bool = _choice(True, "Normalisation statistics of frozen parts stay as well.")
    ema: float = _choice(0.0, "Decay of the moving average of the weights; 0: none.")
    amp: Literal["none", "bf16", "fp16"] = _choice("none", "none, bf16 or fp16 (CUDA only).")
    sync_bn: bool = _choice(False, "Share batch statistics between processes (CUDA only).")

    size: tuple[int, int] = _choice((224, 224), "Height and width of a training image.")
    eval_size: tuple[int, ...] = _choice((), "Height and width the network is used at; empty: like size.")
    eval_crop: float = _choice(0.875, "Share of the short side that the central crop keeps (classification).")
    crop: Literal["resized", "scaled", "none"] = _choice(
        "resized", "resized: a random part brought to size; scaled: scale, pad, cut; none: resize."
    )
    scale: tuple[float, float] = _choice((0.08, 1.0), "Of the crop: share of the area, or factor on the sides.")
    flip: float = _choice(0.5, "Chance of a mirrored image.")
    jitter: float = _choice(0.0, "Strength of the colour jitter.")
    erase: float = _choice(0.0, "Chance of a random rectangle being erased (classification).")
    policy: Literal["none", "autoaugment", "randaugment"] = _choice(
        "none", "none, autoaugment or randaugment (classification)."
    )
    colour: Literal["keep", "RGB", "BGR"] = _choice("keep", "Order of the channels; keep: the network's.")
    mean: tuple[float, float, float] | tuple[()] = _choice((), "Mean of the channels; empty: the network's.")
    std: tuple[float, float, float] | tuple[()] = _choice(
        (), "Standard deviation of the channels; empty: the network's."
    )

    def but(self, changes: Mapping[str, object]) -> Recipe:
        """This recipe with single choices replaced; a new `size` is the size of use too, `epochs` replace `steps`.

        Raises:
            BadInput: A choice that cannot work.
        """
        if "size" in changes:
            changes = {"eval_size": (), **changes}
        if "epochs" in changes:
            changes = {"steps": 0, **changes}
        changed = replace(self, **changes)  # type: ignore[arg-type]
        changed.check()
        return changed

    def check(self) -> None:
        """Refuse what cannot work.

        Raises:
            BadInput: Names the option and the range it may have.
        """
        for name, least in (
            ("epochs", 1),
            ("batch", 1),
            ("log_every", 1),
            ("eval_every", 1),
            ("steps", 0),
            ("seed", 0),
        ):
            if getattr(self, name) < least:
                raise BadInput(f"{name} must be at least {least}, not {getattr(self, name)}", where=_option(name))
        for name in ("ema", "label_smoothing", "distill_weight", "warmup", "flip", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name} must be from 0 to 1, not {getattr(self, name)}", where=_option(name))
        for name in ("lr", "eval_crop", "step_every", "temperature", "ohem_threshold"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} must be above 0, not {getattr(self, name)}", where=_option(name))
        if len(self.mean) not in (0, 3) or len(self.std) not in (0, 3):
            raise BadInput("mean and standard deviation have three channels", where="--mean", do="write 0.5,0.5,0.5")
        if len(self.size) != 2 or min(self.size) < 1 or len(self.eval_size) not in (0, 2):
            raise BadInput("a size is a height and a width, in pixels", where="--size", do="write 512x1024, or 224")

    def to_json(self) -> dict[str, object]:
        """The choices as JSON values."""
        return dict(json.loads(json.dumps(asdict(self))))


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


OPTIONS = {_option(f.name): f for f in fields(Recipe)}
"""Every choice as the command line spells it."""
