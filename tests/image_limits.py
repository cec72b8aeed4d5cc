"""The known limits of pools, Resize and quantization, as data like that in `limits`: which form which version takes."""

from __future__ import annotations

from limits import ALL, IMAGE, Ranges, head

SCALES, SIZES = "<float[4] s = {1,1,2,2}>", "<int64[4] s = {1,2,16,16}>"
OLD: Ranges = {"refused": ("7.0", "7.1")}
BEFORE_8: Ranges = {"refused": ("7.0", "8.0.1")}
RIM: Ranges = {"refused": ("7.0", "8.5.1")}
HALF_CLIP = "a = Constant<value=float16 {0}>()  b = Constant<value=float16 {15360}>()  y = Clip(x, a, b)"
ATTENTION = ("float[1,2,4,8] q", "float y", "y = Attention<softcap=2.0>(q, q, q)")
QUANTIZED = ("float[2,3] x, float[3] s, int8[3] z", "int8 y", "y = QuantizeLinear(x, s, z)")
SHIFTED = ("float[4] x, float s", "int8 y", "z = Constant<value=int8 {3}>()  y = QuantizeLinear(x, s, z)")
TRAINING = ("float[2,3] x, float[3] s", "float y", "y = BatchNormalization<training_mode=1>(x, s, s, s, s)")
SWISH = ("float x", "float y", "s = HardSigmoid<alpha=0.16666667, beta=0.5>(x)  y = Mul(x, s)")
MISH = ("float x", "float y", "s = Softplus(x)  t = Tanh(s)  y = Mul(x, t)")
SILU = ("float x", "float y", "s = Sigmoid(x)  y = Mul(x, s)")
RMS = (
    *("float[2,3] x", "float y"),
    "e = Constant<value=float {1}>()  a = Constant<value_ints=[-1]>()  q = Mul(x, x)  m = ReduceMean(q, a)  "
    "f = Add(m, e)  r = Sqrt(f)  y = Div(x, r)",
)
NORM = (
    *("float[2,3] x", "float y"),
    "e = Constant<value=float {1}>()  m = ReduceMean<axes=[-1]>(x)  c = Sub(x, m)  q = Mul(c, c)  "
    "v = ReduceMean<axes=[-1]>(q)  f = Add(v, e)  d = Sqrt(f)  y = Div(c, d)",
)
TWICE = ("float[2,3] x", "float y", "a = Transpose<perm=[1,0]>(x)  y = Transpose<perm=[1,0]>(a)")


def resize(mode: str, coordinates: str, *, sizes: bool = False, rounding: str = "floor") -> str:
    """A Resize of opset 13 by constant scales or sizes."""
    given = 'y = Resize<{}>(x, "", "", s)' if sizes else 'y = Resize<{}>(x, "", s)'
    attributes = (
        f'mode="{mode}", coordinate_transformation_mode="{coordinates}", nearest_mode="{rounding}", cubic_coeff_a=-0.5'
    )
    return f"{head(13)}{IMAGE} {SIZES if sizes else SCALES} {{ {given.format(attributes)} }}"


COORDINATES: list[tuple[str, str, bool, Ranges]] = [
    ("linear", "asymmetric", False, {"silent": ("7.0", "7.1")}),
    ("linear", "asymmetric", True, {"silent": ("7.0", "7.2.1"), "refused": ("7.2.1", "8.0.1")}),
    ("nearest", "asymmetric", False, {}),
    ("nearest", "asymmetric", True, {"silent": ("7.1", "7.2.1")}),
    ("linear", "align_corners", True, OLD),
    ("nearest", "align_corners", True, OLD),
    ("linear", "half_pixel", False, OLD),
    ("linear", "half_pixel", True, OLD),
    ("linear", "pytorch_half_pixel", False, OLD),
    ("linear", "pytorch_half_pixel", True, OLD),
    *((m, c, s, ALL) for m in ("linear", "nearest") for s in (False, True) for c in ("half_pixel_symmetric",)),
    *((m, c, s, ALL) for m in ("linear", "nearest") for s in (False, True) for c in ("tf_crop_and_resize",)),
]
CASES: list[tuple[str, str, str, Ranges]] = [
    *(
        ("resize-coordinates", f"{mode} {name} by {'sizes' if s else 'scales'}", resize(mode, name, sizes=s), ranges)
        for mode, name, s, ranges in COORDINATES
    ),
    (
        "resize-coordinates",
        "tf_half_pixel_for_nn",
        resize("nearest", "tf_half_pixel_for_nn", rounding="round_prefer_floor"),
        BEFORE_8,
    ),
    (
        "resize-coordinates",
        "tf_half_pixel_for_nn, rounded down",
        resize("nearest", "tf_half_pixel_for_nn"),
        ALL,
    ),
    (
        "resize-coordinates",
        "nearest, rounded to even places",
        resize("nearest", "asymmetric", rounding="round_prefer_floor"),
        BEFORE_8,
    ),
    (
        "resize-coordinates",
        "pytorch_half_pixel to one row",
        f'{head(13)}{IMAGE} <int64[4] s = {{1,2,1,16}}> {{ y = Resize<mode="linear", '
        'coordinate_transformation_mode="pytorch_half_pixel">(x, "", "", s) }',
        BEFORE_8,
    ),
    *(
        (name, what, f"{head(opset)}{IMAGE} {SCALES} {{ y = {call} }}", ranges)
        for name, what, opset, call, ranges in (
            (
                *("old-opset-resize", "linear Upsample", 9, 'Upsample<mode="linear">(x, s)'),
                {"refused": ("7.0", "7.1"), "silent": ("7.1", "8.0.1")},
            ),
            ("old-opset-resize", "nearest", 10, 'Resize<mode="nearest">(x, s)', {"silent": ("8.0.1", "8.0.3")}),
            ("old-opset-resize", "linear", 10, 'Resize<mode="linear">(x, s)', {"silent": ("7.0", "7.1")}),
            ("linear-resize-without-coordinates", "", 9, 'Upsample<mode="linear">(x, s)', {"note": ("7.0", None)}),
            ("trailing-empty-inputs", "no sizes", 13, 'Resize(x, "", s, "")', {"refused": ("7.0", "8.5.1")}),
        )
    ),
    *(
        (name, what, f"{head(13)}{IMAGE} <float[4] s = {scales}> {{ y = {call} }}", ranges)
        for name, what, scales, call, ranges in (
            ("outer-axis-resize", "batch", "{2,1,2,2}", 'Resize<mode="linear">(x, "", s)', {"refused": ("7.1", None)}),
            ("outer-axis-resize", "channels", "{1,2,2,2}", 'Resize<mode="linear">(x, "", s)', {}),
            ("outer-axis-resize", "cubic", "{1,2,2,2}", 'Resize<mode="cubic">(x, "", s)', {"refused": ("8.5.1", None)}),
        )
    ),
    *(
        (name, what, f"{head(opset)}{IMAGE} {{ y = {call} }}", ranges)
        for name, what, opset, call, ranges in (
            ("pool-ceil-mode", "windows", 11, "MaxPool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1>(x)", OLD),
            (
                *("pool-ceil-mode", "a window in the padding", 11),
                "MaxPool<kernel_shape=[1,1], strides=[2,2], ceil_mode=1>(x)",
                {"refused": ("7.0", "7.1"), "silent": ("7.1", None)},
            ),
            (
                *("pool-ceil-mode", "pads that count", 11),
                "AveragePool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1, count_include_pad=1>(x)",
                {"refused": ("7.0", "7.1"), "silent": ("7.1", None)},
            ),
            ("pool-ceil-mode", "opset 9", 9, "MaxPool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1>(x)", {}),
            ("unsupported-lp-pool", "cubes", 11, "LpPool<kernel_shape=[2,2], p=3>(x)", ALL),
            (
                *("unsupported-lp-pool", "ceil_mode", 18),
                "LpPool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1>(x)",
                {"refused": ("7.0", "7.2.2"), "silent": ("7.2.2", "10.0.0")},
            ),
            ("zero-pads", "none", 10, "Pad<pads=[0,0,0,0,0,0,0,0]>(x)", {"slow": ("7.0", None)}),
        )
    ),
    *(
        (name, what, f"{head(opset)}({given}) => ({out}) {{ {body} }}", ranges)
        for name, what, opset, given, out, body, ranges in (
            ("half-clip-bounds", "FLOAT16", 13, "float16 x", "float16 y", HALF_CLIP, {"silent": ("8.0.1", "8.5.1")}),
            ("trailing-empty-inputs", "no maximum", 13, "float x, float a", "float y", 'y = Clip(x, a, "")', BEFORE_8),
            ("unsupported-integer-type", "INT16", 13, "int16 x", "int16 y", "y = Add(x, x)", ALL),
            ("unsupported-integer-type", "UINT8 inside", 13, "uint8 x", "uint8 y", "y = Max(x, x)", ALL),
            ("unsupported-integer-type", "UINT8 at the rim", 13, "uint8 x", "float y", "y = Cast<to=1>(x)", RIM),
            ("unsupported-attention", "softcap", 23, *ATTENTION, {"refused": ("10.14", None)}),
            ("unread-attribute", "axis of QDQ", 13, *QUANTIZED, {"silent": ("7.0", "11.0")}),
            ("asymmetric-quantization", "a zero point", 13, *SHIFTED, ALL),
            ("batch-statistics", "training", 15, *TRAINING, {"silent": ("7.0", "8.5.2"), "refused": ("8.5.2", None)}),
            ("exploded-hard-swish", "parts", 14, *SWISH, {"slow": ("8.4.0", None)}),
            ("exploded-activation", "Mish", 18, *MISH, {"slow": ("10.0.0", None)}),
            ("exploded-rms-normalization", "parts", 23, *RMS, {"slow": ("10.15", None)}),
            ("exploded-layer-normalization", "parts", 17, *NORM, {"slow": ("8.6.0", None)}),
            ("exploded-activation", "SiLU", 24, *SILU, {"slow": ("11.0", None)}),
            ("no-op-nodes", "copy", 13, "float x", "float y", "a = Identity(x)  y = Neg(a)", {"slow": ("7.0", None)}),
            ("wide-integers", "INT64", 13, "int64[2,2] x", "int64 y", "y = Add(x, x)", {"slow": ("9.0", None)}),
            ("wide-integers", "a shape", 13, "int64[2] x", "int64 y", "y = Add(x, x)", {}),
            ("transpose-pairs", "two", 13, *TWICE, {"slow": ("7.0", None)}),
        )
    ),
    (
        "local-functions",
        "a call",
        '<ir_version: 8, opset_import: ["": 17, "lab": 1]> g (float x) => (float y) { y = lab.Twice(x) } '
        '<domain: "lab", opset_import: ["": 17]> Twice (a) => (b) { b = Add(a, a) }',
        {"refused": ("7.0", "9.0")},
    ),
]
