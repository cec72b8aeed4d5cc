"""From the label numbers in a data set's masks to the class numbers a network learns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trtconv.errors import BadInput
from trtconv.models.data.transforms import IGNORE


@dataclass(frozen=True)
class LabelMap:
    """`table` from mask value to class number; a value that is not in it is ignored."""

    table: dict[int, int]
    names: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many classes the map leads to."""
        return 1 + max((n for n in self.table.values() if n != IGNORE), default=-1)

    def lookup(self) -> npt.NDArray[np.uint8]:
        """A table of 256 entries, to be indexed with a mask."""
        entries = np.full(256, IGNORE, np.uint8)
        for value, number in self.table.items():
            entries[value] = number
        return entries


_CITYSCAPES = {
    7: "road",
    8: "sidewalk",
    11: "building",
    12: "wall",
    13: "fence",
    17: "pole",
    19: "traffic light",
    20: "traffic sign",
    21: "vegetation",
    22: "terrain",
    23: "sky",
    24: "person",
    25: "rider",
    26: "car",
    27: "truck",
    28: "bus",
    31: "train",
    32: "motorcycle",
    33: "bicycle",
}
CITYSCAPES = LabelMap({value: i for i, value in enumerate(_CITYSCAPES)}, tuple(_CITYSCAPES.values()))
"""The 34 label ids of Cityscapes to its 19 training classes."""

ADE20K = LabelMap({value: value - 1 for value in range(1, 151)})
"""ADE20k's masks count from 1; 0 is unlabelled."""

_COCO_STUFF_UNUSED = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}
COCO_STUFF = LabelMap({v: i for i, v in enumerate(v for v in range(182) if v not in _COCO_STUFF_UNUSED)})
"""COCO-Stuff's 182 ids, eleven of them unused, to 171 classes."""

NAMED = {"ade20k": ADE20K, "cityscapes": CITYSCAPES, "coco-stuff": COCO_STUFF}


def label_map(text: str) -> LabelMap:
    """A map by its name, or from a JSON file of {"mask value": class number}.

    Raises:
        BadInput: Neither a known name nor a file of numbers from 0 to 255.
    """
    if text in NAMED:
        return NAMED[text]
    path = Path(text)
    if not path.is_file():
        raise BadInput(f"{text} is no label map and no file", do=f"known: {', '.join(NAMED)}, or a JSON file")
    try:
        table = {int(value): int(number) for value, number in json.loads(path.read_text(encoding="utf-8")).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise BadInput("not a label map", where=text, do='write {"mask value": class number, ...}') from error
    if any(not 0 <= number <= 255 for pair in table.items() for number in pair):
        raise BadInput("a label map's numbers go from 0 to 255", where=text, do="leave out what is to be ignored")
    return LabelMap(table)
