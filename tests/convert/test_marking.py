"""Where an engine parts from ONNX Runtime: tensors marked as outputs of real networks, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support import parse

import trtconv
from trtconv.comparison.criteria import Criteria
from trtconv.divergence.marking import CONFIRMED, FUSED, ONE_BY_ONE, OneEngine
from trtconv.divergence.tapping import InOnnxRuntime
from trtconv.divergence.tracing import CREEPS
from trtconv.engine_leg import EngineRequest
from trtconv.engine_tap import InEngine
from trtconv.feeding.inputs import Case, seeded_case
from trtconv.isolate import Limits
from trtconv.passes.core import Model
from trtconv.runtimes.gpus import find_gpus
from trtconv.runtimes.products import product_named
from trtconv.storage.loading import load

FIXTURES = Path(__file__).parents[2] / "fixtures"

CHAIN = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,16] x) => (float[N,16] y) <float two = {2}, float c = {%r}>
    { [a] a = Mul(x, two) [b] b = Sigmoid(a) [c] c1 = Mul(b, c) [d] d = Add(c1, a)
      [e] e = Tanh(d) [f] y = Mul(e, two) }"""


def in_engine(model: onnx.ModelProto, product: str = "tensorrt-rtx") -> InEngine:
    request = EngineRequest(model, product, "x:1-2-4x16", Criteria(), Limits())
    return InEngine(request, seeded_case(load(model).main, "small", {"x": (2, 16)}, 0))


def test_the_tensors_of_a_network_that_can_be_marked() -> None:
    text = """<ir_version: 8, opset_import: ["": 17]>
        g (float[N,16] x) => (float[N,M] y) <int64 minus = {-1}, int64[1] axes = {0}>
        { shape = Shape <end = 1> (x) a = Relu(x) flat = Unsqueeze(minus, axes) to = Concat <axis = 0> (shape, flat)
          r = Reshape(a, to) same = Identity(r) half = Cast <to = 10> (same) back = Cast <to = 1> (half)
          y = Neg(back) }"""
    named = {output for node in parse(text).graph.node for output in node.output}
    found = named.intersection(in_engine(parse(text)).markable())
    assert found == {"a", "r", "same", "half", "back"}, "no sizes, and no outputs"
    assert in_engine(parse(text.replace("Relu", "Det"))).markable() == [], "the parser refuses it"


@pytest.mark.parametrize("name", ["attention_ts13", "fixedpadding_dynamo18", "activations_ts11"])
def test_marked_tensors_are_outputs_of_the_engine(tmp_path: Path, name: str) -> None:
    path, shapes = FIXTURES / f"{name}.onnx", "image:1-2-4x3x17x23"
    graph = load(path).main
    names = [o for node in graph.nodes for o in node.outputs]
    tapped = InEngine(EngineRequest(path, "tensorrt-rtx", shapes, Criteria(), Limits()), Case("none", {}))
    marked = [tensor for tensor in tapped.markable() if tensor in names]
    engine = trtconv.build(path, shapes=shapes, output=tmp_path / "m.engine", target="tensorrt-rtx", marked=marked)
    outputs = {tensor.name for tensor in engine.tensors if not tensor.is_input}
    assert outputs == {*marked, *graph.outputs}
    assert len(marked) >= 4
    content = engine.path.read_bytes()
    assert all(tensor.encode() in content for tensor in marked)


def test_what_cannot_be_marked_is_left_alone(tmp_path: Path) -> None:
    engine = trtconv.build(
        parse(CHAIN % 1.0), shapes="x:2x16", output=tmp_path / "m.engine", target="tensorrt-rtx", marked=["b", "y", "z"]
    )
    assert [tensor.name for tensor in engine.tensors] == ["x", "y", "b"]


# --- what is made of them: a wrong model in ONNX Runtime in an engine's place --------------------

Choice = Callable[[Sequence[str]], onnx.ModelProto]


@dataclass
class Standing:
    """Runs the model that `choose` gives for the tensors that are marked."""

    choose: Choice
    names: Sequence[str]
    case: Case
    asked: list[Sequence[str]] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def markable(self) -> Sequence[str]:
        return self.names

    def values(self, names: Sequence[str]) -> dict[str, Any]:
        self.asked.append(names)
        found = InOnnxRuntime(load(self.choose(names)), self.case.feed).values([*names, "y"])
        self.outputs = {"y": found.pop("y")}
        return found


RIGHT, WRONG = parse(CHAIN % 1.0), parse(CHAIN % 1.01)


def compared(choose: Choice, names: str = "abcde") -> tuple[OneEngine, Case]:
    model: Model = load(RIGHT)
    case = seeded_case(model.main, "small", {"x": (2, 16)}, 0)
    tensors = ["c1" if name == "c" else name for name in names]
    return OneEngine(model, model, "TensorRT 10.9", Criteria(), partial(Standing, choose, tensors)), case


@pytest.mark.parametrize(
    ("choose", "tensor", "remark"),
    [
        (lambda names: WRONG, "c1", CONFIRMED),
        (lambda names: WRONG if len(names) < 2 else RIGHT, "c1", ONE_BY_ONE),
        (lambda names: WRONG if not {"a", "b", "c1"} & {*names} else RIGHT, "d", ONE_BY_ONE),
    ],
    ids=["always wrong", "right when much is marked", "wrong in what is fused from a to d"],
)
def test_the_node_at_which_an_engine_parts_is_named(choose: Choice, tensor: str, remark: str) -> None:
    inside, case = compared(choose)
    found = inside.parting(case, ())
    assert not isinstance(found, str)
    assert (found.tensor, found.where, found.remark) == (tensor, "TensorRT 10.9", remark)
    assert str(found).startswith(f"they part in TensorRT 10.9 at {tensor} (")
    assert str(found).endswith(remark)


def test_what_goes_away_with_every_mark_is_said() -> None:
    inside, case = compared(lambda names: RIGHT)
    assert inside.parting(case, ()) == FUSED


def test_an_error_below_the_tolerance_of_each_tensor_creeps() -> None:
    inside, case = compared(lambda names: WRONG, names="ab")
    assert inside.parting(case, ()) == CREEPS, "nothing that can be marked differs, and the output does"


def test_tensors_pair_with_the_original_where_the_model_was_rewritten() -> None:
    inside, case = compared(lambda names: WRONG)
    renamed = parse((CHAIN % 1.0).replace("c1", "c2"))
    found = OneEngine(load(renamed), inside.model, "TensorRT 10.9", Criteria(), inside.open).parting(case, ())
    assert not isinstance(found, str)
    assert found.tensor == "d", "c1 has no twin"
    assert found.nodes == ("d", "c")


def test_the_error_curve_of_an_engine() -> None:
    inside, case = compared(lambda names: WRONG)
    found = inside.curve(case, ())
    assert [layer.tensor for layer in found.layers] == ["a", "b", "c1", "d", "e"]
    assert [layer.tensor for layer in found.layers if layer.jumps] == ["c1"]
    assert found.layers[0].floor == 1e-5, "what the tolerance of float32 leaves"
    assert found.sentence.startswith("in TensorRT 10.9, the error jumps at c1 (Mul c)")
    assert found.sentence.endswith("so that the engine fuses less; its outputs differ there")
    tf32 = OneEngine(inside.model, inside.model, "TensorRT 10.9", Criteria(tf32=True), inside.open)
    assert tf32.curve(case, ()).layers[0].floor == 1e-3


@pytest.mark.gpu
@pytest.mark.skipif(not find_gpus(), reason="needs a GPU to run an engine")
@pytest.mark.parametrize("runtime", ["tensorrt", "tensorrt-rtx"])
def test_an_engine_of_a_wrong_model_is_looked_into(runtime: str) -> None:
    if not product_named(runtime).is_installed:
        pytest.skip(f"needs {runtime}, which is not installed")
    parity = trtconv.verify(
        WRONG, reference=RIGHT, runtimes=[runtime], shapes="x:1-2-4x16", bisect=True, error_curve=True
    )
    assert parity.exit_code == 1
    assert parity.parting is not None
    assert (parity.parting.node, parity.parting.remark) == ("c", CONFIRMED)
    assert parity.curve is not None
    assert [layer.tensor for layer in parity.curve.layers if layer.jumps] == ["c1"]
    values = in_engine(RIGHT, runtime).values(["b", "d"])
    wanted = InOnnxRuntime(load(RIGHT), in_engine(RIGHT).case.feed).values(["b", "d"])
    assert all(np.allclose(values[name], wanted[name], rtol=1e-3) for name in ("b", "d"))
