"""The known limits of the parsers, row by row: a minimal model each, flagged for the versions in its range only."""

from __future__ import annotations

import onnx
import pytest
from image_limits import CASES as CASES_OF_IMAGES
from limits import CASES, IMAGE, Ranges, head
from onnx import TensorProto, helper
from operator_limits import CASES as CASES_BY_OPERATOR
from support import parse

from trtconv.linting import find_all
from trtconv.passes.core import Model, Target
from trtconv.passes.core.catalogue import catalogue
from trtconv.passes.core.target import facts, known, parse_version

EVERYTHING = [*CASES, *CASES_BY_OPERATOR, *CASES_OF_IMAGES]
TARGETS = [Target.parse(name) for name in known() if "rtx" not in name]


def flagged(model: onnx.ModelProto, name: str) -> dict[str, list[str]]:
    """Per effect, the versions for which the pass has a finding."""
    found: dict[str, list[str]] = {}
    view = Model(model)
    for target in TARGETS:
        crashes: list[str] = []
        for finding in find_all(view, target, [catalogue()[name]], crashes):
            found.setdefault(finding.effect, []).append(str(target))
        assert not crashes
    return found


def within(ranges: Ranges) -> dict[str, list[str]]:
    """Per effect, the versions in its range."""
    return {
        effect: [
            str(t) for t in TARGETS if t.version >= parse_version(a) and (b is None or t.version < parse_version(b))
        ]
        for effect, (a, b) in ranges.items()
    }


@pytest.mark.parametrize(
    ("name", "text", "ranges"), [(n, t, r) for n, _, t, r in EVERYTHING], ids=[f"{n}: {w}" for n, w, _, _ in EVERYTHING]
)
def test_flagged_in_its_range_and_nowhere_else(name: str, text: str, ranges: Ranges) -> None:
    assert flagged(parse(text), name) == within(ranges)


@pytest.mark.parametrize("op_type", sorted(facts()["operators"]))
def test_every_operator_is_missing_before_its_first_version(op_type: str) -> None:
    schema = onnx.defs.get_schema(op_type)
    names = [f"x{i}" for i in range(schema.min_input)]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 2]) for n in names]
    graph = helper.make_graph([helper.make_node(op_type, names, ["y"])], "g", values, [onnx.ValueInfoProto(name="y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", schema.since_version)])
    want = [str(t) for t in TARGETS if t.version < parse_version(facts()["operators"][op_type]["since"])]
    assert flagged(model, "missing-operator").get("refused", []) == want


HARMLESS = {
    "HardSigmoid": f"{head(13)}{IMAGE} {{ y = HardSigmoid(x) }}",
    "symmetric AveragePool": f"{head(11)}{IMAGE} {{ y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>(x) }}",
    "zeros around an image": f"{head(10)}{IMAGE} {{ y = Pad<pads=[0,0,1,1,0,0,1,1]>(x) }}",
    "DepthToSpace": f"{head(13)}(float[1,4,2,2] x) => (float[1,1,4,4] y) "
    '{ y = DepthToSpace<mode="CRD", blocksize=2>(x) }',
    "Conv1d": f"{head(13)}(float[1,2,8] x) => (float[1,1,8] y) <float[1,2,1] w = {{1,2}}> {{ y = Conv(x, w) }}",
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS)
def test_what_every_version_takes_is_never_refused(text: str) -> None:
    view = Model(parse(text))
    for target in TARGETS:
        found = find_all(view, target, catalogue().values(), [])
        assert not [f for f in found if f.is_fatal], target
