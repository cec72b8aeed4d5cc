"""Batch-first recurrences against the ONNX reference evaluator, which takes both layouts: ONNX Runtime does not."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator
from support import parse, random_feed

import trtconv

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@settings(max_examples=20, deadline=None)
@given(
    op_type=st.sampled_from(list(GATES)),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3)),
    with_state=st.booleans(),
    seed=st.integers(0, 99),
)
def test_same(op_type: str, sizes: tuple[int, int, int, int], with_state: bool, seed: int) -> None:
    batch, steps, inputs, hidden = sizes
    rows, cell = hidden * GATES[op_type], op_type == "LSTM"
    one = f"[{batch},1,{hidden}]"
    state = f", float{one} h0" + (f", float{one} c0" if cell else "") if with_state else ""
    arguments = ", , , h0" + (", c0" if cell else "") if with_state else ""
    before = parse(f"""<ir_version: 8, opset_import: ["": 14]>
        g (float[{batch},{steps},{inputs}] x, float[1,{rows},{inputs}] w, float[1,{rows},{hidden}] r{state})
            => (float[{batch},{steps},1,{hidden}] y, float{one} h{f", float{one} c" if cell else ""}) {{
            y, h{", c" if cell else ""} = {op_type} <hidden_size = {hidden}, layout = 1> (x, w, r{arguments}) }}""")
    result = trtconv.fix(before, target="tensorrt-rtx-1.7", only=["batch-first-recurrence"], evidence=False)
    assert result.edits
    feed = {k: v / 4 for k, v in random_feed(before, seed=seed).items()}
    sequence_first = ReferenceEvaluator(result.model).run(None, feed)
    for got, want in zip(sequence_first, ReferenceEvaluator(before).run(None, feed), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
