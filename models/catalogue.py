"""The networks there are, with what their reference systems feed them; facts only, no PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from trtconv.feeding.preprocessing import Preprocessing
from trtconv.models.card import Options
from trtconv.models.registry import Build, Network

if TYPE_CHECKING:
    import torch

IMAGENET = Preprocessing()
IMAGENET_BICUBIC = Preprocessing(interpolation="bicubic")
INCEPTION = Preprocessing(interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
# The DeepLab system reads with OpenCV and neither swaps the channels nor normalises them.
BGR_352x480 = Preprocessing(resize=(352, 480), crop=None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), colour="BGR")
CITYSCAPES = Preprocessing(resize=(1024, 2048), crop=None, mean=(0.3257, 0.3690, 0.3223), std=(0.2112, 0.2148, 0.2115))

TORCHVISION: Options = {"width": 1.0, "reduced_tail": False, "dropout": 0.2, "activations": "fused"}
TIMM: Options = {"dropout": 0.0}
PADDLE: Options = {"dropout": 0.2}
DEEPLAB: Options = {"output_stride": 8, "upsample": "nearest"}
BISENET: Options = {"mode": "eval", "head": "bilinear"}


def every() -> Iterator[Network]:
    """Every network, in no particular order."""
    yield from _mobilenetv3()
    yield from _deeplab()
    for version in (1, 2):
        yield Network(
            name=f"bisenetv{version}",
            family="bisenet",
            task="segmentation",
            input_size=(3, 1024, 2048),
            classes=19,
            preprocessing=CITYSCAPES,
            build=_builder("bisenet", version=version),
            options=BISENET,
            stride=32,
            names=("input_image", "preds"),
        )


def _mobilenetv3() -> Iterator[Network]:
    for size in ("large", "small"):
        yield _classifier(f"mobilenetv3_{size}", "torchvision", size, IMAGENET, TORCHVISION, names=("image", "outputs"))
        # The names are those of PaddleClas' serving; the network itself has none.
        for width in (0.35, 0.5, 0.75, 1.0, 1.25):
            name = f"MobileNetV3_{size}_x{width}".replace(".", "_")
            yield _classifier(name, "paddle", size, IMAGENET, PADDLE, width, names=("inputs", "prediction"))
    timm: tuple[tuple[str, str, str, float, Preprocessing], ...] = (
        ("mobilenetv3_large_100", "timm", "large", 1.0, IMAGENET_BICUBIC),
        ("mobilenetv3_large_075", "timm", "large", 0.75, IMAGENET_BICUBIC),
        ("mobilenetv3_small_100", "timm", "small", 1.0, IMAGENET_BICUBIC),
        ("mobilenetv3_small_075", "timm", "small", 0.75, IMAGENET_BICUBIC),
        ("mobilenetv3_small_050", "timm", "small", 0.5, IMAGENET_BICUBIC),
        ("mobilenetv3_rw", "timm_rw", "large", 1.0, IMAGENET_BICUBIC),
        ("tf_mobilenetv3_large_minimal_100", "timm_tf_minimal", "large", 1.0, INCEPTION),
    )
    for name, dialect, size, width, look in timm:
        yield _classifier(name, dialect, size, look, TIMM, width, names=("data", "output"))


def _classifier(
    name: str,
    dialect: str,
    size: str,
    preprocessing: Preprocessing,
    options: Options,
    width: float = 1.0,
    *,
    names: tuple[str, str],
) -> Network:
    return Network(
        name=name,
        family="mobilenetv3",
        task="classification",
        input_size=(3, 224, 224),
        classes=1000,
        preprocessing=preprocessing,
        build=_builder("mobilenetv3", dialect=dialect, size=size, width=width),
        options=options,
        names=names,
    )


def _deeplab() -> Iterator[Network]:
    for head in ("deeplabv3", "deeplabv3plus"):
        for backbone in ("mobilenet", "resnet50", "resnet101"):
            yield Network(
                name=f"{head}_{backbone}",
                family="deeplab",
                task="segmentation",
                input_size=(3, 352, 480),
                classes=21,
                preprocessing=BGR_352x480,
                build=_builder("deeplab", head=head, backbone=backbone),
                options=DEEPLAB,
            )


def _builder(module: str, **fixed: float | str) -> Build:
    """Import the family's module when the first network of it is built."""

    def build(classes: int, options: Options) -> torch.nn.Module:
        make: Callable[..., torch.nn.Module] = import_module(f"trtconv.models.networks.{module}").build
        return make(classes, **{**fixed, **options})

    return build
