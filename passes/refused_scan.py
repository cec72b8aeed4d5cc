"""# refused-scan

## What it does
Gives a `Scan` without state variables one that is never changed, counts its axes from the front, and drops the lengths
of the sequences (opset 8) where all have the full one.

## Why
The importer takes its name from the first state variable and stops where there is none ("Invalid Node", without a
further word), it counts negative axes from the end of eight axes, the most that TensorRT has, and it reads no lengths
("TensorRT doesn't support sequence_lens input for this node!"). Read in the sources of 7.0 to 10.1, and measured with
TensorRT-RTX 1.7.

## Safety
Exact: the new variable is a constant that nothing reads.

## When it refuses
When an axis is negative and the rank of its tensor is unknown, and when sequences end at different places or their
lengths are computed.

## How to avoid it when exporting
Write what happens to each element with the operators for whole tensors: without state, nothing has to be scanned.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused
from trtconv.passes.core.loops import add_state

AXES = ("scan_input_axes", "scan_output_axes")


class RefusedScan(Pass):
    """Scan without state, or with negative axes."""

    ops = ("Scan",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, float[N,3] s) => (float[N,3] y) {
                    y = Scan(s) <num_scan_inputs = 1, body = b (float[3] e) => (float[3] q) { q = Add(e, x) }>
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, float[N,3] s) => (float[N,3] y) <float z = {0}> {
                    state, y = Scan(z, s) <num_scan_inputs = 1,
                        body = b (float i, float[3] e) => (float o, float[3] q) { o = Identity(i) q = Add(e, x) }>
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="a running sum",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[3] x, float[N,3] s) => (float[3] last, float[N,3] y) {
                    last, y = Scan(x, s) <num_scan_inputs = 1,
                        body = b (float[3] i, float[3] e) => (float[3] o, float[3] q) {
                            o = Add(i, e)
                            q = Identity(o)
                        }>
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """No state variables, or an axis below 0."""
        if not target.has("Scan"):
            return None
        if _states(node, graph) == 0:
            return refused(f"{target.title} takes no Scan without state variables")
        if any(axis < 0 for name in AXES for axis in node.attr_ints(name) or []):
            return refused(f"{target.title} counts the negative axes of Scan from the end of 8")
        return refused(f"{target.title} reads no sequence_lens of Scan") if _lengths(node, graph) else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The same Scan with a state variable and with axes from 0 on."""
        r, states = Replacement(graph, node), _states(node, graph)
        proto = node.to_proto()
        if _lengths(node, graph):
            _check_lengths(node, graph)
            proto.input[0] = ""
        scanned = [*node.inputs[len(node.inputs) - node.attr_int("num_scan_inputs", 1) :]]
        for name, tensors in zip(AXES, (scanned, node.outputs[states:]), strict=True):
            for attribute in proto.attribute:
                if attribute.name == name:
                    attribute.ints[:] = [_positive(a, t, graph) for a, t in zip(attribute.ints, tensors, strict=True)]
        if states == 0:
            _add_state(proto, r)
        r.nodes.append(graph.model.read_node(proto, graph))
        return r


def _states(node: Node, graph: Graph) -> int:
    sequence_lengths = 1 if graph.opset < 9 else 0
    return len(node.inputs) - sequence_lengths - node.attr_int("num_scan_inputs", 1)


def _lengths(node: Node, graph: Graph) -> str:
    """The tensor that says how long each sequence of the batch is, in opset 8."""
    return node.input(0) if graph.opset < 9 else ""


def _check_lengths(node: Node, graph: Graph) -> None:
    lengths, shape = graph.constant(node.input(0)), graph.shape(node.inputs[-1])
    if lengths is None or shape is None or not isinstance(shape[1], int):
        raise Refused("the lengths of its sequences, or the room for them, are computed")
    if (lengths != shape[1]).any():
        raise Refused("its sequences end at different places")


def _positive(axis: int, tensor: str, graph: Graph) -> int:
    rank = graph.rank(tensor)
    if axis < 0 and rank is None:
        raise Refused(f"the rank of {tensor!r} is unknown, so that its axis {axis} cannot be counted from the front")
    return axis if axis >= 0 or rank is None else axis + rank


def _add_state(proto: NodeProto, r: Replacement) -> None:
    """A scalar that goes round unchanged; opset 8 has a batch of it."""
    graph, place, shape = r.graph, 0, []
    if graph.opset < 9:
        batch = graph.shape(proto.input[1])
        if not batch or not isinstance(batch[0], int):
            raise Refused("its batch is not fixed, and opset 8 wants a state for each sample")
        place, shape = 1, [batch[0]]
    state, following, name = (graph.unique(f"{r.node.label}/{n}") for n in ("state", "next_state", "keep_state"))
    keep = helper.make_node("Identity", [state], [following], name)
    add_state(r, proto, np.zeros(shape, np.float32), state, keep, before=(place, 0, 0))
