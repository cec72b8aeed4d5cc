"""# exploded-hard-sigmoid

## What it does
Fuses the parts of a hard sigmoid into one `HardSigmoid`: `Add`, a clip and a scale, also where the multiplication by
the input comes between clip and scale.

## Why
PyTorch writes `hardswish` and `hardsigmoid` in parts where an exporter knows no better, and networks of before 2020
spell them out: clip(x + 3, 0, 6) / 6, with x multiplied in after (PyTorch) or before the division (Paddle). Each
part is a layer and a pass over memory on targets that do not fuse them. Every version imports HardSigmoid.

## Safety
alpha and beta are computed from the constants of the graph, never assumed: ONNX's default alpha is 0.2, PyTorch's 1/6.
Equal within rounding. NaN stays NaN, infinities give 0 and 1, times x NaN and inf, in both forms (ONNX Runtime and
the reference evaluator agree). Where x is multiplied in before the division, the parts overflow for x above a sixth
of the largest number and the fused form does not.

## When it refuses
Never: parts of which something else reads an intermediate, computed constants, constants that differ per channel or
enlarge the tensor, and bounds that do not end at 0 and 1 are left alone. So is DOUBLE, for which ONNX Runtime has no
HardSigmoid.

## How to avoid it when exporting
Use `torch.nn.Hardswish` and `torch.nn.Hardsigmoid`, and a current PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, slow
from trtconv.passes.core.activations import FLOATS, Clamp, clamp, close, inside, with_constant


@dataclass(frozen=True)
class Parts:
    """HardSigmoid(x, alpha, beta), times x where `gated`, and the nodes that spell it out."""

    x: str
    alpha: float
    beta: float
    gated: bool
    nodes: tuple[Node, ...]


BEFORE_A_SCALE = ("Clip", "Max", "Min", "Mul", "Relu")


class ExplodedHardSigmoid(Pass):
    """Add, clip and scale instead of HardSigmoid."""

    ops = ("Clip", "Div", "Max", "Min", "Mul", "Relu")
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.2",
            title="PyTorch's order, clip bounds as attributes",
            before="""<ir_version: 8, opset_import: ["": 9]>
                g (float[N,4] x) => (float[N,4] y) <float three={3}, float six={6}> { a = Add(x, three)
                    c = Clip <min=0.0, max=6.0> (a) s = Div(c, six) y = Mul(x, s) }""",
            after="""<ir_version: 8, opset_import: ["": 9]>
                g (float[N,4] x) => (float[N,4] y) {
                    s = HardSigmoid <alpha=0.16666667, beta=0.5> (x) y = Mul(x, s) }""",
        ),
        Example(
            target="tensorrt-8.2",
            title="Paddle's order, clip bounds as inputs",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y) <float three={3}, float zero={0}, float six={6}> {
                    a = Add(three, x) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y) {
                    s = HardSigmoid <alpha=0.16666667, beta=0.5> (x) y = Mul(x, s) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="scaled before the clip: Keras",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y)
                <float slope={0.2}, float half={0.5}, float zero={0}, float one={1}> {
                    m = Mul(x, slope) a = Add(m, half) y = Clip(a, zero, one) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y) { y = HardSigmoid <alpha=0.2, beta=0.5> (x) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="the clipped tensor is read elsewhere",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y, float[N,4] c) <float three={3}, float zero={0}, float six={6}> {
                    a = Add(x, three) c = Clip(a, zero, six) y = Div(c, six) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="relu6, not scaled to 1",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[N,4] x) => (float[N,4] y) <float three={3}, float zero={0}, float six={6}, float five={5}> {
                    a = Add(x, three) c = Clip(a, zero, six) y = Div(c, five) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """The last of the parts: the scale, or a clip to [0, 1] after one."""
        parts = _recognise(node, graph)
        return slow(f"{len(parts.nodes)} nodes for one HardSigmoid{' and Mul' * parts.gated}") if parts else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """HardSigmoid with the slope and offset that the constants make, and Mul where x was multiplied in."""
        parts = _recognise(node, graph)
        assert parts is not None
        r, output = Replacement(graph, node), node.outputs[0]
        into = None if parts.gated else output
        gate = r.op("HardSigmoid", parts.x, into=into, alpha=parts.alpha, beta=parts.beta)
        if parts.gated:
            r.op("Mul", parts.x, gate, into=output)
        r.remove(*parts.nodes)
        return r


def _recognise(node: Node, graph: Graph) -> Parts | None:
    if graph.opset < 6:
        return None
    parts = _scaled_after(node, graph) if node.op_type in ("Div", "Mul") else _scaled_before(node, graph)
    return parts if parts and _is_activation_type(parts.x, graph) else None


def _is_activation_type(x: str, graph: Graph) -> bool:
    """Element types for which HardSigmoid is defined and has kernels; BFLOAT16 joined in opset 22."""
    dtype = graph.dtype(x)
    return dtype in FLOATS and (dtype != TensorProto.BFLOAT16 or graph.opset >= 22)


def _scaled_after(node: Node, graph: Graph) -> Parts | None:
    """clip(x + b, 0, h) * (1/h), or x * clip(x + b, 0, h) * (1/h)."""
    producers = (graph.producer(t) for t in node.inputs)
    if not any(p is not None and p.op_type in BEFORE_A_SCALE for p in producers):
        return None
    found = with_constant(node, graph)
    if found is None or found[1] == 0:
        return None
    scale = 1 / found[1] if node.op_type == "Div" else found[1]
    inner = inside(found[0], node, graph)
    plain = clamp(inner, graph)
    if inner is not None and plain is not None:
        return _from_clamp(plain, scale, graph, (node,))
    return _gated(inner, scale, graph, node)


def _gated(product: Node | None, scale: float, graph: Graph, node: Node) -> Parts | None:
    if product is None or product.op_type != "Mul" or product.domain or len(product.inputs) != 2:
        return None
    for x, clipped in (product.inputs, product.inputs[::-1]):
        found = clamp(inside(clipped, product, graph), graph)
        parts = _from_clamp(found, scale, graph, (node, product)) if found else None
        if parts is not None and parts.x == x:
            return Parts(parts.x, parts.alpha, parts.beta, True, parts.nodes)
    return None


def _from_clamp(found: Clamp, scale: float, graph: Graph, outer: tuple[Node, ...]) -> Parts | None:
    """Alpha and beta of clip(x + b, 0, h) * scale, where h * scale is 1."""
    shift = inside(found.x, found.nodes[-1], graph)
    added = with_constant(shift, graph) if shift is not None and shift.op_type == "Add" else None
    if shift is None or added is None or found.low != 0 or not found.high > 0:
        return None
    x, offset = added
    if not close(found.high * scale, 1.0, graph.dtype(x)):
        return None
    return Parts(x, 1 / found.high, offset / found.high, False, (*outer, *found.nodes, shift))


def _scaled_before(node: Node, graph: Graph) -> Parts | None:
    """clip(x * a + b, 0, 1), the scale a Mul or a Div."""
    found = clamp(node, graph)
    if found is None or (found.low, found.high) != (0, 1):
        return None
    shift = inside(found.x, found.nodes[-1], graph)
    added = with_constant(shift, graph) if shift is not None and shift.op_type == "Add" else None
    if shift is None or added is None:
        return None
    product = inside(added[0], shift, graph)
    scaled = with_constant(product, graph) if product is not None and product.op_type in ("Mul", "Div") else None
    if product is None or scaled is None or scaled[1] == 0:
        return None
    alpha = 1 / scaled[1] if product.op_type == "Div" else scaled[1]
    return Parts(scaled[0], alpha, added[1], False, (*found.nodes, shift, product))
