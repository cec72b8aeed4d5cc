"""Where a data set keeps its images and labels: folders of classes, lists, image/mask lists, Cityscapes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trtconv.errors import BadInput
from trtconv.models.data.labels import CITYSCAPES, LabelMap

IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# Where the files of a list may lie besides the folder of the list itself (`jpg/` and `png/` are
# the habit of one of the systems whose lists name files without their folder).
IMAGE_FOLDERS = ("", "images", "jpg", "train", "val")
MASK_FOLDERS = ("", "masks", "png")


@dataclass(frozen=True)
class Listing:
    """The files of one split: `items` of (image, class number) or (image, mask file), and the classes' names."""

    items: tuple[tuple[Path, int | Path], ...]
    classes: tuple[str, ...]
    label_map: LabelMap | None = None

    @property
    def masks(self) -> bool:
        """Whether the labels are mask files."""
        return bool(self.items) and isinstance(self.items[0][1], Path)


@dataclass(frozen=True)
class Folder:
    """A data set's folder and how it is to be read; `split` lists one part of it.

    Attributes:
        root: the folder.
        masks: whether it holds masks and not classes.
        label_map: renumbers the masks; None takes the layout's own, if any.
        held_out: share of the images that is for validation where there is no split.
    """

    root: Path
    masks: bool
    label_map: LabelMap | None = None
    held_out: float = 0.1

    def split(self, name: str, classes: int | None = None, otherwise: tuple[str, ...] = ()) -> Listing:
        """The split `name` with its classes named, by `otherwise` if nothing else does.

        Raises:
            BadInput: The split cannot be read, or nothing says how many classes its masks have.
        """
        listing = find(self.root, name, masks=self.masks, held_out=self.held_out)
        return named(listing, self.label_map, classes, otherwise)


def is_image(path: Path) -> bool:
    """Whether the file's name is an image's."""
    return path.suffix.lower() in IMAGES


def find(root: Path, split: str, *, masks: bool, held_out: float = 0.1) -> Listing:
    """The listing of `split` ("train" or "val") under `root`, whichever known layout is there.

    Raises:
        BadInput: No known layout, or a line or file of it is wrong.
    """
    if not root.is_dir():
        raise BadInput(f"{root} is not a folder", do="give the data set's folder: --data DIR")
    listing = _masks(root, split) if masks else _classes(root, split, held_out)
    if not listing.items:
        raise BadInput(f"the {split} split of {root} holds no image", do=f"known endings: {' '.join(sorted(IMAGES))}")
    return listing


def _classes(root: Path, split: str, held_out: float) -> Listing:
    chosen = _list_file(root, split)
    if chosen:
        return _class_list(root, chosen)
    if (root / "list.txt").is_file():
        whole = _class_list(root, root / "list.txt")
        return Listing(_part(whole.items, split, held_out), whole.classes)
    if (root / split).is_dir():
        known = root / "train" if (root / "train").is_dir() else root / split
        return _class_folders(root / split, tuple(f.name for f in _subfolders(known)))
    return _split_folders(root, split, held_out)


def _list_file(root: Path, split: str) -> Path | None:
    """`train.txt` or `train_list.txt`."""
    return next((f for f in (root / f"{split}.txt", root / f"{split}_list.txt") if f.is_file()), None)


def _subfolders(root: Path) -> list[Path]:
    return sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))


def _class_folders(root: Path, names: tuple[str, ...]) -> Listing:
    """A folder of images a class; the numbers follow `names`, so that a split may lack a class."""
    items: list[tuple[Path, int | Path]] = []
    for folder in _subfolders(root):
        if folder.name not in names:
            raise BadInput(f"{folder.name} is no class of the training split", where=str(folder))
        items += [(f, names.index(folder.name)) for f in sorted(folder.rglob("*")) if is_image(f)]
    return Listing(tuple(items), names)


def _split_folders(root: Path, split: str, held_out: float) -> Listing:
    """One folder a class and no split: `held_out` of each class is for validation, the same each time."""
    whole = _class_folders(root, tuple(f.name for f in _subfolders(root)))
    if not whole.items:
        raise BadInput(
            f"{root} holds no data set of classes",
            do="known: train/CLASS/ and val/CLASS/, CLASS/ alone, train.txt and val.txt, list.txt (lines `path label`)",
        )
    of_class = [[item for item in whole.items if item[1] == c] for c in range(len(whole.classes))]
    return Listing(tuple(item for items in of_class for item in _part(tuple(items), split, held_out)), whole.classes)


def _part(
    items: tuple[tuple[Path, int | Path], ...], split: str, held_out: float
) -> tuple[tuple[Path, int | Path], ...]:
    order = np.random.default_rng(0).permutation(len(items))
    cut = round(len(items) * held_out)
    chosen = order[:cut] if split == "val" else order[cut:]
    return tuple(items[i] for i in sorted(chosen))


def _lines(path: Path) -> list[tuple[str, str]]:
    """(`file:number`, text) of the lines that hold something."""
    text = path.read_text(encoding="utf-8").splitlines()
    return [(f"{path}:{i}", line.strip()) for i, line in enumerate(text, 1) if line.strip()]


def _class_list(root: Path, path: Path) -> Listing:
    """Lines `path label`; the path may hold spaces."""
    items: list[tuple[Path, int | Path]] = []
    for where, line in _lines(path):
        name, _, label = line.replace("\t", " ").rpartition(" ")
        if not name or not label.isdigit():
            raise BadInput(
                f"not `path label`: {line[:80]!r}",
                where=where,
                do="write one image and its class number a line",
            )
        items.append((_locate(root, name.strip(), IMAGE_FOLDERS, where), int(label)))
    count = 1 + max((int(label) for _, label in items if isinstance(label, int)), default=-1)
    names = class_names(root) or tuple(str(i) for i in range(count))
    if len(names) < count:
        raise BadInput(f"label {count - 1}, but {len(names)} class names", where=str(path), do="complete classes.txt")
    return Listing(tuple(items), names)


def _masks(root: Path, split: str) -> Listing:
    chosen = _list_file(root, split)
    if chosen:
        return _mask_list(root, chosen)
    if (root / "leftImg8bit" / split).is_dir():
        return _cityscapes(root, split)
    raise BadInput(
        f"{root} holds no {split} split of images and masks",
        do=f"known: {split}.txt or {split}_list.txt with lines `image;mask` or `image,mask`, and Cityscapes' folders",
    )


def _mask_list(root: Path, path: Path) -> Listing:
    """Lines `image;mask` or `image,mask`."""
    items = []
    for where, line in _lines(path):
        names = [part.strip() for part in re.split("[;,]", line)]
        if len(names) != 2 or not all(names):
            raise BadInput(f"not `image;mask`: {line[:80]!r}", where=where, do="write one image and its mask a line")
        items.append((_locate(root, names[0], IMAGE_FOLDERS, where), _locate(root, names[1], MASK_FOLDERS, where)))
    return Listing(tuple(items), class_names(root))


def _cityscapes(root: Path, split: str) -> Listing:
    """`leftImg8bit/SPLIT/CITY/X_leftImg8bit.png` and `gtFine/SPLIT/CITY/X_gtFine_labelIds.png`."""
    items = []
    for image in sorted((root / "leftImg8bit" / split).glob("*/*_leftImg8bit.png")):
        stem = image.name.removesuffix("_leftImg8bit.png")
        mask = root / "gtFine" / split / image.parent.name / f"{stem}_gtFine_labelIds.png"
        if not mask.is_file():
            raise BadInput(f"{image} has no mask", where=str(mask), do="unpack gtFine_trainvaltest beside leftImg8bit")
        items.append((image, mask))
    return Listing(tuple(items), CITYSCAPES.names, CITYSCAPES)


def _locate(root: Path, name: str, folders: tuple[str, ...], where: str) -> Path:
    for folder in folders:
        if (root / folder / name).is_file():
            return root / folder / name
    raise BadInput(f"{name} is not there", where=where, do=f"give it relative to {root}")


def class_names(root: Path) -> tuple[str, ...]:
    """From `classes.txt` (a name a line) or `class_indices.json` ({"0": name}); empty when neither is there."""
    if (root / "classes.txt").is_file():
        return tuple(line for _, line in _lines(root / "classes.txt"))
    table = root / "class_indices.json"
    if not table.is_file():
        return ()
    try:
        named = {int(index): str(name) for index, name in json.loads(table.read_text(encoding="utf-8")).items()}
        return tuple(named[i] for i in range(len(named)))
    except (AttributeError, KeyError, ValueError) as error:
        raise BadInput("not a table of class names", where=str(table), do='write {"0": "name", "1": ...}') from error


def named(
    listing: Listing, label_map: LabelMap | None, classes: int | None, otherwise: tuple[str, ...] = ()
) -> Listing:
    """The listing with another label map, and with class names: its own, the map's, `otherwise`, or numbers.

    Raises:
        BadInput: Nothing says how many classes there are, or two sources disagree.
    """
    chosen = label_map or listing.label_map
    names = listing.classes
    if label_map and not (names and len(names) == label_map.count):
        names = label_map.names or tuple(str(i) for i in range(label_map.count))
    names = names or otherwise or tuple(str(i) for i in range(classes or 0))
    if not names:
        raise BadInput(
            "nothing says how many classes the masks have",
            do="write classes.txt (a name a line) beside the lists, or give --classes N",
        )
    if classes and classes != len(names):
        raise BadInput(f"{classes} classes are asked for, and {len(names)} are named", where="--classes")
    return Listing(listing.items, names, chosen)


def in_classes_of(listing: Listing, classes: tuple[str, ...]) -> Listing:
    """The listing with a network's classes: folders find their class by name, plain numbers are taken as they are.

    Raises:
        BadInput: A class that the network does not have.
    """
    own = listing.classes
    numbered = all(name.isdigit() for name in own) or all(name.isdigit() for name in classes)
    if own == classes or (numbered and len(own) <= len(classes)):
        return Listing(listing.items, classes, listing.label_map)
    strange = [name for name in own if name not in classes]
    if strange or listing.masks:
        raise BadInput(
            f"the data set's classes are not the network's: {', '.join(strange or own)[:200]}",
            do=f"the network knows {', '.join(classes)[:200]}",
        )
    number = [classes.index(name) for name in own]
    items = tuple((path, number[label] if isinstance(label, int) else label) for path, label in listing.items)
    return Listing(items, classes, listing.label_map)
