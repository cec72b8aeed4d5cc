"""Random changes of a training image, and of its mask with it.

Images are RGB Pillow images, masks single-channel ones of class numbers. A mask is never
interpolated: it is resized with nearest neighbours and padded with `IGNORE`. Every function
takes its own random generator, so that a sample depends on its seed alone.
"""

from __future__ import annotations

from math import exp, log

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

IGNORE = 255
"""The mask value that no loss and no metric counts."""

BILINEAR = Image.Resampling.BILINEAR
NEAREST = Image.Resampling.NEAREST

Size = tuple[int, int]
"""Height and width in pixels, in the order of a tensor's shape (Pillow's own order is width, height)."""

Pair = tuple[Image.Image, Image.Image | None]


def resize(image: Image.Image, mask: Image.Image | None, size: Size) -> Pair:
    """Both at `size`; the mask with nearest neighbours."""
    swapped = size[1], size[0]
    return image.resize(swapped, BILINEAR), mask.resize(swapped, NEAREST) if mask else None


def flip(image: Image.Image, mask: Image.Image | None) -> Pair:
    """Both mirrored left to right."""
    return ImageOps.mirror(image), ImageOps.mirror(mask) if mask else None


def crop(image: Image.Image, mask: Image.Image | None, box: tuple[int, int, int, int]) -> Pair:
    """Both cut to `box` (left, upper, right, lower)."""
    return image.crop(box), mask.crop(box) if mask else None


def crop_box(
    rng: np.random.Generator, width: int, height: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[int, int, int, int]:
    """A box of `scale` of the area, width to height between `ratio`; the largest fitting box after ten misses."""
    for _ in range(10):
        area = width * height * rng.uniform(*scale)
        aspect = exp(rng.uniform(log(ratio[0]), log(ratio[1])))
        w, h = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return left, top, left + w, top + h
    w, h = min(width, round(height * ratio[1])), min(height, round(width / ratio[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def random_resized_crop(
    rng: np.random.Generator,
    image: Image.Image,
    mask: Image.Image | None,
    size: Size,
    scale: tuple[float, float],
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Pair:
    """A part of `scale` of the area and `ratio` of width to height, brought to `size`."""
    box = crop_box(rng, image.width, image.height, scale, ratio)
    return resize(*crop(image, mask, box), size)


def random_scale_crop(
    rng: np.random.Generator,
    image: Image.Image,
    mask: Image.Image | None,
    size: Size,
    scale: tuple[float, float],
) -> Pair:
    """Scale by a uniform factor, pad to `size` where needed (image 0, mask `IGNORE`), cut `size` somewhere."""
    factor = rng.uniform(*scale)
    scaled = max(1, round(image.height * factor)), max(1, round(image.width * factor))
    image, mask = pad_to(*resize(image, mask, scaled), size)
    left = int(rng.integers(image.width - size[1] + 1))
    top = int(rng.integers(image.height - size[0] + 1))
    return crop(image, mask, (left, top, left + size[1], top + size[0]))


def pad_to(image: Image.Image, mask: Image.Image | None, size: Size) -> Pair:
    """Both at least `size`, what is missing split over the sides: 0 in the image, `IGNORE` in the mask."""
    width, height = max(size[1], image.width), max(size[0], image.height)
    if (width, height) == image.size:
        return image, mask
    left, top = (width - image.width) // 2, (height - image.height) // 2
    border = left, top, width - image.width - left, height - image.height - top
    return ImageOps.expand(image, border, 0), ImageOps.expand(mask, border, IGNORE) if mask else None


def colour_jitter(rng: np.random.Generator, image: Image.Image, strength: float) -> Image.Image:
    """Brightness, contrast and saturation, each times a factor from `1 - strength` to `1 + strength`."""
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = change(image).enhance(rng.uniform(max(0.0, 1 - strength), 1 + strength))
    return image
