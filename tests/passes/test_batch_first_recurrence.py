"""Batch-first recurrences against ONNX Runtime or the reference evaluator."""

from __future__ import annotations

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from support import parse, random_feed

import trtconv

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("op_type", GATES)
def test_same(op_type: str, with_state: bool) -> None:
    rows = 3 * GATES[op_type]
    cell = op_type == "LSTM"
    state = ", float[2,1,3] h0" + (", float[2,1,3] c0" if cell else "") if with_state else ""
    arguments = ", , , h0" + (", c0" if cell else "") if with_state else ""
    before = parse(f"""<ir_version: 8, opset_import: ["": 14]>
        g (float[2,5,4] x, float[1,{rows},4] w, float[1,{rows},3] r{state})
            => (float[2,5,1,3] y, float[2,1,3] h{", float[2,1,3] c" if cell else ""}) {{
            y, h{", c" if cell else ""} = {op_type} <hidden_size = 3, layout = 1> (x, w, r{arguments}) }}""")
    result = trtconv.fix(before, target="tensorrt-rtx-1.7", only=["batch-first-recurrence"])
    assert result.edits
    feed = {k: v / 4 for k, v in random_feed(before).items()}
    sequence_first = ReferenceEvaluator(result.model).run(None, feed)
    for got, want in zip(sequence_first, ReferenceEvaluator(before).run(None, feed), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
