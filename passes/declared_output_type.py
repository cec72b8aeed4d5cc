"""# declared-output-type

## What it does
Casts a network output to the element type that the file declares for it, where the node that writes it gives another.

## Why
Tools that change the types of a graph leave such files behind, and no two readers agree on them. ONNX Runtime refuses
them. TensorRT up to 10 lets the engine convert floats, and refuses integers ("For INT32 tensors, the output type must
also be INT32."); from 11.0 on, and in TensorRT-RTX, the engine gives the type that was computed, whatever is declared
("For output tensor y, the parsed type is int32 which does not match the ONNX specification type").

## Safety
What is declared is what callers have been told, and it is kept. Nothing can be compared with the file as it was, since
ONNX Runtime does not take it.

## When it refuses
Never.

## How to avoid it when exporting
Check the file after every tool that changes types: `onnx.checker.check_model(path, full_check=True)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, helper

from trtconv.passes.core import Edit, Example, Graph, ModelPass, Node, Replacement, Target, Trouble, refused, silent

if TYPE_CHECKING:
    from trtconv.passes.core import Model

INTEGERS = (TensorProto.INT32, TensorProto.INT64)
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)


class DeclaredOutputType(ModelPass):
    """An output of another type than its node gives."""

    after = ("double-precision", "unsupported-integer-type", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-11.0",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x) => (float16[N] y) { y = Relu(x) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x) => (float16[N] y) { wide = Relu(x) y = Cast <to = 10> (wide) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="floats are converted up to TensorRT 10",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N] x) => (float16[N] y) { y = Relu(x) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """The nodes that write network outputs."""
        if graph.parent is not None:
            return []
        writers = (graph.producer(o) for o in graph.outputs)
        return list(dict.fromkeys(node for node in writers if node is not None))

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Two types that the target does not bring together."""
        for output, given, declared in _contradictions(node, graph):
            why = f"{output} is declared {_name(declared)}, and {node.op_type} gives {_name(given)}"
            if given in INTEGERS:
                return refused(why)
            if not (target.before(11, 0) and given in FLOATS and declared in FLOATS):
                return silent(why)
        return None

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """A Cast to what is declared, behind each such node."""
        edits = []
        for node in self.candidates(model.main, target):
            trouble = self.find(node, model.main, target)
            if trouble is not None:
                _cast(node, model.main)
                edits.append(Edit(self.name(), node.label, node.op_type, trouble.why, (), ()))
        if edits:
            model.main.retyped()
            model.infer()
        return edits


def _cast(node: Node, graph: Graph) -> None:
    """Put the Casts in; other nodes go on reading what the node gives."""
    wrong = {output: declared for output, _, declared in _contradictions(node, graph)}
    readers = {output: graph.consumers(output) for output in wrong}
    r = Replacement(graph, node)
    written = r.clone(node, node.inputs, into=[None if o in wrong else o for o in node.outputs])
    computed = {o: t for o, t in zip(node.outputs, written, strict=True) if o in wrong}
    for output, tensor in computed.items():
        r.cast(tensor, wrong[output], into=output)
    graph.apply(r)
    for output, tensor in computed.items():
        graph.redirect(readers[output], output, tensor)


def _contradictions(node: Node, graph: Graph) -> list[tuple[str, int, int]]:
    """Outputs of the network that the node writes in another type than declared: name, type given, type declared."""
    found = []
    for output in node.outputs:
        declared = graph.output_types.get(output) if output else None
        given = graph.dtype(output) if declared is not None else None
        if declared is not None and given is not None and given != declared.dtype:
            found.append((output, given, declared.dtype))
    return found


def _name(dtype: int) -> str:
    return str(helper.tensor_dtype_to_string(dtype)).removeprefix("TensorProto.")
