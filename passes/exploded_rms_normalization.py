"""# exploded-rms-normalization

## What it does
Fuses the parts of a normalization by the root of the mean square, from the square to the scale, into one
`RMSNormalization` (opset 23).

## Why
Language models write it themselves, in six nodes, each a layer that reads and writes the whole tensor. TensorRT 10.15
and newer run the one node as one normalization layer.

## Safety
The same arithmetic in another order; half precision is summed in FLOAT.

## When it refuses
Never. Left alone are norms over other axes than the last ones, norms whose parts are read elsewhere or whose sizes are
not fixed, and models of opsets before 23, which have no such operator.

## How to avoid it when exporting
`torch.nn.RMSNorm` in the network, and opset 23 or newer.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, slow
from trtconv.passes.core.parts import FLOATS, NormParts, constant_operand, follower, is_closed, is_square, last_sizes

SINCE_OPSET = 23


class ExplodedRmsNormalization(Pass):
    """Square, mean, root, quotient, scale."""

    ops = ("ReduceMean",)
    safety = Safety.ROUNDING
    after = ("missing-operator", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-10.16",
            before="""<ir_version: 11, opset_import: ["": 23]>
                g (float[N,4] x) => (float[N,4] y)
                <float two = {2}, float e = {0.01}, float[4] s = {1, 2, 3, 4}, int64[1] a = {-1}> {
                    square = Pow(x, two)
                    mean = ReduceMean(square, a)
                    safe = Add(mean, e)
                    root = Sqrt(safe)
                    inverse = Reciprocal(root)
                    normal = Mul(x, inverse)
                    y = Mul(s, normal)
                }""",
            after="""<ir_version: 11, opset_import: ["": 23]>
                g (float[N,4] x) => (float[N,4] y) <float[4] s = {1, 2, 3, 4}> {
                    y = RMSNormalization <axis = -1, epsilon = 0.01> (x, s)
                }""",
        ),
        Example(
            target="tensorrt-10.14",
            title="no RMSNormalization before 10.15",
            before="""<ir_version: 11, opset_import: ["": 23]>
                g (float[N,4] x) => (float[N,4] y) <float e = {0.01}, int64[1] a = {-1}> {
                    square = Mul(x, x)
                    mean = ReduceMean(square, a)
                    safe = Add(mean, e)
                    root = Sqrt(safe)
                    y = Div(x, root)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The mean in the midst of the parts."""
        if graph.opset < SINCE_OPSET or not target.has("RMSNormalization"):
            return None
        parts = _parts(node, graph)
        return None if parts is None else slow(f"{len(parts.nodes)} nodes for one RMSNormalization")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """One node where the last of them stood."""
        parts = _parts(node, graph)
        if parts is None:
            raise Refused("these are no longer the parts of an RMS normalization")
        return parts.fused("RMSNormalization", graph)


def _parts(mean: Node, graph: Graph) -> NormParts | None:
    square, safe = graph.producer(mean.input(0)), graph.only_consumer(mean.outputs[0])
    if square is None or safe is None or safe.op_type != "Add" or not is_square(square, square.input(0), graph):
        return None
    x, epsilon, sizes = square.input(0), constant_operand(safe, mean.outputs[0], graph), last_sizes(mean, graph)
    if epsilon is None or epsilon.size != 1 or sizes is None or graph.dtype(x) not in FLOATS:
        return None
    quotient = _quotient(safe, x, graph)
    if not quotient:
        return None
    scale = follower(quotient[-1], "Mul", sizes, graph)
    nodes = (square, mean, safe, *quotient, *([scale[0]] if scale else []))
    return (
        NormParts(nodes, x, sizes, float(epsilon.item()), scale[1] if scale else "")
        if is_closed(nodes, graph)
        else None
    )


def _quotient(safe: Node, x: str, graph: Graph) -> list[Node]:
    """The nodes from the root to x divided by it, by Div or by Mul with the inverse; none where that is not what is."""
    root = graph.only_consumer(safe.outputs[0])
    after = graph.only_consumer(root.outputs[0]) if root is not None and root.op_type == "Sqrt" else None
    if root is None or after is None:
        return []
    if after.op_type == "Div" and after.input(0) == x:
        return [root, after]
    one = graph.constant(after.input(0)) if after.op_type == "Div" else None
    is_inverse = after.op_type == "Reciprocal" or (one is not None and one.size == 1 and one.item() == 1)
    product = graph.only_consumer(after.outputs[0]) if is_inverse else None
    if product is None or product.op_type != "Mul" or x not in product.inputs:
        return []
    return [root, after, product]
