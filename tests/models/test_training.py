"""Training from the outside: it learns, it goes on where it was killed, and several processes do as one does."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from types import ModuleType

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from trtconv.errors import BadInput, TrtconvError, Unavailable
from trtconv.models import checkpoint
from trtconv.models.cli import command as models_command
from trtconv.models.cli.train import command as train_command
from trtconv.models.data import layouts
from trtconv.models.training import presets
from trtconv.models.training.loop import train
from trtconv.models.training.processes import Processes
from trtconv.models.training.reporting import Reporter
from trtconv.models.training.run import Run, Trained

NETWORK = "MobileNetV3_small_x0_35"
ALONE = Processes(0, 1, torch.device("cpu"))
QUICK = presets.SMALL_CLASSES.but(
    {"size": (32, 32), "batch": 20, "epochs": 2, "log_every": 2, "checkpoint_every": 2, "jitter": 0.2}
)
PROGRAM = "import sys; from trtconv.cli import main; sys.exit(main(sys.argv[1:]))"


class Stop(Exception):
    """What a test throws into a run."""


class Breaker(Reporter):
    """Ends a run when it reports a certain step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def row(self, row: dict[str, float], total: int) -> None:
        if row["step"] == self.step:
            raise Stop


def run_of(data: Path, out: Path, **changes: object) -> Run:
    train_set, val_set = (layouts.find(data, split, masks=False) for split in ("train", "val"))
    return Run(NETWORK, train_set, val_set, QUICK.but(changes), out)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open() as file:
        return list(csv.DictReader(file))


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.read(path)["model"])  # type: ignore[call-overload]


def assert_same(one: Path, other: Path) -> None:
    assert rows(one) == rows(other)
    for name in ("last.pth", "best.pth"):
        ours, theirs = weights(one / name), weights(other / name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.fixture(scope="module")
def whole(class_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of ten steps that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole")
    train(run_of(class_data, out), ALONE)
    return out


def test_log_and_plot(whole: Path) -> None:
    table = rows(whole)
    assert [int(row["step"]) for row in table] == [2, 4, 5, 6, 8, 10]
    assert [row["step"] for row in table if row["top-1"]] == ["5", "10"]
    values = json.loads((whole / "log.json").read_text())
    assert [str(row["loss"]) for row in values] == [row["loss"] for row in table]
    picture = Image.open(whole / "plot.png")
    assert picture.size == (640, 600)
    assert (
        len(set(picture.getdata() if not hasattr(picture, "get_flattened_data") else picture.get_flattened_data())) > 5
    )


@pytest.mark.parametrize("step", [2, 5])
def test_a_broken_run_goes_on_as_if_nothing_had_happened(
    class_data: Path, whole: Path, tmp_path: Path, step: int
) -> None:
    with pytest.raises(Stop):
        train(run_of(class_data, tmp_path), ALONE, Breaker(step))
    train(run_of(class_data, tmp_path), ALONE)
    assert_same(tmp_path, whole)


@pytest.mark.parametrize(
    "changes", [{"ema": 0.9, "optimizer": "rmsprop"}, {"optimizer": "sgd", "amp": "bf16"}], ids=str
)
def test_all_that_learns_is_in_the_checkpoint(class_data: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    quick = {"epochs": 1, "policy": "autoaugment", "erase": 0.5} | changes
    train(run_of(class_data, tmp_path / "whole", **quick), ALONE)
    with pytest.raises(Stop):
        train(run_of(class_data, tmp_path / "broken", **quick), ALONE, Breaker(4))
    train(run_of(class_data, tmp_path / "broken", **quick), ALONE)
    assert_same(tmp_path / "broken", tmp_path / "whole")


def test_worker_processes_change_nothing(class_data: Path, whole: Path, tmp_path: Path) -> None:
    train(replace(run_of(class_data, tmp_path), workers=1), ALONE)
    assert_same(tmp_path, whole)


def test_a_bad_file_is_named_even_by_a_worker(class_data: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no picture")
    run = run_of(class_data, tmp_path / "out")
    spoilt = replace(run.train, items=((tmp_path / "bad.png", 0), *run.train.items[1:]))
    with pytest.raises(BadInput, match=r"^cannot read the image") as caught:
        train(replace(run, train=spoilt, workers=1), ALONE)
    assert caught.value.where == str(tmp_path / "bad.png")


def start(data: Path, out: Path, *more: str, program: tuple[str, ...] = (sys.executable,)) -> subprocess.Popen[str]:
    options = ["--size", "32", "--batch", "20", "--epochs", "2", "--log-every", "2", "--checkpoint-every", "2"]
    command = [*program, "-c", PROGRAM, "models", "train", NETWORK, "--data", str(data), "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, "--recipe", "small-classes", *options, "--jitter", "0.2", *more],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_sigkill_and_the_same_command_again(class_data: Path, whole: Path, tmp_path: Path) -> None:
    with start(class_data, tmp_path) as process:
        while not (tmp_path / "last.pth").is_file() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with start(class_data, tmp_path, "--json") as process:
        said, _ = process.communicate()
    assert process.returncode == 0
    assert json.loads(said)["steps"] == 10
    assert_same(tmp_path, whole)
    assert not list(tmp_path.glob(".*"))


def evaluated(model: Path, data: Path) -> list[dict[str, object]]:
    said = CliRunner().invoke(models_command, ["evaluate", str(model), "--data", str(data), "--json"])
    return list(json.loads(said.stdout)["evaluations"])


def test_a_run_killed_behind_its_checkpoint_gets_its_log_back(class_data: Path, whole: Path, tmp_path: Path) -> None:
    copytree(whole, tmp_path / "run")
    for name in ("log.csv", "log.json", "plot.png"):
        (tmp_path / "run" / name).unlink()
    train(run_of(class_data, tmp_path / "run"), ALONE)
    assert_same(tmp_path / "run", whole)
    assert (tmp_path / "run" / "plot.png").is_file()


AGREED = """
import os
from torch.nn import BatchNorm2d
from trtconv.models.training.processes import started
with started("cpu") as processes:
    norm = BatchNorm2d(1)
    norm.running_mean.fill_(processes.rank + 5)
    processes.agreed(norm)
    os.write(1, f"{norm.running_mean.item()}\\n".encode())  # in one piece: both processes write there
"""
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python")


def test_processes_measure_with_the_statistics_of_the_first() -> None:
    said = subprocess.run([*TORCHRUN, sys.executable, "-c", AGREED], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["5.0", "5.0"]


def test_two_processes_share_the_batch(class_data: Path, tmp_path: Path) -> None:
    with start(class_data, tmp_path, "--epochs", "1", "--json", program=(*TORCHRUN, sys.executable)) as process:
        said, _ = process.communicate()
    assert process.returncode == 0
    result = json.loads(said)  # the first process alone speaks
    assert result["steps"] == 5
    # What the processes measured together is what the file they wrote gives: its statistics are those of the first.
    (alone,) = evaluated(tmp_path / "last.pth", class_data)
    assert result["last_metrics"] == alone["metrics"]
    table = rows(tmp_path)
    # Both processes see other images, and their mean loss is that of the batch: near the one of a single process.
    train(run_of(class_data, tmp_path / "alone", epochs=1), ALONE)
    assert float(table[0]["loss"]) == pytest.approx(float(rows(tmp_path / "alone")[0]["loss"]), rel=0.25)


def test_another_run_in_the_folder_is_not_overwritten(class_data: Path, whole: Path) -> None:
    before = (whole / "last.pth").read_bytes()
    with pytest.raises(BadInput, match=r"other settings: lr \(0\.003 -> 0\.1\)"):
        train(run_of(class_data, whole, lr=0.1), ALONE)
    assert (whole / "last.pth").read_bytes() == before


def test_a_finished_run_answers_again_without_training(class_data: Path, whole: Path) -> None:
    again: Trained = train(run_of(class_data, whole), ALONE, Breaker(2))
    assert again.steps == 10
    assert again.best_metrics["top-1"] == max(float(row["top-1"]) for row in rows(whole) if row["top-1"])


def test_the_checkpoint_says_how_its_network_is_fed(whole: Path) -> None:
    model, card = checkpoint.load(whole / "best.pth")
    assert not model.training
    assert card.classes == ("circle", "cross", "square", "star", "triangle")
    assert card.input_size == (3, 32, 32)
    assert (card.preprocessing.resize, card.preprocessing.crop) == (32, (32, 32))


def test_frozen_parts_stay(class_data: Path, whole: Path, tmp_path: Path) -> None:
    start_from = run_of(class_data, tmp_path, epochs=1, freeze=("blocks.*", "conv.*"))
    train(replace(start_from, weights=whole / "best.pth"), ALONE)
    before, after = weights(whole / "best.pth"), weights(tmp_path / "last.pth")
    changed = {key.partition(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"last_second_conv", "last_conv", "fc"}


def test_new_classes_get_a_new_head(class_data: Path, whole: Path, tmp_path: Path) -> None:
    said: list[str] = []
    reporter = Reporter()
    reporter.say = said.append  # type: ignore[method-assign]
    run = run_of(class_data, tmp_path, epochs=1)
    fewer = replace(run, train=layouts.Listing(tuple((f, 0) for f, _ in run.train.items), ("shape",)))
    fewer = replace(fewer, val=replace(fewer.train, items=fewer.train.items[:4]), weights=whole / "best.pth")
    train(fewer, ALONE, reporter)
    assert "misshapen" in said[0]
    assert "fc.weight" in said[0]


def test_a_teacher_guides(class_data: Path, whole: Path, tmp_path: Path) -> None:
    run = replace(run_of(class_data, tmp_path, epochs=1), teacher=whole / "best.pth")
    train(run, ALONE)
    with pytest.raises(BadInput, match="another mean, std") as caught:
        train(replace(run, recipe=run.recipe.but({"mean": (0.5, 0.5, 0.5)}), out=tmp_path / "other"), ALONE)
    assert "--mean 0.485,0.456,0.406" in caught.value.do


def test_a_loss_that_is_no_number_stops_the_run(class_data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrtconvError, match=r"the loss is (nan|inf)") as caught:
        train(run_of(class_data, tmp_path, optimizer="sgd", lr=1e30, warmup=0.0), ALONE)
    assert "--lr" in caught.value.do
    assert not (tmp_path / "best.pth").exists()


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"size": (0, 0)}, BadInput, "a height and a width"),
        ({"amp": "fp16"}, Unavailable, "fp16 needs CUDA"),
        ({"batch": 200}, BadInput, "100 images do not fill one batch of 200"),
        ({"batch": 1}, BadInput, "a batch of 1 cannot be shared"),
        ({"freeze": ("body.*",)}, BadInput, r"no parameter is named body\.\*"),
        ({"freeze": ("*",)}, BadInput, "every parameter is frozen"),
        ({"class_weights": (1.0, 2.0)}, BadInput, "2 class weights for 5 classes"),
    ],
)
def test_refusals(
    class_data: Path, tmp_path: Path, changes: dict[str, object], error: type[TrtconvError], said: str
) -> None:
    with pytest.raises(error, match=said):
        train(run_of(class_data, tmp_path, **changes), ALONE)


def test_a_size_that_the_network_cannot_take(mask_data: Path, tmp_path: Path) -> None:
    train_set, val_set = (layouts.find(mask_data, split, masks=True) for split in ("train", "val"))
    recipe = presets.SMALL_MASKS.but({"size": (64, 80)})
    with pytest.raises(BadInput, match="bisenetv2 takes multiples of 32, not 64x80"):
        train(Run("bisenetv2", train_set, val_set, recipe, tmp_path), ALONE)


def test_a_classifier_learns(shapes: ModuleType, tmp_path: Path) -> None:
    shapes.write_classification(tmp_path / "data", {"train": 384, "val": 100}, size=64, seed=1)
    choices = {"size": (64, 64), "batch": 16, "epochs": 6, "checkpoint_every": 0, "log_every": 12, "jitter": 0.0}
    trained = train(run_of(tmp_path / "data", tmp_path / "out", eval_every=6, crop="none", **choices), ALONE)
    loss = [float(row["loss"]) for row in rows(tmp_path / "out")]
    assert sum(loss[-3:]) / 3 < 0.75 * loss[0]
    assert trained.best_metrics["top-1"] > 0.4  # chance is 0.2


def test_a_segmenter_learns_from_the_command_line(mask_data: Path, tmp_path: Path, command: Callable[..., str]) -> None:
    options = ["--size", "64", "--batch", "6", "--epochs", "10", "--eval-every", "5", "--recipe", "small-masks"]
    said = command(train_command, "bisenetv2", "--data", mask_data, "--out", tmp_path, *options, "--json")
    loss = [float(row["loss"]) for row in rows(tmp_path)]
    assert loss[-1] < 0.6 * loss[0]
    metrics = json.loads(said)["last_metrics"]
    assert metrics["mIoU"] > 0.2  # all background: about 0.13
    model, card = checkpoint.load(tmp_path / "best.pth")
    assert not any(key.startswith("aux") for key in model.state_dict())
    assert card.preprocessing.resize == (64, 64)
