"""A graph as a small picture in Mermaid, which Markdown pages on the web render."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import ModelProto


def mermaid(text: str) -> list[str]:
    """Lines of a flow chart of a graph in ONNX text syntax: inputs, operators, outputs; constants are left out."""
    model = onnx.parser.parse_model(text)
    return ["```mermaid", "flowchart LR", *(f"  {line}" for line in _chart(model)), "```", ""]


def _chart(model: ModelProto) -> Iterator[str]:
    graph = model.graph
    places: dict[str, str] = {}
    for index, value in enumerate(graph.input):
        places[value.name] = f"i{index}"
        yield f'i{index}(["{value.name}"])'
    nodes = [n for n in graph.node if n.op_type != "Constant"]
    for index, node in enumerate(nodes):
        places.update(dict.fromkeys(filter(None, node.output), f"n{index}"))
        yield f'n{index}["{node.op_type}"]'
    for index, node in enumerate(nodes):
        for tensor in node.input:
            if tensor in places:
                yield f"{places[tensor]} --> n{index}"
    for index, value in enumerate(graph.output):
        yield f'o{index}(["{value.name}"])'
        if value.name in places:
            yield f"{places[value.name]} --> o{index}"
