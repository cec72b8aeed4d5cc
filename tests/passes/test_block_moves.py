"""DepthToSpace and SpaceToDepth over block sizes, modes, opsets and element types."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, judge, parse, random_feed

import trtconv

MOVES = ("DepthToSpace", "SpaceToDepth")


def model_of(op_type: str, dtype: str, opset: int, block: int, mode: str, sizes: list[int]) -> onnx.ModelProto:
    channels, height, width = sizes
    if op_type == "DepthToSpace":
        shape = f"{channels * block * block},{height},{width}"
        attributes = f'blocksize={block}, mode="{mode}"' if opset >= 11 else f"blocksize={block}"
    else:
        shape, attributes = f"{channels},{height * block},{width * block}", f"blocksize={block}"
    return parse(
        f"""<ir_version: 8, opset_import: ["": {opset}]> g ({dtype}[N,{shape}] x) => ({dtype}[A,B,C,D] y)
        {{ y = {op_type} <{attributes}> (x) }}"""
    )


SIZES = st.lists(st.integers(1, 4), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(MOVES),
    st.sampled_from(["bool", "uint8", "float", "int32"]),
    st.sampled_from([7, 9, 11, 13, 17]),
    st.integers(1, 3),
    st.sampled_from(["DCR", "CRD"]),
    SIZES,
    st.sampled_from(["tensorrt-7.0", "tensorrt-8.2", "tensorrt-10.3", "tensorrt-rtx-1.7"]),
)
def test_blocks_end_up_where_they_did(
    op_type: str, dtype: str, opset: int, block: int, mode: str, sizes: list[int], target: str
) -> None:
    model = model_of(op_type, dtype, opset, block, mode, sizes)
    only = ["depth-to-space-of-bytes", "misread-space-to-depth"]
    fixed = trtconv.fix(model, target=target, only=only, evidence=False)
    assert not fixed.crashes
    assert_same(model, fixed.model, random_feed(model, {"N": 2}), "exact")
    assert not trtconv.fix(fixed.model, target=target, only=only, evidence=False).edits


@pytest.mark.parametrize(
    ("target", "dtype", "is_found"),
    [
        ("tensorrt-7.0", "bool", False),
        ("tensorrt-7.1", "bool", True),
        ("tensorrt-8.4.2", "uint8", False),
        ("tensorrt-8.5.1", "uint8", True),
        ("tensorrt-rtx-1.7", "uint8", True),
        ("tensorrt-rtx-1.7", "int32", False),
    ],
)
def test_bytes_are_refused_from_a_version_on(target: str, dtype: str, is_found: bool) -> None:
    model = model_of("DepthToSpace", dtype, 13, 2, "DCR", [1, 2, 3])
    found = {f.pass_name for f in trtconv.lint(model, target=target).findings}
    assert ("depth-to-space-of-bytes" in found) == is_found


def test_the_real_parser_agrees() -> None:
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX: pip install 'trtconv[rtx]'")
    models = [model_of(op, dtype, 13, 2, "CRD", [1, 2, 3]) for op in MOVES for dtype in ("bool", "uint8")]
    shapes = [{"x": [2, 4, 2, 3] if i < 2 else [2, 1, 4, 6]} for i in range(4)]
    fixed = [trtconv.fix(m, target="tensorrt-rtx-1.7").model for m in models]
    verdicts = judge(list(zip(models + fixed, shapes * 2, strict=True)))
    assert all("Found unsupported input type" in (v or "") for v in verdicts[:4])
    assert verdicts[4:] == [None] * 4
