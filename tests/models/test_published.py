"""The networks against the reference systems' own code: names and shapes of the weights, importers, numbers.

`published.json` holds what that code computed with weights that follow from their names; see `measure_published.py`.
"""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import published
import pytest
import torch

from trtconv.models import create, networks, pdparams, weights

SIZE = (64, 96)
CLASSES = 3
MEASURED: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_name("published.json").read_text())
BACKBONES = {record["network"]: record for record in MEASURED.pop("torchvision-backbones")}
RECORDS = [(system, record) for system, records in MEASURED.items() for record in records]


def named(case: tuple[str, dict[str, Any]]) -> str:
    system, record = case
    return "-".join([system, record["network"], *(f"{k}={v}" for k, v in record["options"].items())])


def published_shapes(model: torch.nn.Module, system: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of this network's weights as the system's own files have them."""
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    if system != "paddle":
        return shapes
    renamed = ((k.replace("running_mean", "_mean").replace("running_var", "_variance"), s) for k, s in shapes.items())
    return {k: s[::-1] if len(s) == 2 else s for k, s in renamed if "num_batches" not in k}


def published_file(path: Path, shapes: dict[str, tuple[int, ...]], system: str) -> Path:
    """Weights that follow from their names, in a file such as the system writes."""
    if system == "paddle":
        drawn = {key: published.weight(key, shape[::-1] if len(shape) == 2 else shape) for key, shape in shapes.items()}
        arrays = {key: value.T if value.ndim == 2 else value for key, value in drawn.items()}
        table = {"StructuredToParameterName@@": {key: f"parameter_{i}" for i, key in enumerate(arrays)}}
        path.write_bytes(pickle.dumps({**arrays, **table}, protocol=4))
        return path
    state = {
        key: torch.tensor(0) if key.endswith("num_batches_tracked") else torch.from_numpy(published.weight(key, shape))
        for key, shape in shapes.items()
    }
    torch.save({"cur_itrs": 1, "model_state": state} if system == "vainf" else state, path)
    return path


@pytest.mark.parametrize("case", RECORDS, ids=named)
def test_published_weights_load_and_give_the_published_numbers(case, tmp_path):
    system, record = case
    model = create(record["network"], CLASSES, **record["options"]).eval()
    shapes = published_shapes(model, system)
    assert (len(shapes), published.digest(shapes)) == (record["entries"], record["digest"])
    path = published_file(tmp_path / ("w.pdparams" if system == "paddle" else "w.pth"), shapes, system)
    loaded = weights.load_file(model, path)
    path.unlink()  # up to 240 MB
    assert loaded.format == system.removesuffix("-pixelshuffle")
    assert not loaded.kept + loaded.dropped
    outputs = computed(model)
    assert len(outputs) == len(record["outputs"])
    for output, wanted in zip(outputs, record["outputs"], strict=True):
        np.testing.assert_allclose(published.sample(output), wanted, rtol=0, atol=3e-5 * np.abs(output).max())


def computed(model: torch.nn.Module) -> list[np.ndarray]:
    """All outputs, the auxiliary ones too, with every layer in eval mode."""
    model.training = True  # of the outermost module alone: what BiSeNet goes by
    with torch.no_grad():
        found = model(torch.from_numpy(published.image(*SIZE)))
    return [output.numpy() for output in (found if isinstance(found, tuple) else (found,))]


# A classifier of torchvision, the network that takes its features, where, and what the network has no use for.
MOBILENETV2_REST = {
    "features.18.0.weight": (1280, 320, 1, 1),
    **{f"features.18.1.{leaf}": (1280,) for leaf in ("weight", "bias", "running_mean", "running_var")},
    "features.18.1.num_batches_tracked": (),
    "classifier.1.weight": (1000, 1280),
    "classifier.1.bias": (1000,),
}
FEATURES = [
    ("resnet18", "bisenetv1", "cp.resnet.", {"fc.weight": (1000, 512), "fc.bias": (1000,)}),
    ("resnet50", "deeplabv3_resnet50", "backbone.", {"fc.weight": (1000, 2048), "fc.bias": (1000,)}),
    ("resnet101", "deeplabv3plus_resnet101", "backbone.", {"fc.weight": (1000, 2048), "fc.bias": (1000,)}),
    ("mobilenet_v2", "deeplabv3plus_mobilenet", "backbone.", MOBILENETV2_REST),
]


@pytest.mark.parametrize(("classifier", "network", "prefix", "rest"), FEATURES, ids=[f[0] for f in FEATURES])
def test_features_of_torchvisions_classifiers_become_backbones(classifier, network, prefix, rest, tmp_path):
    model = create(network, CLASSES)
    inner = {key: tuple(value.shape) for key, value in model.state_dict().items() if key.startswith(prefix)}
    theirs = {key: re.sub("(low|high)_level_features", "features", key.removeprefix(prefix)) for key in inner}
    shapes = {theirs[key]: shape for key, shape in inner.items()} | rest
    record = BACKBONES[classifier]
    assert (len(shapes), published.digest(shapes)) == (record["entries"], record["digest"])
    loaded = weights.load_file(model, published_file(tmp_path / "w.pth", shapes, "torchvision"))
    assert (loaded.format, set(loaded.dropped)) == ("torchvision", set(rest))
    state = model.state_dict()
    for key, shape in inner.items():
        if state[key].is_floating_point():
            np.testing.assert_array_equal(state[key].numpy(), published.weight(theirs[key], shape))


def test_every_network_was_measured():
    assert {record["network"] for _, record in RECORDS} == set(networks())


SMALL = {
    "conv.weight": (3, 2, 1, 1),
    "bn.weight": (3,),
    "bn.bias": (3,),
    "bn._mean": (3,),
    "bn._variance": (3,),
    "fc.weight": (3, 2),
    "fc.bias": (2,),
}


@pytest.mark.parametrize("protocol", [2, 4])
def test_reads_what_paddle_itself_saved(protocol):
    """Three layers whose weights follow from their names, saved by paddlepaddle 3.3.1."""
    tensors = pdparams.read(Path(__file__).with_name(f"paddle_protocol{protocol}.pdparams"))
    assert {key: tuple(value.shape) for key, value in tensors.items()} == SMALL
    for key, value in tensors.items():
        np.testing.assert_array_equal(value.numpy(), published.weight(key, SMALL[key]))
