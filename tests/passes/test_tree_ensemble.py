"""Tree ensembles as gathers and comparisons: every row in the same leaf as in ONNX Runtime, whatever the branches."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper
from support import assert_same, judge, run

import trtconv

SETTINGS = settings(max_examples=25, deadline=None)
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
THRESHOLDS = (0.0, -0.0, 1.0, -1.5, 1e-45, 3e38)
UGLY = np.array([*THRESHOLDS, np.inf, -np.inf, np.nan, 0.5, 1.0000001, -2.0], np.float32)


def grown(rng: np.random.Generator, depth: int, modes: tuple[str, ...], features: int) -> list[dict[str, Any]]:
    """One tree: nodes in order, leaves at various depths."""
    nodes: list[dict[str, Any]] = []

    def grow(left: int) -> int:
        number = len(nodes)
        nodes.append({"mode": "LEAF", "feature": 0, "value": 0.0, "true": 0, "false": 0})
        if left and rng.random() < 0.8:
            nodes[number] |= {"mode": str(rng.choice(modes)), "feature": int(rng.integers(features))}
            nodes[number] |= {"value": float(rng.choice(THRESHOLDS)), "true": grow(left - 1), "false": grow(left - 1)}
        return number

    grow(depth)
    return nodes


def ensemble(op_type: str, trees: list[list[dict[str, Any]]], tracks: bool, votes: str, **more: Any) -> ModelProto:
    """A TreeEnsembleRegressor or TreeEnsembleClassifier; `more` are its other attributes."""
    rows = [(t, i, n) for t, nodes in enumerate(trees) for i, n in enumerate(nodes)]
    rng = np.random.default_rng(len(rows))
    targets = more.get("n_targets") or len(more["classlabels_int64s"])
    leaves = [(t, i) for t, i, n in rows if n["mode"] == "LEAF" for _ in range(min(targets, 2))]
    attributes = {
        "nodes_treeids": [t for t, _, _ in rows],
        "nodes_nodeids": [i for _, i, _ in rows],
        "nodes_featureids": [n["feature"] for _, _, n in rows],
        "nodes_values": [n["value"] for _, _, n in rows],
        "nodes_modes": [n["mode"] for _, _, n in rows],
        "nodes_truenodeids": [n["true"] for _, _, n in rows],
        "nodes_falsenodeids": [n["false"] for _, _, n in rows],
        "nodes_missing_value_tracks_true": [int(tracks and rng.random() < 0.5) for _ in rows],
        f"{votes}_treeids": [t for t, _ in leaves],
        f"{votes}_nodeids": [i for _, i in leaves],
        f"{votes}_ids": [int(k) for k in (np.arange(len(leaves)) % 2 + rng.integers(targets)) % targets],
        f"{votes}_weights": [float(w) for w in rng.integers(-8, 8, len(leaves)) / 4],
    }
    outputs = ["l", "y"] if op_type.endswith("Classifier") else ["y"]
    node = helper.make_node(op_type, ["x"], outputs, "trees", domain="ai.onnx.ml", **attributes, **more)
    return model_of(node, outputs)


def model_of(node: onnx.NodeProto, outputs: list[str], kind: int = TensorProto.FLOAT, version: int = 3) -> ModelProto:
    kinds: dict[str, tuple[int, list[str]]] = {"l": (TensorProto.INT64, ["N"]), "y": (kind, ["N", "K"])}
    values = [helper.make_tensor_value_info(o, *kinds[o]) for o in outputs]
    given = [helper.make_tensor_value_info("x", kind, ["N", 3])]
    imports = [helper.make_opsetid("ai.onnx.ml", version), helper.make_opsetid("", 17)]
    return helper.make_model(helper.make_graph([node], "g", given, values), opset_imports=imports, ir_version=10)


def fixed(model: ModelProto) -> ModelProto:
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", only=["missing-operator"], evidence=False)
    assert "ai.onnx.ml" not in {n.domain for n in result.model.graph.node}, result.remaining
    onnx.checker.check_model(result.model, full_check=True)
    return result.model


def rows_of(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.choice(UGLY, (count, 3))


@SETTINGS
@given(
    modes=st.sampled_from([*((m,) for m in MODES), MODES]),
    tracks=st.booleans(),
    how=st.sampled_from(["SUM", "AVERAGE", "MIN", "MAX"]),
    targets=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_regressor(modes: tuple[str, ...], tracks: bool, how: str, targets: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    trees = [grown(rng, int(rng.integers(5)), modes, 3) for _ in range(rng.integers(1, 4))]
    how = how if targets == 1 else "SUM"
    before = ensemble("TreeEnsembleRegressor", trees, tracks, "target", n_targets=targets, aggregate_function=how)
    assert_same(before, fixed(before), {"x": rows_of(rng, 40)}, "rounding")


@SETTINGS
@given(transform=st.sampled_from(["NONE", "SOFTMAX", "LOGISTIC"]), classes=st.integers(3, 5), seed=st.integers(0, 999))
def test_classifier(transform: str, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    trees = [grown(rng, 4, ("BRANCH_LEQ",), 3) for _ in range(3)]
    labels = [int(v) for v in rng.permutation(20)[:classes]]
    base = [float(v) for v in rng.integers(-2, 3, classes)]
    more = {"classlabels_int64s": labels, "post_transform": transform, "base_values": base}
    before = ensemble("TreeEnsembleClassifier", trees, False, "class", **more)
    assert_same(before, fixed(before), {"x": rows_of(rng, 40)}, "rounding")


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_sets_of_values(kind: int) -> None:
    """TreeEnsemble: in {1, 3} leads to the first leaf, else in {2} to the second, all else to the third."""
    numbers = helper.tensor_dtype_to_np_dtype(kind)

    def tensor(values: list[float], dtype: Any = numbers) -> TensorProto:
        return numpy_helper.from_array(np.array(values, dtype))

    node = helper.make_node("TreeEnsemble", ["x"], ["y"], "trees", domain="ai.onnx.ml", tree_roots=[0], n_targets=3,
        nodes_featureids=[1, 1], nodes_modes=tensor([6, 6], np.uint8), nodes_splits=tensor([0, 0]),
        nodes_truenodeids=[0, 1], nodes_trueleafs=[1, 1], nodes_falsenodeids=[1, 2], nodes_falseleafs=[0, 1],
        membership_values=tensor([1, 3, np.nan, 2, np.nan]), leaf_targetids=[0, 1, 2], leaf_weights=tensor([5, 6, 7]),
    )  # fmt: skip
    before = model_of(node, ["y"], kind, 5)
    x = np.array([[9, v, 9] for v in (1, 2, 3, 4, np.nan)], numbers)
    after = fixed(before)
    assert run(after, {"x": x})[0].argmax(1).tolist() == [0, 1, 0, 2, 2]
    assert_same(before, after, {"x": x})


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"classlabels_strings": ["a", "b", "c"]}, "its labels are texts"),
        ({"classlabels_int64s": [0, 1]}, "disagree on tree ensembles of two classes"),
    ],
)
def test_what_stays(more: dict[str, Any], why: str) -> None:
    tree = grown(np.random.default_rng(0), 2, MODES, 3)
    model = ensemble("TreeEnsembleClassifier", [tree], False, "class", **{"classlabels_int64s": [0], **more})
    if "classlabels_strings" in more:
        del model.graph.node[0].attribute[[a.name for a in model.graph.node[0].attribute].index("classlabels_int64s")]
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", evidence=False)
    assert any(why in f.refusal for f in result.remaining)


def test_the_parser_takes_them() -> None:
    rng = np.random.default_rng(1)
    trees = [grown(rng, 4, MODES, 3) for _ in range(3)]
    before = ensemble("TreeEnsembleRegressor", trees, True, "target", n_targets=2)
    first, second = judge([(m, {"x": [5, 3]}) for m in (before, fixed(before))])
    assert first is not None
    assert second is None
