"""# computed-argument

## What it does
Writes a computed bias of a convolution as an Add behind it, computed bounds of a Clip as Max and Min, and an Unsqueeze
or Squeeze of computed axes as a Reshape to a computed shape; reports other inputs that the target wants as constants
in the file and that the graph computes: axes of a Slice, K of TopK, weights of convolutions before TensorRT 8.0, and
the like; and a Slice with an open number of starts.

## Why
The importers of some operators read such inputs while they build the network ("... is required to be an
initializer", "Assertion failed: inputs.at(1).is_weights()"), and of Squeeze and Unsqueeze the builder wants the axes
("unsqueeze axis is not a constant"). Up to TensorRT 11.1 the parser folds nothing: an Identity or a Cast of a constant
counts as computed. Newer parsers fold what depends on constants alone (measured with TensorRT-RTX 1.6 and 1.7), shapes
not among them. The list is in `trtconv explain tensorrt-8.2`.

## Safety
Max and Min are exact, but that infinity stays infinity where a bound is left out; a bias that is added afterwards
rounds once more. Before opset 14 a Reshape cannot be asked for an axis of size 0. What can be known, unfolded-constants
has folded.

## When it refuses
For all other inputs: the value depends on what the network is fed. So it is of several computed axes of one Squeeze,
and of axes that are computed from the values of tensors, not from shapes or integers that the network is fed.

## How to avoid it when exporting
Export with fixed shapes, or write the value as a number in the model's code.
"""

from __future__ import annotations

import functools

from trtconv.passes.core import (
    Example,
    Graph,
    Node,
    Pass,
    Refused,
    Replacement,
    Safety,
    Target,
    Trouble,
    open_axes,
    refused,
)
from trtconv.passes.core.target import facts, parse_version

HAVE_A_PASS = ("If", "InstanceNormalization", "Pad", "Resize", "Upsample")
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
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,2,8,8] x, float[3] b) => (float[N,3,8,8] y) <float[3,2,1,1] w = {1, 2, 3, 4, 5, 6}> {
                    y = Conv(x, w, b) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,2,8,8] x, float[3] b) => (float[N,3,8,8] y)
                <float[3,2,1,1] w = {1, 2, 3, 4, 5, 6}, int64[2] a = {1, 2}> {
                    c = Conv(x, w) column = Unsqueeze(b, a) y = Add(c, column) }""",
        ),
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
        Example(
            target="tensorrt-rtx-1.7",
            title="an axis that is fed",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[N,3,1] x, int64[1] a) => (float[A,B] y) { y = Squeeze(x, a) }""",
            after="""<ir_version: 8, opset_import: ["": 14]>
                g (float[N,3,1] x, int64[1] a) => (float[A,B] y) <int64[1] flat = {-1}, int64[2] i = {0, 1},
                int64[1] zero = {0}, int64[1] rank = {3}, int64[1] one = {1}> {
                    wide = Cast <to = 7> (a)
                    given = Reshape(wide, flat)
                    negative = Less(given, zero)
                    wrapped = Add(given, rank)
                    axis = Where(negative, wrapped, given)
                    before = Less(i, axis)
                    next = Add(i, one)
                    source = Where(before, i, next)
                    shape = Shape(x)
                    kept = Gather <axis = 0> (shape, source)
                    y = Reshape <allowzero = 1> (x, kept) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An input of the table that is no constant in a version of its range."""
        name = _computed(node, graph, target)
        if name:
            return refused(f"{target.title} wants {name} of {node.op_type} as a constant, and it is computed")
        if node.op_type == "Slice" and _is_uncounted(graph, node.input(1)):
            return refused(f"{target.title} has to know how many starts the Slice has")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Bias and bounds as nodes of their own; anything else, folding would have done."""
        name = _computed(node, graph, target)
        if node.op_type == "Clip":
            return _bounded(node, graph)
        if name == "bias":
            return _with_bias_behind(node, graph)
        if name == "axes" and node.op_type in ("Squeeze", "Unsqueeze"):
            return open_axes.reshaped(node, graph)
        raise Refused(f"{name or 'number of starts'} of {node.op_type} depends on what the network is fed")


def _computed(node: Node, graph: Graph, target: Target) -> str:
    """Name of the first input that is computed against the target's wish; empty where all is well."""
    folds = not target.before(*parse_version(facts()["folds_constants"][0]))
    for name, index, since, until in _arguments()[node.op_type]:
        wanted = not target.before(*parse_version(since)) and (until is None or target.before(*parse_version(until)))
        tensor = node.input(index)
        if wanted and tensor and not graph.is_constant(tensor) and not (folds and _is_foldable(graph, tensor)):
            return name
    return ""


def _is_uncounted(graph: Graph, starts: str) -> bool:
    """Whether the number of starts is open ("The shape of input starts misaligns with the shape of input axes")."""
    shape = graph.shape(starts) if starts and not graph.is_constant(starts) else None
    return shape is not None and len(shape) == 1 and not isinstance(shape[0], int)


def _bounded(node: Node, graph: Graph) -> Replacement:
    r = Replacement(graph, node)
    at_least = r.op("Max", node.input(0), node.input(1)) if node.input(1) else node.input(0)
    r.op(*(("Min", at_least, node.input(2)) if node.input(2) else ("Identity", at_least)), into=node.outputs[0])
    return r


def _with_bias_behind(node: Node, graph: Graph) -> Replacement:
    rank = graph.rank(node.input(0))
    if rank is None:
        raise Refused(f"the bias of {node.op_type} is computed, and the rank of its input is not known")
    r = Replacement(graph, node)
    total = r.clone(node, node.inputs[:2], into=[None])[0]
    r.op("Add", total, r.unsqueeze(node.input(2), list(range(1, rank - 1))), into=node.outputs[0])
    return r


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
