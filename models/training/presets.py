"""The recipes of the reference systems, by name, and which one a network gets when none is asked for.

What each system's own trainer does; where ours cannot be the same, docs/training.md says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trtconv.errors import BadInput
from trtconv.models.training.recipes import Recipe

CITYSCAPES: Mapping[str, Any] = {"mean": (0.3257, 0.3690, 0.3223), "std": (0.2112, 0.2148, 0.2115)}
COCO_STUFF: Mapping[str, Any] = {
    "mean": (0.46962251, 0.4464104, 0.40718787),
    "std": (0.27469736, 0.27012361, 0.28515933),
}
ADE20K: Mapping[str, Any] = {"mean": (0.49343230, 0.46819794, 0.43106043), "std": (0.25680755, 0.25506608, 0.27422913)}

# Only the new classifier learns; the statistics of the frozen part move on, as they did there.
FLOWERS = Recipe(
    epochs=50,
    batch=16,
    optimizer="adam",
    lr=1e-4,
    schedule="constant",
    freeze=("features.*",),
    freeze_statistics=False,
)

TORCHVISION = Recipe(
    epochs=600,
    batch=1024,
    optimizer="rmsprop",
    lr=0.064,
    weight_decay=1e-5,
    schedule="step",
    step_every=2 / 600,
    step_factor=0.973,
    scale=(0.08, 1.0),
    erase=0.2,
    policy="autoaugment",
    ema=0.9999,
)
TIMM = replace(TORCHVISION, batch=512, step_every=2.4 / 600, warmup=3 / 600, erase=0.2, policy="randaugment")

PADDLE = Recipe(
    epochs=360,
    batch=2048,
    lr=1.3,
    weight_decay=2e-5,
    decay_all=False,
    schedule="cosine",
    warmup=5 / 360,
    label_smoothing=0.1,
)

DEEPLAB_FOLDER = Recipe(
    epochs=20,
    batch=4,
    lr=0.01,
    schedule="constant",
    size=(352, 480),
    crop="none",
    flip=0.0,
)
DEEPLAB_VOC = Recipe(
    steps=30_000,
    batch=16,
    lr=1e-3,
    weight_decay=1e-4,
    schedule="poly",
    head=("classifier.*",),
    head_lr=10.0,
    size=(513, 513),
    crop="scaled",
    scale=(0.5, 2.0),
    colour="RGB",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)

BISENET = Recipe(
    steps=80_000,
    batch=16,
    lr=1e-2,
    weight_decay=5e-4,
    decay_all=False,
    head=("aux*", "conv_out*", "head.*"),
    head_lr=10.0,
    schedule="poly",
    warmup=1000 / 80_000,
    warmup_start=0.1,
    warmup_curve="exponential",
    loss="ohem",
    amp="fp16",
    sync_bn=True,
    eval_every=20,
    crop="scaled",
    jitter=0.4,
    size=(1024, 1024),
    eval_size=(1024, 2048),
    scale=(0.75, 2.0),
    **CITYSCAPES,
)
BISENETV2 = replace(BISENET, steps=150_000, warmup=1000 / 150_000, lr=5e-3, size=(512, 1024), scale=(0.25, 2.0))

# For a few thousand images on a laptop: no warm-up of thousands of steps, crops that keep the object.
SMALL_CLASSES = Recipe(
    epochs=8,
    batch=32,
    optimizer="adam",
    lr=3e-3,
    warmup=0.08,
    size=(64, 64),
    eval_crop=1.0,
    crop="scaled",
    scale=(0.85, 1.15),
)
SMALL_MASKS = Recipe(
    epochs=5,
    batch=8,
    lr=0.03,
    weight_decay=5e-4,
    schedule="poly",
    warmup=0.1,
    size=(96, 96),
    crop="none",
)

RECIPES: dict[str, Recipe] = {
    "flowers": FLOWERS,
    "torchvision": TORCHVISION,
    "timm": TIMM,
    "paddle": PADDLE,
    "paddle-large-x1.0": replace(PADDLE, lr=0.65, batch=1024, policy="autoaugment"),
    "paddle-large-x1.25": replace(PADDLE, weight_decay=4e-5),
    "paddle-small-narrow": replace(PADDLE, weight_decay=1e-5),
    "paddle-distill": replace(PADDLE, epochs=120, warmup=5 / 120, lr=0.65, weight_decay=1e-5, label_smoothing=0.0),
    "deeplab-folder": DEEPLAB_FOLDER,
    "deeplab-voc": DEEPLAB_VOC,
    "deeplab-cityscapes": replace(DEEPLAB_VOC, size=(768, 768), eval_size=(1024, 2048)),
    "bisenetv1-cityscapes": BISENET,
    "bisenetv2-cityscapes": BISENETV2,
    "bisenetv1-coco-stuff": replace(
        BISENET, steps=90_000, warmup=1000 / 90_000, size=(512, 512), eval_size=(), scale=(0.75, 2.0), **COCO_STUFF
    ),
    "bisenetv2-coco-stuff": replace(
        BISENETV2, steps=180_000, warmup=1000 / 180_000, size=(640, 640), eval_size=(), scale=(0.75, 2.0), **COCO_STUFF
    ),
    "bisenetv1-ade20k": replace(
        BISENET, steps=40_000, warmup=1000 / 40_000, lr=4e-2, size=(512, 512), eval_size=(), **ADE20K
    ),
    "bisenetv2-ade20k": replace(
        BISENETV2, steps=160_000, warmup=1000 / 160_000, size=(640, 640), eval_size=(), scale=(0.25, 2.0), **ADE20K
    ),
    "small-classes": SMALL_CLASSES,
    "small-masks": SMALL_MASKS,
}

_PADDLE_OWN = {
    "MobileNetV3_large_x1_0": "paddle-large-x1.0",
    "MobileNetV3_large_x1_25": "paddle-large-x1.25",
    "MobileNetV3_small_x0_5": "paddle-small-narrow",
    "MobileNetV3_small_x0_35": "paddle-small-narrow",
}


def default_for(network: str) -> str:
    """The recipe of the system that a network of the registry comes from."""
    if network.startswith("bisenet"):
        return f"{network}-cityscapes"
    if network.startswith("deeplab"):
        return "deeplab-voc"
    if network.startswith("MobileNetV3"):
        return _PADDLE_OWN.get(network, "paddle")
    return "torchvision" if network in ("mobilenetv3_large", "mobilenetv3_small") else "timm"


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        BadInput: There is none.
    """
    if name not in RECIPES:
        raise BadInput(f"there is no recipe {name!r}", where="--recipe", do=f"known: {', '.join(RECIPES)}")
    return RECIPES[name]
