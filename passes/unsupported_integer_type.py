"""# unsupported-integer-type

## What it does
Carries INT16, UINT16 and UINT8 tensors as INT32, and UINT32 and UINT64 tensors as INT64, through the whole model:
initializers, Cast targets, and the inputs and outputs, which keep their names.

Arithmetic that wraps around in the narrow type is followed by a Mod, so that it wraps in the wide one too.

## Why
No version of TensorRT has INT16, UINT16, UINT32 or UINT64 ("Found unsupported datatype (N) when importing
initializer", "Failed to convert ONNX date type to TensorRT data type."). UINT8 is taken as an input, as an output and
in a Cast, from 8.5 on, and by no operator between ("TensorRT does not support UINT8 types for intermediate tensors!",
"Found unsupported input type of UINT8"), so a Cast behind the input and before the output does.

## Safety
Exact. Of UINT64 it is the 64 bits that stay: a value from 2**63 on is handed over and comes out as the negative INT64
of the same bits (`array.view(np.int64)`), and sums, comparisons and quotients are computed on the bits. Its Cast to a
float is within one unit in the last place.

## When it refuses
When an operator that is not known to compute the same in the wider type reads or writes such a tensor; before TensorRT
9.0, which reads INT64 as INT32, when arithmetic of UINT32 or an order of UINT64 takes numbers beyond it.

## How to avoid it when exporting
Convert inputs and weights to `int32` or `int64` before the export.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from onnx import TensorProto, helper, numpy_helper

from trtconv.passes.core import (
    Edit,
    Example,
    Graph,
    ModelPass,
    Node,
    Refused,
    Replacement,
    Target,
    Trouble,
    integers,
    refused,
)
from trtconv.passes.core.integers import WIDER

if TYPE_CHECKING:
    from trtconv.passes.core import Model

UINT8, UINT64, INT32 = TensorProto.UINT8, TensorProto.UINT64, TensorProto.INT32

QUANTIZING = ("QuantizeLinear", "DequantizeLinear")
"""Operators whose UINT8 asymmetric-quantization looks at: a pair of them is taken as INT8."""


class UnsupportedIntegerType(ModelPass):
    """Integers that TensorRT has no tensors of."""

    after = ("asymmetric-quantization", "missing-operator", "unfolded-constants")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (uint8[N,4] x, uint8[4] b) => (uint8[N,4] y) { y = Max(x, b) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (uint8[N,4] x, uint8[4] b) => (uint8[N,4] y) {
                    xf = Cast <to = 1> (x)
                    xi = Cast <to = 6> (xf)
                    bf = Cast <to = 1> (b)
                    bi = Cast <to = 6> (bf)
                    yi = Max(xi, bi)
                    yf = Cast <to = 1> (yi)
                    y = Cast <to = 2> (yf)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="an operator that has no integer form",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (uint16[N,4] x) => (uint16[N,4] y) { y = Relu(x) }""",
            refusal="Relu of UINT16 is not known to be the same in INT32",
        ),
        Example(
            target="tensorrt-8.6",
            title="a sum that wraps around at 2**32",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (uint32[N,4] x) => (uint32[N,4] y) { y = Add(x, x) }""",
            refusal="Add of UINT32 takes INT64, which TensorRT 8.6.1 reads as INT32",
        ),
        Example(
            target="tensorrt-10.3",
            title="an image as input",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (uint8[N,4] x) => (float[N,4] y) { y = Cast <to = 1> (x) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """No node of a model without such tensors."""
        return [] if graph.model.element_types().isdisjoint(WIDER) else super().candidates(graph, target)

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A node that reads or writes such a tensor; a Cast of UINT8 at the rim of the graph is taken from 8.5 on."""
        dtype = next((t for t in _types(node, graph) if t in WIDER), None)
        if dtype is None or (dtype == UINT8 and (node.op_type in QUANTIZING or _is_at_the_rim(node, graph, target))):
            return None
        return refused(f"{target.title} has no tensors of {_name(dtype)} between inputs and outputs")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Why the whole model stays as it is: this node, or another one that is no better."""
        for dtype in {t for t in _types(node, graph) if t in WIDER}:
            _check(graph.model, dtype, target)
        raise Refused("another node of the model keeps this type")

    def mend(self, model: Model, target: Target) -> list[Edit]:
        """Retype, one element type after the other, those that every node around them allows."""
        edits, present = [], model.element_types()
        for dtype in (t for t in WIDER if t in present):
            touching = [n for g in model.graphs() for n in g.nodes if self._is_trouble(n, g, dtype, target)]
            if not touching:
                continue
            try:
                _check(model, dtype, target)
            except Refused:
                continue
            _retype(model, dtype, target)
            why = f"{target.title} has no tensors of {_name(dtype)}; {_name(WIDER[dtype])} holds them"
            edits.append(Edit(self.name(), touching[0].label, touching[0].op_type, why, (), ()))
        return edits

    def _is_trouble(self, node: Node, graph: Graph, dtype: int, target: Target) -> bool:
        return dtype in _types(node, graph) and self.find(node, graph, target) is not None


def _types(node: Node, graph: Graph) -> Iterator[int | None]:
    return (graph.dtype(t) for t in (*node.inputs, *node.outputs) if t)


def _name(dtype: int) -> str:
    return str(helper.tensor_dtype_to_string(dtype)).removeprefix("TensorProto.")


def _is_at_the_rim(node: Node, graph: Graph, target: Target) -> bool:
    """A Cast from a network input or to a network output."""
    if node.op_type != "Cast" or graph.parent is not None or target.before(8, 5):
        return False
    x, y = node.input(0), node.outputs[0]
    return all(
        graph.dtype(t) != UINT8 or end
        for t, end in ((x, x in graph.inputs), (y, graph.is_output(y) and not graph.consumers(y)))
    )


def _check(model: Model, dtype: int, target: Target) -> None:
    """Raise Refused for the first node that the wider type might make compute something else."""
    known = integers.MOVING | integers.ORDERING | integers.WRAPPING | integers.BOUNDED | integers.CASTS
    for graph in model.graphs():
        for node in graph.nodes:
            if dtype not in _types(node, graph) or _is_exponent_only(node, graph, dtype):
                continue
            if node.domain or node.op_type not in known or _loses_meaning(node, dtype):
                raise Refused(f"{node.op_type} of {_name(dtype)} is not known to be the same in {_name(WIDER[dtype])}")
            if target.before(9, 0) and _takes_64_bits(node, graph, dtype):
                raise Refused(f"{node.op_type} of {_name(dtype)} takes INT64, which {target.title} reads as INT32")


def _is_exponent_only(node: Node, graph: Graph, dtype: int) -> bool:
    return node.op_type == "Pow" and graph.dtype(node.input(0)) != dtype and dtype != UINT64


def _loses_meaning(node: Node, dtype: int) -> bool:
    """What holds for smaller types and not for this one, or not for these attributes."""
    if dtype == UINT64 and node.op_type in ("Sign", "Clip", "ReduceMax", "ReduceMin", "MaxPool", "GlobalMaxPool"):
        return True
    if node.op_type == "MaxPool" and dtype == TensorProto.UINT32:
        return True
    return node.op_type.startswith("Scatter") and node.attr_string("reduction", "none") not in ("none", "max", "min")


def _takes_64_bits(node: Node, graph: Graph, dtype: int) -> bool:
    """Whether what computes the same in the wider type holds numbers beyond INT32, whatever the data."""
    if dtype == UINT64:
        return node.op_type in integers.ORDERING or node.op_type in ("Div", "Mod")
    if dtype != TensorProto.UINT32:
        return False
    if node.op_type in integers.CASTS:
        source = graph.dtype(node.input(0)) or dtype
        return integers.is_integer(source) and not integers.holds(dtype, source)
    return node.op_type in integers.WRAPPING


def _retype(model: Model, dtype: int, target: Target) -> None:
    model.infer()
    keeps_ends = dtype == UINT8 and not target.before(8, 5)
    work = [
        (g, n, [g.dtype(t) if t else None for t in n.inputs], g.dtype(n.outputs[0]))
        for g, n in _nodes(model, dtype)
        if not (keeps_ends and _is_at_the_rim(n, g, target))
    ]
    if keeps_ends:
        _cast_ends(model.main, {n for _, n, _, _ in work}, target)
    for graph in model.graphs():
        _retype_tensors(graph, dtype, keeps_ends and graph.parent is None)
    for graph, node, sources, result in work:
        replacement = _in_wider_type(graph, node, dtype, sources, result)
        if replacement is not None:
            graph.apply(replacement)
    model.infer()


def _cast_ends(graph: Graph, inside: set[Node], target: Target) -> None:
    """Network inputs and outputs stay UINT8: a Cast behind the one, a Cast before the other."""
    for name, found in graph.inputs.items():
        readers = [n for n in graph.consumers(name) if n in inside]
        if found is not None and found.dtype == UINT8 and readers:
            wide = graph.unique(f"{name}/int32")
            graph.redirect(readers, name, wide)
            for node in reversed(_hops(graph, name, wide, INT32, target)):
                graph.prepend(node)
    for name in graph.outputs:
        if graph.dtype(name) == UINT8 and graph.producer(name) in inside:
            wide = graph.unique(f"{name}/int32")
            graph.rename(name, wide)
            for node in _hops(graph, wide, name, UINT8, target):
                graph.add_node(node)


def _hops(graph: Graph, x: str, y: str, dtype: int, target: Target) -> list[Node]:
    """Cast from `x` to `y`, through FLOAT for parsers that know UINT8 beside floats only (8.5 to 10)."""
    if not target.before(11, 0):
        return [_cast_node(graph, x, y, dtype)]
    middle = graph.unique(f"{y}/float")
    return [_cast_node(graph, x, middle, TensorProto.FLOAT), _cast_node(graph, middle, y, dtype)]


def _cast_node(graph: Graph, x: str, y: str, dtype: int) -> Node:
    return Node("Cast", [x], [y], graph.unique(f"{y}/cast"), attributes={"to": helper.make_attribute("to", dtype)})


def _nodes(model: Model, dtype: int) -> list[tuple[Graph, Node]]:
    return [(g, n) for g in model.graphs() for n in g.nodes if dtype in _types(n, g)]


def _retype_tensors(graph: Graph, dtype: int, keep_ends: bool) -> None:
    graph.retyped()
    ends = {*graph.inputs, *graph.outputs} if keep_ends else set()
    for types in (graph.inputs, graph.output_types, graph.types):
        for name, found in types.items():
            if found is not None and found.dtype == dtype and name not in ends:
                types[name] = found._replace(dtype=WIDER[dtype])
    for name, proto in graph.initializers.items():
        if proto.data_type == dtype:
            kind = helper.tensor_dtype_to_np_dtype(WIDER[dtype])
            graph.initializers[name] = numpy_helper.from_array(graph.model.array(proto).astype(kind), name)


def _in_wider_type(
    graph: Graph, node: Node, dtype: int, sources: list[int | None], result: int | None
) -> Replacement | None:
    """What computes in the wider type what `node` did; None where the node itself does."""
    r = Replacement(graph, node)
    if node.op_type in integers.CASTS:
        _cast(r, node, dtype, sources[0], result)
    elif node.op_type in integers.WRAPPING and result == dtype:
        integers.arithmetic(r, node, dtype, node.inputs)
    elif node.op_type == "Mod" and dtype == UINT64:
        integers.remainder_of_bits(r, node.inputs[0], node.inputs[1], node.outputs[0])
    elif node.op_type == "MaxPool" and result == dtype:
        _pool(r, node, dtype)
    elif node.op_type in integers.ORDERING and dtype == UINT64:
        inputs = [integers.flip(r, t) if source == dtype else t for t, source in zip(node.inputs, sources, strict=True)]
        flipped = result == dtype
        outputs = r.clone(node, inputs, into=[None if flipped else node.outputs[0], *node.outputs[1:]])
        if flipped:
            integers.flip(r, outputs[0], into=node.outputs[0])
    else:
        return _with_wider_attributes(r, node, dtype)
    return r


def _pool(r: Replacement, node: Node, dtype: int) -> None:
    """MaxPool takes no INT32; FLOAT holds all that 16 bits do."""
    pooled = r.clone(node, [r.cast(node.input(0), TensorProto.FLOAT)], into=[None, *node.outputs[1:]])
    r.cast(pooled[0], WIDER[dtype], into=node.outputs[0])


def _cast(r: Replacement, node: Node, dtype: int, source: int | None, result: int | None) -> None:
    out, x = node.outputs[0], node.input(0)
    if result != dtype:
        if dtype == UINT64 and not integers.is_integer(result) and result not in (None, TensorProto.BOOL):
            integers.unsigned_to_float(r, x, result, out)
        else:
            r.cast(x, result or dtype, into=out)
    elif source is not None and integers.is_integer(source) and not integers.holds(dtype, source):
        wide = r.cast(x, TensorProto.INT64)
        r.cast(integers.wrap(r, wide, dtype, TensorProto.INT64), WIDER[dtype], into=out)
    else:
        r.cast(x, WIDER[dtype], into=out)


def _with_wider_attributes(r: Replacement, node: Node, dtype: int) -> Replacement | None:
    """Constants and result types that stand in attributes."""
    changed: dict[str, Any] = {}
    value = node.attr_tensor("value")
    if value is not None and value.data_type == dtype:
        kind = helper.tensor_dtype_to_np_dtype(WIDER[dtype])
        changed["value"] = numpy_helper.from_array(numpy_helper.to_array(value).astype(kind))
    if node.op_type == "EyeLike" and node.attr_int("dtype", 0) == dtype:
        changed["dtype"] = WIDER[dtype]
    if not changed:
        return None
    r.clone(node, node.inputs, **changed)
    return r
