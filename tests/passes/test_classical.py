"""Operators of `ai.onnx.ml` that are plain arithmetic, before and after in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import assert_same, parse, random_feed

import trtconv

LINEAR = "coefficients = [1.0, 2.0, 3.0, 4.0], intercepts = [0.5, -1.0]"
CLASSICAL = [
    ("float[3,4] x", "Binarizer <threshold = 0.5> (x)"),
    ("float[3,4] x", "ArrayFeatureExtractor(x, i)"),
    ("float[4] x", "ArrayFeatureExtractor(x, i)"),
    ("float[3,4] x", "Scaler <offset = [1.0, 2.0, 3.0, 4.0], scale = [0.5, 1.0, 2.0, 3.0]> (x)"),
    ("float[3,4] x", "Scaler <offset = [1.0], scale = [2.0]> (x)"),
    ("float[3,2] x", f"LinearRegressor <{LINEAR}, targets = 2> (x)"),
    *(("float[5,7] x", f'Normalizer <norm = "{norm}"> (x)') for norm in ("MAX", "L1", "L2")),
    ("int64[5,3] x", 'Normalizer <norm = "L1"> (x)'),
    ("float[7] x", 'Normalizer <norm = "L2"> (x)'),
]


@pytest.mark.parametrize("imports", ['"ai.onnx.ml": 1', '"": 13, "ai.onnx.ml": 1'])
@pytest.mark.parametrize(("given", "body"), CLASSICAL, ids=[f"{b} of {g}" for g, b in CLASSICAL])
def test_classical(given: str, body: str, imports: str) -> None:
    before = parse(f"""<ir_version: 8, opset_import: [{imports}]>
        g ({given}) => (float y) <int64[2] i = {{2, 0}}> {{ y = ai.onnx.ml.{body} }}""")
    result = trtconv.fix(before, target="tensorrt-rtx-1.7")
    assert result.ok, result.remaining
    assert "ai.onnx.ml" not in {n.domain for n in result.model.graph.node}
    if "Normalizer" in body and "float" in given:  # of infinity and NaN each runtime makes something else
        for seed in range(3):
            x = random_feed(before, seed=seed)["x"]
            x[:1] = 0
            assert_same(before, result.model, {"x": x}, "rounding")
    else:
        assert_same(before, result.model, random_feed(before, ugly=True), "rounding")


@settings(max_examples=12, deadline=None)
@given(
    form=st.sampled_from([(2, "NONE"), (3, "SOFTMAX"), (4, "LOGISTIC"), (1, "LOGISTIC")]),
    rows=st.integers(0, 4),
    width=st.integers(1, 3),
    outputs=st.sampled_from(["l", "l, y"]),
    seed=st.integers(0, 99),
)
def test_linear_classifier(form: tuple[int, str], rows: int, width: int, outputs: str, seed: int) -> None:
    (classes, transform), rng = form, np.random.default_rng(seed)
    weights = (rng.integers(-4, 5, classes * width) / 2).tolist()
    intercepts = (rng.integers(-2, 3, classes) / 2).tolist()
    labels = rng.permutation(9)[: max(classes, 2)].tolist()
    before = parse(f"""<ir_version: 8, opset_import: ["": 13, "ai.onnx.ml": 1]>
        g (float[N,{width}] x) => (int64[N] l{", float[N,K] y" if "y" in outputs else ""}) {{
            {outputs} = ai.onnx.ml.LinearClassifier <coefficients = {weights}, classlabels_ints = {labels},
                intercepts = {intercepts}, post_transform = "{transform}"> (x) }}""")
    x = (rng.integers(-4, 5, (rows, width)) / 2).astype(np.float32)
    result = trtconv.fix(before, target="tensorrt-rtx-1.7", evidence=False)
    assert result.ok, result.remaining
    onnx.checker.check_model(result.model, full_check=True)
    assert_same(before, result.model, {"x": x}, "rounding")


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (f'LinearClassifier <{LINEAR}, classlabels_strings = ["a", "b"]> (x)', "its labels are texts"),
        ("LinearClassifier <coefficients = [1.0, 2.0], intercepts = [0.5], classlabels_ints = [0, 1]> (x)", "disagree"),
        ('LinearRegressor <coefficients = [1.0, 2.0], post_transform = "LOGISTIC"> (x)', "disagree"),
        (f'LinearRegressor <{LINEAR}, targets = 2, post_transform = "PROBIT"> (x)', "transformed by PROBIT"),
    ],
)
def test_classical_that_stays(call: str, why: str) -> None:
    model = parse(f"""<ir_version: 8, opset_import: ["": 13, "ai.onnx.ml": 1]>
        g (float[N,2] x) => (float y) {{ y = ai.onnx.ml.{call} }}""")
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", only=["missing-operator"], evidence=False)
    assert any(why in f.refusal for f in result.remaining if f.pass_name == "missing-operator")
