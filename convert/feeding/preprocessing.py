"""From a picture to the input tensor, exactly as a model's card says; the same in training, in use and in `verify`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from trtconv.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CARD_KEY = "trtconv.card"
"""Metadata key of an ONNX file under which its card stands as JSON; the card's `preprocessing` is the one below."""

Pixels = npt.NDArray[np.float32]
"""(3, H, W), normalised."""


@dataclass(frozen=True)
class Preprocessing:
    """How an image file becomes the input tensor: resize, crop, ``(x * scale - mean) / std``, CHW.

    Attributes:
        resize: length of the short side, or (height, width), in pixels; None keeps the image's size.
        crop: (height, width) of the central crop in pixels, or None.
        mean: subtracted from each channel, in the order of ``colour``, after ``scale``.
        std: each channel is divided by it, in the order of ``colour``.
        colour: order of the channels the network was trained on.
        scale: factor on the 8-bit pixel values.
        interpolation: how the image is resized.
    """

    resize: int | tuple[int, int] | None = 256
    crop: tuple[int, int] | None = (224, 224)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    colour: Literal["RGB", "BGR"] = "RGB"
    scale: float = 1 / 255
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bilinear"

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Preprocessing:
        """What ``dataclasses.asdict`` made, back from JSON; raises TypeError for what is no preprocessing."""
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
        return cls(**fields)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Preprocessing | None:
        """The preprocessing in the metadata of an ONNX file; None where there is none that can be read."""
        try:
            return cls.from_json(json.loads(metadata[CARD_KEY])["preprocessing"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


def open_image(path: Path) -> Image:
    """The picture as RGB, whatever its mode in the file.

    Raises:
        BadInput: The file is missing or no image.
        Unavailable: Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise Unavailable("reading pictures needs Pillow", do="pip install 'trtconv[images]'") from error
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BadInput(f"cannot read the image: {error}", where=str(path)) from error


def fitted(image: Image, look: Preprocessing) -> Image:
    """Resized and cut as the card says; a short side keeps the image's proportions."""
    from PIL.Image import Resampling

    if look.resize is not None:
        image = image.resize(_target(image, look.resize), Resampling[look.interpolation.upper()])
    if look.crop is not None:
        height, width = look.crop
        left, top = round((image.width - width) / 2), round((image.height - height) / 2)
        image = image.crop((left, top, left + width, top + height))
    return image


def _target(image: Image, wanted: int | tuple[int, int]) -> tuple[int, int]:
    """Width and height after resizing."""
    if not isinstance(wanted, int):
        return wanted[1], wanted[0]
    short = min(image.size)
    return max(1, int(image.width * wanted / short)), max(1, int(image.height * wanted / short))


def normalised(image: Image, look: Preprocessing) -> Pixels:
    """`(x * scale - mean) / std` with channels first, in the card's order of colours."""
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1)
    if look.colour == "BGR":
        pixels = pixels[::-1]
    mean = np.asarray(look.mean, np.float32)[:, None, None]
    std = np.asarray(look.std, np.float32)[:, None, None]
    return np.ascontiguousarray((pixels * np.float32(look.scale) - mean) / std)


def prepared(image: Image, look: Preprocessing) -> Pixels:
    """The whole way: fitted, then normalised."""
    return normalised(fitted(image, look), look)
