"""# weights-out-of-reach

## What it does
Reports weights in external files that a parser cannot read.

## Why
Every version stops at words about the place of a weight that it does not know ("Key value of: basepath was not
expected!"); location, offset, length and checksum are known. TensorRT 7.0 reads no external data at all. From 7.1 to
7.2.3 offset and length are read as 32-bit numbers, so that everything beyond 2 GiB of a file comes from another place.

## Safety
Nothing is rewritten.

## When it refuses
Always: how weights are stored is decided when the file is written.

## How to avoid it when exporting
Keep the weights in the model file (up to 2 GB), or split them over several files: `onnx.save(...,
all_tensors_to_one_file= False)`.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused, silent

FURTHEST = 2**31 - 1
KEYS = ("location", "offset", "length", "checksum")


class WeightsOutOfReach(Pass):
    """External data before TensorRT 8.0, and data with unknown words."""

    examples = (
        Example(
            target="tensorrt-7.0",
            before="""<ir_version: 6, opset_import: ["": 11]>
                g (float[2] x) => (float[2] y) <float[2] w = ["location": "w.bin"]> { y = Add(x, w) }""",
            refusal="the weights have to be in the model file",
        ),
        Example(
            target="tensorrt-8.2",
            title="read since 7.1",
            before="""<ir_version: 6, opset_import: ["": 11]>
                g (float[2] x) => (float[2] y) <float[2] w = ["location": "w.bin"]> { y = Add(x, w) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """No node of a model whose weights are all in its own file."""
        outside = any(graph.model.is_outside(t) for g in graph.model.graphs() for t in g.initializers.values())
        return super().candidates(graph, target) if outside else []

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A node that reads a weight whose place the target does not understand."""
        for tensor in node.inputs:
            proto = graph.constant_proto(tensor) if tensor else None
            if proto is None or not graph.model.is_outside(proto):
                continue
            if target.before(7, 1):
                return refused(f"{target.title} reads no external data, and {tensor} is in an external file")
            unknown = next((e.key for e in proto.external_data if e.key not in KEYS), None)
            if unknown is not None:
                return refused(f"{target.title} does not expect {unknown!r} beside the place of {tensor}")
            if target.before(8, 0) and _end(proto) > FURTHEST:
                return silent(f"{target.title} counts the bytes of {tensor} in 32 bits, and it lies beyond 2 GiB")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Storage is not the graph's."""
        raise Refused("the weights have to be in the model file, or below 2 GiB of another")


def _end(proto: TensorProto) -> int:
    """Offset behind the last byte, as the file says."""
    place = {e.key: e.value for e in proto.external_data}
    return int(place.get("offset") or 0) + int(place.get("length") or 0)
