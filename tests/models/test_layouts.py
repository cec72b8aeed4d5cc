import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trtconv.errors import BadInput
from trtconv.models.data import labels, layouts
from trtconv.models.data.transforms import IGNORE


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


def tree(root: Path, *names: str, **texts: str) -> Path:
    """Pictures at `names`, and text files (`train_txt` is train.txt)."""
    for name in names:
        picture(root / name)
    for name, text in texts.items():
        (root / name.replace("__", "/").replace("_txt", ".txt").replace("_json", ".json")).write_text(text)
    return root


def short(listing: layouts.Listing, root: Path) -> list[tuple[str, int | str]]:
    return [(str(f.relative_to(root)), x if isinstance(x, int) else str(x.relative_to(root))) for f, x in listing.items]


def test_class_folders(tmp_path: Path) -> None:
    root = tree(tmp_path, "train/b/1.png", "train/a/deep/2.JPG", "val/b/3.png")
    listing = layouts.find(root, "train", masks=False)
    assert listing.classes == ("a", "b")
    assert short(listing, root) == [("train/a/deep/2.JPG", 0), ("train/b/1.png", 1)]
    # A split that lacks class a must not count from 0 again.
    assert short(layouts.find(root, "val", masks=False), root) == [("val/b/3.png", 1)]


def test_folders_without_a_split_are_split_within_each_class(tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"{c}/{i}.png" for c in "ab" for i in range(10)))
    train, val = (layouts.find(root, split, masks=False, held_out=0.2) for split in ("train", "val"))
    assert [x for _, x in val.items] == [0, 0, 1, 1]
    assert not set(train.items) & set(val.items)
    assert len(train.items) == 16
    assert val == layouts.find(root, "val", masks=False, held_out=0.2)


@pytest.mark.parametrize("name", ["train_txt", "train_list_txt"])
def test_lists_of_paths_and_labels(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path, "x/1.png", "x/a b.png", **{name: "x/1.png 2\n\nx/a b.png 0\n"})
    listing = layouts.find(root, "train", masks=False)
    assert short(listing, root) == [("x/1.png", 2), ("x/a b.png", 0)]
    assert listing.classes == ("0", "1", "2")


def test_one_list_is_split_and_named(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        *(f"images/{i}.png" for i in range(10)),
        list_txt="".join(f"{i}.png {i % 2}\n" for i in range(10)),
        class_indices_json=json.dumps({"1": "dog", "0": "cat"}),
    )
    train, val = (layouts.find(root, split, masks=False) for split in ("train", "val"))
    assert train.classes == ("cat", "dog")
    assert (len(train.items), len(val.items)) == (9, 1)


@pytest.mark.parametrize("separator", [";", ",", " ; "])
def test_mask_lists(tmp_path: Path, separator: str) -> None:
    root = tree(tmp_path, "jpg/1.jpg", "png/1.png", train_txt=f"1.jpg{separator}1.png\n", classes_txt="bg\nfg\n")
    listing = layouts.find(root, "train", masks=True)
    assert listing.masks
    assert listing.classes == ("bg", "fg")
    assert short(listing, root) == [("jpg/1.jpg", "png/1.png")]


def test_cityscapes(tmp_path: Path) -> None:
    root = tree(tmp_path, "leftImg8bit/val/ulm/u_1_leftImg8bit.png", "gtFine/val/ulm/u_1_gtFine_labelIds.png")
    listing = layouts.find(root, "val", masks=True)
    assert len(listing.classes) == 19
    assert listing.label_map is not None
    lookup = listing.label_map.lookup()
    assert [int(lookup[i]) for i in (7, 8, 11, 33, 0, 255)] == [0, 1, 2, 18, IGNORE, IGNORE]


BAD = {
    "no folder": ({}, "nowhere", False, "is not a folder"),
    "empty": ({}, "", False, "no data set of classes"),
    "no masks": ({}, "", True, "no train split"),
    "label is no number": ({"train_txt": "a.png cat\n"}, "", False, "not `path label`"),
    "file missing": ({"train_txt": "a.png 0\n"}, "", False, "a.png is not there"),
    "mask missing": ({"train_txt": "1.png\n"}, "", True, "not `image;mask`"),
    "too many parts": ({"train_txt": "1.png;2.png;3.png\n"}, "", True, "not `image;mask`"),
    "names no table": ({"train_txt": "", "class_indices_json": "[]"}, "", False, "not a table of class names"),
    "nothing listed": ({"train_txt": "\n"}, "", False, "holds no image"),
}


@pytest.mark.parametrize(("texts", "folder", "masks", "said"), BAD.values(), ids=BAD)
def test_refusals(tmp_path: Path, texts: dict[str, str], folder: str, masks: bool, said: str) -> None:
    tree(tmp_path, **texts)
    with pytest.raises(BadInput, match=said):
        layouts.find(tmp_path / folder, "train", masks=masks)


def test_a_class_that_only_validation_has_is_refused(tmp_path: Path) -> None:
    root = tree(tmp_path, "train/a/1.png", "val/z/1.png")
    with pytest.raises(BadInput, match="z is no class of the training split"):
        layouts.find(root, "val", masks=False)


def masks_of(classes: tuple[str, ...]) -> layouts.Listing:
    return layouts.Listing(((Path("a"), Path("b")),), classes)


def test_who_names_the_classes() -> None:
    with pytest.raises(BadInput, match="how many classes"):
        layouts.named(masks_of(()), None, None)
    assert layouts.named(masks_of(()), None, 3).classes == ("0", "1", "2")
    assert layouts.named(masks_of(()), None, None, ("x", "y")).classes == ("x", "y")
    assert layouts.named(masks_of(()), labels.ADE20K, None).classes == tuple(map(str, range(150)))
    assert layouts.named(masks_of(("a", "b")), None, None).classes == ("a", "b")
    with pytest.raises(BadInput, match="3 classes are asked for, and 2"):
        layouts.named(masks_of(("a", "b")), None, 3)


def test_folders_find_their_class_in_the_network_by_name() -> None:
    listing = layouts.Listing(((Path("1"), 0), (Path("2"), 1)), ("cat", "dog"))
    placed = layouts.in_classes_of(listing, ("bird", "dog", "cat"))
    assert [x for _, x in placed.items] == [2, 1]
    with pytest.raises(BadInput, match="not the network's: cat"):
        layouts.in_classes_of(listing, ("dog", "bird"))
    numbered = layouts.Listing(((Path("1"), 0),), ("0", "1"))
    assert layouts.in_classes_of(numbered, ("cat", "dog")).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "classes", "pairs"),
    [
        ("cityscapes", 19, {7: 0, 33: 18, 34: IGNORE}),
        ("ade20k", 150, {0: IGNORE, 1: 0, 150: 149, 151: IGNORE}),
        ("coco-stuff", 171, {0: 0, 10: 10, 11: IGNORE, 12: 11, 181: 170}),
    ],
)
def test_named_label_maps(name: str, classes: int, pairs: dict[int, int]) -> None:
    found = labels.label_map(name)
    assert found.count == classes
    assert {value: int(found.lookup()[value]) for value in pairs} == pairs


def test_label_map_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('{"10": 0, "20": 1}')
    assert np.flatnonzero(labels.label_map(str(path)).lookup() != IGNORE).tolist() == [10, 20]


@pytest.mark.parametrize("text", ['{"-1": 0}', '{"1": 256}', "[1]", "no json", '{"a": 1}'])
def test_label_maps_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(text)
    with pytest.raises(BadInput, match="label map"):
        labels.label_map(str(path))
