"""Tensors inside a network as further outputs of its engine. Runs in a child process: see `trtconv.isolate`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from trtconv.runtimes.network import parse_network, runtime

if TYPE_CHECKING:
    from trtconv.runtimes.network import Network

READABLE = ("FLOAT", "HALF", "INT64", "INT32", "INT8", "UINT8", "BOOL")
"""Element types that numpy has, too: Polygraphy hands others out as tensors of PyTorch."""


def markable(path: str) -> list[str]:
    """Names of the tensors inside the ONNX file that can be marked; none where the parser refuses it.

    The parser names tensors as the graph does. What it computes itself, and sizes, are none that an engine could give.
    """
    parsed = parse_network(runtime(), path)
    return list(_inner_tensors(parsed.network)) if parsed.accepted else []


def mark(parsed: Network, names: Iterable[str]) -> None:
    """Make tensors outputs of the network, those that are markable. Layers on both sides of each stay apart."""
    inner = _inner_tensors(parsed.network)
    for name in names:
        if name in inner:
            parsed.network.mark_output(inner[name])


def _inner_tensors(network: Any) -> dict[str, Any]:
    layers = (network.get_layer(index) for index in range(network.num_layers))
    tensors = (layer.get_output(index) for layer in layers for index in range(layer.num_outputs))
    return {
        tensor.name: tensor
        for tensor in tensors
        if tensor is not None
        and tensor.dtype.name in READABLE
        and not (tensor.is_shape_tensor or tensor.is_network_output)
    }
