"""# unsupported-input-type

## What it does
Casts what an operator does not take in its own element type to one that it takes, and the result back: BOOL data to
INT32 for Where, Gather, Slice, Split, Expand, Tile, Concat, Equal, ReduceMax and ReduceMin, INT8 to INT32 for Clip
and Mod, FLOAT16 and BF16 to FLOAT for Celu, BF16 to FLOAT for Mish and InstanceNormalization, integers to FLOAT for
Erf and MaxPool and to BOOL for NonZero.

## Why
Importers check element types one by one. Until 8.5 BOOL data stopped Where, Gather, GatherElements, GatherND and
Equal, 7.1 and 7.2 refused more of them, and no version reduces BOOL ("Found unsupported input type of BOOL"). Clip
and Mod of INT8 are refused by all of them ("The fmod attribute is set to 0. Inputs cannot be of floating point
types. The current input type is INT8."). Celu is put together with FLOAT constants, which a half-precision input
does not meet in strongly typed networks (measured with TensorRT-RTX 1.7). Mish takes FLOAT and FLOAT16 only in
every version that has it, InstanceNormalization in all of 9 ("Only FLOAT32 or FLOAT16 input is supported for the
Mish operator in this version of TensorRT"), NonZero no INT64 ("Only FLOAT, HALF, INT32, INT8 or BOOL input is
supported for the NonZero operator"), and Erf no integers ("does not support the given operator ERF with the given
input data type INT32"). Pools take no INT32, to which the 8-bit integers of a MaxPool are widened.

## Safety
Exact for integers and BOOL: the other type holds what counts of every value, and none of these operators leaves the
range of its inputs. What is computed in FLOAT is rounded once.

## When it refuses
Never.

## How to avoid it when exporting
Keep masks in `int32` where they are gathered, selected or reduced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.target import Version

BOOL, INT8, INT32, INT64 = TensorProto.BOOL, TensorProto.INT8, TensorProto.INT32, TensorProto.INT64
FLOAT, BF16 = TensorProto.FLOAT, TensorProto.BFLOAT16
ALL = tuple(range(64))


@dataclass(frozen=True)
class Row:
    """Operators that refuse an element type, from one version on and until another."""

    ops: tuple[str, ...]
    dtype: int
    inputs: tuple[int, ...] = (0,)
    """Inputs of that type; those beside them are indices, bounds or conditions."""
    casts_back: bool = True
    wide: int = INT32
    since: Version = (7, 0)
    until: Version = (999,)


ROWS = (  # the parsers' sources; reductions, Clip, Mod, Celu and Erf measured with TensorRT-RTX 1.7
    Row(("Where",), BOOL, (1, 2), until=(8, 5)),
    Row(("Gather", "GatherElements", "GatherND"), BOOL, until=(8, 5)),
    Row(("Slice", "Split", "Expand"), BOOL, since=(7, 1), until=(8, 0)),
    Row(("Tile",), BOOL, since=(7, 1), until=(8, 0)),
    Row(("Tile",), BOOL, since=(8, 0, 3), until=(8, 2)),
    Row(("Concat",), BOOL, ALL, since=(7, 1), until=(7, 2, 2)),
    Row(("Equal",), BOOL, (0, 1), casts_back=False, until=(8, 5)),
    Row(("ReduceMax", "ReduceMin"), BOOL),
    Row(("Clip", "Mod"), INT8, (0, 1, 2)),
    Row(("Celu",), TensorProto.FLOAT16, wide=FLOAT, since=(11, 0)),
    Row(("Celu",), BF16, wide=FLOAT, since=(11, 0)),
    Row(("MaxPool",), INT32, wide=FLOAT),
    Row(("Mish",), BF16, wide=FLOAT),
    Row(("InstanceNormalization",), BF16, ALL, wide=FLOAT, since=(9, 0), until=(10, 0)),
    Row(("Erf",), INT32, wide=FLOAT),
    Row(("Erf",), INT64, wide=FLOAT),
    Row(("NonZero",), INT64, casts_back=False, wide=BOOL, since=(9, 0)),
)


class UnsupportedInputType(Pass):
    """Operators that take other element types only."""

    ops = tuple(sorted({op_type for row in ROWS for op_type in row.ops}))
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (bool[N,4] x, int64[2] i) => (bool[N,2] y) { y = Gather <axis = 1> (x, i) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (bool[N,4] x, int64[2] i) => (bool[N,2] y) {
                    wide = Cast <to = 6> (x)
                    gathered = Gather <axis = 1> (wide, i)
                    y = Cast <to = 9> (gathered)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="taken since 8.5",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (bool[N,4] x, int64[2] i) => (bool[N,2] y) { y = Gather <axis = 1> (x, i) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A row of the table that fits the operator, its type and the version."""
        row = _row(node, graph, target)
        if row is None or not target.has(node.op_type):
            return None
        return refused(f"{target.title} takes no {_name(row.dtype)} in {node.op_type}")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Cast, the operator, Cast."""
        row = _row(node, graph, target)
        if row is None:
            raise Refused("its element type is taken")
        r = Replacement(graph, node)
        inputs = [r.cast(t, row.wide) if t and i in row.inputs else t for i, t in enumerate(node.inputs)]
        if not row.casts_back:
            r.clone(node, inputs)
            return r
        for wide, out in zip(r.clone(node, inputs, into=[None] * len(node.outputs)), node.outputs, strict=True):
            if node.op_type.startswith("Reduce"):  # the least INT32, of nothing at all, means False
                r.op("Greater", wide, r.constant(0, np.int32), into=out)
            else:
                r.cast(wide, row.dtype, into=out)
        return r


def _name(dtype: int) -> str:
    return str(helper.tensor_dtype_to_string(dtype)).removeprefix("TensorProto.")


def _row(node: Node, graph: Graph, target: Target) -> Row | None:
    return next(
        (
            row
            for row in ROWS
            if node.op_type in row.ops
            and graph.dtype(node.input(row.inputs[0])) == row.dtype
            and row.since <= target.parser < row.until
        ),
        None,
    )
