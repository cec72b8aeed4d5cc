"""# exploded-layer-normalization

## What it does
Fuses the parts of a layer normalization, from the mean to the bias, into one `LayerNormalization`.

## Why
Networks that write the norm themselves leave seven nodes and more, each a layer that reads and writes the whole
tensor. TensorRT 8.6 and newer run the one node as one normalization layer.

## Safety
The same arithmetic in another order.

## When it refuses
Never. Left alone are norms over other axes than the last ones, norms whose parts are read elsewhere or whose sizes
are not fixed, and models of opsets before 17, which have no such operator.

## How to avoid it when exporting
`torch.nn.LayerNorm` in the network, and opset 17 or newer.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, slow
from trtconv.passes.core.parts import (
    FLOATS,
    NormParts,
    constant_operand,
    follower,
    is_closed,
    is_square,
    last_sizes,
    reduced_axes,
)

SINCE_OPSET = 17


class ExplodedLayerNormalization(Pass):
    """Mean, difference, square, mean, root, quotient."""

    ops = ("Div",)
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y)
                <float two = {2}, float e = {0.01}, float[4] s = {1, 2, 3, 4}, float[4] b = {1, 1, 0, 0}> {
                    mean = ReduceMean <axes = [-1]> (x)
                    centred = Sub(x, mean)
                    square = Pow(centred, two)
                    variance = ReduceMean <axes = [-1]> (square)
                    safe = Add(variance, e)
                    deviation = Sqrt(safe)
                    normal = Div(centred, deviation)
                    scaled = Mul(normal, s)
                    y = Add(scaled, b)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) <float[4] s = {1, 2, 3, 4}, float[4] b = {1, 1, 0, 0}> {
                    y = LayerNormalization <axis = -1, epsilon = 0.01> (x, s, b)
                }""",
        ),
        Example(
            target="tensorrt-8.5",
            title="no LayerNormalization before 8.6",
            before="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,4] x) => (float[N,4] y) <float e = {0.01}> {
                    mean = ReduceMean <axes = [-1]> (x)
                    centred = Sub(x, mean)
                    square = Mul(centred, centred)
                    variance = ReduceMean <axes = [-1]> (square)
                    safe = Add(variance, e)
                    deviation = Sqrt(safe)
                    y = Div(centred, deviation)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The quotient in the midst of the parts."""
        if graph.opset < SINCE_OPSET or not target.has("LayerNormalization"):
            return None
        parts = _parts(node, graph)
        return None if parts is None else slow(f"{len(parts.nodes)} nodes for one LayerNormalization")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One node where the last of them stood."""
        parts = _parts(node, graph)
        if parts is None:
            raise Refused("these are no longer the parts of a layer normalization")
        return parts.fused("LayerNormalization", graph)


def _parts(quotient: Node, graph: Graph) -> NormParts | None:
    """What `quotient` is part of, or None."""
    chain = _chain(quotient, graph)
    if chain is None:
        return None
    mean, centred, square, variance, safe, root = chain
    x, value = centred.input(0), constant_operand(safe, variance.outputs[0], graph)
    sizes = last_sizes(mean, graph) if reduced_axes(mean, graph) == reduced_axes(variance, graph) else None
    if sizes is None or value is None or value.size != 1 or graph.dtype(x) not in FLOATS:
        return None
    nodes = [mean, centred, square, variance, safe, root, quotient]
    scale = follower(quotient, "Mul", sizes, graph)
    bias = follower(scale[0], "Add", sizes, graph) if scale else None
    nodes += [found[0] for found in (scale, bias) if found]
    if not is_closed(nodes, graph):
        return None
    names = (found[1] if found else "" for found in (scale, bias))
    return NormParts(tuple(nodes), x, sizes, float(value.item()), *names)


def _chain(quotient: Node, graph: Graph) -> tuple[Node, ...] | None:
    """Mean, difference, square, mean of squares, sum with epsilon, root."""
    centred, root = (graph.producer(t) for t in quotient.inputs)
    safe = graph.producer(root.input(0)) if root is not None and root.op_type == "Sqrt" else None
    if centred is None or root is None or safe is None or (centred.op_type, safe.op_type) != ("Sub", "Add"):
        return None
    mean = graph.producer(centred.input(1))
    variance = next((n for t in safe.inputs if (n := graph.producer(t)) and n.op_type == "ReduceMean"), None)
    square = graph.producer(variance.input(0)) if variance is not None else None
    if mean is None or mean.op_type != "ReduceMean" or mean.input(0) != centred.input(0):
        return None
    if variance is None or square is None or not is_square(square, centred.outputs[0], graph):
        return None
    return mean, centred, square, variance, safe, root
