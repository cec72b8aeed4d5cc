"""The error curve: what it says of errors that jump and creep, what it draws, and how it is asked for."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import onnx
import pytest
from PIL import Image
from support import parse

import trtconv
from trtconv.cli import main
from trtconv.divergence.error_curve import ErrorCurve, measure_curve
from trtconv.errors import BadInput
from trtconv.feeding.inputs import seeded_case
from trtconv.storage.loading import load

CHAIN = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,16] x) => (float[N,16] y) <float two = {2}, float c = {%r}>
    { [a] a = Mul(x, two) [b] b = Sigmoid(a) [c] c1 = Mul(b, c) [d] d = Add(c1, a) [e] y = Mul(d, two) }"""


def curve(original: onnx.ModelProto, model: onnx.ModelProto) -> ErrorCurve:
    first, second = load(original), load(model)
    return measure_curve(first, second, seeded_case(first.main, "small", {"x": (2, 16)}, 0))


def creeping(factor: float) -> onnx.ModelProto:
    steps = " ".join(f"h{i + 1} = Mul(h{i}, c)" for i in range(60))
    return parse(f"""<ir_version: 8, opset_import: ["": 17]> g (float[N,16] x) => (float[N,16] y)
        <float c = {{{factor!r}}}> {{ h0 = Identity(x) {steps} y = Identity(h60) }}""")


def test_an_error_that_jumps_is_placed() -> None:
    found = curve(parse(CHAIN % 1.0), parse(CHAIN % 1.01))
    by_name = {layer.tensor: layer for layer in found.layers}
    assert [by_name[t].depth for t in ("a", "b", "c1", "d", "y")] == [1, 2, 3, 4, 5]
    assert by_name["a"].of_range == by_name["b"].of_range == 0
    assert by_name["c1"].of_range == pytest.approx(0.01, rel=0.1)
    assert by_name["c1"].max_rel == pytest.approx(0.01, rel=1e-3)
    assert by_name["c1"].max_abs > 0
    assert by_name["c1"].max_ulp > 1000
    assert [t for t, layer in by_name.items() if layer.jumps] == ["c1"]
    assert by_name["y"].arriving == by_name["d"].of_range
    assert found.sentence.startswith("the error jumps at c1 (Mul c), depth 3, from 0 % to 1 % of the range")


@pytest.mark.parametrize(
    ("original", "model", "says"),
    [
        (creeping(1.0), creeping(1.000002), "the error creeps: it passes what rounding explains at h"),
        (creeping(1.0), creeping(1.0), "all 62 tensors are equal"),
        (creeping(1.0), parse(CHAIN % 1.0), "no tensor inside is in both models"),
    ],
)
def test_the_sentence(original: onnx.ModelProto, model: onnx.ModelProto, says: str) -> None:
    original.graph.output[0].name = original.graph.node[-1].output[0] = "z"
    if says.startswith("no"):
        assert curve(original, model).sentence == says
        return
    model.graph.output[0].name = model.graph.node[-1].output[0] = "z"
    assert curve(original, model).sentence.startswith(says)


def test_shapes_that_differ_are_infinitely_far(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["": 17]> g (float[N,16] x) => (float[A,B] y)
        { h = Transpose <perm=%s> (x) y = Relu(h) }"""
    found = curve(parse(text % "[0,1]"), parse(text % "[1,0]"))
    assert [layer.of_range for layer in found.layers] == [float("inf")] * 2
    assert json.loads(found.save(tmp_path / "c.json").read_text())["layers"][0]["of_range"] == "inf"
    ET.parse(found.save(tmp_path / "c.svg"))


@pytest.mark.parametrize("suffix", [".html", ".svg", ".png", ".json"])
def test_every_form_is_whole(tmp_path: Path, suffix: str) -> None:
    found = curve(parse(CHAIN % 1.0), parse(CHAIN % 1.01))
    path = found.save(tmp_path / f"curve{suffix}")
    if suffix == ".png":
        with Image.open(path) as image:
            colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or []}
        assert {(192, 32, 32), (31, 119, 180)} <= colours, "a jump and the line"
        return
    text = path.read_text("utf-8")
    assert "c1" in text
    if suffix == ".json":
        assert [layer["tensor"] for layer in json.loads(text)["layers"]] == ["a", "b", "c1", "d", "y"]
    else:
        drawn = ET.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
        assert len(drawn.findall(".//{http://www.w3.org/2000/svg}title")) == 5
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", ""), "nothing is fetched from elsewhere"


def test_the_command_line_draws_it_and_says_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(parse(CHAIN % 1.0), "a.onnx")
    onnx.save(parse(CHAIN % 1.01), "b.onnx")
    command = ["verify", "b.onnx", "--reference", "a.onnx", "--runtimes", "onnxruntime", "--error-curve"]
    assert main([*command, "curve.html"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "the error jumps at c1" in said
    assert "the error curve is in curve.html" in said
    assert "<svg" in Path("curve.html").read_text("utf-8")
    assert main([*command, "curve.pdf"]) == 2
    assert ".html, .svg, .png, .json" in " ".join(capsys.readouterr().err.split())
    assert main([*command, "absent/curve.svg"]) == 2
    said = capsys.readouterr()
    assert "there is no folder absent" in said.err
    assert not said.out


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(BadInput, match="which form"):
        ErrorCurve("small", ()).save("curve.pdf")


def test_verify_measures_it_only_when_asked() -> None:
    pair = {"reference": parse(CHAIN % 1.0), "runtimes": ("onnxruntime",), "noise": "off"}
    assert trtconv.verify(parse(CHAIN % 1.01), **pair).curve is None
    parity = trtconv.verify(parse(CHAIN % 1.01), **pair, error_curve=True)
    assert parity.curve is not None
    assert parity.curve.sentence in str(parity)
    assert parity.to_json()["error_curve"] == parity.curve.to_json()
