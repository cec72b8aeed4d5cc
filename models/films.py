"""Films, frame by frame, through OpenCV where it is installed; pictures never need it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from trtconv.errors import BadInput, Unavailable

ENDINGS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"}


def is_film(path: Path) -> bool:
    """Whether the file's name is a film's."""
    return path.suffix.lower() in ENDINGS


def _opencv() -> ModuleType:
    try:
        import cv2  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise Unavailable(
            "reading a film needs OpenCV, which is not installed", do="pip install opencv-python-headless"
        ) from error
    found: ModuleType = cv2
    return found


def frames(path: Path) -> Iterator[Image.Image]:
    """The frames of a film as RGB pictures.

    Raises:
        Unavailable: OpenCV is not installed.
        BadInput: OpenCV cannot read the film, or it has no frame.
    """
    cv2 = _opencv()
    film = cv2.VideoCapture(str(path))
    read, pixels = film.read()
    if not read:
        raise BadInput("OpenCV finds no frame in the film", where=str(path))
    while read:
        yield Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
        read, pixels = film.read()
    film.release()


@contextmanager
def writer(source: Path, target: Path) -> Iterator[Callable[[Image.Image], None]]:
    """Writes frames to an MP4 at the pace of `source`; the file appears once it is whole."""
    cv2 = _opencv()
    pace = cv2.VideoCapture(str(source)).get(cv2.CAP_PROP_FPS) or 25.0
    unfinished = target.with_name(f".{target.name}")
    film: Any = None

    def write(frame: Image.Image) -> None:
        nonlocal film
        if film is None:
            film = cv2.VideoWriter(str(unfinished), cv2.VideoWriter_fourcc(*"mp4v"), pace, frame.size)
        film.write(np.asarray(frame)[:, :, ::-1])

    try:
        yield write
        if film is None:
            raise BadInput("OpenCV finds no frame in the film", where=str(source))
        film.release()
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
