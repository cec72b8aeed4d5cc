"""# double-precision

## What it does
Turns every DOUBLE of the model into FLOAT: initializers, constants, targets of casts, and the inputs and outputs,
which keep their names.

## Why
TensorRT has no DOUBLE. Before 7.2.3 its parser stops ("Unsupported ONNX data type: DOUBLE"); later ones make FLOAT
of it while they read, and cut off what is beyond the range of FLOAT, so that the rest of the network, inputs and
outputs included, is FLOAT all the same.

## Safety
Values are rounded to FLOAT, as the newer parsers do.

## When it refuses
When a constant is beyond the range of FLOAT.

## How to avoid it when exporting
Call `model.float()` before the export; in numpy pipelines, use `float32` constants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, numpy_helper

from trtconv.passes.core import (
    Edit,
    Example,
    Graph,
    ModelPass,
    Node,
    Refused,
    Replacement,
    Safety,
    Target,
    Trouble,
    note,
    refused,
)

if TYPE_CHECKING:
    from trtconv.passes.core import Model

DOUBLE, FLOAT = TensorProto.DOUBLE, TensorProto.FLOAT
LARGEST = float(np.finfo(np.float32).max)


class DoublePrecision(ModelPass):
    """Tensors of DOUBLE."""

    safety = Safety.APPROXIMATE
    after = ("missing-operator", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-7.2",
            before="""<ir_version: 7, opset_import: ["": 11]>
                g (float[N,4] x) => (float[N,4] y) <double w = {0.5}> {
                    wide = Cast <to = 11> (x)
                    scaled = Mul(wide, w)
                    y = Cast <to = 1> (scaled)
                }""",
            after="""<ir_version: 7, opset_import: ["": 11]>
                g (float[N,4] x) => (float[N,4] y) <float w = {0.5}> {
                    wide = Cast <to = 1> (x)
                    scaled = Mul(wide, w)
                    y = Cast <to = 1> (scaled)
                }""",
        ),
        Example(
            target="tensorrt-7.2",
            title="beyond FLOAT",
            before="""<ir_version: 7, opset_import: ["": 11]>
                g (double[N,4] x) => (double[N,4] y) <double w = {1e300}> { y = Mul(x, w) }""",
            refusal="w is beyond the range of FLOAT",
        ),
        Example(
            target="tensorrt-8.2",
            title="read as FLOAT since 7.2.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (double[N,4] x) => (double[N,4] y) { y = Sin(x) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """No node of a model without DOUBLE."""
        return super().candidates(graph, target) if DOUBLE in graph.model.element_types() else []

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A node that reads or writes DOUBLE; later parsers take it for FLOAT."""
        if not any(graph.dtype(t) == DOUBLE for t in (*node.inputs, *node.outputs) if t):
            return None
        if target.before(7, 2, 3):
            return refused(f"{target.title} reads no DOUBLE")
        return note(f"{target.title} computes in FLOAT what the file says in DOUBLE")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Why the whole model stays as it is."""
        _check(graph.model)
        raise Refused("it is FLOAT to this parser as it is")

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """Everything at once, where the parser does not do it."""
        if not target.before(7, 2, 3) or DOUBLE not in model.element_types():
            return []
        try:
            _check(model)
        except Refused:
            return []
        touched = [n for g in model.graphs() for n in g.nodes if self.find(n, g, target)]
        for graph in model.graphs():
            _retype(graph)
        model.infer()
        return [Edit(self.name(), n.label, n.op_type, f"{target.title} reads no DOUBLE", (), ()) for n in touched[:1]]


def _check(model: Model) -> None:
    for graph in model.graphs():
        for name, proto in graph.initializers.items():
            if proto.data_type == DOUBLE and _is_beyond(model.array(proto)):
                raise Refused(f"{name} is beyond the range of FLOAT")
        for node in graph.nodes:
            value = node.attr_tensor("value")
            if value is not None and value.data_type == DOUBLE and _is_beyond(numpy_helper.to_array(value)):
                raise Refused(f"the value of {node.label} is beyond the range of FLOAT")


def _is_beyond(values: np.ndarray) -> bool:
    return bool((np.abs(values[np.isfinite(values)]) > LARGEST).any())


def _retype(graph: Graph) -> None:
    graph.retyped()
    for types in (graph.inputs, graph.output_types, graph.types):
        for name, found in types.items():
            if found is not None and found.dtype == DOUBLE:
                types[name] = found._replace(dtype=FLOAT)
    for name, proto in graph.initializers.items():
        if proto.data_type == DOUBLE:
            graph.initializers[name] = _as_float(graph.model.array(proto), name)
    for node in graph.nodes:
        for key, attribute in list(node.attributes.items()):
            if key in ("to", "dtype") and attribute.i == DOUBLE:
                node.set_attribute(key, FLOAT)
            elif key == "value" and attribute.t.data_type == DOUBLE:
                node.set_attribute(key, _as_float(numpy_helper.to_array(attribute.t)))


def _as_float(values: np.ndarray, name: str = "") -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)
