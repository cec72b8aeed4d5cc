"""# unsupported-attention

## What it does
Writes an `Attention` that the parser or builder cannot take as the MatMul, Softmax and MatMul of its ONNX body.

## Why
Parsers from TensorRT 10.14 on map Attention to one fused layer, which knows less than the operator: one output, no
past keys and values, no softcap, no softmax_precision, keys and values of one shape, and a mask or causality but not
both ("Option mask and causal are mutually exclusive"). nonpad_kv_seqlen and the local windows of opset 25 are not
read at all (measured: the layers are the same with and without them), so padded keys take part and nobody says so.

TensorRT-RTX has no fallback for shapes that its fused kernels do not cover ("composite_op is_decomposable"). Measured
with 1.7: FLOAT16 and BF16 need a head size of 9 to 256; FLOAT works for a single query, and for packed heads
(rank 3) without mask, causality or grouped heads; a single query needs a head size that is a power of two.

## Safety
The same arithmetic in another order. The plain form is slower than the fused kernel; it is written only where the
fused one is not to be had.

## When it refuses
When ONNX gives no body, because an element type is unknown.

## How to avoid it when exporting
Export attention in FLOAT16 or BF16, without a key-value cache inside the graph, and with the causal mask either as
`is_causal=1` or inside the mask, not both.
"""

from __future__ import annotations

from onnx import TensorProto

from trtconv.passes.core import (
    Example,
    Graph,
    Node,
    Pass,
    Replacement,
    Safety,
    Target,
    Trouble,
    functions,
    refused,
    silent,
)

HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
QUERY, KEY, VALUE, MASK, PAST_KEY, PAST_VALUE, UNPADDED = range(7)


class UnsupportedAttention(Pass):
    """Attention beyond what the fused layer knows."""

    ops = ("Attention",)
    safety = Safety.ROUNDING
    examples = (
        Example(
            target="tensorrt-11.0",
            title="capped scores of unknown element type",
            before="""<ir_version: 10, opset_import: ["": 23, "lab": 1]>
                g (float[1,2,4,8] q, float[1,2,6,8] k, float[1,2,6,8] v) => (float[1,2,4,8] y) {
                    turned = lab.Turn(q)
                    y = Attention <softcap = 2.0> (turned, k, v)
                }""",
            refusal="it needs a type or shape that is unknown",
        ),
        Example(
            target="tensorrt-11.0",
            title="fused",
            before="""<ir_version: 10, opset_import: ["": 23]>
                g (float[1,2,4,8] q, float[1,2,6,8] k, float[1,2,6,8] v) => (float[1,2,4,8] y) {
                    y = Attention(q, k, v)
                }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """What the fused layer rejects, does not read, or has no kernel for."""
        if not target.has("Attention"):
            return None
        why = _rejected(node, graph)
        if why:
            return refused(f"the fused attention layer takes no {why}")
        if target.is_rtx and not _has_kernel(node, graph):
            return refused(f"{target.title} has no fused attention kernel for this element type and these shapes")
        if node.input(UNPADDED):
            return silent("nonpad_kv_seqlen is not read: padded keys would take part")
        if max(node.attr_int("left_window_size", -1), node.attr_int("right_window_size", -1)) >= 0:
            return silent("the local window is not read: every key would take part")
        return None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The function body."""
        return functions.expand(graph, node)


def _rejected(node: Node, graph: Graph) -> str:
    """What of this node the layer has no parameter for; empty where it has all."""
    mask = graph.shape(node.input(MASK)) if node.input(MASK) else None
    reasons = {
        "second output": len(node.outputs) > 1,
        "past keys and values": bool(node.input(PAST_KEY) or node.input(PAST_VALUE)),
        "softcap": node.attr_float("softcap", 0.0) != 0,
        "softmax_precision": "softmax_precision" in node.attributes,
        "mask together with causality": bool(node.input(MASK)) and node.attr_int("is_causal", 0) != 0,
        "keys and values of different shapes": _differ(graph.shape(node.input(KEY)), graph.shape(node.input(VALUE))),
        "mask shorter than the keys": mask is not None and not _covers(mask, _key_length(node, graph)),
        "mask of another element type": _mask_type_differs(node, graph),
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def _differ(a: tuple[object, ...] | None, b: tuple[object, ...] | None) -> bool:
    return a is not None and b is not None and (len(a) != len(b) or a[-1] != b[-1])


def _covers(mask: tuple[object, ...], keys: object) -> bool:
    return len(mask) > 1 and (mask[-1] == 1 or not isinstance(keys, int) or mask[-1] == keys)


def _key_length(node: Node, graph: Graph) -> object:
    shape = graph.shape(node.input(KEY))
    return shape[-2] if shape is not None and len(shape) >= 3 else None


def _mask_type_differs(node: Node, graph: Graph) -> bool:
    mask = graph.dtype(node.input(MASK)) if node.input(MASK) else None
    return mask not in (None, TensorProto.BOOL, graph.dtype(node.input(QUERY)))


def _has_kernel(node: Node, graph: Graph) -> bool:
    """What TensorRT-RTX 1.7 builds; unknown shapes get the benefit of the doubt."""
    shape, dtype = graph.shape(node.input(QUERY)), graph.dtype(node.input(QUERY))
    if shape is None or len(shape) not in (3, 4):
        return True
    size, queries = _head_size(node, shape), shape[-2]
    if queries == 1:
        return size is None or (size & (size - 1) == 0 and size <= 256)
    if dtype in HALVES:
        return size is None or 9 <= size <= 256
    return len(shape) == 3 and _is_plain(node)


def _head_size(node: Node, shape: tuple[object, ...]) -> int | None:
    if not isinstance(shape[-1], int):
        return None
    return shape[-1] if len(shape) == 4 else shape[-1] // max(node.attr_int("q_num_heads", 1), 1)


def _is_plain(node: Node) -> bool:
    grouped = node.attr_int("q_num_heads", 1) != node.attr_int("kv_num_heads", 1)
    return not (node.input(MASK) or node.attr_int("is_causal", 0) or grouped)
