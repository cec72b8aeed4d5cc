"""# integer-power

## What it does
Writes a Pow with integers so that elementwise layers take it: an integer raised to constant integers as repeated
squaring, a float raised to integers with its exponent cast to the type of the base.

## Why
The power layer takes floats only. Integer exponents stop parsers up to TensorRT 10.7, integer bases up to 10.11
("Found unsupported input type of INT32"; before that "elementwise operation POW does not support INT32").

## Safety
Exact for integers, also where they wrap around. For a float base the exponent keeps its value up to 2**24.

## When it refuses
When an integer is raised to what the graph computes, to a negative number, or to a fraction.

## How to avoid it when exporting
Write `x * x` for `x ** 2`, and exponents as floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.integers import is_integer

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array

MAX_EXPONENT = 64


class IntegerPower(Pass):
    """Pow of integers, or by integers."""

    ops = ("Pow",)
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.6",
            before="""<ir_version: 8, opset_import: ["": 15]>
                g (int32[N] x) => (int32[N] y) <int64 e = {3}> { y = Pow(x, e) }""",
            after="""<ir_version: 8, opset_import: ["": 15]>
                g (int32[N] x) => (int32[N] y) { square = Mul(x, x) y = Mul(x, square) }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="a float by an integer",
            before="""<ir_version: 8, opset_import: ["": 15]>
                g (float[N] x, int64[N] e) => (float[N] y) { y = Pow(x, e) }""",
            after="""<ir_version: 8, opset_import: ["": 15]>
                g (float[N] x, int64[N] e) => (float[N] y) { cast = Cast <to = 1> (e) y = Pow(x, cast) }""",
        ),
        Example(
            target="tensorrt-8.6",
            title="an integer by what is computed",
            before="""<ir_version: 8, opset_import: ["": 15]>
                g (int32[N] x, int32[N] e) => (int32[N] y) { y = Pow(x, e) }""",
            refusal="the exponent of an integer is computed",
        ),
        Example(
            target="tensorrt-10.12",
            title="taken since 10.12",
            before="""<ir_version: 8, opset_import: ["": 15]>
                g (int32[N] x) => (int32[N] y) <int64 e = {3}> { y = Pow(x, e) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An integer base before 10.12, an integer exponent before 10.8."""
        base, exponent = (is_integer(graph.dtype(t)) for t in node.inputs[:2])
        if (base and target.before(10, 12)) or (exponent and target.before(10, 8)):
            return refused(f"{target.title} takes no integers as {'base' if base else 'exponent'} of Pow")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Repeated squaring, or a Cast."""
        r, dtype = Replacement(graph, node), graph.dtype(node.input(0))
        if dtype is None:
            raise Refused("the element type of its base is not known")
        if not is_integer(dtype):
            r.clone(node, [node.input(0), r.cast(node.input(1), dtype)])
            return r
        exponent = graph.constant(node.input(1))
        if exponent is None:
            raise Refused("the exponent of an integer is computed")
        whole = exponent.astype(np.int64)
        if (whole != exponent).any() or (whole < 0).any() or (whole > MAX_EXPONENT).any():
            raise Refused(f"an integer is raised to whole numbers from 0 to {MAX_EXPONENT} only")
        _by_squaring(r, whole, dtype)
        return r


def _by_squaring(r: Replacement, exponent: Array, dtype: int) -> None:
    """The base to the powers 1, 2, 4, ..., each multiplied in where the exponent has that bit."""
    power, out = r.node.input(0), r.node.outputs[0]
    one = r.constant(1, helper.tensor_dtype_to_np_dtype(dtype))
    keeps_shape = exponent.size == 1 and exponent.ndim <= (r.graph.rank(power) or 0)
    factors = []
    for bit in range(max(1, int(exponent.max(initial=0)).bit_length())):
        power = r.op("Mul", power, power) if bit else power
        has_bit = (exponent >> bit) & 1 == 1
        if has_bit.all() and keeps_shape:
            factors.append(power)
        elif has_bit.any() or not bit:
            factors.append(r.op("Where", r.constant(has_bit), power, one))
    result = factors[0]
    for factor in factors[1:-1]:
        result = r.op("Mul", factor, result)
    r.op(*(("Mul", factors[-1], result) if factors[1:] else ("Identity", result)), into=out)
