"""Attention written out against ONNX Runtime's own Attention, over what the fused layer does not know."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, parse, random_feed

import trtconv

SETTINGS = settings(max_examples=25, deadline=None)
HEADER = '<ir_version: 10, opset_import: ["": 24]>'


def attention(inputs: str, arguments: str, attributes: str, heads: tuple[int, int], queries: int, size: int) -> str:
    many, few = heads
    return f"""{HEADER} g (float[2,{many},{queries},{size}] q, float[2,{few},5,{size}] k, float[2,{few},5,3] v{inputs})
        => (float[2,{many},{queries},3] y) {{ y = Attention {attributes} (q, k, v{arguments}) }}"""


@SETTINGS
@given(
    heads=st.sampled_from([(1, 1), (4, 2), (6, 2), (3, 3)]),
    queries=st.integers(1, 6),
    size=st.sampled_from([1, 4, 7]),
    softcap=st.sampled_from([0.0, 0.5, 30.0]),
    causal=st.booleans(),
    masked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_same_as_attention(
    heads: tuple[int, int], queries: int, size: int, softcap: float, causal: bool, masked: bool, seed: int
) -> None:
    mask = (f", float[{queries},5] m", ", m") if masked else ("", "")
    before = parse(
        attention(mask[0], mask[1], f"<softcap = {softcap}, is_causal = {int(causal)}>", heads, queries, size)
    )
    result = trtconv.fix(before, target="tensorrt-11.0", only=["unsupported-attention"], evidence=False)
    assert result.edits
    assert not result.crashes
    # Softmax turns the rounding of a score into a relative error of the score's size times epsilon: keep scores small.
    feed = {name: data / np.float32(4) for name, data in random_feed(before, seed=seed).items()}
    if masked:
        feed["m"] = np.where(feed["m"] > 2, np.float32(-np.inf), feed["m"])
        feed["m"][:, 0] = 0
    assert_same(before, result.model, feed, "rounding")


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        (attention(", int64[2] n", ",,,, n", "", (2, 2), 4, 3), "silent"),
        (attention("", "", "<softcap = 1.0>", (2, 2), 4, 8), "refused"),
        (attention(", float[4,5] m", ", m", "<is_causal = 1>", (2, 2), 4, 8), "refused"),
    ],
)
def test_effect(text: str, effect: str) -> None:
    found = trtconv.lint(parse(text), target="tensorrt-11.0").findings
    assert [f.effect for f in found if f.pass_name == "unsupported-attention"] == [effect]


@pytest.mark.parametrize(
    ("kind", "size", "fused"), [("float16", 64, True), ("float16", 512, False), ("float", 64, False)]
)
def test_rtx_kernels(kind: str, size: int, fused: bool) -> None:
    model = parse(f"""{HEADER} g ({kind}[1,2,4,{size}] q, {kind}[1,2,6,{size}] k, {kind}[1,2,6,{size}] v)
        => ({kind}[1,2,4,{size}] y) {{ y = Attention (q, k, v) }}""")
    found = trtconv.lint(model, target="tensorrt-rtx-1.7", parser=False).findings
    assert ("unsupported-attention" not in {f.pass_name for f in found}) == fused
