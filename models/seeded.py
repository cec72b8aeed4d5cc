"""Networks with made-up weights that behave like trained ones, for tests and demonstrations."""

from __future__ import annotations

import torch
from torch import nn

from trtconv.models.card import Value
from trtconv.models.registry import create

SIZE = (96, 128)  # a multiple of every network's stride, small enough to be quick


def seeded(name: str, seed: int, classes: int | None = None, **options: Value) -> nn.Module:
    """A network in eval mode whose weights follow from the seed.

    BatchNorm's statistics are those of the layer's real input on noise, and its scale and shift are drawn too, so
    that folding it into a convolution changes numbers and a mistake shows; activations keep a sensible size.

    Args:
        name: as the registry lists it.
        seed: same seed, same weights, on one version of PyTorch.
        classes: None takes the reference system's.
        **options: see `trtconv.models.create`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = create(name, classes, **options).eval()
        for module in model.modules():
            _draw(module)
        # Images of their own brightness and contrast: a pooled feature must not be the same for all of them.
        contrast, brightness = torch.rand(4, 1, 1, 1) + 0.5, torch.randn(4, 3, 1, 1)
        _measure(model, torch.randn(4, 3, *SIZE) * contrast + brightness)
    return model


def _draw(module: nn.Module) -> None:
    if isinstance(module, nn.BatchNorm2d):
        nn.init.uniform_(module.weight, 0.7, 1.3)
        # Activations mostly open, as in trained networks: with the mean at zero each layer would enlarge the
        # rounding errors of the one before by a fifth.
        nn.init.normal_(module.bias, mean=1.0, std=0.2)
    elif isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        # No BatchNorm follows: keep the size of the input.
        nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        nn.init.normal_(module.bias, std=0.1)


def _measure(model: nn.Module, images: torch.Tensor) -> None:
    """One pass in which every BatchNorm takes its statistics from what it sees."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        model(images)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
        norm.eval()
