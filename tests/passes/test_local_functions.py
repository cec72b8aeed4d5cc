"""Local functions in place of their calls: nested ones, attributes, in subgraphs, of another opset."""

from __future__ import annotations

import pytest
from support import assert_same, parse, random_feed

import trtconv

NESTED = """<ir_version: 8, opset_import: ["": 17, "lab": 1]>
    g (float[2,4] x, bool[1] c) => (float[2,4] y) {
        s = Squeeze(c)
        a = lab.Outer <alpha = 0.5> (x)
        y = If (s) < then_branch = t () => (float[2,4] p) { p = lab.Inner <beta = 2.0> (a) },
                     else_branch = e () => (float[2,4] q) { q = Neg(a) } > }
    <domain: "lab", opset_import: ["": 17, "lab": 1]>
    Outer <alpha> (a) => (b) { t = lab.Inner <beta: float = @alpha> (a) b = Add(t, a) }
    <domain: "lab", opset_import: ["": 17]>
    Inner <beta> (a) => (b) { k = Constant <value_float: float = @beta> () b = Mul(a, k) }"""


@pytest.mark.parametrize(("target", "inlined"), [("tensorrt-8.6", True), ("tensorrt-9.0", False)])
def test_nested(target: str, inlined: bool) -> None:
    before = parse(NESTED)
    result = trtconv.fix(before, target=target, only=["local-functions"])
    assert not result.crashes
    assert bool(result.edits) == inlined
    assert ("lab" in {n.domain for n in result.model.graph.node}) != inlined
    assert_same(before, result.model, random_feed(before))


def test_a_name_that_is_refused() -> None:
    before = parse("""<ir_version: 8, opset_import: ["": 17, "lab": 1]>
        g (float[2,4] x) => (float[2,4] y) { y = lab.Unique(x) }
        <domain: "lab", opset_import: ["": 17]> Unique (a) => (b) { b = Neg(a) }""")
    result = trtconv.fix(before, target="tensorrt-10.3", only=["local-functions"])
    assert [n.op_type for n in result.model.graph.node] == ["Neg"]
