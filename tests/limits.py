"""The known limits of the parsers as data: pass, what it is, a minimal model, and the versions per effect."""

from __future__ import annotations

Ranges = dict[str, tuple[str, str | None]]
"""Effect -> first version that has it, and first version that no longer has; None: all that came later."""


def head(opset: int) -> str:
    return f'<ir_version: {10 if opset > 20 else 8}, opset_import: ["": {opset}]> g '


IMAGE = "(float[1,2,8,8] x) => (float[A,B,C,D] y)"
ALL: Ranges = {"refused": ("7.0", None)}
CASES: list[tuple[str, str, str, Ranges]] = [
    # 1: parser-wide
    ("foreign-operator", "a domain of one's own", f"{head(17)}{IMAGE} {{ y = my.ops.Mystery(x) }}", ALL),
    ("missing-operator", "no operator of ONNX", f"{head(17)}{IMAGE} {{ y = Mystery(x) }}", ALL),
    ("missing-operator", "no importer ever", f"{head(17)}(float[N,3,3] x) => (float[N] y) {{ y = Det(x) }}", ALL),
    (
        "unread-outputs",
        "outputs that nobody reads",
        f"{head(12)}{IMAGE} {{ y, mask = Dropout(x) }}",
        {"refused": ("8.6.0", None)},
    ),
    # 2.1: HardSwish
    ("missing-operator", "HardSwish", f"{head(14)}{IMAGE} {{ y = HardSwish(x) }}", {"refused": ("7.0", "8.4.0")}),
    (
        "hard-swish-type",
        "HardSwish of BF16",
        f"{head(22)}(bfloat16[4] x) => (bfloat16[4] y) {{ y = HardSwish(x) }}",
        {"refused": ("8.5.1", None)},
    ),
    # 2.2: Pad
    (
        "computed-pads",
        "pads as an input, constant",
        f"{head(11)}{IMAGE} <int64[8] p = {{0,0,1,1,0,0,1,1}}> {{ y = Pad(x, p) }}",
        {"refused": ("7.0", "7.1")},
    ),
    (
        "computed-pads",
        "pads from shape arithmetic",
        f"{head(13)}(float[1,2,H,8] x) => (float[A,B,C,D] y) <int64[4] z = {{0,0,0,0}}> "
        "{ s = Shape(x)  p = Concat<axis=0>(z, s)  y = Pad(x, p) }",
        {"refused": ("7.0", "8.2.0")},
    ),
    (
        "computed-pads",
        "pads that depend on the data",
        f"{head(13)}(float[1,2,8,8] x, float[8] f) => (float[A,B,C,D] y) {{ p = Cast<to=7>(f)  y = Pad(x, p) }}",
        ALL,
    ),
    (
        "refused-pad-mode",
        "mode reflect",
        f'{head(10)}{IMAGE} {{ y = Pad<mode="reflect", pads=[0,0,1,1,0,0,1,1]>(x) }}',
        {"refused": ("7.0", "8.2.0")},
    ),
    (
        "refused-pad-mode",
        "mode wrap",
        f'{head(19)}{IMAGE} <int64[8] p = {{0,0,1,1,0,0,1,1}}> {{ y = Pad<mode="wrap">(x, p) }}',
        {"refused": ("7.0", "10.0.0")},
    ),
    (
        "refused-pad-value",
        "a value other than 0",
        f"{head(10)}{IMAGE} {{ y = Pad<value=1.5, pads=[0,0,1,1,0,0,1,1]>(x) }}",
        {"refused": ("7.0", "8.2.0")},
    ),
    (
        "refused-pad-value",
        "a value of integers",
        f"{head(11)}(int32[1,2,8,8] x) => (int32[A,B,C,D] y) <int64[8] p = {{0,0,1,1,0,0,1,1}}, int32 v = {{3}}> "
        "{ y = Pad(x, p, v) }",
        {"refused": ("7.0", "8.2.0"), "silent": ("8.2.0", "8.4.1")},
    ),
    (
        "pad-outside-image",
        "padded channels",
        f"{head(10)}{IMAGE} {{ y = Pad<pads=[0,1,0,0,0,0,0,0]>(x) }}",
        {"refused": ("7.0", "8.0.1")},
    ),
    (
        "pad-outside-image",
        "three padded axes",
        f"{head(10)}{IMAGE} {{ y = Pad<pads=[0,1,1,1,0,0,0,0]>(x) }}",
        {"refused": ("7.0", "8.2.0")},
    ),
    (
        "negative-pads",
        "negative pads",
        f"{head(10)}{IMAGE} {{ y = Pad<pads=[0,0,-1,-1,0,0,0,0]>(x) }}",
        {"refused": ("8.2.0", "10.4")},
    ),
    (
        "pad-with-axes",
        "constant axes",
        f"{head(18)}{IMAGE} <int64[2] p = {{1,1}}, int64[1] a = {{2}}, float v = {{0}}> {{ y = Pad(x, p, v, a) }}",
        {"silent": ("7.0", "8.5.1"), "refused": ("8.5.1", "10.0.0")},
    ),
    (
        "pad-type",
        "UINT8",
        f"{head(13)}(uint8[1,2,8,8] x) => (uint8[A,B,C,D] y) <int64[8] p = {{0,0,1,1,0,0,1,1}}> {{ y = Pad(x, p) }}",
        {"refused": ("8.5.1", None)},
    ),
    (
        "trailing-empty-inputs",
        "an empty value",
        f'{head(13)}{IMAGE} <int64[8] p = {{0,0,1,1,0,0,1,1}}> {{ y = Pad(x, p, "") }}',
        {"refused": ("7.0", "8.5.1")},
    ),
    # 2.3: pools
    (
        "asymmetric-average-pool",
        "asymmetric pads",
        f"{head(11)}{IMAGE} {{ y = AveragePool<kernel_shape=[3,3], pads=[2,2,0,0]>(x) }}",
        {"refused": ("7.0", "8.5.1")},
    ),
    (
        "dilated-max-pool",
        "MaxPool with dilations",
        f"{head(11)}{IMAGE} {{ y = MaxPool<kernel_shape=[2,2], dilations=[2,2]>(x) }}",
        ALL,
    ),
    (
        "dilated-average-pool",
        "AveragePool with dilations",
        f"{head(19)}{IMAGE} {{ y = AveragePool<kernel_shape=[2,2], dilations=[2,2]>(x) }}",
        ALL,
    ),
    (
        "max-pool-indices",
        "Indices of MaxPool",
        f"{head(11)}(float[1,2,8,8] x) => (float[A,B,C,D] y, int64[A,B,C,D] i) "
        "{ y, i = MaxPool<kernel_shape=[2,2]>(x) }",
        ALL,
    ),
    (
        "auto-pad-with-pads",
        "auto_pad and pads",
        f'{head(11)}{IMAGE} {{ y = MaxPool<kernel_shape=[3,3], auto_pad="SAME_UPPER", pads=[1,1,1,1]>(x) }}',
        {"refused": ("10.0.0", None)},
    ),
    (
        "pool-of-many-axes",
        "four spatial axes",
        f"{head(11)}(float[1,2,4,4,4,4] x) => (float[A,B,C,D,E,F] y) {{ y = MaxPool<kernel_shape=[2,2,2,2]>(x) }}",
        ALL,
    ),
    # 2.4: Resize
    (
        "cubic-resize",
        "cubic",
        f'{head(13)}{IMAGE} <float[4] s = {{1,1,2,2}}> {{ y = Resize<mode="cubic">(x, "", s) }}',
        {"refused": ("7.0", "8.5.1")},
    ),
    (
        "computed-resize-scales",
        "computed scales",
        f"{head(13)}(float[1,2,H,8] x) => (float[A,B,C,D] y) {{ n = Shape(x)  s = Cast<to=1>(n)  "
        'y = Resize(x, "", s) }',
        {"refused": ("7.0", "8.4.0")},
    ),
    (
        "antialiased-resize",
        "antialias",
        f'{head(18)}{IMAGE} <float[4] s = {{1,1,0.5,0.5}}> {{ y = Resize<mode="linear", antialias=1>(x, "", s) }}',
        {"silent": ("7.0", "10.0.0"), "refused": ("10.0.0", None)},
    ),
    (
        "resize-aspect-ratio",
        "keep_aspect_ratio_policy",
        f"{head(18)}{IMAGE} <int64[4] s = {{1,2,16,20}}> "
        '{ y = Resize<mode="linear", keep_aspect_ratio_policy="not_larger">(x, "", "", s) }',
        {"silent": ("7.0", "10.0.0"), "refused": ("10.0.0", None)},
    ),
    (
        "resize-with-axes",
        "axes",
        f'{head(18)}{IMAGE} <float[2] s = {{2,2}}> {{ y = Resize<mode="nearest", axes=[2,3]>(x, "", s) }}',
        {"refused": ("7.0", "10.0.0")},
    ),
    (
        "resize-coordinates",
        "half_pixel_symmetric",
        f"{head(19)}{IMAGE} <float[4] s = {{1,1,2,2}}> "
        '{ y = Resize<mode="linear", coordinate_transformation_mode="half_pixel_symmetric">(x, "", s) }',
        ALL,
    ),
    (
        "resize-type",
        "INT32",
        f"{head(13)}(int32[1,2,8,8] x) => (int32[A,B,C,D] y) <float[4] s = {{1,1,2,2}}> "
        '{ y = Resize<mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor">(x, "", s) }',
        {"refused": ("7.1", "8.5.1")},
    ),
    # 2.5: DepthToSpace
    (
        "depth-to-space-of-bytes",
        "BOOL",
        f"{head(13)}(bool[1,4,2,2] x) => (bool[1,1,4,4] y) {{ y = DepthToSpace<blocksize=2>(x) }}",
        {"refused": ("7.1", None)},
    ),
    (
        "misread-space-to-depth",
        "SpaceToDepth",
        f"{head(13)}(float[1,4,4,4] x) => (float[1,16,2,2] y) {{ y = SpaceToDepth<blocksize=2>(x) }}",
        {"silent": ("7.0", "7.1")},
    ),
    # 3: accepted, and something else is computed
    *(
        ("unread-attribute", what, f"{head(opset)}{given}", {"silent": (since, until)})
        for what, opset, given, since, until in (
            (
                "TopK of the smallest",
                11,
                "(float[2,8] x) => (float[A,B] y) <int64[1] k = {2}> { y, i = TopK<largest=0>(x, k) }",
                "7.0",
                "8.5.1",
            ),
            (
                "part of a Shape",
                15,
                "(float[2,8] x) => (int64[1] y) { y = Shape<start=1>(x) }",
                "7.0",
                "10.0.0",
            ),
            (
                "uneven Split",
                18,
                "(float[2,5] x) => (float[2,3] y, float[2,2] z) { y, z = Split<axis=1, num_outputs=2>(x) }",
                "7.0",
                "10.0.0",
            ),
            (
                "last index of ArgMax",
                12,
                "(float[2,5] x) => (int64[2,1] y) { y = ArgMax<axis=1, select_last_index=1>(x) }",
                "7.0",
                "8.0.1",
            ),
            (
                "linear GridSample",
                20,
                '(float[1,1,4,4] x, float[1,4,4,2] g) => (float[1,1,4,4] y) { y = GridSample<mode="linear">(x, g) }',
                "8.5.1",
                "11.1",
            ),
        )
    ),
    (
        "unread-reduction-axes",
        "ReduceSum with axes as an input",
        f"{head(13)}(float[2,8] x) => (float[A,B] y) <int64[1] a = {{1}}> {{ y = ReduceSum(x, a) }}",
        {"silent": ("7.0", "8.0.1")},
    ),
    (
        "unread-reduction-axes",
        "ReduceMax with axes as an input",
        f"{head(18)}(float[2,8] x) => (float[A,B] y) <int64[1] a = {{1}}> {{ y = ReduceMax(x, a) }}",
        {"silent": ("7.0", "10.0.0")},
    ),
    (
        "unread-reduction-axes",
        "noop_with_empty_axes",
        f"{head(13)}(float[2,8] x) => (float[A,B] y) {{ y = ReduceSum<noop_with_empty_axes=1>(x) }}",
        {"silent": ("7.0", "10.0.0")},
    ),
    (
        "scatter-reduction",
        "ScatterElements that adds",
        f'{head(16)}(float[2,8] x, int64[2,8] i) => (float[2,8] y) {{ y = ScatterElements<reduction="add">(x, i, x) }}',
        {"silent": ("8.2.0", "10.0.0")},
    ),
    (
        "scatter-reduction",
        "ScatterND that adds",
        f'{head(16)}(float[8] x, int64[8,1] i) => (float[8] y) {{ y = ScatterND<reduction="add">(x, i, x) }}',
        {"silent": ("8.2.0", "10.0.0"), "refused": ("10.0.0", None)},
    ),
    (
        "scatter-reduction",
        "ScatterND that says none",
        f'{head(16)}(float[8] x, int64[8,1] i) => (float[8] y) {{ y = ScatterND<reduction="none">(x, i, x) }}',
        {"refused": ("10.0.0", "10.9")},
    ),
    (
        "batch-first-recurrence",
        "layout of a recurrence",
        f"{head(14)}(float[2,3,4] x, float[1,5,4] w, float[1,5,5] r) => (float[A,B,C,D] y) "
        "{ y = RNN<hidden_size=5, layout=1>(x, w, r) }",
        {"silent": ("7.0", None)},
    ),
    # 1a: element types
    *(
        (
            "unsupported-input-type",
            f"{call} of BOOL",
            f"{head(13)}(bool[2,4] x{more}) => (bool[A,B] y) {{ {call} }}",
            {"refused": (since, until)},
        )
        for call, more, since, until in (
            ("c = Not(x)  y = Where(c, x, x)", "", "7.0", "8.5.1"),
            ("y = Gather(x, i)", ", int64[2] i", "7.0", "8.5.1"),
            ("y = Equal(x, x)", "", "7.0", "8.5.1"),
            ("y = Expand(x, s)", ", int64[2] s", "7.1", "8.0.1"),
            ("y = Concat<axis=0>(x, x)", "", "7.1", "7.2.2"),
        )
    ),
    (
        "float-modulo",
        "Mod of floats",
        f"{head(13)}(float[2,4] x) => (float[2,4] y) {{ y = Mod(x, x) }}",
        {"refused": ("8.5.1", None)},
    ),
]
