"""# data-dependent-shape

## What it does
Reports a shape, a number of repetitions or a bound that is computed from a network input of floating point numbers.

## Why
TensorRT has to know every shape before it runs, from the shapes of the inputs and from inputs of INT32 and INT64, for
which profiles hold values ("Network input r is a shape tensor and must have type Int32 or Int64. Type is Float",
measured with TensorRT-RTX 1.7).

## Safety
Nothing is rewritten.

## When it refuses
Always.

## How to avoid it when exporting
Feed sizes as `int64`, or take them from the shape of a tensor.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused
from trtconv.passes.core.shape_arithmetic import arithmetic_sources

SHAPES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("ConstantOfShape", "Loop"), (0,)),
    **dict.fromkeys(("Expand", "Reshape", "Tile"), (1,)),
    "Range": (0, 1, 2),
    "Slice": (1, 2),
}
"""Inputs whose values the shape of an output, or the number of turns of a loop, hangs on."""
INTEGERS = (TensorProto.INT32, TensorProto.INT64)
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)


class DataDependentShape(Pass):
    """A shape that data decide."""

    ops = tuple(SHAPES)
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x, float[1] f) => (float[M] y) { n = Cast <to = 7> (f)  y = Expand(x, n) }""",
            refusal="no form",
        ),
        Example(
            target="tensorrt-10.3",
            title="a size that is fed",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x, int32[1] f) => (float[M] y) { n = Cast <to = 7> (f)  y = Expand(x, n) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A network input of floats behind the integers that say the shape."""
        for index in SHAPES[node.op_type]:
            tensor = node.input(index)
            if not tensor or graph.is_constant(tensor) or graph.dtype(tensor) not in INTEGERS:
                continue
            fed = next((t for t in arithmetic_sources(graph, tensor) if _is_fed(t, graph)), None)
            if fed is not None:
                return refused(f"{target.title} would have to know the values of {fed} before it runs")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """There is none."""
        raise Refused("no form of the network makes its shapes known beforehand")


def _is_fed(tensor: str, graph: Graph) -> bool:
    return graph.parent is None and tensor in graph.inputs and graph.dtype(tensor) in FLOATS
