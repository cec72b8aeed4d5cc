"""# computed-argument

## What it does
Reports inputs that the target wants as constants in the file, and that the graph computes: axes, K of TopK, bounds of
Clip before TensorRT 8.0.3, weights of convolutions before 8.0, and the like.

## Why
The importers of some operators read such inputs while they build the network ("... is required to be an
initializer", "Assertion failed: inputs.at(1).is_weights()"). Up to TensorRT 11.1 the parser folds nothing: an
Identity or a Cast of a constant counts as computed. Newer parsers fold what depends on constants alone (measured with
TensorRT-RTX 1.6 and 1.7), shapes not among them. The list is in `trtconv explain tensorrt-8.2`.

## Safety
Nothing is rewritten: unfolded-constants folds what can be known, and this is what is left.

## When it refuses
Always: the value depends on what the network is fed.

## How to avoid it when exporting
Export with fixed shapes, or write the value as a number in the model's code.
"""

from __future__ import annotations

import functools

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused
from trtconv.passes.core.target import facts, parse_version

HAVE_A_PASS = ("If", "Pad", "Resize", "Upsample")
"""Operators whose own passes look at such inputs."""


@functools.cache
def _arguments() -> dict[str, list[tuple[str, int, str, str | None]]]:
    """Per operator: name and index of the input, first version that wants it constant, first that no longer does."""
    found: dict[str, list[tuple[str, int, str, str | None]]] = {}
    for op_type, name, index, since, until, _ in facts()["constants_only"]:
        if op_type not in HAVE_A_PASS:
            found.setdefault(op_type, []).append((name, index, since, until))
    return found


class ComputedArgument(Pass):
    """An input that is computed where the importer wants a constant."""

    ops = tuple(sorted(_arguments()))
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.2",
            title="axes that come with the data",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x, int64[1] a) => (float[A,B] y) <int64[1] s = {0}, int64[1] e = {2}> {
                    y = Slice(x, s, e, a) }""",
            refusal="axes of Slice depends on what the network is fed",
        ),
        Example(
            target="tensorrt-10.3",
            title="taken since 10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x, int64[1] a) => (float[A,B] y) <int64[1] s = {0}, int64[1] e = {2}> {
                    y = Slice(x, s, e, a) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An input of the table that is no constant in a version of its range."""
        name = _computed(node, graph, target)
        return (
            refused(f"{target.title} wants {name} of {node.op_type} as a constant, and it is computed")
            if name
            else None
        )

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Folding would have done it."""
        raise Refused(f"{_computed(node, graph, target)} of {node.op_type} depends on what the network is fed")


def _computed(node: Node, graph: Graph, target: Target) -> str:
    """Name of the first input that is computed against the target's wish; empty where all is well."""
    folds = not target.before(*parse_version(facts()["folds_constants"][0]))
    for name, index, since, until in _arguments()[node.op_type]:
        wanted = not target.before(*parse_version(since)) and (until is None or target.before(*parse_version(until)))
        tensor = node.input(index)
        if wanted and tensor and not graph.is_constant(tensor) and not (folds and _is_foldable(graph, tensor)):
            return name
    return ""


def _is_foldable(graph: Graph, tensor: str) -> bool:
    """Whether the tensor depends on constants alone, shapes of other tensors not among them."""
    waiting, seen = [tensor], set()
    while waiting:
        name = waiting.pop()
        node = graph.producer(name)
        if name in seen or graph.is_constant(name):
            continue
        if node is None or node.op_type in ("Shape", "Size"):
            return False
        seen.add(name)
        waiting.extend(t for t in node.inputs if t)
    return True
