"""The known limits of the parsers operator by operator, as data like that in `limits`: types, arguments and forms."""

from __future__ import annotations

from limits import ALL, Ranges, head

FROM_8: Ranges = {"refused": ("8.0.1", None)}
BEFORE_9: Ranges = {"refused": ("7.0", "9.0")}
IN_8_0: Ranges = {"refused": ("8.0.1", "8.4.1")}
IN_8_5: Ranges = {"refused": ("8.5.1", "8.6.1")}
UNTIL_10_11: Ranges = {"silent": ("7.0", "10.11"), "refused": ("10.11", None)}
DEQUANTIZED = "y = DequantizeLinear(x, s)"
NORMAL = "y = RandomNormalLike<dtype=16>(x)"
K_4000 = "k = Constant<value=int64[1] {4000}>()"
RESHAPE = "y = Reshape<allowzero=1>(x, s)"
SLICED = "y = Slice<axes=[0,0], starts=[0,1], ends=[2,3]>(x)"
CONV = "y = Conv(x, w)"
CROPPED = ("float[1,1,4,4] x, float[1,1,2,2] w", "float y", "y = Conv<pads=[-1,0,0,0]>(x, w)")
FOUR_AXES = ("float[1,1,4,4,4,4] x, float[1,1,1,1,1,1] w", "float y", "y = ConvTranspose(x, w)")
SCALED = "s = Constant<value=float {-1}>()  z = Constant<value=int8 {0}>()  y = DequantizeLinear(x, s, z)"
BY_PLACE = "y = BatchNormalization<spatial=0>(x, s, s, s, s)"
STARTS = "y = Slice(x, s, s)"
SHAPED = "s = Cast<to=7>(x)  y = ConstantOfShape(s)"
CACHE = "y = TensorScatter(x, x)"
SCANNED = "int64[2] n, float[2] a, float[2,5] x"
SCAN = "y, z = Scan<num_scan_inputs=1, body = b (float i, float e) => (float o, float q) " + (
    "{ o = Add(i, e)  q = Neg(e) }>(n, a, x)"
)
STATELESS = "y = Scan<num_scan_inputs=1, body = b (float[3] e) => (float[3] q) { q = Neg(e) }>(x)"
DRAW_BY_SEED = "y = RandomUniform<seed=1.0, shape=[2]>()"
DRAW_LIKE = "c = Constant<value=float[2] {1.0, 2.0}>()  y = RandomUniformLike(c)"
IF_KNOWN = "c = Constant<value=bool {1}>()  " + (
    "y = If(c) <then_branch = a () => (float p) { p = Neg(x) }, else_branch = b () => (float q) { q = Abs(x) }>"
)
IF_TWICE = "y = If(c) <then_branch = a () => (float p) { p = Neg(x) }, else_branch = b () => (float p) { p = Abs(x) }>"
LOOP = 'l, y = Loop("", c, x) <body = b (int64 i, bool d, float p) => (bool e, float q, float s) ' + (
    "{ q = Neg(p)  s = Abs(p)  e = Identity(d) }>"
)


def nested(depth: int) -> str:
    """An If in the branch of an If, and so on."""
    text = "{ p = Neg(x) }"
    for level in range(depth):
        branches = f"then_branch = a{level} () => (float p) {text}, else_branch = b{level} () => (float q)"
        text = f"{{ p = If(c) <{branches} {{ q = Abs(x) }}> }}"
    return f"{head(13)}(float x, bool c) => (float p) {text}"


CASES: list[tuple[str, str, str, Ranges]] = [
    # element types and forms
    *(
        ("einsum-form", what, f"{head(13)}({given}) => (float y) {{ y = Einsum<equation={text}>({names}) }}", ranges)
        for what, given, text, names, ranges in (
            ("capitals", "float[2,3] x, float[3,4] w", '"Ij,jK->IK"', "x, w", {"refused": ("8.2.0", None)}),
            ("an ellipsis", "float[2,3] x, float[3] w", '"...j,j->..."', "x, w", {"refused": ("8.2.0", "9.0")}),
            ("no output", "float[2,3] x, float[3,4] w", '"ij,jk"', "x, w", {"refused": ("8.2.0", "9.0")}),
            ("three operands", "float[2] x", '"i,i,i->i"', "x, x, x", {"refused": ("8.2.0", "9.0")}),
            ("a diagonal", "float[2,2] x", '"ii->i"', "x", {"refused": ("8.2.0", "10.12")}),
            ("broadcasting", "float[1,3] x, float[2,3] w", '"ij,ij->i"', "x, w", {"refused": ("8.2.0", "10.12")}),
            ("integers", "int32[2,3] x", '"ij->ji"', "x", {"refused": ("11.0", None)}),
        )
    ),
    (
        "missing-opset-import",
        "no import of the standard operators",
        '<ir_version: 8, opset_import: ["ai.onnx.ml": 3]> g (float[4] x) => (float y) { y = ai.onnx.ml.Binarizer(x) }',
        {"silent": ("7.0", None)},
    ),
    (
        "missing-opset-import",
        "several imports, none of the standard operators",
        '<ir_version: 8, opset_import: ["ai.onnx.ml": 3, "lab": 1]> g (float x) => (float y) '
        "{ y = ai.onnx.ml.Binarizer(x) }",
        ALL,
    ),
    *(
        (
            *("declared-output-type", f"{given} as {declared}"),
            *(f"{head(13)}({given} x) => ({declared} y) {{ y = Abs(x) }}", ranges),
        )
        for given, declared, ranges in (
            ("int32", "float", ALL),
            ("int32", "int64", ALL),
            ("float", "int32", {"silent": ("7.0", None)}),
            ("float", "float16", {"silent": ("11.0", None)}),
            ("float", "float", {}),
        )
    ),
    *(
        (name, f"{call} of {kind}", f"{head(opset)}({kind}[2,4] x{more}) => ({out} y) {{ {call} }}", ranges)
        for name, opset, kind, more, out, call, ranges in (
            ("integer-activation", 14, "int32", "", "int32", "y = Relu(x)", ALL),
            ("integer-activation", 14, "int64", "", "int64", "y = Relu(x)", {"refused": ("7.0", "9.0")}),
            ("integer-activation", 16, "int32", ", int32[4] s", "int32", "y = PRelu(x, s)", ALL),
            ("integer-activation", 12, "int32", ", int32 s", "int32", "y = Clip(x, s)", {"refused": ("7.0", "8.0.3")}),
            ("integer-product", 13, "int32", ", int32[4,2] w", "int32", "y = MatMul(x, w)", {"refused": ("7.1", None)}),
            ("integer-product", 13, "int64", ", int64[4,2] w", "int64", "y = Gemm(x, w)", {"refused": ("7.1", None)}),
            ("integer-ranking", 13, "int32", "", "int64", "y = ArgMin(x)", {"refused": ("7.0", "8.6.0")}),
            ("integer-ranking", 10, "int64", ", int64[1] k", "int64", "v, y=TopK(x, k)", {"refused": ("7.0", "8.6.0")}),
            ("integer-power", 15, "float", ", int64[4] e", "float", "y = Pow(x, e)", {"refused": ("7.0", "10.8")}),
            ("integer-power", 15, "int32", ", float[4] e", "int32", "y = Pow(x, e)", {"refused": ("7.0", "10.12")}),
            ("unsupported-input-type", 13, "int32", "", "int32", "y = Erf(x)", ALL),
            ("unsupported-input-type", 22, "bfloat16", "", "bfloat16", "y = Mish(x)", {"refused": ("10.0.0", None)}),
            ("unsupported-input-type", 13, "int64", "", "int64", "y = NonZero(x)", {"refused": ("9.0", None)}),
            (
                *("double-precision", 13, "double", "", "double", "y = Sin(x)"),
                {"refused": ("7.0", "7.2.3"), "note": ("7.2.3", None)},
            ),
            (
                *("large-integers", 13, "int64", "", "int64"),
                "c = Constant<value=int64 {4294967296}>()  y = Add(x, c)",
                {"silent": ("7.0", "9.0")},
            ),
        )
    ),
    # what no version takes, or what single versions misread
    *(
        (name, what, f"{head(opset)}({given}) => ({out}) {{ {body} }}", ranges)
        for name, what, opset, given, out, body, ranges in (
            ("large-top-k", "K of 4000", 13, "float[1,9999] x", "float y", f"{K_4000}  y, i = TopK(x, k)", ALL),
            ("too-many-dimensions", "nine", 13, "float[1,1,1,1,1,1,1,1,N] x", "float y", "y = Relu(x)", ALL),
            ("too-many-dimensions", "eight", 13, "float[1,1,1,1,1,1,1,N] x", "float y", "y = Relu(x)", {}),
            ("unsupported-element-type", "BF16", 13, "bfloat16 x", "bfloat16 y", "y = Neg(x)", BEFORE_9),
            ("unsupported-element-type", "strings", 13, "string x", "string y", "y = Identity(x)", ALL),
            (
                *("unsupported-element-type", "FP8", 19, "float8e4m3fn x, float s", "float y"),
                *(DEQUANTIZED, BEFORE_9),
            ),
            (
                *("unsupported-element-type", "INT4", 21, "int4[4] x, float s", "float y"),
                *("y = DequantizeLinear(x, s)", {"refused": ("7.0", "10.0.0")}),
            ),
            ("unsupported-element-type", "E5M2", 19, "float8e5m2 x, float s", "float y", DEQUANTIZED, ALL),
            (
                "odd-four-bit-count",
                "INT4",
                21,
                "int4[3,5] x, float s",
                "float y",
                DEQUANTIZED,
                {"refused": ("10.0.0", None)},
            ),
            ("odd-four-bit-count", "whole bytes", 21, "int4[3,4] x, float s", "float y", DEQUANTIZED, {}),
            ("undefined-form", "an axis twice", 9, "float[4] x", "float y", SLICED, ALL),
            ("undefined-form", "no matrix", 13, "float[2,3,4] x, float[4,5] w", "float y", "y = Gemm(x, w)", FROM_8),
            ("undefined-form", "negative pads", 13, *CROPPED, ALL),
            ("convolution-of-many-axes", "four", 13, *FOUR_AXES, ALL),
            ("convolution-of-many-axes", "three", 13, "float[1,1,4,4,4] x, float[1,1,1,1,1] w", "float y", CONV, {}),
            ("negative-scale", "below 0", 13, "int8 x", "float y", SCALED, FROM_8),
            ("batch-norm-parameters", "by place", 8, "float[1,2,3] x, float[2,3] s", "float y", BY_PLACE, FROM_8),
            ("computed-argument", "starts of open number", 13, "float[4,4] x, int64[K] s", "float y", STARTS, ALL),
            ("data-dependent-shape", "of floats", 13, "float[2] x", "float y", SHAPED, ALL),
            ("data-dependent-shape", "of integers", 13, "int64[2] x", "float y", SHAPED, {}),
            ("tensor-scatter-form", "three axes", 24, "float[2,4,3] x", "float y", CACHE, {"refused": ("10.15", None)}),
            ("tensor-scatter-form", "four axes", 24, "float[2,1,4,3] x", "float y", CACHE, {}),
            ("undefined-form", "matrices", 13, "float[3,4] x, float[4,5] w", "float y", "y = Gemm(x, w)", {}),
            ("refused-scan", "lengths", 8, SCANNED, "float y", SCAN, ALL),
            ("refused-scan", "no state", 13, "float[5,3] x", "float y", STATELESS, ALL),
            ("zero-in-shape", "computed", 14, "float x, int64[2] s", "float y", RESHAPE, {"silent": ("7.0", "8.4.2")}),
            ("random-numbers", "a seed", 13, "float x", "float y", DRAW_BY_SEED, {"note": ("7.0", None)}),
            ("random-numbers", "DOUBLE", 13, "float x", "double y", "y = RandomUniform<dtype=11, shape=[2]>()", ALL),
            ("random-numbers", "like a constant", 13, "float x", "float y", DRAW_LIKE, {"refused": ("7.0", "10.11")}),
            ("random-numbers", "BF16", 13, "float x", "bfloat16 y", NORMAL, {"refused": ("8.5.1", None)}),
            ("triangle-of-many-axes", "rank 4", 14, "float[1,2,3,3] x", "float y", "y = Trilu(x)", IN_8_5),
            ("range-type", "FLOAT", 13, "float a", "float y", "y = Range(a, a, a)", {"refused": ("7.0", "8.4.0")}),
            ("range-type", "FLOAT16", 13, "float16 a", "float16 y", "y = Range(a, a, a)", ALL),
            (
                *("recurrence-form", "coupled gates", 14, "float[3,1,2] x, float[1,8,2] w", "float y"),
                *("y = LSTM<hidden_size=2, input_forget=1>(x, w, w)", ALL),
            ),
            (
                *("recurrence-form", "two directions", 14, "float[3,1,2] x, float[2,2,2] w", "float y"),
                *('y = RNN<hidden_size=2, direction="bidirectional", activations=["Tanh", "Relu"]>(x, w, w)', ALL),
            ),
            ("branch-output-names", "one name", 13, "float x, bool c", "float y", IF_TWICE, IN_8_0),
            ("open-loop", "no limit", 13, "float x, bool c", "float y", LOOP, UNTIL_10_11),
            (
                *("uneven-transposed-convolution", "over three axes", 13, "float[1,1,4,4,4] x, float[1,1,2,2,2] w"),
                *("float y", "y = ConvTranspose<pads=[0,0,0,1,0,0]>(x, w)", {"refused": ("7.1", "8.4.0")}),
            ),
            (
                *("constant-condition", "a condition in the file", 13, "float x", "float y"),
                *(IF_KNOWN, {"refused": ("7.0", "7.1"), "slow": ("7.1", None)}),
            ),
        )
    ),
    (
        "local-functions",
        "the name of another operator",
        '<ir_version: 8, opset_import: ["": 17, "lab": 1]> g (float x) => (float y) { y = lab.Relu(x) } '
        '<domain: "lab", opset_import: ["": 17]> Relu (a) => (b) { b = Add(a, a) }',
        {"refused": ("7.0", "9.0"), "silent": ("9.0", None)},
    ),
    ("deep-nesting", "25 levels", nested(25), {"refused": ("10.0.0", None)}),
    ("deep-nesting", "24 levels", nested(24), {}),
    (
        "weights-out-of-reach",
        "external data",
        f'{head(11)}(float[2] x) => (float y) <float[2] w = ["location": "w.bin"]> {{ y = Add(x, w) }}',
        {"refused": ("7.0", "7.1")},
    ),
    (
        "weights-out-of-reach",
        "beyond 2 GiB",
        f"{head(11)}(float[2] x) => (float y) "
        f'<float[2] w = ["location": "w.bin", "offset": "{2**31}", "length": "8"]> {{ y = Add(x, w) }}',
        {"refused": ("7.0", "7.1"), "silent": ("7.1", "8.0.1")},
    ),
    (
        "weights-out-of-reach",
        "an unknown key",
        f"{head(11)}(float[2] x) => (float y) "
        '<float[2] w = ["location": "w.bin", "basepath": "x"]> { y = Add(x, w) }',
        ALL,
    ),
    *(
        (
            "old-broadcasting",
            f"opset {opset}",
            f'<ir_version: 3, opset_import: ["": {opset}]> g (float[2] x) => (float y) {{ y = Add(x, x) }}',
            ranges,
        )
        for opset, ranges in ((6, ALL), (7, {}))
    ),
    (
        "half-in-integer-field",
        "FLOAT16 as integers",
        f"{head(13)}(float16[2] x) => (float16 y) <float16[2] w = {{15360, 16384}}> {{ y = Add(x, w) }}",
        {"silent": ("7.0", "8.4.1")},
    ),
    # forms that changed between versions
    *(
        (name, what, f"{head(opset)}({given}) => (float y) {{ y = {call} }}", ranges)
        for name, what, opset, given, call, ranges in (
            ("axes-as-input", "Unsqueeze", 13, "float[2] x, int64 a", "Unsqueeze(x, a)", {"refused": ("7.0", "7.2.3")}),
            ("axes-as-input", "Split", 13, "float[2] x, int64[1] a", "Split(x, a)", {"refused": ("7.0", "7.2.3")}),
            ("axes-as-input", "Squeeze, static", 11, "float[2,1] x", "Squeeze(x)", {"refused": ("7.0", "7.2.3")}),
            ("axes-as-input", "Squeeze, dynamic", 11, "float[N,1] x", "Squeeze(x)", {"refused": ("7.0", "11.0")}),
            ("omitted-zero-point", "DQ", 13, "int8 x, float s", "DequantizeLinear(x, s)", {"refused": ("7.0", "9.0")}),
            ("refused-dropout", "opset 10", 10, "float[4] x", "Dropout(x)", {"refused": ("7.0", "8.0.1")}),
            ("refused-dropout", "opset 9", 9, "float[4] x", "Dropout(x)", {}),
            (
                *("group-normalization-parameters", "opset 21", 21, "float[1,4,2] x, float[4] s"),
                *("GroupNormalization<num_groups=2>(x, s, s)", {"refused": ("8.6.0", "10.9")}),
            ),
            (
                *("instance-normalization-form", "computed scale", 11, "float[1,2,4] x, float[2] s"),
                *("InstanceNormalization<epsilon=0.001>(x, s, s)", {"refused": ("7.0", "8.6.0")}),
            ),
        )
    ),
    *(
        (
            *("instance-normalization-form", what),
            f"{head(11)}(float[{shape}] x) => (float y) <float[2] s = {{1, 2}}> "
            f"{{ y = InstanceNormalization<epsilon={epsilon}>(x, s, s) }}",
            ranges,
        )
        for what, shape, epsilon, ranges in (
            ("rank 4", "1,2,4,4", "0.001", {}),
            ("rank 5", "1,2,4,4,4", "0.001", {"refused": ("7.0", "7.2.3")}),
            ("rank 6", "1,2,4,4,4,4", "0.001", {"refused": ("7.0", "10.0.0")}),
            ("open dimensions", "N,2,4,4", "0.001", {"refused": ("7.0", "7.1")}),
            ("a small epsilon", "1,2,4,4", "0.00001", {"silent": ("7.0", "7.1")}),
        )
    ),
    # 4: others
    *(
        (
            "computed-argument",
            f"{op_type} {name}",
            f"{head(opset)}(float[1,2,8,8] x, {given}) => (float[A,B,C,D] y) {consts} {{ {call} }}",
            {"refused": (since, until)},
        )
        for op_type, name, opset, given, consts, call, since, until in (
            ("Slice", "axes", 13, "int64[1] a", "<int64[1] s = {0}>", "y = Slice(x, s, s, a)", "7.0", "10.3"),
            ("CumSum", "axis", 14, "int64 a", "", "y = CumSum(x, a)", "7.2.2", "10.8"),
            ("Split", "sizes", 13, "int64[1] a", "", "y = Split<axis=1>(x, a)", "7.2.3", "8.2.0"),
            ("Squeeze", "axes", 13, "int64[1] a", "", "y = Squeeze(x, a)", "7.2.3", None),
            ("Unsqueeze", "axes", 13, "int64[1] a", "", "y = Unsqueeze(x, a)", "7.2.3", None),
            ("ReduceSum", "axes", 13, "int64[1] a", "", "y = ReduceSum(x, a)", "8.0.1", None),
            ("ReduceMax", "axes", 18, "int64[1] a", "", "y = ReduceMax(x, a)", "10.0.0", None),
            ("Clip", "minimum", 13, "float a", "", "y = Clip(x, a)", "7.0", "8.0.3"),
            ("OneHot", "depth", 13, "int64 a, float[2] v", "", "y = OneHot(x, a, v)", "8.5.1", "8.6.0"),
            ("Conv", "weights", 13, "float[2,2,3,3] a", "", "y = Conv(x, a)", "7.0", "8.0.1"),
            ("Conv", "bias", 13, "float[2] a", "<float[2,2,1,1] w = {1,2,3,4}>", "y = Conv(x, w, a)", "7.0", "8.4.0"),
        )
    ),
    (
        "computed-argument",
        "K of TopK",
        f"{head(11)}(float[2,8] x, int64[1] k) => (float[A,B] y) {{ y, i = TopK(x, k) }}",
        {"refused": ("7.0", "8.6.0")},
    ),
    (
        "computed-argument",
        "axes that the parser folds by itself",
        f"{head(13)}(float[2,8] x) => (float[A,B] y) <int64[1] a = {{1}}> "
        "{ n = Neg(a)  p = Neg(n)  y = ReduceSum(x, p) }",
        {"refused": ("8.0.1", "11.2")},
    ),
    (
        "normalization-statistics",
        "mean of LayerNormalization",
        f"{head(17)}(float[2,4] x, float[4] s) => (float[2,4] y, float[2,1] m) {{ y, m = LayerNormalization(x, s) }}",
        {"refused": ("9.1", None)},
    ),
]
