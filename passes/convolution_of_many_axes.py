"""# convolution-of-many-axes

## What it does
Reports a `Conv` or `ConvTranspose` over more than three axes.

## Why
Layers convolve over two or three axes ("addConvolutionNd: ... Parameter check failed", "Deconvolution input must be at
least 3D and at most 5D!"); one axis is made two by the importers.

## Safety
Nothing is rewritten.

## When it refuses
Always.

## How to avoid it when exporting
Convolve over three axes, and sum over the kernel of the fourth in the network.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

MOST = 3


class ConvolutionOfManyAxes(Pass):
    """A kernel of four axes and more."""

    ops = ("Conv", "ConvTranspose")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,1,4,4,4,4] x) => (float y) <float[1,1,1,1,1,1] w = {2}> { y = Conv(x, w) }""",
            refusal="no layer",
        ),
        Example(
            target="tensorrt-10.3",
            title="over three axes",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[1,1,4,4,4] x) => (float y) <float[1,1,1,1,1] w = {2}> { y = Conv(x, w) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Weights of more than five axes."""
        axes = (graph.rank(node.input(1)) or 0) - 2
        return refused(f"{target.title} convolves over {MOST} axes at most, not {axes}") if axes > MOST else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Nothing so far."""
        raise Refused("no layer convolves over so many axes")
