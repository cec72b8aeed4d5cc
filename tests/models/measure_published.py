"""Let the reference systems' own code compute, and write what comes out to `published.json` beside this file.

    python tests/models/measure_published.py torchvision torchvision-backbones timm
    python tests/models/measure_published.py vainf=CHECKOUT coincheung=CHECKOUT
    python tests/models/measure_published.py coincheung-pixelshuffle=CHECKOUT       # its commit 12cd095
    python tests/models/measure_published.py paddle=CHECKOUT                        # where paddlepaddle is installed

Weights and images follow from names and shapes (`tests/published.py`). Nothing is downloaded, and nothing of trtconv
is run: `test_published.py` holds its networks against the file. What is in it comes from torchvision 0.28.0,
timm 1.0.31, VainF/DeepLabV3Plus-Pytorch 4e1087d, CoinCheung/BiSeNet 6b4b67a and 12cd095, and PaddleClas d178931 with
paddlepaddle 3.3.1.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))
import published

HERE = Path(__file__).parent
FILE = HERE / "published.json"
SIZE = (64, 96)
CLASSES = 3

Record = dict[str, Any]
WIDTHS = ("0_35", "0_5", "0_75", "1_0", "1_25")


def torch_record(model: Any, network: str, **options: object) -> Record:
    """What a PyTorch module computes with the weights of its names; of several outputs, each is kept."""
    import torch

    state = model.eval().state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    drawn = {
        key: torch.from_numpy(published.weight(key, shapes[key])) if value.is_floating_point() else value
        for key, value in state.items()
    }
    model.load_state_dict(drawn)
    with torch.no_grad():
        found = model(torch.from_numpy(published.image(*SIZE)))
    outputs = found if isinstance(found, tuple) else (found,)
    return record(network, options, shapes, [output.numpy() for output in outputs])


def record(network: str, options: dict[str, object], shapes: dict[str, tuple[int, ...]], outputs: list[Any]) -> Record:
    return {
        "network": network,
        "options": options,
        "entries": len(shapes),
        "digest": published.digest(shapes),
        "outputs": [published.sample(output) for output in outputs],
    }


def torchvision(_: Path) -> Iterator[Record]:
    from torchvision.models import mobilenetv3

    for size in ("large", "small"):
        for options in ({}, {"reduced_tail": True}, {"width": 0.5}):
            width, reduced = options.get("width", 1.0), options.get("reduced_tail", False)
            rows, last = mobilenetv3._mobilenet_v3_conf(f"mobilenet_v3_{size}", width_mult=width, reduced_tail=reduced)
            yield torch_record(mobilenetv3.MobileNetV3(rows, last, CLASSES), f"mobilenetv3_{size}", **options)


def backbones(_: Path) -> Iterator[Record]:
    """Classifiers whose features become a backbone: their names and shapes alone."""
    from torchvision import models

    for name in ("resnet18", "resnet50", "resnet101", "mobilenet_v2"):
        shapes = {key: tuple(value.shape) for key, value in getattr(models, name)().state_dict().items()}
        yield record(name, {}, shapes, [])


def timm(_: Path) -> Iterator[Record]:
    from timm import create_model

    for name in ("large_100", "large_075", "small_100", "small_075", "small_050", "rw"):
        yield torch_record(create_model(f"mobilenetv3_{name}", num_classes=CLASSES), f"mobilenetv3_{name}")
    name = "tf_mobilenetv3_large_minimal_100"
    yield torch_record(create_model(name, num_classes=CLASSES), name)


def vainf(checkout: Path) -> Iterator[Record]:
    """The system itself resizes bilinearly; nearest is the one change of the system that seed models come from."""
    import torch

    sys.path.insert(0, str(checkout))
    from network import modeling

    interpolate = torch.nn.functional.interpolate

    def nearest(x: Any, size: Any, **_: object) -> Any:
        return interpolate(x, size=tuple(size), mode="nearest")

    for head in ("deeplabv3", "deeplabv3plus"):
        for backbone in ("mobilenet", "resnet50", "resnet101"):
            for stride in (8, 16):
                make = getattr(modeling, f"{head}_{backbone}")
                model = make(num_classes=CLASSES, output_stride=stride, pretrained_backbone=False)
                if stride == 16 or backbone == "mobilenet":
                    yield torch_record(model, f"{head}_{backbone}", upsample="bilinear", output_stride=stride)
                if stride == 8 or backbone == "mobilenet":
                    with mock.patch("torch.nn.functional.interpolate", nearest):
                        yield torch_record(model, f"{head}_{backbone}", upsample="nearest", output_stride=stride)


def coincheung(checkout: Path) -> Iterator[Record]:
    versions = _bisenets(checkout)
    for mode in ("eval", "train"):
        for name, make in versions.items():
            yield torch_record(make(CLASSES, aux_mode=mode), name, mode=mode)


def pixelshuffle(checkout: Path) -> Iterator[Record]:
    """That generation returns labels where it has no auxiliary heads, so these are always there."""
    for name, make in _bisenets(checkout).items():
        yield torch_record(make(CLASSES, output_aux=True), name, mode="train", head="pixelshuffle")


def _bisenets(checkout: Path) -> dict[str, Callable[..., Any]]:
    import torch.utils.model_zoo

    torch.utils.model_zoo.load_url = lambda _: {}  # the backbones' weights
    sys.path.insert(0, str(checkout))
    from lib.models import bisenetv1, bisenetv2

    return {"bisenetv1": bisenetv1.BiSeNetV1, "bisenetv2": bisenetv2.BiSeNetV2}


def paddle(checkout: Path) -> Iterator[Record]:
    import paddle as framework

    # The packages without what their `__init__` imports: training, data sets, all other networks.
    for name in ("ppcls", "ppcls.utils", "ppcls.arch", "ppcls.arch.backbone", "ppcls.arch.backbone.legendary_models"):
        sys.modules[name] = package = ModuleType(name)
        package.__path__ = [str(checkout.joinpath(*name.split(".")))]
    importlib.import_module("ppcls.utils.logger").init_logger()
    networks = importlib.import_module("ppcls.arch.backbone.legendary_models.mobilenet_v3")
    for size in ("large", "small"):
        for width in WIDTHS:
            name = f"MobileNetV3_{size}_x{width}"
            yield _paddle_record(framework, getattr(networks, name)(class_num=CLASSES), name)


def _paddle_record(framework: Any, model: Any, network: str) -> Record:
    model.eval()
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    drawn = {key: published.weight(key, shape[::-1] if len(shape) == 2 else shape) for key, shape in shapes.items()}
    model.set_state_dict({key: value.T if value.ndim == 2 else value for key, value in drawn.items()})
    with framework.no_grad():
        output = model(framework.to_tensor(published.image(*SIZE)))
    return record(network, {}, shapes, [output.numpy()])


SYSTEMS: dict[str, Callable[[Path], Iterator[Record]]] = {
    "torchvision": torchvision,
    "torchvision-backbones": backbones,
    "timm": timm,
    "vainf": vainf,
    "coincheung": coincheung,
    "coincheung-pixelshuffle": pixelshuffle,
    "paddle": paddle,
}


def main() -> None:
    measured = json.loads(FILE.read_text()) if FILE.is_file() else {}
    for asked in sys.argv[1:]:
        name, _, checkout = asked.partition("=")
        measured[name] = list(SYSTEMS[name](Path(checkout)))
        print(f"{name}: {len(measured[name])} networks")
    lines = ",\n".join(
        f'"{name}": [\n' + ",\n".join(json.dumps(r) for r in measured[name]) + "\n]" for name in sorted(measured)
    )
    FILE.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
