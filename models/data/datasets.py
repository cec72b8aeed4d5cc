"""Masks as they lie in files, and the samples that a network is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from trtconv.errors import BadInput
from trtconv.feeding.preprocessing import Preprocessing, open_image, prepared
from trtconv.models.data import transforms
from trtconv.models.data.layouts import Listing
from trtconv.models.data.loading import loader

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


def open_labels(listing: Listing, path: Path) -> npt.NDArray[np.uint8]:
    """A mask of the listing as class numbers and `IGNORE`, (H, W).

    Raises:
        BadInput: See `open_mask`; or the mask holds a class that the listing does not have.
    """
    labels = open_mask(path, listing.label_map.lookup() if listing.label_map else None)
    worst, classes = labels[labels != transforms.IGNORE].max(initial=0), len(listing.classes)
    if worst >= classes:
        raise BadInput(
            f"the mask holds class {worst}, but there are {classes} classes (0 to {classes - 1})",
            where=str(path),
            do="give a --label-map, complete classes.txt, or use 255 for what is to be ignored",
        )
    return labels


@dataclass(frozen=True)
class Sample:
    """One image to measure on: its tensor (3, H, W), and its class number or its mask at full size."""

    pixels: npt.NDArray[np.float32]
    label: Labels


class Measuring(Dataset[Sample]):
    """Samples as the card says, unchanged; masks keep the size they have in the file."""

    def __init__(self, listing: Listing, look: Preprocessing) -> None:
        self.listing, self.look = listing, look

    def __len__(self) -> int:
        return len(self.listing.items)

    def __getitem__(self, index: int) -> Sample:
        path, label = self.listing.items[index]
        pixels = prepared(open_image(path), self.look)
        if isinstance(label, int):
            return Sample(pixels, np.asarray(label))
        return Sample(pixels, open_labels(self.listing, label))


def measuring_batches(
    samples: Dataset[Sample] | Sequence[Sample], batch: int, workers: int = 0
) -> DataLoader[list[Sample]]:
    """The samples in order, as lists of up to `batch`; read them by `loading.checked`."""
    return loader(samples, list, workers, batch_size=batch)
