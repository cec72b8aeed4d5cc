"""# batch-first-recurrence

## What it does
Turns an `LSTM`, `GRU` or `RNN` with `layout=1` (batch first) into one with the sequence first, between Transposes.

## Why
No parser reads `layout`: the batch is taken for the sequence, and the network computes something else without an
error (measured with TensorRT-RTX 1.7, too: the output comes out as (sequence, directions, batch, size)).

## Safety
Values only change places; runtimes may sum them in another order.

## When it refuses
Never.

## How to avoid it when exporting
PyTorch's exporter writes Transposes by itself, also for `batch_first=True`.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, silent

STATES = (5, 6)
"""Inputs initial_h, and initial_c of LSTM."""


class BatchFirstRecurrence(Pass):
    """A recurrence whose first axis is the batch."""

    ops = ("LSTM", "GRU", "RNN")
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[N,5,2] x, float[1,3,2] w, float[1,3,3] r) => (float[N,1,3] h) {
                    , h = RNN <hidden_size = 3, layout = 1> (x, w, r)
                }""",
            after="""<ir_version: 8, opset_import: ["": 14]>
                g (float[N,5,2] x, float[1,3,2] w, float[1,3,3] r) => (float[N,1,3] h) {
                    steps = Transpose <perm = [1, 0, 2]> (x)
                    , last = RNN <hidden_size = 3> (steps, w, r)
                    h = Transpose <perm = [1, 0, 2]> (last)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="sequence first",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[5,N,2] x, float[1,3,2] w, float[1,3,3] r) => (float[1,N,3] h) {
                    , h = RNN <hidden_size = 3> (x, w, r)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """layout=1."""
        return silent("layout is not read: the batch is taken for the sequence") if node.attr_int("layout", 0) else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Transposes around the same node without the attribute."""
        r = Replacement(graph, node)
        inputs = [r.transpose(t, [1, 0, 2]) if t and (i == 0 or i in STATES) else t for i, t in enumerate(node.inputs)]
        results = r.clone(node, inputs, into=[None if o else "" for o in node.outputs], without=["layout"])
        for index, (result, out) in enumerate(zip(results, node.outputs, strict=True)):
            if out:
                r.transpose(result, [1, 0, 2] if index else [2, 0, 1, 3], into=out)
        return r
