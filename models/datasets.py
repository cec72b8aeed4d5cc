"""Data sets for training and for measuring, on top of the listings of `layouts`.

A training sample depends on (seed, epoch, index) alone, not on who loads it or when: a run that was
killed, or that uses more worker processes, sees the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from trtconv.errors import BadInput, TrtconvError
from trtconv.models import policies, transforms
from trtconv.models.labels import LabelMap
from trtconv.models.layouts import Listing
from trtconv.models.recipes import Recipe
from trtconv.preprocessing import Preprocessing, normalised, open_image, prepared

Key = tuple[int, int]
"""Epoch and index."""

Labels = npt.NDArray[np.integer]


def open_mask(path: Path, lookup: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
    """The class numbers of a mask file, mapped by `lookup`; (H, W).

    Raises:
        BadInput: The file is missing or no image, has colours instead of numbers, or numbers above 255.
    """
    try:
        with Image.open(path) as image:
            values = np.asarray(image)
    except OSError as error:
        raise BadInput(f"cannot read the mask: {error}", where=str(path)) from error
    if values.ndim != 2:
        raise BadInput(
            f"the mask has {values.shape[-1]} channels, not class numbers",
            where=str(path),
            do="save it as a grey or palette PNG whose values are the classes",
        )
    if values.max(initial=0) > 255:
        raise BadInput(f"the mask holds the number {values.max()}", where=str(path), do="255 is the largest")
    numbers = values.astype(np.uint8)
    return numbers if lookup is None else lookup[numbers]


def check_labels(labels: Labels, classes: int, where: Path) -> None:
    """Refuse a class number that the network does not have.

    Raises:
        BadInput: Names the file and the number.
    """
    worst = labels[labels != transforms.IGNORE].max(initial=0)
    if worst >= classes:
        raise BadInput(
            f"the mask holds class {worst}, but there are {classes} classes (0 to {classes - 1})",
            where=str(where),
            do="give a --label-map, complete classes.txt, or use 255 for what is to be ignored",
        )


def _lookup(label_map: LabelMap | None) -> npt.NDArray[np.uint8] | None:
    return label_map.lookup() if label_map else None


class Training(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Augmented samples: (3, H, W) float32, and a class number or an (H, W) mask of int64."""

    def __init__(self, listing: Listing, recipe: Recipe, look: Preprocessing) -> None:
        self.listing, self.recipe, self.look = listing, recipe, look
        self.lookup = _lookup(listing.label_map)

    def __len__(self) -> int:
        return len(self.listing.items)

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, torch.Tensor]:
        epoch, index = key
        rng = np.random.default_rng((self.recipe.seed, epoch, index))
        path, label = self.listing.items[index]
        image, mask = open_image(path), self._mask(label, path)
        image, mask = augmented(rng, image, mask, self.recipe)
        pixels = normalised(image, self.look)
        if mask is None:
            erased(rng, pixels, self.recipe.erase)
            return torch.from_numpy(pixels), torch.tensor(label)
        return torch.from_numpy(pixels), torch.from_numpy(np.asarray(mask).astype(np.int64))

    def _mask(self, label: int | Path, image: Path) -> Image.Image | None:
        if isinstance(label, int):
            return None
        numbers = open_mask(label, self.lookup)
        check_labels(numbers, len(self.listing.classes), label)
        return Image.fromarray(numbers)


def augmented(
    rng: np.random.Generator, image: Image.Image, mask: Image.Image | None, recipe: Recipe
) -> transforms.Pair:
    """One image, and its mask, changed as the recipe says and brought to its size."""
    if recipe.crop == "resized":
        image, mask = transforms.random_resized_crop(rng, image, mask, recipe.size, recipe.scale)
    elif recipe.crop == "scaled":
        image, mask = transforms.random_scale_crop(rng, image, mask, recipe.size, recipe.scale)
    else:
        image, mask = transforms.resize(image, mask, recipe.size)
    if rng.random() < recipe.flip:
        image, mask = transforms.flip(image, mask)
    if recipe.policy != "none":
        image = (policies.autoaugment if recipe.policy == "autoaugment" else policies.randaugment)(rng, image)
    if recipe.jitter:
        image = transforms.colour_jitter(rng, image, recipe.jitter)
    return image, mask


def erased(rng: np.random.Generator, pixels: npt.NDArray[np.float32], chance: float) -> None:
    """With that chance, put noise over a random box of 2 to 33 % of the area, in place."""
    if rng.random() >= chance:
        return
    height, width = pixels.shape[1:]
    left, top, right, bottom = transforms.crop_box(rng, width, height, (0.02, 0.33), (0.3, 3.3))
    pixels[:, top:bottom, left:right] = rng.normal(size=(3, bottom - top, right - left))


class Schedule(Sampler[list[Key]]):
    """The keys of each batch from step `start` on: a new order each epoch, this process's share of each batch."""

    def __init__(self, count: int, recipe: Recipe, start: int, total: int, rank: int, world: int) -> None:
        self.count, self.recipe, self.start, self.total = count, recipe, start, total
        self.rank, self.world = rank, world
        self.per_epoch = count // recipe.batch

    def __len__(self) -> int:
        return self.total - self.start

    def __iter__(self) -> Iterator[list[Key]]:
        order, last = np.empty(0, np.int64), -1
        for step in range(self.start, self.total):
            epoch, batch = divmod(step, self.per_epoch)
            if epoch != last:
                order, last = np.random.default_rng((self.recipe.seed, epoch)).permutation(self.count), epoch
            chosen = order[batch * self.recipe.batch : (batch + 1) * self.recipe.batch]
            yield [(epoch, int(i)) for i in chosen[self.rank :: self.world]]


@dataclass(frozen=True)
class Sample:
    """One image to measure on: its tensor (3, H, W), and its class number or its mask at full size."""

    pixels: npt.NDArray[np.float32]
    label: Labels


class Measuring(Dataset[Sample]):
    """Samples as the card says, unchanged; masks keep the size they have in the file."""

    def __init__(self, listing: Listing, look: Preprocessing) -> None:
        self.listing, self.look = listing, look
        self.lookup = _lookup(listing.label_map)

    def __len__(self) -> int:
        return len(self.listing.items)

    def __getitem__(self, index: int) -> Sample:
        path, label = self.listing.items[index]
        pixels = prepared(open_image(path), self.look)
        if isinstance(label, int):
            return Sample(pixels, np.asarray(label))
        numbers = open_mask(label, self.lookup)
        check_labels(numbers, len(self.listing.classes), label)
        return Sample(pixels, numbers)


class _Told(Dataset[object]):
    """Samples, or the error in place of one: raised in a worker process it would arrive as a traceback."""

    def __init__(self, samples: Dataset[object]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, key: object) -> object:
        try:
            return self.samples[key]
        except TrtconvError as error:
            return error


class _Collated:
    """Joins samples into a batch, unless one of them is an error: then that is the batch."""

    def __init__(self, join: Callable[[list[object]], object]) -> None:
        self.join = join

    def __call__(self, samples: list[object]) -> object:
        return next((s for s in samples if isinstance(s, TrtconvError)), None) or self.join(samples)


Batch = TypeVar("Batch")


def checked(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches of a loader made here.

    Raises:
        BadInput: A file of the data set cannot be used.
    """
    for batch in batches:
        if isinstance(batch, TrtconvError):
            raise batch
        yield batch


def training_batches(
    samples: Training, order: Schedule, workers: int, pinned: bool
) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of (N, 3, H, W) and their targets, in that order."""
    return DataLoader(
        _Told(samples),  # type: ignore[arg-type]
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_Collated(default_collate),
        pin_memory=pinned,
    )


def measuring_batches(
    samples: Dataset[Sample] | Sequence[Sample], batch: int, workers: int = 0
) -> DataLoader[list[Sample]]:
    """The samples in order, as lists of up to `batch`."""
    return DataLoader(
        _Told(samples),  # type: ignore[arg-type]
        batch_size=batch,
        num_workers=workers,
        collate_fn=_Collated(list),
    )
