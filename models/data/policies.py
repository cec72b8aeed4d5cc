"""AutoAugment and RandAugment: chains of simple changes to a picture, as published for ImageNet.

AutoAugment: Cubuk et al. 2019, table 9 (25 pairs of change, chance and magnitude 0 to 9).
RandAugment: Cubuk et al. 2020; here two changes of magnitude 9 with a deviation of 0.5, which
is what timm's `rand-m9-mstd0.5` asks for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

FILL = (124, 116, 104)
"""What lies outside the picture: ImageNet's mean colour."""

Change = Callable[[Image.Image, float], Image.Image]


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=FILL)


def _posterize(image: Image.Image, level: float) -> Image.Image:
    return ImageOps.posterize(image, 8 - round(level * 4))


def _rotate(image: Image.Image, level: float) -> Image.Image:
    return image.rotate(level * 30, Image.Resampling.BILINEAR, fillcolor=FILL)


def _enhance(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> Change:
    return lambda image, level: kind(image).enhance(1 + level * 0.9)


CHANGES: dict[str, Change] = {
    "AutoContrast": lambda image, level: ImageOps.autocontrast(image),
    "Brightness": _enhance(ImageEnhance.Brightness),
    "Color": _enhance(ImageEnhance.Color),
    "Contrast": _enhance(ImageEnhance.Contrast),
    "Equalize": lambda image, level: ImageOps.equalize(image),
    "Invert": lambda image, level: ImageOps.invert(image),
    "Posterize": _posterize,
    "Rotate": _rotate,
    "Sharpness": _enhance(ImageEnhance.Sharpness),
    "ShearX": lambda image, level: _affine(image, (1, level * 0.3, 0, 0, 1, 0)),
    "ShearY": lambda image, level: _affine(image, (1, 0, 0, level * 0.3, 1, 0)),
    "Solarize": lambda image, level: ImageOps.solarize(image, round(256 - level * 256)),
    "TranslateX": lambda image, level: _affine(image, (1, 0, level * 0.45 * image.width, 0, 1, 0)),
    "TranslateY": lambda image, level: _affine(image, (1, 0, 0, 0, 1, level * 0.45 * image.height)),
}
"""Each change at a level from 0 to 1; those that have two directions take a negative level too."""

ONE_WAY = {"AutoContrast", "Equalize", "Invert", "Posterize", "Solarize"}

# Two changes a line: name, chance in tenths, magnitude.
_PAIRS = """
Posterize 4 8 Rotate 6 9, Solarize 6 5 AutoContrast 6 5, Equalize 8 8 Equalize 6 3,
Posterize 6 7 Posterize 6 6, Equalize 4 7 Solarize 2 4, Equalize 4 4 Rotate 8 8,
Solarize 6 3 Equalize 6 7, Posterize 8 5 Equalize 10 2, Rotate 2 3 Solarize 6 8,
Equalize 6 8 Posterize 4 6, Rotate 8 8 Color 4 0, Rotate 4 9 Equalize 6 2,
Equalize 0 7 Equalize 8 8, Invert 6 4 Equalize 10 8, Color 6 4 Contrast 10 8,
Rotate 8 8 Color 10 2, Color 8 8 Solarize 8 7, Sharpness 4 7 Invert 6 8,
ShearX 6 5 Equalize 10 9, Color 4 0 Equalize 6 3, Equalize 4 7 Solarize 2 4,
Solarize 6 5 AutoContrast 6 5, Invert 6 4 Equalize 10 8, Color 6 4 Contrast 10 8,
Equalize 8 8 Equalize 6 3
"""


def _parse(pair: str) -> list[tuple[str, float, int]]:
    a, p, m, b, q, n = pair.split()
    return [(a, int(p) / 10, int(m)), (b, int(q) / 10, int(n))]


AUTOAUGMENT = [_parse(pair) for pair in _PAIRS.split(",")]


def _apply(rng: np.random.Generator, image: Image.Image, name: str, level: float) -> Image.Image:
    sign = 1 if name in ONE_WAY or rng.random() < 0.5 else -1
    return CHANGES[name](image, sign * level)


def autoaugment(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """One of the 25 pairs, each of its two changes with its own chance."""
    for name, chance, level in AUTOAUGMENT[int(rng.integers(len(AUTOAUGMENT)))]:
        if rng.random() < chance:
            image = _apply(rng, image, name, level / 9)
    return image


def randaugment(rng: np.random.Generator, image: Image.Image, count: int = 2, level: float = 9.0) -> Image.Image:
    """`count` changes, each with even chance of being left out, at about `level`."""
    for name in rng.choice(sorted(CHANGES), count):
        if rng.random() < 0.5:
            image = _apply(rng, image, str(name), float(np.clip(rng.normal(level, 0.5), 0, 10)) / 10)
    return image
