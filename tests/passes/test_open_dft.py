"""DFT of a length that is known at run time only, against numpy's transforms in double precision."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import ModelProto
from support import judge, parse, run

import trtconv

NUMBERS = {"float": np.float32, "float16": np.float16, "double": np.float64}
FORMS = st.sampled_from(
    [(1, "onesided = 1"), (1, ""), (2, ""), (2, "inverse = 1"), (1, "inverse = 1"), (2, "inverse = 1, onesided = 1")]
)


def decomposed(model: ModelProto) -> ModelProto:
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", only=["missing-operator"], evidence=False)
    assert "DFT" not in {n.op_type for n in result.model.graph.node}
    onnx.checker.check_model(result.model, full_check=True)
    return result.model


def transformed(x: np.ndarray, form: str, length: int, axis: int) -> np.ndarray:
    signal = x[..., 0] + (1j * x[..., 1] if x.shape[-1] == 2 else 0)
    axis = axis if axis >= 0 else axis + 1  # the last axis holds the parts
    if form == "inverse = 1, onesided = 1":
        return np.fft.irfft(signal, length, axis)[..., None]
    if "onesided" in form:
        result = np.fft.rfft(signal.real, length, axis)
    else:
        result = (np.fft.ifft if "inverse" in form else np.fft.fft)(signal, length, axis)
    return np.stack([result.real, result.imag], -1)


@settings(max_examples=25, deadline=None)
@given(
    form=FORMS,
    count=st.integers(1, 70),
    length=st.none() | st.integers(1, 70),
    axis=st.sampled_from([0, 1, -2]),
    kind=st.sampled_from(list(NUMBERS)),
    seed=st.integers(0, 99),
)
def test_open_lengths(form: tuple[int, str], count: int, length: int | None, axis: int, kind: str, seed: int) -> None:
    parts, attribute = form
    assume(length or count > 1)  # one frequency alone is half a spectrum of no samples
    model = parse(f"""<ir_version: 9, opset_import: ["": 20]>
        g ({kind}[P,Q,R,{parts}] x, int64 n) => ({kind}[A,B,C,D] y) <int64 a = {{{axis}}}> {{
            y = DFT <{attribute or "inverse = 0"}> (x, {"" if length is None else "n"}, a) }}""")
    shape = [2, 3, 2, parts]
    shape[axis] = count
    x = np.random.default_rng(seed).standard_normal(shape).astype(NUMBERS[kind])
    (got,) = run(decomposed(model), {"x": x, "n": np.array(length or 1)})
    assert got.dtype == NUMBERS[kind]
    step = max(float(np.finfo(got.dtype).eps), 1e-14)
    whole = 2 * (count - 1) if attribute == "inverse = 1, onesided = 1" else count
    want = transformed(x.astype(np.float64), attribute, length or whole, axis)
    np.testing.assert_allclose(got, want, rtol=4 * step, atol=4 * step * np.abs(x).sum(axis, dtype=np.float64).max())


def test_half_a_spectrum_of_one_part_stays() -> None:
    model = parse("""<ir_version: 9, opset_import: ["": 20]>
        g (float[N,T,1] x) => (float[N,F,1] y) { y = DFT <onesided = 1, inverse = 1> (x) }""")
    result = trtconv.fix(model, target="tensorrt-rtx-1.7", evidence=False)
    assert [f.refusal for f in result.remaining if f.is_fatal] == [
        "half a spectrum is complex, and this one has one part"
    ]


@pytest.mark.parametrize("opset", [17, 20])
@pytest.mark.parametrize(("parts", "form"), [(1, "onesided = 1"), (2, "onesided = 1, inverse = 1")])
def test_the_parser_takes_it(opset: int, parts: int, form: str) -> None:
    model = parse(f"""<ir_version: 9, opset_import: ["": {opset}]>
        g (float[N,T,{parts}] x) => (float[N,F,{3 - parts}] y) {{ y = DFT <{form}> (x) }}""")
    before, after = judge([(m, {"x": [2, 30, parts]}) for m in (model, decomposed(model))])
    assert before is not None
    assert after is None
