"""Mean and inverse deviation beside a LayerNormalization, against ONNX Runtime's own."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, parse, random_feed

import trtconv


@settings(max_examples=20, deadline=None)
@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data(), third=st.booleans())
def test_same_statistics(shape: list[int], data: st.DataObject, third: bool) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    whole, scale = ",".join(map(str, shape)), ",".join(map(str, shape[axis % len(shape) :]))
    small = ",".join(str(d) if i < axis % len(shape) else "1" for i, d in enumerate(shape))
    extra = (f", float[{small}] inverse", ", inverse") if third else ("", "")
    before = parse(f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[{whole}] x, float[{scale}] s) => (float[{whole}] y, float[{small}] mean{extra[0]}) {{
            y, mean{extra[1]} = LayerNormalization <axis = {axis}, epsilon = 0.01> (x, s) }}""")
    result = trtconv.fix(before, target="tensorrt-10.3", only=["normalization-statistics"], evidence=False)
    assert not result.crashes
    assert [len(n.output) for n in result.model.graph.node if n.op_type == "LayerNormalization"] == [1]
    assert_same(before, result.model, random_feed(before), "rounding")
