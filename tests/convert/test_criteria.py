"""What decides whether an output passes: tolerances, metrics, and which of them wins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper
from support import parse

import trtconv
from trtconv.comparison.tolerances import DEFAULTS, precisions
from trtconv.storage.loading import load

ORT = ("onnxruntime",)

TWO = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] logits, int64[N] label)
    <float[4] w = {%s}> { logits = Mul(x, w) label = ArgMax<axis=1, keepdims=0>(logits) }"""
FEED = {"x": np.array([[1, 2, 3, 4], [4, 3, 2, 1], [1, 9, 1, 1]], np.float32)}


def judged(changed: str = "1, 1, 1, 1.1", **options: Any) -> dict[str, bool]:
    parity = trtconv.verify(
        parse(TWO % changed), reference=parse(TWO % "1, 1, 1, 1"), inputs=FEED, runtimes=ORT, **options
    )
    return {o.name: o.passed for o in parity.outputs}


@pytest.mark.parametrize(
    ("options", "logits"),
    [
        ({}, False),
        ({"rtol": 0.2}, True),
        ({"rtol": "logits:0.2"}, True),
        ({"rtol": {"logits": 0.2}}, True),
        ({"rtol": ["0.2", "logits:0.01"]}, False),
        ({"rtol": "label:0.2"}, False),
        ({"atol": 1}, True),
        ({"atol": {"logits": 0.1}, "rtol": 0}, False),
        ({"metric": "cosine=0.99"}, True),
        ({"metric": "cosine=0.99999"}, False),
        ({"metric": "top-1"}, True),
        ({"metric": {"logits": "top-1"}}, True),
        ({"metric": "label:top-1"}, False),
        ({"metric": "elementwise"}, False),
        ({"metric": "top-1", "rtol": 0.01}, False),
        ({"metric": "logits:top-1", "rtol": 0.01}, True),
        ({"metric": "logits:top-1", "rtol": "logits:0.01"}, False),
        ({"metric": "cosine=0.99999", "rtol": 0.2}, True),
    ],
    ids=str,
)
def test_the_setting_closest_to_the_output_wins_and_tolerances_win_over_metrics(
    options: dict[str, Any], logits: bool
) -> None:
    found = judged(**({"metric": "label:elementwise"} | options if "metric" not in options else options))
    assert found == {"logits": logits, "label": True}


def test_labels_may_differ_where_a_metric_says_how_far() -> None:
    assert judged("1, 1, 9, 1")["label"] is False
    parity = trtconv.verify(
        parse(TWO % "1, 1, 9, 1"), reference=parse(TWO % "1, 1, 1, 1"), inputs=FEED, runtimes=ORT, metric="top-1=0.3"
    )
    scores = {o.name: o.difference.score for o in parity.outputs}
    assert scores == pytest.approx({"logits": 1 / 3, "label": 1 / 3})
    some = trtconv.verify(
        parse(TWO % "1, 1, 1, 0"), reference=parse(TWO % "1, 1, 1, 1"), inputs=FEED, runtimes=ORT, metric="miou=0.5"
    )
    (score,) = {o.difference.score for o in some.outputs}
    assert score == pytest.approx(np.mean([1.0, 1.0, 0.0, 0.0])), "of the classes 0, 1, 2 and 3"
    assert some.exit_code == 0
    assert "miou 0.5" in str(some)


@pytest.mark.parametrize("metric", ["cosine", "top-1", "miou"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_metric_excuses_nan_and_infinity(metric: str, value: float) -> None:
    head = '<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y)'
    plain = parse(head + " { y = Identity(x) }")
    spoilt = parse(head + "<float[4] w = {0, 0, 0, 0}> { y = Add(x, w) }")
    feed = np.ones((2, 4), np.float32)
    weights = np.array([0, 0, 0, value], np.float32)
    spoilt.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
    (output,) = trtconv.verify(spoilt, reference=plain, inputs={"x": feed}, runtimes=ORT, metric=metric).outputs
    assert not output.passed
    assert "on one side only" in output.difference.why


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metric": "ssim"}, "metrics are elementwise"),
        ({"metric": "cosine=2"}, "at most 1"),
        ({"metric": "cosine=x"}, "'cosine=x'"),
        ({"metric": "elementwise=1"}, "--rtol"),
        ({"metric": "nowhere:cosine"}, "no output 'nowhere'"),
        ({"metric": "label:cosine"}, "says nothing of output 'label'"),
        ({"metric": "label:set=3"}, "no axis 3"),
        ({"rtol": "logits:much"}, "--rtol"),
        ({"rtol": -1}, "zero or more"),
        ({"atol": {"nowhere": 1}}, "no output 'nowhere'"),
    ],
    ids=str,
)
def test_settings_that_mean_nothing_are_an_error(options: dict[str, Any], words: str) -> None:
    with pytest.raises(trtconv.BadInput, match=words):
        judged(**options)


def test_what_nonzero_finds_is_compared_as_a_set() -> None:
    head = '<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (int64[2,M] found)'
    plain = parse(head + " { found = NonZero(x) }")
    turned = parse(
        head
        + """<int64[1] start = {-1}, int64[1] end = {-9223372036854775807}, int64[1] axis = {1},
        int64[1] step = {-1}> { f = NonZero(x) found = Slice(f, start, end, axis, step) }"""
    )
    feed = {"x": np.array([[0, 1, 2, 0], [3, 0, 0, 0]], np.float32)}
    options = {"reference": plain, "inputs": feed, "runtimes": ORT}
    assert trtconv.verify(turned, **options).exit_code == 1
    assert trtconv.verify(turned, **options, metric="set").exit_code == 0
    assert trtconv.verify(turned, **options, metric="found:set=1").exit_code == 0
    assert trtconv.verify(turned, **options, metric="set=0").exit_code == 1


# --- precisions ----------------------------------------------------------------------------------

GRAPHS = {
    "float32": "float[4] x) => (float[4] y) { y = Relu(x) }",
    "float64": "double[4] x) => (double[4] y) { y = Relu(x) }",
    "float16": "float[4] x) => (float[4] y) { h = Cast<to=10>(x) r = Relu(h) y = Cast<to=1>(r) }",
    "bfloat16": "float[4] x) => (float[4] y) { h = Cast<to=16>(x) r = Relu(h) y = Cast<to=1>(r) }",
    "int8": """float[4] x) => (float[4] y) <float s = {0.1}, int8 z = {0}>
        { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }""",
}


@pytest.mark.parametrize("precision", GRAPHS)
def test_the_coarsest_precision_on_the_way_counts(precision: str) -> None:
    model = parse(f'<ir_version: 8, opset_import: ["": 19]> g ({GRAPHS[precision]}')
    assert precisions(load(model).main) == {"y": precision}


def test_weights_that_are_stored_in_fewer_bits_do_not_count() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 19]> g (float[4] x) => (float[4] y)
        <int8[4] w = {1, 2, 3, 4}, float s = {0.1}, int8 z = {0}, float16[4] b = {1, 2, 3, 4}>
        { f = DequantizeLinear(w, s, z) m = Mul(x, f) c = Cast<to=1>(b) y = Add(m, c) }""")
    assert precisions(load(model).main) == {"y": "float32"}


def test_defaults_grow_from_the_finest_to_the_coarsest() -> None:
    for finer, coarser in zip(list(DEFAULTS.values()), list(DEFAULTS.values())[1:], strict=False):
        assert finer.rtol <= coarser.rtol
        assert finer.atol <= coarser.atol


def test_a_network_rounded_to_float16_passes_by_default_and_a_wrong_one_does_not() -> None:
    body = "{ h = Cast<to=10>(x) v = Cast<to=10>(w) r = Mul(h, v) f = Cast<to=1>(r) y = Tanh(f) }"
    head = '<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) '
    full = parse(head + "<float[4] w = {1.0003, 2, 3, 4}> { r = Mul(x, w) y = Tanh(r) }")
    half, wrong = (parse(head + f"<float[4] w = {{{w}}}> {body}") for w in ("1.0003, 2, 3, 4", "1.0003, 2, 3, 5"))
    assert trtconv.verify(half, reference=full, shapes="x:16x4", runtimes=ORT).exit_code == 0
    assert trtconv.verify(half, reference=full, shapes="x:16x4", runtimes=ORT, rtol=1e-4, atol=1e-6).exit_code == 1
    assert trtconv.verify(wrong, reference=full, shapes="x:16x4", runtimes=ORT).exit_code == 1
