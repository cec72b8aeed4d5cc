"""# recurrence-form

## What it does
Splits a bidirectional LSTM, GRU or RNN whose two directions have different activations into one node for each
direction, and writes the coupled gates of an LSTM (`input_forget`) as weights.

## Why
No version takes either: "The parser does not currently support cases where activations for the reverse pass of the
LSTM do not match the forward pass.", "Coupled input/forget is unsupported in the LSTM converter".

## Safety
Exact: a forget gate that is one less the input gate is the sigmoid of the negated sum.

## When it refuses
For activations with parameters, for coupled gates of another activation than Sigmoid, and with `layout=1` or
weights that are not in the file.

## How to avoid it when exporting
PyTorch's recurrences do neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
ACTIVATIONS = {"LSTM": 3, "GRU": 2, "RNN": 1}
PER_DIRECTION = {"LSTM": (1, 2, 3, 5, 6, 7), "GRU": (1, 2, 3, 5), "RNN": (1, 2, 3, 5)}
"""Inputs whose first axis is the direction: weights, biases, states and peepholes."""
PARAMETERS = ("activation_alpha", "activation_beta")


class RecurrenceForm(Pass):
    """Recurrences that the parser takes in another form only."""

    ops = ("GRU", "LSTM", "RNN")
    safety = Safety.ROUNDING
    after = ("batch-first-recurrence", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[5,N,1] x) => (float[5,2,N,1] y)
                <float[2,1,1] w = {1, 2}, float[2,1,1] r = {0.5, 0.25}> {
                    y = RNN <hidden_size = 1, direction = "bidirectional", activations = ["Tanh", "Relu"]> (x, w, r)
                }""",
            after="""<ir_version: 8, opset_import: ["": 14]>
                g (float[5,N,1] x) => (float[5,2,N,1] y)
                <float[1,1,1] wf = {1}, float[1,1,1] rf = {0.5}, float[1,1,1] wb = {2}, float[1,1,1] rb = {0.25}> {
                    f = RNN <hidden_size = 1, activations = ["Tanh"]> (x, wf, rf)
                    b = RNN <hidden_size = 1, direction = "reverse", activations = ["Relu"]> (x, wb, rb)
                    y = Concat <axis = 1> (f, b)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="computed weights",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[5,N,1] x, float[1,4,1] w, float[1,4,1] r) => (float[5,1,N,1] y) {
                    y = LSTM <hidden_size = 1, input_forget = 1> (x, w, r)
                }""",
            refusal="its weights are not in the file",
        ),
        Example(
            target="tensorrt-10.3",
            title="equal activations",
            before="""<ir_version: 8, opset_import: ["": 14]>
                g (float[5,N,1] x) => (float[5,2,N,1] y)
                <float[2,1,1] w = {1, 2}, float[2,1,1] r = {0.5, 0.25}> {
                    y = RNN <hidden_size = 1, direction = "bidirectional", activations = ["Tanh", "Tanh"]> (x, w, r)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Activations of the two directions that differ, or coupled gates."""
        if _is_coupled(node):
            return refused("input and forget gate of the LSTM are coupled")
        if _differ(node):
            return refused(f"the directions of the {node.op_type} have different activations")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Other weights, or two nodes."""
        if any(p in node.attributes for p in PARAMETERS) or node.attr_int("layout", 0):
            raise Refused("its activations have parameters, or its layout is batch first")
        r = Replacement(graph, node)
        if _is_coupled(node):
            _uncouple(r)
        else:
            _split(r)
        return r


def _activations(node: Node) -> list[str]:
    found = node.attributes.get("activations")
    return [] if found is None else [s.decode() for s in found.strings]


def _differ(node: Node) -> bool:
    names = [n.lower() for n in _activations(node)]
    half = ACTIVATIONS[node.op_type]
    bidirectional = node.attr_string("direction", "forward") == "bidirectional"
    return bidirectional and len(names) == 2 * half and names[:half] != names[half:]


def _is_coupled(node: Node) -> bool:
    return node.op_type == "LSTM" and node.attr_int("input_forget", 0) != 0


def _uncouple(r: Replacement) -> None:
    """Rows of the forget gate (the third of i, o, f, c) are the negated rows of the input gate."""
    node, hidden = r.node, r.node.attr_int("hidden_size", 0)
    first = [n.lower() for n in _activations(node)[:: ACTIVATIONS["LSTM"]]]
    if any(n != "sigmoid" for n in first):
        raise Refused("the gates that are coupled have another activation than Sigmoid")
    inputs = list(node.inputs)
    for index, forget in ((1, 2), (2, 2), (3, 2), (3, 6), (7, 2)):
        if node.input(index):
            value = _constant(r, node.input(index)) if inputs[index] == node.input(index) else None
            made = r.graph.model.array(r.initializers[inputs[index]]) if value is None else value
            made = made.copy()
            start = forget * hidden
            made[:, start : start + hidden] = -made[:, start - 2 * hidden : start - hidden]
            inputs[index] = r.constant(made)
    r.clone(node, inputs, without=["input_forget"])


def _constant(r: Replacement, tensor: str) -> Array:
    value = r.graph.constant(tensor)
    if value is None:
        raise Refused("its weights are not in the file")
    return value


def _split(r: Replacement) -> None:
    node, names = r.node, _activations(r.node)
    half, results = ACTIVATIONS[node.op_type], []
    for place, direction in enumerate(("forward", "reverse")):
        inputs = [
            _part(r, t, place) if t and i in PER_DIRECTION[node.op_type] else t for i, t in enumerate(node.inputs)
        ]
        chosen = names[place * half : (place + 1) * half]
        into = [None if o else "" for o in node.outputs]
        results.append(r.clone(node, inputs, into=into, direction=direction, activations=chosen))
    for index, out in enumerate(node.outputs):
        if out:
            r.concat([parts[index] for parts in results], 0 if index else 1, into=out)


def _part(r: Replacement, tensor: str, place: int) -> str:
    """What belongs to one direction, as a constant where it is one."""
    value = r.graph.constant(tensor)
    if value is not None:
        return r.constant(value[place : place + 1])
    return r.slice(tensor, [place], [place + 1], [0])
