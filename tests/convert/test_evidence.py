"""Evidence for edits: broken rewrites are seen, undone and named; sound ones stand, whatever they need to know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from support import assert_same, parse, random_feed

from trtconv.cli import main
from trtconv.findings import refusal_at
from trtconv.fixing import fix
from trtconv.passes.core import Edit, Graph, Model, ModelPass, Node, Pass, Replacement, Safety, Target, Trouble, slow
from trtconv.passes.core.snapshot import Snapshot
from trtconv.pipeline import Outcome, run
from trtconv.storage.loading import load

TARGET = Target.parse("tensorrt-10.3")
Write = Callable[[Replacement, Node], None]


def make_pass(op_type: str, write: Write, safety: Safety = Safety.EXACT, label: str = "") -> Pass:
    """A pass that rewrites every `op_type` (or the one called `label`) by `write`."""

    class Made(Pass):
        ops = (op_type,)

        def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
            return slow("because") if label in ("", node.label) and "/" not in node.label else None

        def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
            r = Replacement(graph, node)
            write(r, node)
            return r

    Made.safety = safety
    return Made()


def apply(text: str, *passes: Pass) -> tuple[onnx.ModelProto, Outcome]:
    model = load(parse(text))
    outcome = run(model, TARGET, passes, evidence=True)
    result = model.commit()
    onnx.checker.check_model(result)
    return result, outcome


def as_sum(r: Replacement, node: Node) -> None:
    r.op("Add", node.input(0), node.input(0), into=node.outputs[0], name=f"{node.label}/sum")


TWICE = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) <float two = {2}>
    { [a] h = Mul(x, two) [b] r = Relu(h) [c] y = Mul(r, two) }"""


def test_a_sound_rewrite_stands_with_its_evidence() -> None:
    result, outcome = apply(TWICE, make_pass("Mul", as_sum))
    assert [e.node for e in outcome.edits] == ["a", "c"]
    assert not outcome.undone
    for edit in outcome.edits:
        assert edit.evidence is not None
        assert edit.evidence.verdict == "bit-equal"
        assert edit.evidence.cases >= 4
        assert edit.to_json()["evidence"] == edit.evidence.to_json()
    assert_same(parse(TWICE), result, random_feed(parse(TWICE), {"N": 3}))


MIXED = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) <float two = {2}, float three = {3}>
    { [a] h = Mul(x, two) [wrong] r = Mul(h, three) [c] y = Mul(r, two) }"""


def test_a_broken_rewrite_is_undone_by_name_and_the_rest_stands() -> None:
    result, outcome = apply(MIXED, make_pass("Mul", as_sum))
    assert [e.node for e in outcome.edits] == ["a", "c"]
    (undone,) = outcome.undone
    assert undone.node == "wrong"
    assert undone.evidence is not None
    assert "expected" in undone.evidence.why
    assert [n.op_type for n in result.graph.node] == ["Add", "Mul", "Add"]
    assert_same(parse(MIXED), result, random_feed(parse(MIXED), {"N": 3}))


def drops_its_second_input(r: Replacement, node: Node) -> None:
    r.alias(node.outputs[0], node.input(0))


def hard_swish_with_another_alpha(r: Replacement, node: Node) -> None:
    gate = r.op("HardSigmoid", node.input(0), alpha=0.2, beta=0.5)
    r.op("Mul", node.input(0), gate, into=node.outputs[0])


def transposed_the_other_way(r: Replacement, node: Node) -> None:
    r.transpose(node.input(0), (0, 2, 1), into=node.outputs[0])


def off_by_one(r: Replacement, node: Node) -> None:
    r.slice(node.input(0), [0], [3], [1], into=node.outputs[0])


def no_such_attribute(r: Replacement, node: Node) -> None:
    r.op("Relu", node.input(0), into=node.outputs[0], strength=3)


def squares_of_positives(r: Replacement, node: Node) -> None:
    r.op("Mul", node.input(0), node.input(0), into=node.outputs[0], name=f"{node.label}/square")


@pytest.mark.parametrize(
    ("body", "op_type", "write"),
    [
        ("[n] y = Add(x, x)", "Add", drops_its_second_input),
        ("[n] y = HardSwish(x)", "HardSwish", hard_swish_with_another_alpha),
        ("[n] y = Transpose<perm=[2,1,0]>(x)", "Transpose", transposed_the_other_way),
        ("[n] y = Slice(x, zero, two, one)", "Slice", off_by_one),
        ("[n] y = Relu(x)", "Relu", no_such_attribute),
        ("[n] y = Abs(x)", "Abs", drops_its_second_input),
        ("h = Neg(x) [n] y = Abs(h)", "Abs", squares_of_positives),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("safety", list(Safety))
def test_every_kind_of_broken_rewrite_is_undone(body: str, op_type: str, write: Write, safety: Safety) -> None:
    text = f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,5,5] x) => (float[A,B,C] y) <int64[1] zero = {{0}}, int64[1] two = {{2}}, int64[1] one = {{1}}>
        {{ {body} }}"""
    result, outcome = apply(text, make_pass(op_type, write, safety))
    assert not outcome.edits
    assert [e.node for e in outcome.undone] == ["n"]
    assert [n.op_type for n in result.graph.node] == [n.op_type for n in parse(text).graph.node]


def size(r: Replacement, x: str, axis: int) -> str:
    return r.op("Gather", r.shape(x), r.constant(axis, np.int64), axis=0)


def spoiled(condition: Callable[[Replacement, str], str]) -> Write:
    """-x as it should be, and 1 wherever `condition` (a boolean tensor) holds."""

    def write(r: Replacement, node: Node) -> None:
        x = node.input(0)
        right = r.op("Neg", x, name=f"{node.label}/right")
        r.op("Where", condition(r, x), r.scalar(1, x), right, into=node.outputs[0])

    return write


def equals(r: Replacement, value: str, wanted: int) -> str:
    return r.op("Equal", value, r.constant(wanted, np.int64))


def rows_from_nowhere(r: Replacement, node: Node) -> None:
    """One row of ones where there is none, and else nothing more."""
    missing = r.op("Cast", equals(r, size(r, node.input(0), 0), 0), to=TensorProto.INT64)
    shape = r.concat([r.reshape(missing, [1]), r.constant([5], np.int64)], 0)
    r.concat([r.op("Neg", node.input(0), name="n/neg"), r.op("ConstantOfShape", shape)], 0, into=node.outputs[0])


def clipped(r: Replacement, node: Node) -> None:
    r.clip(r.op("Neg", node.input(0), name="n/neg"), -3e38, 3e38, into=node.outputs[0])


NEAR_MISSES: dict[str, tuple[Write, str]] = {
    "NaN": (spoiled(lambda r, x: r.op("IsNaN", x)), ""),
    "infinity": (spoiled(lambda r, x: r.op("IsInf", x)), ""),
    "zero": (spoiled(lambda r, x: r.op("Equal", x, r.scalar(0, x))), ""),
    "ties": (spoiled(lambda r, x: r.op("Equal", r.op("Abs", x), r.scalar(2.5, x))), ""),
    "the largest": (clipped, "exact"),
    "denormals": (
        spoiled(lambda r, x: r.op("Less", r.op("Abs", r.op("Mul", x, r.scalar(1e38, x))), r.scalar(1e-6, x))),
        "",
    ),
    "batch > 1": (spoiled(lambda r, x: r.op("Greater", size(r, x, 0), r.constant(1, np.int64))), ""),
    "an odd batch": (
        spoiled(lambda r, x: equals(r, r.op("Mod", size(r, x, 0), r.constant(2, np.int64)), 1)),
        "",
    ),
    "size 1": (spoiled(lambda r, x: equals(r, size(r, x, 0), 1)), ""),
    "empty": (rows_from_nowhere, ""),
}
"""Rewrites of Neg that are wrong at one kind of value or size alone, and the safety that promises it, if not all."""


@pytest.mark.parametrize(
    ("where", "safety"),
    [(where, s) for where, (_, promised) in NEAR_MISSES.items() for s in Safety if promised in ("", s.value)],
)
def test_a_rewrite_that_is_wrong_in_one_corner_is_undone(where: str, safety: Safety) -> None:
    write, _ = NEAR_MISSES[where]
    text = """<ir_version: 8, opset_import: ["": 17]> g (float[N,5] x) => (float[M,5] y) { [n] y = Neg(x) }"""
    _, outcome = apply(text, make_pass("Neg", write, safety))
    assert [e.node for e in outcome.undone] == ["n"], outcome.edits and outcome.edits[0].evidence
    assert not outcome.edits


def overflowing(r: Replacement, node: Node) -> None:
    big = r.op("Mul", node.input(0), r.scalar(4, node.input(0)))
    r.op("Mul", big, r.scalar(-0.25, node.input(0)), into=node.outputs[0], name="n/rest")


def test_where_a_pass_promises_nothing_the_difference_is_said() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]> g (float[N,5] x) => (float[N,5] y) { [n] y = Neg(x) }"""
    _, outcome = apply(text, make_pass("Neg", overflowing, Safety.ROUNDING))
    (edit,) = outcome.edits
    assert edit.evidence is not None
    assert edit.evidence.apart == "values that overflow"
    assert "apart at values that overflow" in str(edit.evidence)
    _, strict = apply(text, make_pass("Neg", overflowing, Safety.EXACT))
    assert [e.node for e in strict.undone] == ["n"]


TINY = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) <float down = {1e-30}> { [a] y = Mul(x, down) }"""


def in_two_steps(r: Replacement, node: Node) -> None:
    small = r.op("Mul", node.input(0), r.constant(1e-42, np.float32), name="a/small")
    r.op("Mul", small, r.constant(1e12, np.float32), into=node.outputs[0], name="a/large")


@pytest.mark.parametrize("safety", [Safety.EXACT, Safety.ROUNDING])
def test_digits_lost_on_the_way_through_underflow_are_seen_in_what_is_no_underflow(safety: Safety) -> None:
    outcome = apply(TINY, make_pass("Mul", in_two_steps, safety))[1]
    assert outcome.undone
    assert not outcome.edits


def rounded_twice(r: Replacement, node: Node) -> None:
    double = r.op("Mul", node.input(0), r.constant(2.0**-148, np.float32), name="a/double")
    r.op("Mul", double, r.constant(0.5, np.float32), into=node.outputs[0], name="a/half")


def test_arithmetic_in_another_order_may_underflow_elsewhere() -> None:
    text = TINY.replace("1e-30", "1.401298464324817e-45")
    (edit,) = apply(text, make_pass("Mul", rounded_twice, Safety.ROUNDING))[1].edits
    assert edit.evidence is not None
    assert edit.evidence.apart == "values that underflow"
    strict = apply(text, make_pass("Mul", rounded_twice))[1]
    assert [e.node for e in strict.undone] == ["a"]


@pytest.mark.parametrize(("value", "stands"), [(-1.4901161e-08, True), (1e-6, False)])
def test_terms_that_cancel_are_measured_by_the_error_they_have_anyway(value: float, stands: bool) -> None:
    """A window of one element is 0.42 - 0.5 + 0.08: 1.5e-8 in float32, 0 in truth, and -1.5e-8 in another order."""

    def write(r: Replacement, node: Node) -> None:
        r.op("Identity", r.constant([value], np.float32), into=node.outputs[0])

    text = """<ir_version: 8, opset_import: ["": 17]> g () => (float[1] y)
        <int64 one = {1}> { [n] y = BlackmanWindow(one) }"""
    _, outcome = apply(text, make_pass("BlackmanWindow", write, Safety.ROUNDING))
    assert bool(outcome.edits) is stands
    assert bool(outcome.undone) is not stands
    if stands:
        assert "terms cancel" in str(outcome.edits[0].evidence)


def test_the_standard_settles_what_onnx_runtime_computes_otherwise() -> None:
    """Over an empty batch, ONNX Runtime's ReduceMean keeps the sizes that it should reduce to 1."""

    def write(r: Replacement, node: Node) -> None:
        r.op("GlobalAveragePool", node.input(0), into=node.outputs[0])

    text = """<ir_version: 8, opset_import: ["": 13]>
        g (float[N,3,4,4] x) => (float[N,3,1,1] y) { [n] y = ReduceMean <axes=[2,3]> (x) }"""
    _, outcome = apply(text, make_pass("ReduceMean", write, Safety.ROUNDING))
    assert [e.node for e in outcome.edits] == ["n"]


def divided(r: Replacement, node: Node) -> None:
    x = node.input(0)
    lowest = r.op("Mul", r.op("Sub", x, x), r.constant(1, np.int32))
    lowest = r.op("Add", lowest, r.constant(np.iinfo(np.int32).min, np.int32))
    r.op("Div", lowest, r.op("Add", r.op("Sub", x, x), r.constant(-1, np.int32)), into=node.outputs[0], name="n/div")


def test_a_crash_of_onnx_runtime_costs_the_edit_its_evidence_and_nothing_else() -> None:
    """The lowest int32 divided by -1 is SIGFPE on x86-64, which ONNX Runtime does not guard against."""
    text = """<ir_version: 8, opset_import: ["": 17]> g (int32[N] x) => (int32[N] y, int32[N] z) {
        [n] y = Neg(x) [broken] z = Abs(x) }"""
    _, outcome = apply(text, make_pass("Neg", divided), make_pass("Abs", drops_its_second_input))
    (edit,) = outcome.edits
    assert edit.node == "n"
    crash = "not checkable here: ONNX Runtime crashed (SIGFPE); last seen at case 'random'"
    assert str(edit.evidence).startswith(crash)
    assert [e.node for e in outcome.undone] == ["broken"], "the evidence of other edits is gathered all the same"


def divided_by_rows(r: Replacement, node: Node) -> None:
    """The lowest int64 by twice the rows less three: by -1, and so SIGFPE, where there is one row."""
    rows = r.op("Shape", node.input(0))
    divisor = r.op("Sub", r.op("Add", rows, rows), r.constant([3], np.int64))
    some = r.op("Div", r.constant([np.iinfo(np.int64).min], np.int64), divisor)
    nothing = r.op("Cast", r.op("Sub", some, some), to=TensorProto.INT32)
    r.op("Sub", nothing, node.input(0), into=node.outputs[0], name="n/negated")


def test_a_crash_leaves_what_was_run_before_it() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]> g (int32[N] x) => (int32[N] y) { [n] y = Neg(x) }"""
    _, outcome = apply(text, make_pass("Neg", divided_by_rows))
    (edit,) = outcome.edits
    assert edit.evidence is not None
    assert edit.evidence.verdict == "bit-equal"
    assert edit.evidence.cases >= 2
    assert edit.evidence.why == "until ONNX Runtime crashed (SIGFPE); last seen at case 'size 1'"


def reassociated(r: Replacement, node: Node) -> None:
    half = r.op("Mul", node.input(0), r.scalar(0.1, node.input(0)))
    r.op("Mul", half, r.scalar(10 * 0.3, node.input(0)), into=node.outputs[0], name=f"{node.label}/rest")


def test_rounding_is_allowed_only_where_the_pass_says_so() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,5] x) => (float[N,5] y) <float c = {0.3}> { [n] y = Mul(x, c) }"""
    _, outcome = apply(text, make_pass("Mul", reassociated, Safety.ROUNDING))
    (edit,) = outcome.edits
    assert edit.evidence is not None
    assert edit.evidence.verdict == "close"
    assert 1 <= edit.evidence.max_ulp <= 4
    assert "ULP over" in str(edit.evidence)
    _, strict = apply(text, make_pass("Mul", reassociated, Safety.EXACT))
    assert [e.node for e in strict.undone] == ["n"]


def test_what_holds_only_behind_the_nodes_in_front_stands() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,5] x) => (float[N,5] y) { h = Relu(x) [n] y = Abs(h) }"""
    _, outcome = apply(text, make_pass("Abs", drops_its_second_input))
    (edit,) = outcome.edits
    assert edit.evidence is not None
    assert edit.evidence.why == "behind the 1 nodes before it"


def test_sizes_computed_from_the_input_are_related_to_it() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,3,4] x) => (float[N,12] y) <int64[1] zero = {0}, int64[1] one = {1}, int64[1] rest = {-1}> {
            shape = Shape(x) batch = Slice(shape, zero, one) wanted = Concat<axis=0>(batch, rest)
            [n] y = Reshape(x, wanted)
        }"""
    _, good = apply(text, make_pass("Reshape", lambda r, n: as_reshape(r, n, (0, 12)), label="n"))
    assert [str(e.evidence).split(" over")[0] for e in good.edits[:1]] == ["bit-equal"]
    _, bad = apply(text, make_pass("Reshape", lambda r, n: as_reshape(r, n, (2, -1)), label="n"))
    assert [e.node for e in bad.undone] == ["n"]


def as_reshape(r: Replacement, node: Node, shape: tuple[int, ...]) -> None:
    r.op("Reshape", node.input(0), r.constant(shape, np.int64), into=node.outputs[0], name="n/fixed")


def first_five_rows(r: Replacement, node: Node) -> None:
    r.op("Slice", node.input(0), *(r.constant([v], np.int64) for v in (0, 5, 0)), into=node.outputs[0], name="n/fixed")


@pytest.mark.parametrize("shapes", ["x:1-2-4x4", "x:1-4-8x4", "x:1-2-3x4;x:4-4-8x4"])
def test_what_is_wrong_at_a_corner_of_a_profile_is_undone(shapes: str) -> None:
    model = load(
        parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[N,4] y) { [n] h = Identity(x) y = Neg(h) }""")
    )
    passes = [make_pass("Identity", first_five_rows)]
    outcome = run(model, TARGET, passes, evidence=True, shapes=shapes)
    assert [e.node for e in outcome.undone] == ([] if shapes == "x:1-2-4x4" else ["n"])
    assert [e.node for e in outcome.edits] == (["n"] if shapes == "x:1-2-4x4" else [])


def test_shapes_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(parse(TWICE), path)
    assert main(["fix", str(path), "--target", "tensorrt-8.2", "--shapes", "z:1x4"]) == 2
    assert "the graph has no input 'z'" in capsys.readouterr().err
    assert main(["fix", str(path), "--target", "tensorrt-8.2", "--shapes", "x:1x4", "--no-evidence"]) == 2
    assert "leave out --no-evidence" in capsys.readouterr().err
    assert main(["fix", str(path), "--target", "tensorrt-8.2", "--shapes", "x:1-4-8x4"]) == 0


def test_an_input_of_unknown_rank_may_have_any_shape() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[] x, float[N] b) => (float[] y) { h = Identity(x) s = Add(h, b) y = Neg(s) }""")
    (edit,) = fix(model, target="tensorrt-10.3", shapes="x:1-2-3x4,b:4").edits
    assert edit.pass_name == "no-op-nodes"


@pytest.mark.parametrize("name", ["attention_ts9", "attention_ts13", "attention_ts17"])
def test_edits_behind_tensors_of_unknown_type_are_checked(name: str) -> None:
    """The nodes that lead there from tensors whose types are known are run along with them."""
    model = onnx.load(Path(__file__).parents[2] / "fixtures" / f"{name}.onnx")
    assert [str(e.evidence) for e in fix(model, target="tensorrt-8.2").edits if not _is_checked(e)] == []


def _is_checked(edit: Edit) -> bool:
    return edit.evidence is not None and edit.evidence.verdict in ("bit-equal", "close")


def test_what_cannot_be_checked_says_why_and_stands() -> None:
    text = """<ir_version: 8, opset_import: ["": 17, "my": 1]>
        g (float[N,5] x) => (float[N,5] y) { h = my.Frob(x) [n] y = Abs(h) }"""
    _, outcome = apply(text, make_pass("Abs", drops_its_second_input))
    (edit,) = outcome.edits
    assert edit.evidence is not None
    assert edit.evidence.verdict == "not checkable"
    assert "the type of 'h' is not known" in str(edit.evidence)


class WrongFold(ModelPass):
    """Writes a wrong constant down."""

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        return None

    def mend(self, model: Model, target: Target) -> list[Edit]:
        graph = model.main
        for node in graph.nodes:
            if node.op_type == "Neg":
                r = Replacement(graph, node)
                r.op("Constant", into=node.outputs[0], value=onnx.numpy_helper.from_array(np.float32([5.0])))
                graph.apply(r)
                return [Edit("wrong-fold", node.label, "Neg", "", (node,), tuple(r.nodes))]
        return []


def test_a_pass_that_changes_the_model_by_itself_is_undone_as_a_whole() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,1] x) => (float[N,1] y) <float[1] c = {1}> { [n] h = Neg(c) y = Add(x, h) }"""
    result, outcome = apply(text, WrongFold())
    assert [e.node for e in outcome.undone] == ["n"]
    assert not outcome.edits
    assert [n.op_type for n in result.graph.node] == ["Neg", "Add"]


def test_fix_reports_evidence_and_leaves_it_out_when_told() -> None:
    model = parse('<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = HardSwish(x) }')
    with_evidence = fix(model, target="tensorrt-8.2", only=["missing-operator"])
    assert all(e.evidence is not None and e.evidence.holds for e in with_evidence.edits)
    assert with_evidence.to_json()["undone"] == []
    without = fix(model, target="tensorrt-8.2", only=["missing-operator"], evidence=False)
    assert [e.evidence for e in without.edits] == [None]


def test_a_snapshot_brings_a_model_back() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x, bool c) => (float[N,4] y) <float two = {2}> {
            h = Mul(x, two)
            y = If (c) <then_branch = t () => (float[N,4] a) { a = Mul(h, two) },
                        else_branch = e () => (float[N,4] b) { b = Neg(h) }>
        }"""
    model = load(parse(text))
    wanted = model.main.to_proto().SerializeToString()
    snapshot = Snapshot(model)
    run(model, TARGET, [make_pass("Mul", as_sum), make_pass("Neg", drops_its_second_input)])
    model.main.initializers.clear()
    assert model.main.to_proto().SerializeToString() != wanted
    snapshot.restore()
    assert model.main.to_proto().SerializeToString() == wanted
    assert [n.op_type for n in model.main.consumers("h")] == ["If"]


def test_numbers_computed_from_sizes_are_not_made_up() -> None:
    """As attention is exported: scores are scaled by the root of a size that the network computes."""
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,L,32] x) => (float[N,4,L,8] y)
        <int64[4] heads = {0, -1, 4, 8}, int64 last = {3}, float[1] one = {1}>
        {
            a = Relu(x) b = Relu(a) split = Reshape(b, heads) q = Transpose<perm=[0,2,1,3]>(split)
            sizes = Shape(q) size = Gather(sizes, last) depth = Cast<to=1>(size)
            root = Sqrt(depth) inverse = Div(one, root) [n] scale = Sqrt(inverse)
            y = Mul(q, scale)
        }"""
    result = fix(parse(text), target="tensorrt-10.3", only=["unfolded-constants"])
    assert not result.undone
    assert [n.op_type for n in result.model.graph.node] == ["Relu", "Relu", "Reshape", "Transpose", "Mul"]
    assert all(e.evidence is not None and e.evidence.verdict == "bit-equal" for e in result.edits)
    _, outcome = apply(text, make_pass("Sqrt", lambda r, n: as_number(r, n, 0.5), label="n"))
    assert [e.node for e in outcome.undone] == ["n"]


def as_number(r: Replacement, node: Node, value: float) -> None:
    r.op("Constant", into=node.outputs[0], value=onnx.numpy_helper.from_array(np.float32([value])))


def test_a_large_model_is_said_to_have_no_evidence() -> None:
    nodes = " ".join(f"t{i + 1} = Neg(t{i})" for i in range(5001))
    head = '<ir_version: 8, opset_import: ["": 17]>'
    result = fix(parse(f"{head} g (float[1] t0) => (float[1] t5001) {{ {nodes} }}"), target="tensorrt-10.3")
    assert any("no evidence was gathered" in note for note in result.notes)


def test_a_rewrite_that_crashes_is_a_refusal_that_says_so() -> None:
    def crash(r: Replacement, node: Node) -> None:
        raise ZeroDivisionError("by nothing")

    model = load(parse('<ir_version: 8, opset_import: ["": 17]> g (float[N] x) => (float[N] y) { y = Neg(x) }'))
    refusal = refusal_at(make_pass("Neg", crash), model.main.nodes[0], model.main, TARGET)
    assert refusal == "its rewrite crashed, which is a bug in trtconv (ZeroDivisionError: by nothing)"
