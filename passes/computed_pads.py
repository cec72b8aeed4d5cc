"""# computed-pads

## What it does
Replaces a `Pad` whose pads the parser cannot read from where they are: pads computed at run time become `Slice` and
`Concat` with blocks of the border's size, and on TensorRT 7.0 constant pads of opset 11 become such blocks as well.

## Why
TensorRT 7.0 reads pads from an attribute, which opset 11 turned into an input. 7.1 to 8.0 read the input, but want
an initializer (`inputs.at(1).is_weights()`, "The input pads is required to be an initializer."): what PyTorch
exports from opset 11 on is a chain of ten nodes instead, which constant folding removes. From 8.2 on computed pads
are taken as long as their number is known and they depend on shapes only.

## Safety
Exact. Computed pads may be negative: what they take away is sliced off first.

## When it refuses
When the pads are computed and the mode is not constant, when their number is not known, or when they depend on the
data: TensorRT has to know every shape before it runs.

## How to avoid it when exporting
Give the input a fixed size, or fold constants (`trtconv fix` does).
"""

from __future__ import annotations

import numpy as np

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, padding, refused
from trtconv.passes.core.shape_arithmetic import is_shape_arithmetic

UNCOUNTED = "how many pads there are is not known before it runs"
AXES_TOO = "the pads are computed, and so are the axes or the rank"


class ComputedPads(Pass):
    """Pads that are no constant, or not where the parser looks for them."""

    ops = ("Pad",)
    after = (
        "unfolded-constants",
        "pad-with-axes",
        "negative-pads",
        "zero-pads",
        "pad-before-convolution",
        "pad-before-max-pool",
    )
    examples = (
        Example(
            target="tensorrt-7.0",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[1,1,2,2] x) => (float[1,1,3,2] y) <int64[8] p = {0, 0, 1, 0, 0, 0, 0, 0}> { y = Pad(x, p) }""",
            after="""<ir_version: 8, opset_import: ["": 11]>
                g (float[1,1,2,2] x) => (float[1,1,3,2] y) <float[1,1,1,2] b = {0, 0}>
                { y = Concat <axis=2> (b, x) }""",
        ),
        Example(
            target="tensorrt-7.0",
            title="the attribute of older opsets is read",
            before="""<ir_version: 8, opset_import: ["": 10]>
                g (float[1,1,2,2] x) => (float[1,1,3,2] y) { y = Pad <pads=[0, 0, 1, 0, 0, 0, 0, 0]> (x) }""",
        ),
        Example(
            target="tensorrt-8.0",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,1,2,2] x, int64[8] p) => (float[A,B,C,D] y) { y = Pad <mode="edge"> (x, p) }""",
            refusal="computed at run time, and mode edge",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,1,2,2] x, float[8] f) => (float[A,B,C,D] y) { p = Cast <to=7> (f) y = Pad(x, p) }""",
            refusal="depend on the data",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Pads as an input on 7.0; computed ones before 8.2; later, those that are no shape tensor."""
        if padding.pads_in(graph) == "attribute":
            return None
        if target.before(7, 1):
            return refused(f"{target.title} reads pads from an attribute only, which opset 11 made an input")
        if graph.is_constant(node.input(1)):
            return None
        if target.before(8, 2):
            return refused(f"{target.title} wants constant pads, and these are computed at run time")
        why = AXES_TOO if node.input(3) and target.before(10, 0) else _why_no_shape_tensor(node, graph)
        return refused(f"{target.title} cannot use these pads: {why}") if why else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Blocks around the data, of constant or of computed size."""
        r, pads, how = Replacement(graph, node), padding.read(node, graph), padding.mode(node)
        filling = padding.value(node, graph)
        fill = node.input(2) if filling is None else filling
        if pads is not None:
            padding.without_pad(r, node.input(0), pads, fill, how, node.outputs[0])
            return r
        why = AXES_TOO if node.input(3) else _why_no_shape_tensor(node, graph)
        if why:
            raise Refused(why)
        if not _has_length(graph, node.input(1)):
            raise Refused(UNCOUNTED)
        if how != "constant":
            raise Refused(f"the pads are computed at run time, and mode {how} needs them constant")
        _computed_frame(r, node, fill if isinstance(fill, str) else r.constant(fill))
        return r


def _why_no_shape_tensor(node: Node, graph: Graph) -> str:
    pads = node.input(1)
    if not is_shape_arithmetic(graph, pads):
        return "the pads depend on the data, and TensorRT has to know every shape before it runs"
    if graph.producer(pads) is None and not _has_length(graph, pads):
        return UNCOUNTED
    return ""


def _has_length(graph: Graph, pads: str) -> bool:
    length = graph.shape(pads)
    return length is not None and len(length) == 1 and isinstance(length[0], int)


def _computed_frame(r: Replacement, node: Node, filling: str) -> None:
    """Per axis: slice off what a negative pad takes away, then put blocks of the size of a positive one around it."""
    x, pads, graph = node.input(0), node.input(1), r.graph
    length = graph.shape(pads)
    rank = int(length[0]) // 2 if length and isinstance(length[0], int) else 0
    zero, known = r.constant([0], np.int64), _known_pads(graph, pads, 2 * rank)
    axes = [a for a in range(rank) if (known[a], known[rank + a]) != (0, 0)]
    for axis in axes:
        counts = []
        for index in (axis, rank + axis):
            amount = r.slice(pads, [index], [index + 1], [0])
            counts.append((amount, r.op("Where", r.op("Greater", amount, zero), amount, zero)))
        start = r.op("Sub", counts[0][1], counts[0][0])
        size = r.slice(r.shape(x), [axis], [axis + 1], [0])
        end = r.op("Sub", r.op("Add", size, counts[1][0]), counts[1][1])
        inside = r.op("Slice", x, start, end, r.constant([axis], np.int64))
        blocks = [r.op("Expand", filling, padding.shape_with(r, inside, axis, c, [None] * rank)) for _, c in counts]
        x = r.concat([blocks[0], inside, blocks[1]], axis, into=node.outputs[0] if axis == axes[-1] else None)
    if not axes:
        r.op("Identity", x, into=node.outputs[0])


def _known_pads(graph: Graph, pads: str, count: int) -> list[int | None]:
    """Elements that are constant although others are not: those of a Concat's constant parts."""
    node = graph.producer(pads)
    if node is None or node.op_type != "Concat":
        return [None] * count
    known: list[int | None] = []
    for part in node.inputs:
        value, shape = graph.constant(part), graph.shape(part)
        if value is not None:
            known.extend(int(v) for v in value.reshape(-1))
        elif shape and isinstance(shape[0], int):
            known.extend([None] * shape[0])
    return known if len(known) == count else [None] * count
