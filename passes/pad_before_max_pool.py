"""# pad-before-max-pool

## What it does
Folds a `Pad` into the `MaxPool` that reads it, where its border can never win.

## Why
A Pad layer of its own reads and writes the whole feature map; TensorRT before 8.2 refuses one with minus infinity.

## Safety
Exact. MaxPool's own padding counts as minus infinity, so only a Pad with minus infinity is the same; and a Pad with
zeros where the data comes straight from Relu or Sigmoid, and therefore has nothing below zero. A zero Pad in front
of any other MaxPool stays: folding it would change every negative maximum at the border.

## When it refuses
Never. A Pad is left alone that somebody else reads too, that reaches the size of the window (every window has to
hold one real element), or whose MaxPool has `ceil_mode`, pads by itself, or also gives indices.

## How to avoid it when exporting
Write `nn.MaxPool2d(..., padding=p)` instead of `F.pad`.
"""

from __future__ import annotations

import numpy as np

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, padding, slow

NEVER_NEGATIVE = ("Relu", "Sigmoid")


class PadBeforeMaxPool(Pass):
    """A Pad that the max pooling behind it could do itself."""

    ops = ("MaxPool",)
    after = ("pad-with-axes", "negative-pads", "zero-pads")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,5,7] x) => (float[N,1,3,4] y) <int64[8] p = {0, 0, 1, 0, 0, 0, 1, 1}>
                { h = Relu(x) q = Pad(h, p) y = MaxPool <kernel_shape=[3, 2], strides=[2, 2]> (q) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,5,7] x) => (float[N,1,3,4] y)
                { h = Relu(x) y = MaxPool <kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]> (h) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="zeros around data that may be negative",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,1,5,7] x) => (float[N,1,3,4] y) <int64[8] p = {0, 0, 1, 0, 0, 0, 1, 1}>
                { q = Pad(x, p) y = MaxPool <kernel_shape=[3, 2], strides=[2, 2]> (q) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A MaxPool that alone reads a Pad whose border never is the maximum."""
        if _total_pads(node, graph) is None:
            return None
        return slow("the Pad in front is a layer of its own, which this MaxPool could do itself")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One MaxPool with the sum of both pads."""
        r, pad, total = Replacement(graph, node), graph.producer(node.input(0)), _total_pads(node, graph)
        assert pad is not None
        r.remove(pad)
        r.clone(node, [pad.input(0)], without=("auto_pad",), pads=total)
        return r


def _total_pads(node: Node, graph: Graph) -> list[int] | None:
    """Pads of both nodes on the spatial axes; None when they may not be joined."""
    pad = graph.producer(node.input(0))
    if pad is None or pad.op_type != "Pad" or pad.domain or graph.only_consumer(pad.outputs[0]) is not node:
        return None
    if (
        node.attr_string("auto_pad", "NOTSET") not in ("NOTSET", "VALID")
        or node.attr_int("ceil_mode", 0)
        or node.has_output(1)
    ):
        return None
    pads, kernel = padding.read(pad, graph), node.attr_ints("kernel_shape") or []
    if pads is None or pads.has_crop or not pads.axes or pads.axes[0] < 2 or not _never_wins(pad, graph):
        return None
    spatial = [*pads.begins[2:], *pads.ends[2:]]
    own = node.attr_ints("pads") or [0] * len(spatial)
    total = [a + b for a, b in zip(own, spatial, strict=True)]
    return total if all(t < k for t, k in zip(total, [*kernel, *kernel], strict=True)) else None


def _never_wins(pad: Node, graph: Graph) -> bool:
    value = padding.value(pad, graph)
    if value is None or padding.mode(pad) != "constant" or value.dtype.kind != "f":
        return False
    source = graph.producer(pad.input(0))
    positive = source is not None and source.op_type in NEVER_NEGATIVE
    return bool(np.isneginf(value)) or (positive and not value.any())
