import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import parse

from trtconv.cli import main
from trtconv.errors import BadInput
from trtconv.profiles import example, inputs_text, model_inputs, profiles_for
from trtconv.shapes import ShapeProfile, Span, parse_shapes, shapes_text
from trtconv.trtexec import from_trtexec, to_trtexec

MODEL = parse("""
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, H, 224] image, int64[2] sizes, bool[N] mask, float scale) => (float[N, 3, H, 224] y)
<float w = {1.0}>
{ y = Mul(image, w) }
""")
INPUTS = model_inputs(MODEL)
STATIC = model_inputs(
    parse('<ir_version: 8, opset_import: ["" : 17]> g (float[2,3] x) => (float[2,3] y) { y = Relu(x) }')
)


def spans(*numbers):
    return tuple(Span(*n) if isinstance(n, tuple) else Span(n, n, n) for n in numbers)


# --- the text ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("image:1-4-8x3x224x224", "image", spans((1, 4, 8), 3, 224, 224)),
        ("image:1-8x3", "image", spans((1, 8, 8), 3)),
        ("image:7", "image", spans(7)),
        ("scale:scalar", "scale", ()),
        ("image:0:1-2", "image:0", spans((1, 2, 2))),
        ("a=b:1", "a=b", spans(1)),
        ("'a,b;c:1':2x3", "a,b;c:1", spans(2, 3)),
        ("'it''s':2", "it's", spans(2)),
        ("it's:2", "it's", spans(2)),
        (" image : 1x2 ", "image", spans(1, 2)),
        ("image:0-1x2", "image", spans((0, 1, 1), 2)),
    ],
)
def test_reads_a_shape(text, name, expected):
    assert parse_shapes(text) == (ShapeProfile({name: expected}),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("n=1-4-8", spans((1, 4, 8))), ("n=1x3x224-448", spans(1, 3, (224, 448, 448))), ("n=-1--1-2", spans((-1, -1, 2)))],
)
def test_reads_the_values_of_a_shape_tensor(text, expected):
    assert parse_shapes(text) == (ShapeProfile({}, {"n": expected}),)


def test_several_inputs_and_profiles():
    both = parse_shapes("a:1x2,b:3;a:4x5,b:6")
    assert both == (ShapeProfile({"a": spans(1, 2), "b": spans(3)}), ShapeProfile({"a": spans(4, 5), "b": spans(6)}))
    assert parse_shapes(["a:1x2;a:4x5", "b:3;b:6"]) == both


def test_an_option_with_one_profile_holds_for_all():
    assert shapes_text(parse_shapes(["a:1;a:2", "b:3"])) == "a:1,b:3;a:2,b:3"


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ("", "cannot read"),
        ("1x3x224", "cannot read"),
        (":1x3", "names no input"),
        ("a:1x3,", "cannot read"),
        ("a:1x3;", "cannot read"),
        ("a:1xx3", "is not a number"),
        ("a:", "is not a number"),
        ("a:1-2-3-4", "is not a number"),
        ("a:8-4", "order min-opt-max"),
        ("a:1-9-8", "order min-opt-max"),
        ("a:-1x3", "cannot be negative"),
        ("a:99999999999", "beyond"),
        ("a:1,a:2", "two shapes in one profile"),
        ("a:1,a=2", "two shapes in one profile"),
        (["a:1", "a:2"], "two shapes in one profile"),
        (["a:1;a:2", "b:1;b:2;b:3"], "2 and 3 profiles"),
    ],
)
def test_refuses_what_it_cannot_read(texts, says):
    with pytest.raises(BadInput, match=says) as caught:
        parse_shapes(texts)
    assert caught.value.do


def test_at_min_opt_and_max():
    (profile,) = parse_shapes("a:1-4-8x3,n=2-5x7")
    assert [profile.at(point) for point in ("min", "opt", "max")] == [{"a": (1, 3)}, {"a": (4, 3)}, {"a": (8, 3)}]
    assert profile.values_at("max") == {"n": (5, 7)}
    assert profile.to_json() == {
        "shapes": {"a": {"min": [1, 3], "opt": [4, 3], "max": [8, 3]}},
        "values": {"n": {"min": [2, 7], "opt": [5, 7], "max": [5, 7]}},
    }


NAMES = st.text(max_size=8)
TRTEXEC_NAMES = st.text(max_size=8).filter(lambda name: name and name == name.strip() and "'" not in name)


def span(least):
    return st.lists(st.integers(least, 2**31 - 1), min_size=3, max_size=3).map(lambda n: Span(*sorted(n)))


def profiles(names, least_value):
    shapes, values = st.lists(span(0), max_size=5).map(tuple), st.lists(span(least_value), min_size=1, max_size=5)
    entries = st.dictionaries(names, st.tuples(st.booleans(), shapes, values.map(tuple)), min_size=1, max_size=4)
    return entries.map(
        lambda found: ShapeProfile(
            {name: shape for name, (is_shape, shape, _) in found.items() if is_shape},
            {name: value for name, (is_shape, _, value) in found.items() if not is_shape},
        )
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(profiles(NAMES, -(2**31) + 1), min_size=1, max_size=3))
def test_the_canonical_text_reads_back(given_profiles):
    text = shapes_text(given_profiles)
    assert parse_shapes(text) == tuple(given_profiles)
    assert shapes_text(parse_shapes(text)) == text


@settings(deadline=None, max_examples=60)
@given(st.lists(profiles(TRTEXEC_NAMES, 0), min_size=1, max_size=3))
def test_trtexec_arguments_read_back(given_profiles):
    values_of = {name for profile in given_profiles for name in profile.values}
    given_profiles = [p for p in given_profiles if not values_of & set(p.shapes)] or given_profiles[:1]
    values_of = {name for profile in given_profiles for name in profile.values}
    arguments = to_trtexec(given_profiles)
    assert from_trtexec(arguments, values_of) == tuple(given_profiles)
    assert from_trtexec(shlex.join(arguments), values_of) == tuple(given_profiles)


# --- trtexec -------------------------------------------------------------------------------------


def test_writes_what_trtexec_takes():
    assert to_trtexec(parse_shapes("image:0:1-4-8x3,scale:scalar,n=1-2")) == [
        "--minShapes='image:0':1x3,scale:scalar,n:1",
        "--optShapes='image:0':4x3,scale:scalar,n:2",
        "--maxShapes='image:0':8x3,scale:scalar,n:2",
    ]
    assert to_trtexec(parse_shapes("a:1;a:2"))[::4] == ["--profile=0", "--profile=1"]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("trtexec --onnx=m.onnx --minShapes=a:1x3 --optShapes=a:4x3 --maxShapes=a:8x3 --fp16", "a:1-4-8x3"),
        ("--shapes=a:4x3,b:2", "a:4x3,b:2"),
        ("--optShapes=a:4x3", "a:4x3"),
    ],
)
def test_reads_a_typed_trtexec_command(typed, text):
    assert shapes_text(from_trtexec(typed)) == text


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("trtexec --onnx=m.onnx", "no shapes"),
        ("--minShapes=a:1 --optShapes=a:2", "--maxShapes missing"),
        ("--minShapes=a:1 --optShapes=a:2 --maxShapes=b:3", "'a' is not in all"),
        ("--minShapes=a:1 --optShapes=a:2x3 --maxShapes=a:3", "1, 2 and 1 dimensions"),
        ("--minShapes=a:4 --optShapes=a:2 --maxShapes=a:3", "order min <= opt <= max"),
        ("--shapes=a:1-2", "does not take"),
    ],
)
def test_refuses_what_trtexec_would_refuse(typed, says):
    with pytest.raises(BadInput, match=says):
        from_trtexec(typed)


# --- against the graph ---------------------------------------------------------------------------


def test_a_static_graph_needs_no_shapes():
    assert profiles_for(STATIC)[0].at("opt") == {"x": (2, 3)}


def test_static_inputs_are_filled_in():
    (profile,) = profiles_for(INPUTS, "mask:1-8,image:1-8x3x64x224")
    assert profile.text == "image:1-8x3x64x224,sizes:2,mask:1-8,scale:scalar"


def test_values_carry_the_shape_of_their_input():
    (profile,) = profiles_for(INPUTS, "mask:1,image:1x3x64x224,sizes=1-2x7")
    assert (profile.at("max")["sizes"], profile.values_at("max")) == ((2,), {"sizes": (2, 7)})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("img:1x3x64x224,mask:1", "no input 'img'"),
        ("image:1x3x64,mask:1", "has 4 dimensions, not the 3"),
        ("image:1x4x64x224,mask:1", "dimension 1 of input 'image' is fixed to 3, not 4"),
        ("image:1x3x64x1-224,mask:1", "dimension 3 of input 'image' is fixed to 224, not 1-224"),
        ("image:1x3x64x224", "'mask' has dynamic dimensions"),
        ("", "'image' has dynamic dimensions"),
        ("image:1-8x3x64x224,mask:1-4", "'N' is 1-8 in input 'image', and 1-4 in input 'mask'"),
        ("image:8-4x3x64x224,mask:1", "order min-opt-max"),
        ("image:1x3x64x224,mask:1,sizes=1", "has 2 values, not the 1"),
        ("image=1,mask:1", "'image' cannot be a shape tensor"),
        ("image:1x3x64x224,mask:1,sizes:4", "write sizes=4"),
    ],
)
def test_what_the_graph_contradicts_is_shown_with_its_inputs(text, says):
    with pytest.raises(BadInput, match=says) as caught:
        profiles_for(INPUTS, text)
    assert "image: float[N,3,H,224], sizes: int64[2], mask: bool[N], scale: float[]" in caught.value.where
    assert caught.value.do == "for example --shapes image:1-4-8x3x224x224,mask:1-4-8"


def test_the_example_has_one_size_for_each_named_dimension():
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[N,T] x, float[2,N] h) => (float[N,T] y) { y = Relu(x) }'
    inputs = model_inputs(parse(text))
    assert example(inputs) == "x:1-4-8x224,h:2x1-4-8"
    assert profiles_for(inputs, example(inputs))


def test_an_input_of_unknown_shape_takes_any():
    inputs = {"x": None}
    assert inputs_text(inputs) == "x: no tensor type"
    assert profiles_for(inputs, "x:1-2x3")[0].text == "x:1-2x3"
    with pytest.raises(BadInput, match="dynamic"):
        profiles_for(inputs)


def test_a_negative_dimension_of_an_old_exporter_is_dynamic():
    shapes = {"x": (-1, 3), "z": ("-1", 3), "w": ("-1", 3)}
    old = {name: STATIC["x"]._replace(shape=shape) for name, shape in shapes.items()}
    assert profiles_for(old, "x:1x3,z:2x3,w:3x3")[0].text == "x:1x3,z:2x3,w:3x3"


# --- a model where shapes belong -------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["my net.onnx"], ["--model", "my net.onnx"]])
def test_a_model_without_shapes_is_told_what_to_type(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my net.onnx").write_bytes(MODEL.SerializeToString())
    assert main(["shapes", *arguments]) == 2
    told = capsys.readouterr().err
    assert "image: float[N,3,H,224]" in told
    proposed = shlex.split(told.partition("for example: trtconv ")[2])
    assert main(proposed) == 0
    assert "--minShapes=" in capsys.readouterr().out


def test_neither_shapes_nor_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shapes"]) == 2
    assert "give shapes, such as image:1-4-8x3x224x224" in capsys.readouterr().err
