"""The same numbers from the same network, whatever runs it; and figures that can be computed by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trtconv.cli import main
from trtconv.errors import BadInput, Unavailable
from trtconv.feeding.preprocessing import Preprocessing, open_image, prepared
from trtconv.models import checkpoint, engines, registry
from trtconv.models.card import Card
from trtconv.models.cli import command as models_command
from trtconv.models.data import layouts
from trtconv.models.data.datasets import Measuring, Sample, measuring_batches
from trtconv.models.evaluation import Evaluation, TestTime, answers, evaluate, labels_at
from trtconv.models.opening import card_of as card_in
from trtconv.models.opening import open_runner
from trtconv.models.runners import Runner
from trtconv.models.seeded import seeded

CLASSIFIER, SEGMENTER = "MobileNetV3_small_x0_35", "bisenetv2"
SHAPES = ("circle", "cross", "square", "star", "triangle")
FEW = Preprocessing(resize=(64, 64), crop=None)


def save(path: Path, network: str, classes: tuple[str, ...], look: Preprocessing, size: int) -> Path:
    card = replace(registry.find(network).card(classes), preprocessing=look, input_size=(3, size, size))
    checkpoint.save(path, seeded(network, 0, len(classes)), card)
    return path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    look = Preprocessing(resize=36, crop=(32, 32))
    return save(tmp_path_factory.mktemp("c") / "c.pth", CLASSIFIER, SHAPES, look, 32)


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("s") / "s.pth", SEGMENTER, ("background", *SHAPES), FEW, 64)


def export(source: Path, *options: str) -> Path:
    target = source.with_name("_".join((source.stem, *options)).replace("--", "") + ".onnx")
    if not target.is_file():
        code = main(["models", "export", "--checkpoint", str(source), "-o", str(target), "--no-check", *options])
        assert code == 0
    return target


def results(command: Callable[..., str], *arguments: object) -> list[dict[str, object]]:
    found = json.loads(command(models_command, "evaluate", *arguments, "--json"))["evaluations"]
    assert isinstance(found, list)
    return found


def test_classifier_in_pytorch_and_onnx_runtime(
    classifier: Path, class_data: Path, command: Callable[..., str]
) -> None:
    files = [
        classifier,
        export(classifier),
        export(classifier, "--dynamic", "none"),
        export(classifier, "--append", "softmax"),
    ]
    found = results(command, *files, "--data", class_data, "--batch", 4)
    assert [r["runtime"] for r in found] == ["PyTorch", "ONNX Runtime", "ONNX Runtime", "ONNX Runtime"]
    assert all(r["metrics"] == found[0]["metrics"] for r in found)
    assert all(r["per_class"] == found[0]["per_class"] for r in found)
    model, card = checkpoint.load(classifier)
    listing = layouts.find(class_data, "val", masks=False)
    guesses = [
        int(model(torch.from_numpy(prepared(open_image(path), card.preprocessing)[None])).argmax())
        for path, _ in listing.items
    ]
    right = sum(g == label for g, (_, label) in zip(guesses, listing.items, strict=True))
    assert found[0]["metrics"]["top-1"] == pytest.approx(right / 25)  # type: ignore[index]


def test_segmenter_in_pytorch_and_onnx_runtime(segmenter: Path, mask_data: Path, command: Callable[..., str]) -> None:
    files = [segmenter, export(segmenter), export(segmenter, "--append", "argmax")]
    found = results(command, *files, "--data", mask_data)
    for result in found[1:]:
        assert result["metrics"] == pytest.approx(found[0]["metrics"], abs=1e-3)
    assert set(found[0]["metrics"]) == {"mIoU", "fwIoU", "pixel accuracy", "F1"}  # type: ignore[call-overload]


def test_table_and_classes(classifier: Path, class_data: Path, command: Callable[..., str]) -> None:
    said = command(models_command, "evaluate", classifier, export(classifier), "--data", class_data, "--per-class")
    lines = said.splitlines()
    assert lines[0] == "single scale"
    assert lines[1].split() == ["model", "runtime", "images", "top-1", "F1"]
    assert lines[2].split()[-1].endswith("%")
    assert [line.split()[0] for line in lines[6:11]] == list(SHAPES)


def test_many_scales_need_a_size_left_open(segmenter: Path, mask_data: Path, command: Callable[..., str]) -> None:
    several = ("--data", mask_data, "--scales", "0.5,1", "--flip")
    open_size = results(command, segmenter, export(segmenter, "--dynamic", "size"), *several)
    assert open_size[0]["metrics"] == pytest.approx(open_size[1]["metrics"], abs=1e-3)
    assert open_size[0]["scales"] == [0.5, 1.0]
    with pytest.raises(BadInput, match="takes images of 64x64, not 32x32"):
        results(command, export(segmenter), *several)
    with pytest.raises(BadInput, match="labels cannot be averaged"):
        results(command, export(segmenter, "--append", "argmax"), *several)


def card_of(task: str = "segmentation", output: str = "logits") -> Card:
    network = registry.find(SEGMENTER if task == "segmentation" else CLASSIFIER)
    return replace(network.card(("a", "b")), output=output)  # type: ignore[arg-type]


class Brightness(Runner):
    """Class b where the red channel is above 0; logits at half the size."""

    runtime = "by hand"

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        assert self.least <= len(pixels) <= (self.most or len(pixels))
        red = pixels[:, :1, ::2, ::2]
        return np.concatenate([-red, red], axis=1)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_batches_are_cut_and_filled_to_what_the_runtime_takes(images: int, least: int, more: int) -> None:
    pixels = np.random.default_rng(0).normal(size=(images, 3, 4, 4)).astype(np.float32)
    limited = Brightness(card_of(), least=least, most=least + more)
    np.testing.assert_array_equal(limited(pixels), Brightness(card_of())(pixels))


def test_masks_are_compared_at_their_own_size() -> None:
    pixels = -np.ones((3, 8, 8), np.float32)
    pixels[:, :, 4:] = 1
    truth = np.zeros((16, 32), np.uint8)
    truth[:, 16:] = 1
    found = evaluate(Brightness(card_of()), [[Sample(pixels, truth)]])
    assert found.metrics["mIoU"] == 1
    truth[:, :16] = 255
    truth[:, 16:24] = 0
    found = evaluate(Brightness(card_of()), [[Sample(pixels, truth)]])
    assert found.metrics["pixel accuracy"] == 0.5
    assert found.per_class["a"]["IoU"] == 0


def test_mirror_images_are_mirrored_back() -> None:
    pixels = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32)
    pixels[:, :, ::2], pixels[:, :, :, ::2] = pixels[:, :, 1::2], pixels[:, :, :, 1::2]
    runner = Brightness(card_of())
    plain = answers(runner, pixels, TestTime((1.0,), flip=False))
    both = answers(runner, pixels, TestTime((1.0,), flip=True))
    sharp = torch.nn.functional.interpolate(plain.softmax(1), (64, 64), mode="bilinear")
    torch.testing.assert_close(both, sharp, atol=1e-5, rtol=0)


def test_scaled_images_keep_the_stride() -> None:
    seen: list[tuple[int, ...]] = []

    class Seen(Brightness):
        def _run(self, pixels: np.ndarray) -> np.ndarray:
            seen.append(pixels.shape[2:])
            return super()._run(pixels)

    answers(Seen(card_of()), np.zeros((1, 3, 64, 96), np.float32), TestTime((0.5, 0.75, 1.0, 1.6)))
    assert seen == [(32, 64), (64, 64), (64, 96), (96, 160)]


def test_labels_are_enlarged_without_new_classes() -> None:
    labels = torch.tensor([[[3, 7], [7, 3]]], dtype=torch.int32)
    assert labels_at(labels, (4, 4)).tolist() == [[3, 3, 7, 7]] * 2 + [[7, 7, 3, 3]] * 2
    assert labels_at(labels[:, None], (2, 2)).tolist() == [[3, 7], [7, 3]]


def test_json_has_no_nan() -> None:
    found = Evaluation("m", "r", "t", 1, {"mIoU": float("nan")}, {"a": {"IoU": float("nan")}})
    assert found.to_json()["metrics"] == {"mIoU": None}
    assert "NaN" not in json.dumps(found.to_json())


def test_images_of_several_sizes(class_data: Path) -> None:
    listing = layouts.find(class_data, "val", masks=False)
    card = replace(card_of("classification"), classes=SHAPES, preprocessing=Preprocessing(resize=None, crop=None))
    sizes = [Sample(s.pixels[:, : 20 + i % 2], s.label) for i, s in enumerate(Measuring(listing, card.preprocessing))]  # type: ignore[arg-type]

    class Fixed(Runner):
        runtime = "by hand"

        def _run(self, pixels: np.ndarray) -> np.ndarray:
            return np.tile(np.eye(5, dtype=np.float32)[2], (len(pixels), 1))

    found = evaluate(Fixed(card), measuring_batches(sizes, 7))  # type: ignore[arg-type]
    assert found.images == 25
    assert found.metrics["top-1"] == 0.2
    assert found.per_class["square"]["recall"] == 1


def has_gpu() -> bool:
    try:
        engines.need_gpu(Path("x"))
    except Unavailable:
        return False
    return True


@pytest.mark.skipif(has_gpu(), reason="says what happens without a GPU")
def test_an_engine_without_a_gpu(
    classifier: Path, class_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = tmp_path / "c.engine"
    engine.write_bytes(b"plan")
    code = main(["models", "evaluate", "--data", str(class_data), str(classifier), str(engine)])
    assert code == 3
    assert "an engine runs on an NVIDIA GPU" in capsys.readouterr().err


def test_the_card_of_an_engine_is_that_of_its_source(classifier: Path, tmp_path: Path) -> None:
    exported = export(classifier)
    engine = tmp_path / "c.engine"
    with pytest.raises(BadInput, match="an engine holds no model card"):
        card_in(engine)
    (tmp_path / "c.engine.json").write_text(json.dumps({"source": {"path": str(exported)}}))
    assert card_in(engine) == Card.from_onnx(exported)
    (tmp_path / "c.engine.json").write_text(json.dumps({"source": {"path": "gone/" + exported.name}}))
    (tmp_path / exported.name).write_bytes(exported.read_bytes())
    assert card_in(engine).classes == SHAPES


REFUSED = {
    "missing": ("nowhere.onnx", None, "is not a file"),
    "unknown kind": ("x.h5", b"", "no known kind of model"),
    "no onnx": ("x.onnx", b"text", "."),
    "no checkpoint": ("x.pth", b"text", "."),
}


@pytest.mark.parametrize(("name", "content", "said"), REFUSED.values(), ids=REFUSED)
def test_files_that_are_no_model(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=said):
        open_runner(tmp_path / name, None)


def test_a_damaged_file_with_a_card_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"text")
    with pytest.raises(BadInput, match="ONNX Runtime refuses the file"):
        open_runner(tmp_path / "x.onnx", card_of())


def test_other_classes_than_the_networks(segmenter: Path, class_data: Path, command: Callable[..., str]) -> None:
    with pytest.raises(BadInput, match="no val split of images and masks"):
        results(command, segmenter, "--data", class_data)
