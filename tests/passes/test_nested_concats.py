"""Concat of Concat: one node, the same elements in the same order."""

from __future__ import annotations

import pytest
from support import assert_same, parse, random_feed

import trtconv

HEAD = '<ir_version: 8, opset_import: ["": 17]> g (float[N,2] a, float[N,3] b)'
FLAT = {
    "three deep": (
        "=> (float[N,D] y) { c = Concat<axis=1>(a, b) d = Concat<axis=-1>(b, c) y = Concat<axis=1>(d, a) }",
        1,
    ),
    "the same part twice": ("=> (float[N,D] y) { c = Concat<axis=1>(a, b) y = Concat<axis=1>(c, a, c) }", 1),
    "two inner ones": (
        "=> (float[N,D] y) { c = Concat<axis=1>(a, b) d = Concat<axis=1>(b, b) y = Concat<axis=1>(c, d) }",
        1,
    ),
}
KEPT = {
    "read elsewhere": (
        "=> (float[N,D] y, float[N,E] z) { c = Concat<axis=1>(a, b) y = Concat<axis=1>(c, a) z = Relu(c) }",
        3,
    ),
    "an output": ("=> (float[N,D] y, float[N,E] c) { c = Concat<axis=1>(a, b) y = Concat<axis=1>(c, a) }", 2),
    "another axis": ("=> (float[M,D] y) { c = Concat<axis=1>(a, b) y = Concat<axis=0>(c, c) }", 2),
    "read in a branch": (
        """=> (float[N,D] y, float[N,E] z) { c = Concat<axis=1>(a, b) y = Concat<axis=1>(c, a)
            s = ReduceSum<keepdims=0>(a) k = Cast<to=9>(s)
            z = If(k) <then_branch = t () => (float[N,E] p) { p = Identity(c) },
                       else_branch = e () => (float[N,E] q) { q = Neg(c) }> }""",
        5,
    ),
}


@pytest.mark.parametrize("text", FLAT | KEPT)
def test_nested(text: str) -> None:
    graph, left = (FLAT | KEPT)[text]
    model = parse(f"{HEAD} {graph}")
    result = trtconv.fix(model, target="tensorrt-10.3", only=["nested-concats"], evidence=False)
    assert len(result.model.graph.node) == left
    assert bool(result.edits) == (text in FLAT)
    assert_same(model, result.model, random_feed(model, {"N": 4}))
