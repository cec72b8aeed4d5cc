"""Every example of every pass: rewritten as it says, equal outputs, nothing left to do the second time."""

from __future__ import annotations

import onnx
import pytest
from support import assert_same, parse, random_feed

import trtconv
from trtconv.passes.core import Example, Pass
from trtconv.passes.core.catalogue import catalogue

EXAMPLES = [(p, e) for p in catalogue().values() for e in p.examples]
DIMS = {"N": 2, "H": 5, "W": 7}


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node if node.op_type != "Constant"]


@pytest.mark.parametrize(("one", "example"), EXAMPLES, ids=[f"{p.name()}-{i}" for i, (p, _) in enumerate(EXAMPLES)])
def test_example(one: Pass, example: Example) -> None:
    before = parse(example.before)
    result = trtconv.fix(before, target=example.target, only=[one.name()])
    assert not result.crashes
    if example.after is None:
        assert not result.edits
        assert operators(result.model) == operators(before)
    else:
        assert result.edits
        assert operators(result.model) == operators(parse(example.after))
        onnx.checker.check_model(result.model, full_check=True)
        if one.name() != "declared-output-type":  # before it, the file contradicts itself
            assert_same(before, result.model, random_feed(before, DIMS), one.safety.value)
        assert not trtconv.fix(result.model, target=example.target, only=[one.name()]).edits
    if example.refusal is not None:
        assert any(example.refusal in f.refusal for f in result.remaining)


@pytest.mark.parametrize("one", catalogue().values(), ids=list(catalogue()))
def test_page_and_examples_are_complete(one: Pass) -> None:
    page = one.page()
    assert page.startswith(f"# {one.name()}\n")
    for heading in ("What it does", "Why", "Safety", "When it refuses", "How to avoid it when exporting"):
        assert f"## {heading}\n" in page
    assert one.summary()
    has_text = one.name() != "sparse-weights"  # there is no ONNX text for sparse tensors
    assert any(e.after is not None or e.refusal is not None for e in one.examples) or not has_text
    assert any(e.after is None for e in one.examples), "no example of a graph that is left alone"
