"""What the target refuses is not rewritten into what it silently gets wrong."""

from __future__ import annotations

import pytest
from support import parse

import trtconv

BITS = """<ir_version: 8, opset_import: ["": 18]>
    g (int32[N,4] a, int32[N,4] b) => (int32[N,4] y) { [bits] y = BitwiseAnd(a, b) }"""
NORMED = """<ir_version: 8, opset_import: ["": 18]>
    g (float[N,4,H] x, float[H] s) => (float[N,4,H] y) { [norm] y = LayerNormalization(x, s) }"""


def test_a_refusal_stays_where_the_rewrite_would_be_misread() -> None:
    result = trtconv.fix(parse(BITS), target="tensorrt-7.2", evidence=False)
    assert [n.op_type for n in result.model.graph.node] == ["BitwiseAnd"]
    assert [(e.pass_name, e.node) for e in result.undone] == [("missing-operator", "bits")]
    (left,) = (f for f in result.remaining if f.is_fatal)
    assert (left.node, left.effect) == ("bits", "refused")
    assert "the rewrite was undone: the target would get it wrong: ReduceSum at bits" in left.refusal
    assert result.exit_code == 1


@pytest.mark.parametrize(("text", "target"), [(BITS, "tensorrt-8.6"), (NORMED, "tensorrt-7.2")])
def test_a_rewrite_that_is_read_rightly_stands(text: str, target: str) -> None:
    result = trtconv.fix(parse(text), target=target, evidence=False)
    assert not result.undone
    assert not [f for f in result.remaining if f.is_fatal]


@pytest.mark.parametrize("target", ["tensorrt-7.0", "tensorrt-8.6"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        *(("uint32", f"y = {op}(x, x)") for op in ("Add", "Sub", "Mul", "Div")),
        ("uint32", "i = Cast <to = 6> (x) y = Cast <to = 12> (i)"),
        *(("uint64", f"y = {op}(x, x)") for op in ("Max", "Div", "Mod")),
        ("uint64", "b = Less(x, x) y = Where(b, x, x)"),
    ],
)
def test_a_wider_type_that_the_target_reads_as_a_narrow_one_is_not_taken(target: str, kind: str, body: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 13]> g ({kind}[N,4] x) => ({kind}[N,4] y) {{ {body} }}""")
    result = trtconv.fix(model, target=target, evidence=False)
    fatal = [f for f in result.remaining if f.is_fatal]
    assert {f.effect for f in fatal} == {"refused"}
    assert any("reads as INT32" in f.refusal for f in fatal)
    assert result.exit_code == 1
    assert not [f for f in trtconv.fix(model, target="tensorrt-10.3", evidence=False).remaining if f.is_fatal]
