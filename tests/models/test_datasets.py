from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from trtconv.errors import BadInput
from trtconv.feeding.preprocessing import Preprocessing, open_image, prepared
from trtconv.models.data import layouts
from trtconv.models.data.datasets import Measuring, open_mask
from trtconv.models.data.transforms import IGNORE
from trtconv.models.training.recipes import Recipe
from trtconv.models.training.samples import Order, Training

RECIPE = Recipe(size=(24, 40), crop="scaled", scale=(0.5, 1.5), jitter=0.3, batch=6)


def test_masks_stay_class_numbers(mask_data: Path) -> None:
    listing = layouts.find(mask_data, "train", masks=True)
    data = Training(listing, RECIPE, Preprocessing())
    for index in range(6):
        pixels, mask = data[(0, index)]
        assert (pixels.shape, pixels.dtype) == ((3, 24, 40), torch.float32)
        assert (mask.shape, mask.dtype) == ((24, 40), torch.int64)
        assert set(mask.unique().tolist()) <= {0, 1, 2, 3, 4, 5, IGNORE}


def test_a_sample_follows_from_seed_epoch_and_index(class_data: Path) -> None:
    recipe = replace(RECIPE, crop="resized", scale=(0.5, 1.0), erase=0.5, policy="randaugment")
    listing = layouts.find(class_data, "train", masks=False)
    first, second = (Training(listing, recipe, Preprocessing()) for _ in range(2))
    assert torch.equal(first[(3, 7)][0], second[(3, 7)][0])
    assert not torch.equal(first[(3, 7)][0], first[(4, 7)][0])
    other = Training(listing, replace(recipe, seed=1), Preprocessing())
    assert not torch.equal(first[(3, 7)][0], other[(3, 7)][0])


@given(st.integers(4, 40), st.integers(1, 3), st.integers(1, 30), st.data())
@settings(max_examples=50, deadline=None)
def test_order_of_a_continued_run_is_the_rest_of_the_whole(
    count: int, each: int, total: int, data: st.DataObject
) -> None:
    world = data.draw(st.integers(1, 3))
    recipe = Recipe(batch=min(each * world, count))
    start = data.draw(st.integers(0, total))
    for rank in range(world):
        whole = list(Order(count, recipe, 0, total, rank, world))
        assert list(Order(count, recipe, start, total, rank, world)) == whole[start:]


def test_an_epoch_sees_each_image_once_over_all_processes() -> None:
    shares = [list(Order(12, Recipe(batch=6), 0, 4, rank, 2)) for rank in range(2)]
    seen = [key for share in shares for batch in share for key in batch]
    assert sorted(seen) == [(epoch, i) for epoch in range(2) for i in range(12)]
    assert [len(batch) for batch in shares[0]] == [3] * 4


def test_measuring_keeps_the_mask_as_it_is(mask_data: Path) -> None:
    listing = layouts.find(mask_data, "val", masks=True)
    sample = Measuring(listing, Preprocessing(resize=(32, 32), crop=None))[0]
    assert sample.pixels.shape == (3, 32, 32)
    assert isinstance(listing.items[0][1], Path)
    np.testing.assert_array_equal(sample.label, np.asarray(Image.open(listing.items[0][1])))


def save(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values).save(path)
    return path


def test_mask_files_that_cannot_be_meant(tmp_path: Path) -> None:
    colour = save(tmp_path / "c.png", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(BadInput, match="3 channels, not class numbers"):
        open_mask(colour)
    deep = save(tmp_path / "d.png", np.full((2, 2), 300, np.uint16))
    with pytest.raises(BadInput, match="the number 300"):
        open_mask(deep)
    text = tmp_path / "t.png"
    text.write_text("no picture")
    with pytest.raises(BadInput, match="cannot read the mask"):
        open_mask(text)


def test_palette_masks_give_their_numbers(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 255]], np.uint8))
    image.putpalette(list(range(256)) * 3)
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "p.png"), [[0, 1], [2, 255]])


def test_a_class_beyond_the_last_is_refused_with_its_file(mask_data: Path) -> None:
    listing = layouts.find(mask_data, "train", masks=True)
    few = replace(listing, classes=("background",))
    with pytest.raises(BadInput, match=r"holds class \d, but there are 1 classes") as caught:
        [Training(few, RECIPE, Preprocessing())[(0, i)] for i in range(3)]
    assert "masks/train" in caught.value.where


def test_preprocessing_by_hand() -> None:
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    look = Preprocessing(resize=None, crop=(2, 2), mean=(0.1, 0.2, 0.3), std=(1, 2, 4))
    pixels = np.asarray(image)[1:3, 1:3].transpose(2, 0, 1) / 255
    expected = (pixels - np.array(look.mean)[:, None, None]) / np.array(look.std)[:, None, None]
    # Pixel minus mean cancels digits of float32: the error is one of the pixel, not of the difference.
    np.testing.assert_allclose(prepared(image, look), expected, rtol=1e-6, atol=1e-7)
    blue = prepared(image, replace(look, colour="BGR", mean=(0, 0, 0), std=(1, 1, 1)))
    np.testing.assert_allclose(blue, pixels[::-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("size", "look", "shape"),
    [
        ((100, 50), Preprocessing(resize=20, crop=None), (20, 40)),
        ((50, 100), Preprocessing(resize=20, crop=None), (40, 20)),
        ((100, 50), Preprocessing(resize=(30, 60), crop=None), (30, 60)),
        ((100, 50), Preprocessing(resize=20, crop=(16, 24)), (16, 24)),
        ((10, 10), Preprocessing(resize=None, crop=(16, 24)), (16, 24)),
        ((100, 50), Preprocessing(resize=None, crop=None), (50, 100)),
    ],
)
def test_preprocessed_size(size: tuple[int, int], look: Preprocessing, shape: tuple[int, int]) -> None:
    assert prepared(Image.new("RGB", size), look).shape == (3, *shape)


def test_pictures_of_any_mode_become_rgb(tmp_path: Path) -> None:
    for mode in ("L", "P", "RGBA", "1", "CMYK"):
        Image.new(mode, (3, 2)).save(tmp_path / f"{mode}.tif")
        assert open_image(tmp_path / f"{mode}.tif").mode == "RGB"
    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(BadInput, match="cannot read the image"):
        open_image(tmp_path / "x.png")
