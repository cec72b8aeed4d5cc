"""# missing-operator

## What it does
Replaces an operator that the target lacks by the function body that ONNX defines for it, or, where ONNX has none,
by a decomposition.

The body may hold further operators that the target lacks: those are replaced in turn. Decompositions there are for:

- bits: BitShift, BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot as INT64 arithmetic, BitCast between integers;
- quantized products: MatMulInteger, ConvInteger, QLinearMatMul and QLinearConv as FLOAT products that are exact;
- transforms: DFT and STFT as products with a constant matrix, a DFT of open length with one that is computed at run
  time, Det of up to 3 rows;
- places: Compress with a constant condition, Col2Im, MaxUnpool, OneHot, EyeLike, Trilu, Hardmax, CumSum, CumProd,
  TensorScatter of fixed length;
- products and samples: Einsum as MatMul; GridSample, RoiAlign and DeformConv as a Gather for each neighbour;
- gathers and scatters of fixed shape: GatherElements and GatherND as one Gather, ScatterElements and ScatterND as
  comparisons of every index with every place;
- classical (`ai.onnx.ml`): ArrayFeatureExtractor, Binarizer, Scaler, Normalizer, LinearRegressor, LinearClassifier, and
  TreeEnsemble, TreeEnsembleRegressor and TreeEnsembleClassifier as comparisons and gathers, one level of all trees at a
  time;
- arithmetic and logic: Mod, Round, Sign, IsNaN, IsInf, Xor;
- optional values that are plainly there or not: OptionalHasElement, OptionalGetElement;
- sequences that are made and taken apart in the same graph: SequenceAt, SequenceLength, ConcatFromSequence;
- operators of the first opsets that were withdrawn: Crop, ImageScaler, Affine, ScaledTanh, ParametricSoftplus.

## Why
A parser without an importer looks for a plugin of that name and stops ("Plugin not found, are the plugin name,
version, and namespace correct?"); from TensorRT 9.1 on a static check rejects some forty operators by their name
alone. The ONNX standard defines many of them as functions of simpler ones: losses, CenterCropPad, AffineGrid,
DynamicQuantizeLinear, LayerNormalization, Mish, Swish, RotaryEmbedding, Attention.

## Safety
The same arithmetic by definition. Runtimes that have a kernel for the operator round in another order.

## When it refuses
When ONNX gives no body for the operator, or none for the model's opset or its element types, and when a
decomposition needs a size or an input that is not in the file; when labels are texts, and where ONNX Runtime and the
standard disagree: tree ensembles of two classes, transforms of a single target, one row of weights for two classes.
Where the shape of the result depends on the data
(NonZero, Unique, Compress with a computed condition) no static form exists: such an operator has to leave the
network.

## How to avoid it when exporting
Export with an older opset, where the exporters write such operators as their parts.
"""

from __future__ import annotations

from trtconv.passes.core import Example, Graph, Node, Pass, Replacement, Safety, Target, Trouble, functions, refused
from trtconv.passes.core.contrib import CONTRIB
from trtconv.passes.core.decompositions import DECOMPOSITIONS


class MissingOperator(Pass):
    """An operator without an importer."""

    domains = ("", "ai.onnx.ml", "ai.onnx.preview")
    safety = Safety.ROUNDING
    after = ("unfolded-constants",)
    examples = (
        Example(
            target="tensorrt-8.2",
            before="""<ir_version: 10, opset_import: ["": 24]>
                g (float[N,4] x) => (float[N,4] y) { y = Swish <alpha = 2.0> (x) }""",
            after="""<ir_version: 10, opset_import: ["": 24]>
                g (float[N,4] x) => (float[N,4] y) {
                    alpha = Constant <value = float[1] {2.0}> ()
                    cast = Cast <to=1> (alpha)
                    scaled = Mul(cast, x)
                    gate = Sigmoid(scaled)
                    y = Mul(x, gate)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="no body is known",
            before="""<ir_version: 8, opset_import: ["": 11]>
                g (float[N,3] x) => (int32[N,1] y) { y = Multinomial(x) }""",
            refusal="ONNX gives no function body for Multinomial at opset 11",
        ),
        Example(
            target="tensorrt-10.3",
            title="taken as it is",
            before="""<ir_version: 8, opset_import: ["": 18]>
                g (float[N,4] x) => (float[N,4] y) { y = Mish(x) }""",
        ),
    )

    def candidates(self, graph: Graph, target: Target) -> list[Node]:
        """Nodes of operators that the target does not have."""
        return graph.nodes_where(lambda op_type, domain: domain in self.domains and not target.has(op_type))

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """An operator of ONNX, or of no domain, that the parser does not register."""
        if target.has(node.op_type) or graph.model.has_function(node.domain, node.op_type):
            return None
        if not target.is_rtx and _is_own(node.op_type):
            return None
        return refused(target.lack(node.op_type))

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """A decomposition of ours, else the function body; ONNX Runtime has normalizations in opsets without them."""
        own = DECOMPOSITIONS.get(node.op_type)
        if own is None and functions.schema(node, graph) is None:
            own = CONTRIB.get(node.op_type)
        return functions.expand(graph, node) if own is None else own(node, graph)


def _is_own(op_type: str) -> bool:
    """Whether TensorRT's own plugins or importers have the name: `EfficientNMS_TRT`, `TRT_FP8QuantizeLinear`."""
    return op_type.endswith("_TRT") or op_type.startswith("TRT_")
