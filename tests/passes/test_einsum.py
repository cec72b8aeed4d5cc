"""Einsum taken apart or written out, against numpy: diagonals, ellipses, sums, outer products, size 1, integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import parse, run

import trtconv

SIZES = {"i": 2, "j": 3, "k": 4, "l": 1, "b": 2, "I": 2, "C": 3}
EQUATIONS = (
    *("ij,jk->ik", "ij,jk", "bij,bjk->bik", "ij,kj->ik", "ij,ij->", "ij,ij->i", "i,j->ij"),
    *("ij->ji", "ij->", "ij->j", "ii->i"),
    *("iij->j", "iii->i", "ii", "ij,jk,kl->il", "bij,bik->bjk", "bijl,bkl->bijk", "ijk,jil->kl", "Ij,jC->IC"),
    *("ijl,kb->kjbli", "ij,kk->ij", "ij,jk->k", "l,ij->ijl", "i,i,i->i"),
)
DOTS = (
    *(("...ij,...jk->...ik", (2, 5, 2, 3), (2, 5, 3, 4)), ("...ij,...jk", (5, 2, 3), (5, 3, 4))),
    *(("i...->...", (2, 3, 4), None), ("...ij,...jk->...ik", (5, 2, 3), (2, 1, 3, 4))),
    *(("...i,i->...", (2, 3, 4), (4,)),),
    *(("b...j,j...->b...", (2, 3, 4), (4, 3)), ("...ii->...i", (2, 3, 3), None)),
)


def check(equation: str, arrays: list[np.ndarray], target: str, *, dynamic: bool = False) -> list[str]:
    kind = {"float32": "float", "int32": "int32"}[str(arrays[0].dtype)]
    dims = [[f"d{i}_{j}" if dynamic else d for j, d in enumerate(a.shape)] for i, a in enumerate(arrays)]
    inputs = ", ".join(f"{kind}[{','.join(map(str, d))}] x{i}" for i, d in enumerate(dims))
    operands = ", ".join(f"x{i}" for i in range(len(arrays)))
    before = parse(f"""<ir_version: 8, opset_import: ["": 13]> g ({inputs}) => ({kind} y) {{
        y = Einsum <equation = "{equation}"> ({operands}) }}""")
    names = ["missing-operator", "einsum-form", "integer-product"]
    result = trtconv.fix(before, target=target, only=names, evidence=False)
    assert not result.crashes
    assert result.ok, result.remaining
    got = run(result.model, {f"x{i}": a for i, a in enumerate(arrays)})[0]
    want = np.einsum(equation, *arrays)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    return [n.op_type for n in result.model.graph.node]


def arrays_of(equation: str, rng: np.random.Generator, kind: str = "float32") -> list[np.ndarray]:
    return [rng.integers(-4, 5, [SIZES[c] for c in term]).astype(kind) for term in equation.split("->")[0].split(",")]


@pytest.mark.parametrize("equation", EQUATIONS)
@pytest.mark.parametrize("target", ["tensorrt-8.0", "tensorrt-8.6", "tensorrt-10.3"])
def test_equations(equation: str, target: str) -> None:
    operators = check(equation, arrays_of(equation, np.random.default_rng(0)), target)
    assert target != "tensorrt-8.0" or "Einsum" not in operators


@pytest.mark.parametrize(("equation", "a", "b"), DOTS)
@pytest.mark.parametrize("target", ["tensorrt-8.0", "tensorrt-8.2", "tensorrt-10.16"])
def test_ellipses(equation: str, a: tuple[int, ...], b: tuple[int, ...] | None, target: str) -> None:
    rng = np.random.default_rng(0)
    check(equation, [rng.standard_normal(s).astype(np.float32) for s in (a, b) if s is not None], target)


@pytest.mark.parametrize("equation", ["bij,bjk->bik", "bqhd,bkhd->bhqk", "bhqk,bkhd->bqhd", "ij,j->i", "Ij,jC->IC"])
@pytest.mark.parametrize("target", ["tensorrt-8.0", "tensorrt-8.6"])
def test_sizes_that_are_not_fixed(equation: str, target: str) -> None:
    sizes = {c: i + 2 for i, c in enumerate("bijkqhdIC")}
    rng = np.random.default_rng(0)
    terms = equation.split("->")[0].split(",")
    arrays = [rng.standard_normal([sizes[c] for c in t]).astype(np.float32) for t in terms]
    check(equation, arrays, target, dynamic=True)


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_random_equations(data: st.DataObject) -> None:
    terms = data.draw(st.lists(st.text("ijkl", min_size=1, max_size=3), min_size=1, max_size=3))
    labels = sorted(set("".join(terms)))
    output = data.draw(st.permutations(labels))[: data.draw(st.integers(0, len(labels)))]
    equation = ",".join(terms) + "->" + "".join(output)
    check(equation, arrays_of(equation, np.random.default_rng(data.draw(st.integers(0, 99)))), "tensorrt-8.0")


def test_integers_since_11() -> None:
    operators = check("ij,jk->ik", arrays_of("ij,jk", np.random.default_rng(0), "int32"), "tensorrt-11.0")
    assert "Einsum" not in operators
