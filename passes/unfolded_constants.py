"""# unfolded-constants

## What it does
Replaces every tensor that does not depend on the input's values by its value, and shape arithmetic by constant
shapes. Constant nodes become initializers, and nodes and weights that nothing reads are dropped.

Sizes are followed as expressions of the named dimensions, so a dynamic batch stays dynamic: a Reshape to
`[batch, 12, 64]` that is computed from the shape of its own input becomes a Reshape to `[0, 12, 64]`.

## Why
Exporters write out how they computed pads, sizes and shapes. Many importers want those as initializers ("input pads
is required to be an initializer", "Resize scales must be an initializer!"), and every such node costs time when the
engine is built.

## Safety
Exact. Integers and shapes are computed as ONNX defines them; floats are computed by ONNX Runtime itself. A shape gets
a 0 or a -1 only where that is right for empty tensors too. Random operators never fold, nor do QuantizeLinear and
DequantizeLinear, which carry the precision that the engine is to use.

## When it refuses
When the result would be larger than what it is computed from by more than 16 MiB, when it comes from weights in an
external file, which are never loaded, and when ONNX Runtime cannot compute it.

## How to avoid it when exporting
`torch.onnx.export(..., dynamo=True)` folds most of it. Fixed sizes (`size=(512, 512)` instead of `x.shape[2:]`) leave
nothing to compute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trtconv.passes.core import Example, Graph, ModelPass, Node, Refused, Replacement, Target, Trouble, slow
from trtconv.passes.core.folding import fold, is_foldable, reason_to_leave

if TYPE_CHECKING:
    from trtconv.passes.core import Edit, Model


class UnfoldedConstants(ModelPass):
    """Nodes whose outputs are known without an input."""

    examples = (
        Example(
            target="tensorrt-8.2",
            title="a shape computed from the tensor's own shape",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,4] x) => (float[N,12] y) <int64[1] zero = {0}, int64[1] one = {1}, int64[1] rest = {12}> {
                    shape = Shape(x)
                    batch = Slice(shape, zero, one)
                    wanted = Concat <axis=0> (batch, rest)
                    y = Reshape(x, wanted)
                }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,3,4] x) => (float[N,12] y) <int64[2] wanted = {0, 12}> { y = Reshape(x, wanted) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="pads from a chain of constants",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,3,H,W] x) => (float[N,3,A,B] y) <int64[1] four = {4}, int64[4] pads = {1, 1, 1, 1}> {
                    zeros = ConstantOfShape <value = int64[1] {0}> (four)
                    all = Concat <axis=0> (pads, zeros)
                    two = Constant <value = int64[2] {-1, 2}> ()
                    pairs = Reshape(all, two)
                    from = Constant <value = int64[1] {-1}> ()
                    to = Constant <value = int64[1] {-9223372036854775807}> ()
                    axis = Constant <value = int64[1] {0}> ()
                    flipped = Slice(pairs, from, to, axis, from)
                    columns = Transpose <perm=[1, 0]> (flipped)
                    flat = Reshape(columns, from)
                    computed = Cast <to=7> (flat)
                    y = Pad(x, computed)
                }""",
            after="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,3,H,W] x) => (float[N,3,A,B] y) <int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}> { y = Pad(x, p) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="a precision that the engine is to use",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,2] x) => (float[N,2] y) <int8[2,2] w = {1, 2, 3, 4}, float scale = {0.5}> {
                    weights = DequantizeLinear(w, scale)
                    y = MatMul(x, weights)
                }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="a result that is too large for the file",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x) => (float[N,8000000] y) <int64[2] shape = {1, 8000000}, int64[1] last = {-1}> {
                    ones = ConstantOfShape <value = float[1] {1}> (shape)
                    column = Unsqueeze(x, last)
                    y = Mul(column, ones)
                }""",
            refusal="MiB",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A node that reads constants only."""
        if is_foldable(node, graph):
            return slow(f"{node.op_type} of constants is computed anew in every build")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Never node by node: the model is folded at once."""
        raise Refused(reason_to_leave(node, graph))

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """Fold the whole model."""
        return fold(model, self.name())
