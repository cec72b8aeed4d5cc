"""From a picture to the input tensor, exactly as the model card says; used in training and in use alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from trtconv.errors import BadInput
from trtconv.models.card import Preprocessing

Pixels = npt.NDArray[np.float32]
"""(3, H, W), normalised."""

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def open_image(path: Path) -> Image.Image:
    """The picture as RGB, whatever its mode in the file.

    Raises:
        BadInput: The file is missing or no image.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BadInput(f"cannot read the image: {error}", where=str(path)) from error


def fitted(image: Image.Image, look: Preprocessing) -> Image.Image:
    """Resized and cut as the card says; a short side keeps the image's proportions."""
    if look.resize is not None:
        image = image.resize(_target(image, look.resize), FILTERS[look.interpolation])
    if look.crop is not None:
        height, width = look.crop
        left, top = round((image.width - width) / 2), round((image.height - height) / 2)
        image = image.crop((left, top, left + width, top + height))
    return image


def _target(image: Image.Image, wanted: int | tuple[int, int]) -> tuple[int, int]:
    """Width and height after resizing."""
    if not isinstance(wanted, int):
        return wanted[1], wanted[0]
    short = min(image.size)
    return max(1, int(image.width * wanted / short)), max(1, int(image.height * wanted / short))


def normalised(image: Image.Image, look: Preprocessing) -> Pixels:
    """`(x * scale - mean) / std` with channels first, in the card's order of colours."""
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1)
    if look.colour == "BGR":
        pixels = pixels[::-1]
    mean = np.asarray(look.mean, np.float32)[:, None, None]
    std = np.asarray(look.std, np.float32)[:, None, None]
    return np.ascontiguousarray((pixels * np.float32(look.scale) - mean) / std)


def prepared(image: Image.Image, look: Preprocessing) -> Pixels:
    """The whole way: fitted, then normalised."""
    return normalised(fitted(image, look), look)
