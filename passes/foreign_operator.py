"""# foreign-operator

## What it does
Writes the operators that ONNX Runtime's optimiser and quantizer leave in files (`com.microsoft`) as standard ones, and
reports those of any other domain that ONNX does not define.

There are forms for:

- fused products and convolutions: FusedConv, FusedGemm, FusedMatMul, TransposeMatMul;
- activations: Gelu, BiasGelu, FastGelu, QuickGelu;
- normalizations: SkipLayerNormalization, SkipSimplifiedLayerNormalization, EmbedLayerNormalization;
- attention: Attention, MultiHeadAttention, RotaryEmbedding;
- quantized operators: QLinearAdd, QLinearMul, QLinearConcat, QLinearWhere, QLinearSigmoid, QLinearLeakyRelu,
  QLinearSoftmax, QLinearReduceMean, QLinearConv, QLinearAveragePool, QLinearGlobalAveragePool, QGemm,
  MatMulIntegerToFloat, DynamicQuantizeMatMul, NhwcMaxPool, QuantizeLinear and DequantizeLinear;
- older names: ExpandDims, Range, Trilu.

## Why
The parser looks at the operator's name alone, never at its domain. A name that it does not know is looked up as a
plugin ("Plugin not found, are the plugin name, version, and namespace correct?"). A name that it does know goes to
the importer of the standard operator, whose inputs and meaning may be others: `com.microsoft.Attention` is not
`Attention`.

## Safety
The same arithmetic in another order. What is quantized again may, at a tie, come out one step apart.

## When it refuses
When the domain is another one: what a custom operator computes is not in the file. Register a plugin of that name and
ignore the finding in the configuration, with that as the reason; or take the operator out of the network. Operators of
`com.microsoft.nchwc` hold weights in the order that suits one processor: optimise again at a lower level
(`ORT_ENABLE_EXTENDED`), or convert the model that was optimised. Attention with a past of keys and values, and scales
for each channel in elementwise operators, are not written out either.

## How to avoid it when exporting
Do not run ONNX Runtime's graph optimisations before TensorRT, and export without custom operators.
"""

from __future__ import annotations

from trtconv.passes.core import (
    Example,
    Graph,
    Node,
    Pass,
    Refused,
    Replacement,
    Safety,
    Target,
    Trouble,
    refused,
    silent,
)
from trtconv.passes.core.contrib import CONTRIB

ONNX_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.training", "ai.onnx.preview.training")


class ForeignOperator(Pass):
    """An operator of a domain that ONNX does not define, and that is no local function."""

    domains = ()
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>
                g (float[N,3] x, float[4,3] w) => (float[N,4] y) {
                    y = com.microsoft.FusedMatMul <transB = 1, alpha = 0.5> (x, w)
                }""",
            after="""<ir_version: 8, opset_import: ["": 17]>
                g (float[N,3] x, float[4,3] w) => (float[N,4] y) <float alpha = {0.5}> {
                    turned = Transpose <perm = [1, 0]> (w)
                    product = MatMul(x, turned)
                    y = Mul(product, alpha)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 17, "my.ops": 1]>
                g (float[N,4] x) => (float[N,4] y) { y = my.ops.Mystery(x) }""",
            refusal="what my.ops.Mystery computes is not in the file",
        ),
        Example(
            target="tensorrt-10.3",
            title="a standard operator",
            before="""<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """Nodes of other domains than ONNX's own."""
        return graph.nodes_where(lambda _, domain: domain not in ONNX_DOMAINS)

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A foreign domain: refused where the name is unknown, misread where the parser knows another of that name."""
        if node.domain in ONNX_DOMAINS or graph.model.has_function(node.domain, node.op_type):
            return None
        if target.has(node.op_type):
            return silent(f"{target.title} takes {_full_name(node)} for the standard {node.op_type}")
        return refused(f"{target.title} has no importer for {_full_name(node)}: it needs a plugin of that name")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The standard operators that one of ONNX Runtime stands for."""
        if node.domain == "com.microsoft" and node.op_type in CONTRIB:
            return CONTRIB[node.op_type](node, graph)
        if node.domain == "com.microsoft.nchwc":
            raise Refused("ONNX Runtime put its weights in the order of one processor: optimise at a lower level")
        raise Refused(f"what {_full_name(node)} computes is not in the file")


def _full_name(node: Node) -> str:
    return f"{node.domain}.{node.op_type}"
