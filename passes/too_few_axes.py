"""# too-few-axes

## What it does
Gives a vector that goes into `Softmax`, `LogSoftmax`, `Hardmax`, `ArgMax` or `ArgMin` a second axis, and a scalar that
goes into a reduction its first, and takes the axis away again.

## Why
ONNX lets these operators work on a vector (Softmax since opset 13), TensorRT's layers want two axes, and a reduction
wants one: "at least 2 dimensions are required for input". Older opsets flatten the input of Softmax to a matrix
themselves, and so do the importers before 8.0. Reported for 8.5 (onnx-tensorrt issue 898, TensorRT issue 2534),
measured with TensorRT-RTX 1.7. TopK adds the axis by itself.

## Safety
Exact: the same values in the same order.

## When it refuses
When a reduction of a scalar says that no axes mean no reduction (`noop_with_empty_axes`).

## How to avoid it when exporting
Keep the batch axis: `softmax(dim=-1)` of `[1, N]` instead of `[N]`.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused

EXPONENTIALS = ("Softmax", "LogSoftmax", "Hardmax")
PLACES = ("ArgMax", "ArgMin")
REDUCTIONS = (
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd"),
    *("ReduceSum", "ReduceSumSquare"),
)


class TooFewAxes(Pass):
    """Operators over the axis of a vector, and reductions of a scalar."""

    ops = (*EXPONENTIALS, *PLACES, *REDUCTIONS)
    safety = Safety.ROUNDING
    after = ("unread-attribute", "unread-reduction-axes", "missing-operator")
    examples = (
        Example(
            target="tensorrt-8.5",
            before="""<ir_version: 8, opset_import: ["": 13]> g (float[N] x) => (float[N] y) { y = Softmax(x) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x) => (float[N] y) <int64[1] a = {0}, int64[1] b = {0}> {
                    row = Unsqueeze(x, a)
                    soft = Softmax <axis = 1> (row)
                    y = Squeeze(soft, b)
                }""",
        ),
        Example(
            target="tensorrt-8.5",
            title="before opset 13, the input is made a matrix",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N] x) => (float[N] y) { y = Softmax <axis = 0> (x) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="no axes are to mean no reduction",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float x) => (float y) { y = ReduceL2 <noop_with_empty_axes = 1> (x) }""",
            refusal="no axes mean no reduction",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A vector, or a scalar in a reduction."""
        rank = graph.rank(node.input(0))
        if not target.has(node.op_type) or not _is_too_few(node, graph.opset, rank, target):
            return None
        return refused(f"{target.title} wants {'an axis' if rank == 0 else 'two axes'} in {node.op_type}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Unsqueeze, the operator, Squeeze."""
        r = Replacement(graph, node)
        x = r.unsqueeze(node.input(0), [0])
        if node.op_type in REDUCTIONS:
            if node.attr_int("noop_with_empty_axes", 0):
                raise Refused("no axes mean no reduction here")
            r.clone(node, [x], without=["axes"], keepdims=0)
        else:
            r.squeeze(r.clone(node, [x], into=[None], axis=1)[0], [0], into=node.outputs[0])
        return r


def _is_too_few(node: Node, opset: int, rank: int | None, target: Target) -> bool:
    if node.op_type in REDUCTIONS:
        return rank == 0 and target.is_rtx
    if node.op_type in EXPONENTIALS and (opset < 13 or target.before(8, 0)):
        return False
    return rank == 1
