"""# float-modulo

## What it does
Writes a `Mod` of floats with `fmod=0` as one with `fmod=1`, and adds the divisor where the sign is to follow it.

## Why
From opset 28 on floats, too, may take the sign of the divisor, as PyTorch's `remainder` does. Parsers stop: "The fmod
attribute is set to 0. Inputs cannot be of floating point types".

## Safety
The remainder itself is the same; one addition is rounded.

## When it refuses
Never.

## How to avoid it when exporting
`torch.fmod`, where the sign does not matter.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, integers, refused
from trtconv.passes.core.decompositions import modulo


class FloatModulo(Pass):
    """Mod of floats with the sign of the divisor."""

    ops = ("Mod",)
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 14, opset_import: ["": 28]>
                g (float[N,4] x, float[4] y) => (float[N,4] z) { z = Mod(x, y) }""",
            after="""<ir_version: 14, opset_import: ["": 28]>
                g (float[N,4] x, float[4] y) => (float[N,4] z) <float zero = {0}> {
                    rest = Mod <fmod = 1> (x, y)
                    negative = Less(y, zero)
                    below = Less(rest, zero)
                    above = Greater(rest, zero)
                    one = And(above, negative)
                    positive = Not(negative)
                    two = And(below, positive)
                    differs = Or(one, two)
                    moved = Add(rest, y)
                    z = Where(differs, moved, rest)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="integers",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[N,4] x, int32[4] y) => (int32[N,4] z) { z = Mod(x, y) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Floats with fmod=0, where there is a Mod at all."""
        dtype = graph.dtype(node.input(0))
        if not target.has("Mod") or dtype is None or integers.is_integer(dtype) or node.attr_int("fmod", 0):
            return None
        return refused("Mod of floats takes the sign of the dividend (fmod=1) or is refused")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """fmod=1, then the sign."""
        return modulo.of_floats(node, graph)
