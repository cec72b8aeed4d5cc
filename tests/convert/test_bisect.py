"""`verify` with `bisect`: faults put into real exports are caught, and the node they are in is named."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from faults import inject
from support import parse

import trtconv
from trtconv import tapping
from trtconv.fixing import fix

FIXTURES = sorted(Path(__file__).parents[2].glob("fixtures/*.onnx"))
ORT = ("onnxruntime",)


def check(seed: int) -> None:
    original = onnx.load(FIXTURES[seed % len(FIXTURES)])
    mutant, node, kind = inject(original, seed)
    parity = trtconv.verify(mutant, reference=original, runtimes=ORT, seed=seed, bisect=True)
    if parity.exit_code == 0:
        assert all(o.difference.max_abs == 0 for o in parity.outputs), "equal, or caught"
        return
    assert parity.parting is not None, f"{kind} at {node}"
    assert parity.parting.node == node, kind
    assert node in str(parity)


@pytest.mark.parametrize("seed", range(48))
def test_a_fault_is_caught_and_its_node_named(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(48, 200))
def test_many_faults_are_caught_and_their_nodes_named(seed: int) -> None:
    check(seed)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_no_false_alarm(path: Path) -> None:
    for seed in (11, 12):
        parity = trtconv.verify(path, reference=onnx.load(path), runtimes=ORT, seed=seed, bisect=True)
        assert parity.exit_code == 0
        assert parity.parting is None


CHAIN = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) <float two = {2}, float three = {%s}> {
        [a] a = Mul(x, two) [b] b = Relu(a) [c] c = Add(b, three) [d] d = HardSwish(c) [e] y = Mul(d, two) }"""


def test_several_runs_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapping, "TENSORS_PER_RUN", 1)
    parity = trtconv.verify(parse(CHAIN % 3), reference=parse(CHAIN % 4), runtimes=ORT, bisect=True)
    assert parity.parting is not None
    assert (parity.parting.tensor, parity.parting.node, parity.parting.op_type) == ("c", "c", "Add")
    assert parity.to_json()["parting"] == parity.parting.to_json()


def test_the_edit_and_the_pass_are_named() -> None:
    fixed = fix(parse(CHAIN % 0.5), target="tensorrt-8.2")
    gate = next(n for n in fixed.model.graph.node if n.op_type == "HardSigmoid")
    next(a for a in gate.attribute if a.name == "alpha").f = 0.2
    parity = trtconv.verify(fixed.model, reference=parse(CHAIN % 0.5), runtimes=ORT, bisect=True, edits=fixed.edits)
    assert parity.parting is not None
    assert parity.parting.tensor == "d"
    assert parity.parting.edit == "d"
    assert parity.parting.pass_name in {e.pass_name for e in fixed.edits}
    assert gate.name in parity.parting.nodes


def test_without_asking_nothing_is_looked_for() -> None:
    parity = trtconv.verify(parse(CHAIN % 3), reference=parse(CHAIN % 4), runtimes=ORT)
    assert parity.exit_code == 1
    assert parity.parting is None


def test_an_error_that_creeps_in_is_said_to() -> None:
    steps = " ".join(f"h{i + 1} = Mul(h{i}, c)" for i in range(40))
    text = """<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) <float c = {%r}>
        { h0 = Identity(x) %s y = Identity(h40) }"""
    parity = trtconv.verify(
        parse(text % (1.0 + 2e-6, steps)),
        reference=parse(text % (1.0, steps)),
        runtimes=ORT,
        rtol=1e-6,
        atol=0.0,
        bisect=True,
    )
    assert parity.exit_code == 1
    assert parity.parting is None or parity.parting.difference.max_abs < 1e-4
