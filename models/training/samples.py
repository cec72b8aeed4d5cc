"""Augmented samples in the order of a run.

A training sample depends on (seed, epoch, index) alone, not on who loads it or when: a run that was
killed, or that uses more worker processes, sees the same pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from trtconv.feeding.preprocessing import Preprocessing, normalised, open_image
from trtconv.models.data import policies, transforms
from trtconv.models.data.datasets import open_labels
from trtconv.models.data.layouts import Listing
from trtconv.models.data.loading import loader
from trtconv.models.training.recipes import Recipe

Key = tuple[int, int]
"""Epoch and index."""


class Training(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Augmented samples: (3, H, W) float32, and a class number or an (H, W) mask of int64."""

    def __init__(self, listing: Listing, recipe: Recipe, look: Preprocessing) -> None:
        self.listing, self.recipe, self.look = listing, recipe, look

    def __len__(self) -> int:
        return len(self.listing.items)

    def __getitem__(self, key: Key) -> tuple[torch.Tensor, torch.Tensor]:
        epoch, index = key
        rng = np.random.default_rng((self.recipe.seed, epoch, index))
        path, label = self.listing.items[index]
        image = open_image(path)
        if isinstance(label, int):
            image, _ = augmented(rng, image, None, self.recipe)
            pixels = normalised(image, self.look)
            erased(rng, pixels, self.recipe.erase)
            return torch.from_numpy(pixels), torch.tensor(label)
        image, mask = augmented(rng, image, Image.fromarray(open_labels(self.listing, label)), self.recipe)
        return torch.from_numpy(normalised(image, self.look)), torch.from_numpy(np.asarray(mask).astype(np.int64))


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


class Order(Sampler[list[Key]]):
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


def training_batches(
    samples: Training, order: Order, workers: int, pinned: bool
) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of (N, 3, H, W) and their targets, in that order; read them by `loading.checked`."""
    return loader(samples, default_collate, workers, batch_sampler=order, pin_memory=pinned)
