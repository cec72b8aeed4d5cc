"""# misread-space-to-depth

## What it does
Writes a `SpaceToDepth` as `Reshape`, `Transpose` and `Reshape` for TensorRT 7.0.

## Why
The importer of 7.0 takes the batch for the channels: it asks that the channels divide by the block size and otherwise
computes a wrong shape. 7.1 and later are right.

## Safety
Exact: the definition of the operator.

## When it refuses
Channels, height or width are known at run time only.

## How to avoid it when exporting
Write the reshapes in the network, or target TensorRT 7.1.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, silent


class MisreadSpaceToDepth(Pass):
    """SpaceToDepth for TensorRT 7.0."""

    ops = ("SpaceToDepth",)
    examples = (
        Example(
            target="tensorrt-7.0",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,3,4,6] x) => (float[N,12,2,3] y) { y = SpaceToDepth <blocksize=2> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,3,4,6] x) => (float[N,12,2,3] y)
                <int64[6] split={0,3,2,2,3,2}, int64[4] joined={0,12,2,3}> { a = Reshape(x, split)
                    b = Transpose <perm=[0,3,5,1,2,4]> (a) y = Reshape(b, joined) }""",
        ),
        Example(
            target="tensorrt-7.0",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,3,H,W] x) => (float[N,12,A,B] y) { y = SpaceToDepth <blocksize=2> (x) }""",
            refusal="known at run time only",
        ),
        Example(
            target="tensorrt-7.1",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,3,4,6] x) => (float[N,12,2,3] y) { y = SpaceToDepth <blocksize=2> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any SpaceToDepth on 7.0."""
        return silent("TensorRT 7.0 takes the batch for the channels") if target.before(7, 1) else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Split both spatial axes, bring the blocks before the channels, join."""
        shape, block = graph.shape(node.input(0)), node.attr_int("blocksize", 0)
        if shape is None or len(shape) != 4 or not block:
            raise Refused("channels, height and width are known at run time only")
        sizes = [d for d in shape[1:] if isinstance(d, int)]
        if len(sizes) != 3:
            raise Refused("channels, height or width is known at run time only")
        channels, height, width = sizes
        r = Replacement(graph, node)
        split = r.reshape(node.input(0), [0, channels, height // block, block, width // block, block])
        moved = r.transpose(split, [0, 3, 5, 1, 2, 4])
        r.reshape(moved, [0, channels * block * block, height // block, width // block], into=node.outputs[0])
        return r
