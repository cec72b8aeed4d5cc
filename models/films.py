"""Films, frame by frame, through OpenCV where it is installed; pictures never need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from trtconv.errors import BadInput, Unavailable
from trtconv.storage.files import writing, written_whole

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
    """Writes frames to an MP4 at the pace of `source`; the file appears whole or not at all."""
    cv2 = _opencv()
    pace = cv2.VideoCapture(str(source)).get(cv2.CAP_PROP_FPS) or 25.0
    film: Any = None
    # The name that OpenCV writes to must end like a film's.
    with writing(target), written_whole(target) as temporary, TemporaryDirectory() as folder:
        unfinished = Path(folder) / target.name

        def write(frame: Image.Image) -> None:
            nonlocal film
            if film is None:
                film = cv2.VideoWriter(str(unfinished), cv2.VideoWriter_fourcc(*"mp4v"), pace, frame.size)
            film.write(np.ascontiguousarray(np.asarray(frame)[:, :, ::-1]))

        yield write
        if film is None:
            raise BadInput("OpenCV finds no frame in the film", where=str(source))
        film.release()
        if not unfinished.is_file():
            raise Unavailable(
                "this OpenCV cannot write MP4", where=str(target), do="pip install opencv-python-headless"
            )
        copyfile(unfinished, temporary)
