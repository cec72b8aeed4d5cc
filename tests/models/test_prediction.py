from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from trtconv.errors import BadInput, Unavailable
from trtconv.feeding.preprocessing import Preprocessing
from trtconv.models import checkpoint, prediction, registry
from trtconv.models.card import Card
from trtconv.models.cli import command as models_command
from trtconv.models.runners import Runner
from trtconv.models.seeded import seeded

CLASSES = ("sky", "road", "car")


def card(task: str, output: str = "logits", look: Preprocessing | None = None) -> Card:
    network = registry.find("bisenetv2" if task == "segmentation" else "MobileNetV3_small_x0_35")
    look = look or Preprocessing(resize=(8, 8), crop=None)
    return replace(network.card(CLASSES), output=output, preprocessing=look)  # type: ignore[arg-type]


class Channels(Runner):
    """The class whose channel is brightest: per pixel, or on the whole."""

    runtime = "by hand"

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        scores = pixels if self.card.task == "segmentation" else pixels.mean(axis=(2, 3))
        return scores.argmax(axis=1).astype(np.int32) if self.card.output == "argmax" else scores


@pytest.fixture
def traffic(tmp_path: Path) -> Path:
    """Green on the left, blue on the right three quarters."""
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :4, 1], pixels[:, 4:, 2] = 255, 255
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/a.png"):
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("output", "top", "names"),
    [("logits", 2, ["car", "road"]), ("softmax", 3, ["car", "road", "sky"]), ("argmax", 1, ["car"])],
)
def test_best_classes(traffic: Path, tmp_path: Path, output: str, top: int, names: list[str]) -> None:
    (found, _) = prediction.predict(Channels(card("classification", output)), [traffic], tmp_path, top=top)
    assert [guess.name for guess in found.guesses] == names
    chances = [guess.probability for guess in found.guesses]
    assert chances == sorted(chances, reverse=True)
    if output == "argmax":
        assert chances == [1.0]
    assert str(found).startswith(f"{traffic / 'a.png'}: car ")


@pytest.mark.parametrize("output", ["logits", "argmax"])
def test_masks_and_overlays(traffic: Path, tmp_path: Path, output: str) -> None:
    out = tmp_path / "out"
    first, second = prediction.predict(Channels(card("segmentation", output)), [traffic], out, masks=True, opacity=1.0)
    assert [(g.name, g.probability) for g in first.guesses] == [("car", 0.75), ("road", 0.25)]
    assert {Path(f).name for f in first.written + second.written} == {
        "a_overlay.png",
        "a_mask.png",
        "deep_a_overlay.png",
        "deep_a_mask.png",
    }
    mask = np.asarray(Image.open(out / "a_mask.png"))
    assert mask.shape == (8, 16)
    assert (mask[:, :4] == 1).all()
    assert (mask[:, 4:] == 2).all()
    picture = np.asarray(Image.open(out / "a_overlay.png"))
    np.testing.assert_array_equal(picture, prediction.palette(3)[mask])


def test_what_a_crop_cuts_off_is_not_painted(traffic: Path) -> None:
    look = Preprocessing(resize=None, crop=(4, 4))
    mask = prediction.segment(Channels(card("segmentation", look=look)), Image.open(traffic / "a.png").convert("RGB"))
    assert mask.shape == (4, 4)
    assert (mask == 2).all()


def test_palette_is_that_of_pascal_voc() -> None:
    colours = prediction.palette(256)
    assert colours[:4].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert len({tuple(c) for c in colours.tolist()}) == 256


def test_names_do_not_meet(traffic: Path) -> None:
    files = [traffic / "a.png", traffic / "deep" / "a.png", traffic]
    stems = [stem for _, stem in prediction.sources(files, lambda path: path.suffix == ".png")]
    assert stems == ["a", "a_2", "a_3", "deep_a"]


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file, and no folder with images"):
        list(prediction.predict(Channels(card("classification")), [tmp_path / "x"], tmp_path))
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(BadInput, match="cannot read the image"):
        list(prediction.predict(Channels(card("classification")), [tmp_path / "bad.png"], tmp_path))


def test_films_need_opencv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)  # importing it fails, as where it is not installed
    (tmp_path / "a.mp4").write_bytes(b"film")
    with pytest.raises(Unavailable, match="OpenCV") as caught:
        list(prediction.predict(Channels(card("segmentation")), [tmp_path], tmp_path / "out"))
    assert "pip install opencv-python-headless" in caught.value.do
    assert caught.value.exit_code == 3


def test_films(tmp_path: Path) -> None:
    import cv2

    film = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 32))
    for _ in range(3):
        film.write(np.full((32, 64, 3), (0, 0, 250), np.uint8))
    film.release()
    (classes,) = prediction.predict(Channels(card("classification")), [tmp_path], tmp_path)
    assert classes.guesses[0].name == "sky"
    (found,) = prediction.predict(Channels(card("segmentation")), [tmp_path / "a.avi"], tmp_path / "out")
    assert found.guesses[0].name == "sky"
    written = cv2.VideoCapture(found.written[0])
    assert (written.get(cv2.CAP_PROP_FRAME_COUNT), written.get(cv2.CAP_PROP_FPS)) == (3, 5)


def test_from_the_command_line(traffic: Path, tmp_path: Path, command: Callable[..., str]) -> None:
    checkpoint.save(
        tmp_path / "c.pth",
        seeded("MobileNetV3_small_x0_35", 0, 3),
        card("classification", look=Preprocessing(32, (32, 32))),
    )
    found = json.loads(command(models_command, "predict", tmp_path / "c.pth", traffic, "--top", 2, "--json"))
    assert len(found["predictions"]) == 2
    assert len(found["predictions"][0]["guesses"]) == 2
    model, _ = checkpoint.load(tmp_path / "c.pth")
    image = Image.open(traffic / "a.png")
    pixels = torch.from_numpy(prediction.prepared(image, Preprocessing(32, (32, 32)))[None])
    best = model(pixels).softmax(1).max().item()
    assert found["predictions"][0]["guesses"][0]["share"] == pytest.approx(best, rel=1e-5)
