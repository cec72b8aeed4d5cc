"""Parameters and multiply-accumulates of a network, without allocating or computing anything.

`python -m trtconv.models.counts > models/counts.json` counts what `trtconv.models.counted` reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from trtconv.models.card import Value
from trtconv.models.counted import Counts
from trtconv.models.registry import create, find, networks


def count(
    name: str,
    classes: int | None = None,
    size: tuple[int, int] | None = None,
    **options: Value,
) -> Counts:
    """Count one network, on the meta device.

    Args:
        name: as the registry lists it.
        classes: None takes the reference system's.
        size: (height, width) in pixels; None takes the reference system's.
        **options: see `trtconv.models.create`.

    Raises:
        BadInput: an unknown name or option.
    """
    network = find(name)
    channels, height, width = network.input_size
    with torch.device("meta"), _ShapesOnly():
        model = create(name, classes, **options).eval()
        image = torch.empty(1, channels, *(size or (height, width)))
        macs = _macs(model, image)
    return Counts(
        parameters=sum(p.numel() for p in model.parameters()),
        macs=macs,
        entries=len(model.state_dict()),
        statistics=sum(b.numel() for key, b in model.named_buffers() if "running" in key),
    )


class _ShapesOnly(TorchFunctionMode):
    """Skips what leaves a shape alone: on meta tensors it decides nothing and takes most of the time."""

    skipped = {
        "batch_norm", "clamp", "dropout", "fill_", "hardsigmoid", "hardswish", "hardtanh", "normal_", "relu",
        "relu6", "sigmoid", "uniform_", "zero_",
    }  # fmt: skip

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """The first argument for what is skipped, and otherwise the function's result."""
        if args and getattr(func, "__name__", "") in self.skipped:
            return args[0]
        return func(*args, **(kwargs or {}))


def _macs(model: nn.Module, image: torch.Tensor) -> int:
    """Sum over convolutions and linear layers; an output element costs one multiply per weight it sees."""
    total = 0

    def add(layer: nn.Module, _: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d | nn.Linear):
            total += output.numel() * layer.weight[0].numel()

    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    with torch.no_grad():
        model(image)
    for hook in hooks:
        hook.remove()
    return total


if __name__ == "__main__":
    rows = (f'"{name}": {json.dumps(count(name).to_json())}' for name in networks())
    print("{\n " + ",\n ".join(rows) + "\n}")
