"""`verify` with `bisect`: faults put into real exports are caught, and the node they are in is named."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from faults import inject
from support import parse

import trtconv
from trtconv.divergence import tapping
from trtconv.fixing import fix
from trtconv.passes.core import Edit, Replacement
from trtconv.storage.loading import load

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


def test_a_lost_cast_is_named_rather_than_what_cannot_do_without_it() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x, int64[N,4] i) => (float[N,4] y)
        { [cast] c = %s (i) [add] y = Add(x, c) }"""
    original = parse(text % "Cast <to=1>")
    mutant = parse(text % "Cast <to=1>")
    mutant.graph.node[0].op_type = "Identity"
    del mutant.graph.node[0].attribute[:]
    parity = trtconv.verify(mutant, reference=original, runtimes=ORT, bisect=True)
    assert parity.exit_code == 1
    assert parity.parting is not None
    assert parity.parting.node == "cast"
    assert "add does not run on int64, which is float in the original" in str(parity.parting)


@pytest.mark.parametrize("wrong", [0, 7, 18, 29])
def test_a_network_too_large_for_a_few_runs_is_halved(wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapping, "TENSORS_PER_RUN", 2)
    opened: list[int] = []
    values = tapping.InOnnxRuntime.values
    monkeypatch.setattr(
        tapping.InOnnxRuntime, "values", lambda self, names: opened.append(len(names)) or values(self, names)
    )

    def chain(factors: list[float]) -> onnx.ModelProto:
        constants = ", ".join(f"float c{i} = {{{f!r}}}" for i, f in enumerate(factors))
        steps = " ".join(f"[n{i}] h{i + 1} = Mul(h{i}, c{i})" for i in range(len(factors)))
        return parse(f"""<ir_version: 8, opset_import: ["": 17]> g (float[N,4] h0) => (float[N,4] y)
            <{constants}> {{ {steps} [last] y = Identity(h30) }}""")

    right = [1.0] * 30
    broken = chain([*right[:wrong], 1.5, *right[wrong + 1 :]])
    parity = trtconv.verify(broken, reference=chain(right), runtimes=ORT, bisect=True)
    assert parity.parting is not None
    assert parity.parting.node == f"n{wrong}"
    assert len(opened) <= 2 * 5, "16 runs on either side without halving"


def test_a_tensor_that_readers_were_led_away_from_pairs_through_its_edit() -> None:
    original, model = (load(parse(CHAIN % 3)) for _ in range(2))
    graph = model.main
    replacement = Replacement(graph, next(n for n in graph.nodes if n.op_type == "Add"))
    made = replacement.op("Sub", "b", replacement.scalar(-3, "b"), name="c/sub")
    replacement.alias("c", made)
    graph.apply(replacement)
    edit = Edit("made", "c", "Add", "", (replacement.node,), tuple(replacement.nodes), renamed=(("c", made),))
    assert "c" not in tapping.pairs_of(original.main, graph).values()
    assert tapping.pairs_of(original.main, graph, [edit])[made] == "c"


CAUSES = {
    "wrong alpha": "its alpha is ",
    "shifted pad": "its pads is [",
    "dropped operand": "the original has ",
    "perturbed weight": "the constant ",
    "flipped transpose": "its perm is [",
    "off-by-one Slice": "its input 1, the constant ",
}


@pytest.mark.parametrize("seed", range(16))
def test_what_the_node_has_other_than_the_original_is_said(seed: int) -> None:
    original = onnx.load(FIXTURES[seed % len(FIXTURES)])
    mutant, _, kind = inject(original, seed)
    parting = trtconv.verify(mutant, reference=original, runtimes=ORT, seed=seed, bisect=True).parting
    if parting is not None and kind in CAUSES:
        assert CAUSES[kind] in parting.cause
        assert parting.cause in str(parting)


WEIGHTED = """<ir_version: 8, opset_import: ["": 17]> g (float[N,2] x) => (float[N,2] y)
    <float[2,2] w = {1, 2, 3, %s}, float[2] v = {1, 2}> { [m] m = MatMul(x, w) [n] y = %s(%s) }"""


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        (WEIGHTED % (5, "Add", "m, v"), "its input 1, the constant w differs in 1 of 4 elements, by 1 at most"),
        (WEIGHTED % (4, "Sub", "m, v"), "the original has Add n there"),
        (WEIGHTED % (4, "Add", "x, v"), "its input 0 is x instead of m"),
    ],
)
def test_the_cause(model: str, cause: str) -> None:
    parity = trtconv.verify(parse(model), reference=parse(WEIGHTED % (4, "Add", "m, v")), runtimes=ORT, bisect=True)
    assert parity.parting is not None
    assert parity.parting.cause == cause
    assert (parity.parting.difference.rtol, parity.parting.difference.atol > 0) == (0, True)
