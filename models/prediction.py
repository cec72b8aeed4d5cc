"""What a network says about pictures and films: the best classes, or a mask laid over the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from trtconv.errors import BadInput
from trtconv.feeding.preprocessing import fitted, open_image, prepared
from trtconv.models import films
from trtconv.models.data.layouts import is_image
from trtconv.models.evaluation import labels_at
from trtconv.models.runners import Runner

Mask = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Guess:
    """One class with its probability; NaN where the network tells only the class."""

    name: str
    index: int
    probability: float


@dataclass(frozen=True)
class Prediction:
    """What was said about one picture: guesses, best first, or the share of it that each class covers."""

    source: str
    guesses: tuple[Guess, ...]
    written: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = ", ".join(f"{g.name} {g.probability:.1%}" for g in self.guesses)
        return f"{self.source}: {said}" + (f" -> {', '.join(self.written)}" if self.written else "")

    def to_json(self) -> dict[str, object]:
        """The same as JSON values."""
        guesses = [{"class": g.name, "index": g.index, "share": g.probability} for g in self.guesses]
        return {"source": self.source, "guesses": guesses, "written": list(self.written)}


def sources(paths: Iterable[Path], wanted: Callable[[Path], bool]) -> Iterator[tuple[Path, str]]:
    """The files among `paths`, and the wanted ones in the folders among them, each with a stem of its own.

    Raises:
        BadInput: A path that is not there, or a folder with no such file.
    """
    used: Counter[str] = Counter()
    for path in paths:
        found = [path] if path.is_file() else sorted(filter(wanted, path.rglob("*")))
        if not found:
            raise BadInput(f"{path} is no file, and no folder with images or films")
        for file in found:
            parts = (file.name,) if file == path else file.relative_to(path).parts
            stem = "_".join((*parts[:-1], file.stem))
            used[stem] += 1
            yield file, stem if used[stem] == 1 else f"{stem}_{used[stem]}"


def chances(runner: Runner, image: Image.Image) -> torch.Tensor:
    """The probability of each class, (C); of a network that ends with an argmax, 1 for its answer."""
    card = runner.card
    output = torch.from_numpy(runner(prepared(image, card.preprocessing)[None]))[0]
    if card.output == "argmax":
        return torch.nn.functional.one_hot(output.long(), len(card.classes)).float()
    return output.float() if card.output == "softmax" else output.float().softmax(dim=0)


def ranked(chances: torch.Tensor, classes: tuple[str, ...], source: str, top: int) -> Prediction:
    """The `top` most probable classes."""
    values, places = chances.topk(min(top, len(classes)))
    guesses = zip(values.tolist(), places.tolist(), strict=True)
    return Prediction(source, tuple(Guess(classes[i], i, value) for value, i in guesses))


def segment(runner: Runner, image: Image.Image) -> Mask:
    """The class of each pixel of the picture, (H, W); what a central crop cuts off is not looked at."""
    look = runner.card.preprocessing
    output = torch.from_numpy(runner(prepared(image, look)[None]))
    size = image if look.crop is None else fitted(image, look)
    return labels_at(output, (size.height, size.width))


def coverage(counts: Mask, classes: tuple[str, ...], source: str, written: tuple[str, ...] = ()) -> Prediction:
    """The share of all pixels that each class covers, largest first, from its number of pixels."""
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    return Prediction(source, tuple(Guess(classes[i], i, counts[i] / counts.sum()) for i in order), written)


def palette(classes: int) -> npt.NDArray[np.uint8]:
    """A colour for each class, (classes, 3): a number's bits dealt out to red, green and blue, as in PASCAL VOC."""
    numbers = np.arange(classes)
    colours = np.zeros((classes, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((numbers >> (3 * bit + channel)) & 1).astype(np.uint8) << (7 - bit)
    return colours


def overlay(image: Image.Image, mask: Mask, classes: int, opacity: float = 0.5) -> Image.Image:
    """The picture with each class in its colour; class 0 of the palette is black, and darkens."""
    colours = Image.fromarray(palette(classes)[mask])
    return Image.blend(image.resize(colours.size), colours, opacity)


def index_image(mask: Mask, classes: int) -> Image.Image:
    """The class numbers as a palette PNG: a mask to train on that can be looked at."""
    image = Image.fromarray(mask.astype(np.uint8))
    image.putpalette(palette(classes).tobytes())
    return image


def predict(
    runner: Runner, paths: Iterable[Path], out: Path, *, top: int = 5, opacity: float = 0.5, masks: bool = False
) -> Iterator[Prediction]:
    """A prediction for each picture or film as it is made; of segmentation, overlays (and masks) go to `out`.

    Raises:
        BadInput: A file cannot be read.
        Unavailable: A film, and OpenCV is not installed.
    """
    for path, stem in sources(paths, lambda file: is_image(file) or films.is_film(file)):
        if films.is_film(path):
            yield _film(runner, path, out / f"{stem}_overlay.mp4", top, opacity)
        elif runner.card.task == "classification":
            yield ranked(chances(runner, open_image(path)), runner.card.classes, str(path), top)
        else:
            yield _picture(runner, path, out / stem, opacity, masks)


def _picture(runner: Runner, path: Path, stem: Path, opacity: float, masks: bool) -> Prediction:
    image, classes = open_image(path), runner.card.classes
    mask = segment(runner, image)
    made = {"overlay": overlay(image, mask, len(classes), opacity)}
    if masks:
        made["mask"] = index_image(mask, len(classes))
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = {f"{stem}_{kind}.png": picture for kind, picture in made.items()}
    for file, picture in files.items():
        picture.save(file)
    counts = np.bincount(mask.ravel(), minlength=len(classes))
    return coverage(counts, classes, str(path), tuple(files))


def _film(runner: Runner, path: Path, target: Path, top: int, opacity: float) -> Prediction:
    """The classes averaged over all frames, or a film of overlays."""
    classes = runner.card.classes
    if runner.card.task == "classification":
        each = [chances(runner, frame) for frame in films.frames(path)]
        return ranked(torch.stack(each).mean(dim=0), classes, str(path), top)
    counts = np.zeros(len(classes), np.int64)
    target.parent.mkdir(parents=True, exist_ok=True)
    with films.writer(path, target) as write:
        for frame in films.frames(path):
            mask = segment(runner, frame)
            counts += np.bincount(mask.ravel(), minlength=len(classes))
            write(overlay(frame, mask, len(classes), opacity))
    return coverage(counts, classes, str(path), (str(target),))
