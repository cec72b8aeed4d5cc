"""# depth-to-space-of-bytes

## What it does
Casts around a `DepthToSpace` or `SpaceToDepth` of BOOL or UINT8.

## Why
The importers reject BOOL (from 7.1 on) and UINT8 (from 8.5 on): "Found unsupported input type of UINT8". Moving blocks
needs no arithmetic, so any type that holds the values will do: INT32 for BOOL, FLOAT for UINT8, which is the only type
that UINT8 casts to in every version that has it.

## Safety
Exact: 0 to 255 are exact in FLOAT.

## When it refuses
Never.

## How to avoid it when exporting
Cast the image to float before the blocks are moved.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Target, Trouble, refused

CARRIERS: dict[int | None, tuple[int, tuple[int, int]]] = {
    TensorProto.BOOL: (TensorProto.INT32, (7, 1)),
    TensorProto.UINT8: (TensorProto.FLOAT, (8, 5)),
}
"""By refused element type: the one that carries its values, and the version from which it is refused."""


class DepthToSpaceOfBytes(Pass):
    """DepthToSpace and SpaceToDepth of BOOL or UINT8."""

    ops = ("DepthToSpace", "SpaceToDepth")
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (uint8[N,4,2,3] x) => (uint8[N,1,4,6] y) { y = DepthToSpace <blocksize=2, mode="CRD"> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (uint8[N,4,2,3] x) => (uint8[N,1,4,6] y) { a = Cast <to=1> (x)
                    b = DepthToSpace <blocksize=2, mode="CRD"> (a) y = Cast <to=2> (b) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4,2,3] x) => (float[N,1,4,6] y) { y = DepthToSpace <blocksize=2> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """BOOL from 7.1 on, UINT8 from 8.5 on."""
        dtype = graph.dtype(node.input(0))
        if dtype not in CARRIERS or target.before(*CARRIERS[dtype][1]):
            return None
        return refused(f"{node.op_type} of {'BOOL' if dtype == TensorProto.BOOL else 'UINT8'} is refused")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Cast, the same node, Cast back."""
        dtype = graph.dtype(node.input(0))
        assert dtype is not None
        r = Replacement(graph, node)
        carried = r.clone(node, [r.cast(node.input(0), CARRIERS[dtype][0])], [None])[0]
        r.cast(carried, dtype, into=node.outputs[0])
        return r
