import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from trtconv.models.data import policies, transforms
from trtconv.models.data.transforms import IGNORE

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def pair(height: int, width: int, seed: int = 0) -> tuple[Image.Image, Image.Image]:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    # Classes far apart: an interpolated mask would hold numbers in between.
    return Image.fromarray(pixels), Image.fromarray(rng.choice([3, 90, 200], (height, width)).astype(np.uint8))


@given(SIZES, SIZES, st.floats(0.1, 3), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_scaled_crop_has_the_size_and_only_true_classes(
    source: tuple[int, int], size: tuple[int, int], factor: float, seed: int
) -> None:
    image, mask = transforms.random_scale_crop(np.random.default_rng(seed), *pair(*source), size, (factor, factor))
    assert mask is not None
    assert image.size == mask.size == (size[1], size[0])
    assert set(np.unique(np.asarray(mask))) <= {3, 90, 200, IGNORE}


@given(SIZES, SIZES, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_resized_crop_has_the_size_and_only_true_classes(
    source: tuple[int, int], size: tuple[int, int], seed: int
) -> None:
    image, mask = transforms.random_resized_crop(np.random.default_rng(seed), *pair(*source), size, (0.1, 1.0))
    assert mask is not None
    assert image.size == mask.size == (size[1], size[0])
    assert set(np.unique(np.asarray(mask))) <= {3, 90, 200}


def test_padding_is_black_and_ignored() -> None:
    image, mask = transforms.pad_to(*pair(2, 2), (4, 6))
    assert mask is not None
    pixels, labels = np.asarray(image), np.asarray(mask)
    assert (labels != IGNORE).sum() == 4
    assert (pixels[labels == IGNORE] == 0).all()


def test_flip_turns_both() -> None:
    image, mask = pair(3, 5)
    flipped, turned = transforms.flip(image, mask)
    assert turned is not None
    np.testing.assert_array_equal(np.asarray(flipped), np.asarray(image)[:, ::-1])
    np.testing.assert_array_equal(np.asarray(turned), np.asarray(mask)[:, ::-1])


def test_jitter_of_nothing_changes_nothing() -> None:
    image, _ = pair(8, 8)
    same = transforms.colour_jitter(np.random.default_rng(0), image, 0.0)
    np.testing.assert_array_equal(np.asarray(same), np.asarray(image))
    other = transforms.colour_jitter(np.random.default_rng(0), image, 0.4)
    assert (np.asarray(other) != np.asarray(image)).any()


@pytest.mark.parametrize("policy", [policies.autoaugment, policies.randaugment])
@pytest.mark.parametrize("seed", range(12))
def test_policies_keep_size_and_mode_and_follow_the_seed(policy, seed: int) -> None:
    image, _ = pair(20, 30)
    first, second = (policy(np.random.default_rng(seed), image) for _ in range(2))
    assert (first.size, first.mode) == (image.size, "RGB")
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.parametrize("name", sorted(set(policies.CHANGES) - {"AutoContrast", "Equalize", "Invert"}))
def test_a_change_grows_with_its_level(name: str) -> None:
    rng = np.random.default_rng(0)
    smooth = np.linspace(0, 255, 32)[None, :, None] * np.linspace(0.5, 1, 32)[:, None, None]
    image = Image.fromarray((smooth + rng.uniform(0, 20, (32, 32, 3))).clip(0, 255).astype(np.uint8))
    far = [
        np.abs(np.asarray(policies.CHANGES[name](image, level), int) - np.asarray(image, int)).mean()
        for level in (0.0, 0.3, 1.0)
    ]
    assert far[0] < 0.5
    assert far[0] <= far[1] < far[2]
