"""How good a network is on a data set; the same code for every runtime, so that the numbers can share a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import isnan

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from trtconv.errors import BadInput
from trtconv.models.data.datasets import Sample
from trtconv.models.metrics import Confusion, TopK
from trtconv.models.registry import find
from trtconv.models.runners import Runner


@dataclass(frozen=True)
class TestTime:
    """What is averaged at test time: the scales an image is looked at, and its mirror image."""

    __test__ = False

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    @property
    def plain(self) -> bool:
        """Whether nothing is averaged."""
        return self.scales == (1.0,) and not self.flip

    def __str__(self) -> str:
        named = "single scale" if self.scales == (1.0,) else "scales " + ", ".join(f"{s:g}" for s in self.scales)
        return named + (" and flip" if self.flip else "")


@dataclass(frozen=True)
class Evaluation:
    """The metrics of one model on one data set, as shares from 0 to 1; a class that never was there has none."""

    model: str
    runtime: str
    task: str
    images: int
    metrics: dict[str, float]
    per_class: dict[str, dict[str, float]]
    test_time: TestTime = field(default_factory=TestTime)

    def to_json(self) -> dict[str, object]:
        """The same as JSON values; NaN is null."""
        return {
            "model": self.model,
            "runtime": self.runtime,
            "task": self.task,
            "images": self.images,
            "scales": list(self.test_time.scales),
            "flip": self.test_time.flip,
            "metrics": _nulls(self.metrics),
            "per_class": {name: _nulls(values) for name, values in self.per_class.items()},
        }


def _nulls(values: dict[str, float]) -> dict[str, float | None]:
    return {name: None if isnan(value) else value for name, value in values.items()}


class Meter:
    """Adds up what a network answers; batches, and processes, can come in any order."""

    def __init__(self, classes: Sequence[str], *, masks: bool) -> None:
        self.classes, self.masks = tuple(classes), masks
        self.confusion = Confusion(len(self.classes))
        self.best = {1: TopK(1), 5: TopK(5)}

    def add_scores(self, truth: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> None:
        """Class numbers (N) against scores (N, C)."""
        self.confusion.add(truth, scores.argmax(axis=1))
        for top in self.best.values():
            top.add(truth, scores)

    def counts(self) -> npt.NDArray[np.int64]:
        """Everything counted so far, as one vector that may be summed over processes."""
        tops = [n for top in self.best.values() for n in (top.hits, top.seen)]
        return np.concatenate([self.confusion.matrix.ravel(), np.array(tops, np.int64)])

    def set_counts(self, counts: npt.NDArray[np.int64]) -> None:
        """The way back from `counts`."""
        cells = self.confusion.matrix.size
        self.confusion.matrix = counts[:cells].reshape(self.confusion.matrix.shape)
        for i, top in enumerate(self.best.values()):
            top.hits, top.seen = int(counts[cells + 2 * i]), int(counts[cells + 2 * i + 1])

    def metrics(self) -> dict[str, float]:
        """The named metrics; the first is the one that decides."""
        c = self.confusion
        if self.masks:
            return {
                "mIoU": c.mean_iou(),
                "fwIoU": c.frequency_weighted_iou(),
                "pixel accuracy": c.accuracy(),
                "F1": c.macro_f1(),
            }
        tops = {f"top-{k}": top.value() for k, top in self.best.items() if top.seen and k < len(self.classes)}
        return {"top-1": c.accuracy()} | tops | {"F1": c.macro_f1()}

    def per_class(self) -> dict[str, dict[str, float]]:
        """IoU (masks), F1, precision and recall of each class."""
        c = self.confusion
        columns = {"F1": c.f1(), "precision": c.precision(), "recall": c.recall()}
        if self.masks:
            columns = {"IoU": c.iou()} | columns
        rows = zip(*columns.values(), strict=True)
        return {
            name: dict(zip(columns, map(float, row), strict=True)) for name, row in zip(self.classes, rows, strict=True)
        }


def measure(runner: Runner, batches: Iterable[list[Sample]], meter: Meter, test_time: TestTime) -> int:
    """Run `batches` and count the answers into `meter`; returns how many images there were."""
    images = 0
    for samples in batches:
        for group in _same_shape(samples):
            outputs = answers(runner, np.stack([sample.pixels for sample in group]), test_time)
            _count(meter, group, outputs)
            images += len(group)
    return images


def _same_shape(samples: list[Sample]) -> Iterator[list[Sample]]:
    for _, group in groupby(samples, lambda sample: sample.pixels.shape):
        yield list(group)


def _count(meter: Meter, samples: list[Sample], outputs: Tensor) -> None:
    labels = [sample.label for sample in samples]
    if meter.masks:
        for truth, output in zip(labels, outputs, strict=True):
            meter.confusion.add(truth, labels_at(output[None], (truth.shape[0], truth.shape[1])))
    elif outputs.is_floating_point():
        meter.add_scores(np.stack(labels), outputs.numpy())
    else:
        meter.confusion.add(np.stack(labels), outputs.numpy())


def answers(runner: Runner, pixels: npt.NDArray[np.float32], test_time: TestTime) -> Tensor:
    """Logits or labels of a batch as the network gives them, or probabilities averaged as `test_time` says.

    Raises:
        BadInput: Averages are wanted of a network that ends with an argmax.
    """
    if test_time.plain:
        return torch.from_numpy(runner(pixels))
    if runner.card.output == "argmax":
        raise BadInput("labels cannot be averaged", do="export without argmax, or leave out --scales and --flip")
    size = pixels.shape[2], pixels.shape[3]
    batch = torch.from_numpy(pixels)
    looks = [_scaled(batch, scale, find(runner.card.network).stride) for scale in test_time.scales]
    found = [_probabilities(runner, look, size) for look in looks]
    if test_time.flip:
        found += [_mirrored(_probabilities(runner, look.flip(3), size)) for look in looks]
    return torch.stack(found).mean(dim=0)


def _scaled(batch: Tensor, scale: float, stride: int) -> Tensor:
    """The batch times `scale`, to the next multiple of the network's stride."""
    height, width = (max(stride, round(side * scale / stride) * stride) for side in batch.shape[2:])
    if (height, width) == tuple(batch.shape[2:]):
        return batch
    return functional.interpolate(batch, (height, width), mode="bilinear", align_corners=False)


def _probabilities(runner: Runner, batch: Tensor, size: tuple[int, int]) -> Tensor:
    output = torch.from_numpy(runner(np.ascontiguousarray(batch.numpy()))).float()
    chances = output if runner.card.output == "softmax" else output.softmax(dim=1)
    if chances.ndim == 4 and chances.shape[2:] != size:
        chances = functional.interpolate(chances, size, mode="bilinear", align_corners=False)
    return chances


def _mirrored(chances: Tensor) -> Tensor:
    return chances.flip(3) if chances.ndim == 4 else chances


def labels_at(output: Tensor, size: tuple[int, int]) -> npt.NDArray[np.integer]:
    """Class numbers at `size` from the output for one image: scores (1, C, h, w), or labels (1, h, w)."""
    if output.ndim == 4 and output.is_floating_point():
        if tuple(output.shape[2:]) != size:
            output = functional.interpolate(output.float(), size, mode="bilinear", align_corners=False)
        found: npt.NDArray[np.integer] = output.argmax(dim=1)[0].numpy()
        return found
    labels = output.reshape(1, 1, *output.shape[-2:]).float()
    nearest: npt.NDArray[np.integer] = functional.interpolate(labels, size, mode="nearest")[0, 0].long().numpy()
    return nearest


def evaluate(
    runner: Runner, batches: Iterable[list[Sample]], *, model: str = "", test_time: TestTime = TestTime()
) -> Evaluation:
    """Everything there is to say about `runner` on `batches`."""
    card = runner.card
    meter = Meter(card.classes, masks=card.task == "segmentation")
    images = measure(runner, batches, meter, test_time)
    return Evaluation(model, runner.runtime, card.task, images, meter.metrics(), meter.per_class(), test_time)
