"""Small layers that PyTorch has not, or has in another form than the reference systems."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name everyone uses


class HardSigmoid(nn.Module):
    """``relu6(x + 3) / 6`` in primitive operators, for exporters and runtimes without HardSigmoid."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape, kept."""
        return F.relu6(x + 3) / 6


class HardSwish(nn.Module):
    """``x * relu6(x + 3) / 6`` in primitive operators."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape, kept."""
        return x * (F.relu6(x + 3) / 6)


class SlopedHardSigmoid(nn.Module):
    """``clip(slope * x + 0.5, 0, 1)``; Paddle's slope is 0.2, which PyTorch cannot express."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape, kept."""
        return (x * self.slope + 0.5).clamp(0, 1)


class DownscaleDropout(nn.Module):
    """Dropout that scales at inference, by ``1 - p``, and not in training (``downscale_in_infer``)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape, kept."""
        if self.p == 0:
            return x
        keep = 1 - self.p
        return x * torch.empty_like(x).bernoulli_(keep) if self.training else x * keep


class ConvSame(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: the odd row and column go to the bottom and the right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        pads = []
        width_first = zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True)
        for size, kernel, stride in width_first:
            total = ((size + stride - 1) // stride - 1) * stride + kernel - size
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


class BatchNormAct(nn.BatchNorm2d):
    """BatchNorm with the activation inside, as timm nests them; the names of the exported nodes show it."""

    def __init__(self, norm: nn.BatchNorm2d, act: nn.Module) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.act = act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W), kept."""
        activated: torch.Tensor = self.act(super().forward(x))
        return activated
