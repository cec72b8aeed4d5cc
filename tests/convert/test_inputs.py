"""What is fed: the user's own inputs, bit for bit, and inputs that make sense to the graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import helper
from support import parse

import trtconv
from trtconv.feeding.cases import read_range
from trtconv.feeding.inputs import seeded_case
from trtconv.feeding.preprocessing import CARD_KEY, Preprocessing, open_image, prepared
from trtconv.storage.arrays import ArrayWriter, as_type, read_arrays
from trtconv.storage.loading import load

ORT = ("onnxruntime",)
SWISH = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) { y = HardSwish(x) }"""


def test_npz_files_are_fed_as_they_are(tmp_path: Path) -> None:
    for name, rows in (("b.npz", 2), ("a.npz", 1)):
        np.savez(tmp_path / name, x=np.full((rows, 4), rows, np.float32))
    parity = trtconv.verify(parse(SWISH), reference=parse(SWISH), inputs=tmp_path, runtimes=ORT)
    assert [(c.name, float(c.feed["x"].sum())) for c in parity.cases] == [("a.npz", 4.0), ("b.npz", 16.0)]
    one = trtconv.verify(parse(SWISH), reference=parse(SWISH), inputs=str(tmp_path / "a.npz"), runtimes=ORT)
    assert len(one.cases) == 1


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"z": np.zeros((1, 4), np.float32)}, "lacks the input 'x'"),
        ({"x": np.zeros((1, 4), np.float32), "z": np.zeros(1)}, "no input: 'z'"),
        ({"x": np.zeros((1, 5), np.float32)}, r"has shape \[1, 5\]"),
        ({"x": np.zeros(4, np.float32)}, r"has shape \[4\]"),
        ({"x": np.zeros((1, 4), np.complex64)}, "holds complex64"),
        ({"x": np.array(["a"], object)}, "not an .npz file of plain arrays"),
    ],
)
def test_npz_that_does_not_fit_is_an_error(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    np.savez(tmp_path / "in.npz", **arrays)
    with pytest.raises(trtconv.BadInput, match=words):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), inputs=tmp_path / "in.npz", runtimes=ORT)


def test_inputs_that_are_no_npz_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no")
    for path, words in ((tmp_path / "text.npz", "no archive of arrays$"), (tmp_path / "absent.npz", "does not exist")):
        with pytest.raises(trtconv.BadInput, match=f"(?m){words}"):
            trtconv.verify(parse(SWISH), reference=parse(SWISH), inputs=path, runtimes=ORT)
    (tmp_path / "text.npz").unlink()
    with pytest.raises(trtconv.BadInput, match=r"neither \.npz files nor pictures"):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), inputs=tmp_path, runtimes=ORT)


def test_what_was_fed_can_be_fed_again_bit_for_bit(tmp_path: Path) -> None:
    first = trtconv.verify(parse(SWISH), reference=parse(SWISH), shapes="x:1-2-5x4", runtimes=ORT, seed=5)
    paths = first.save_inputs(tmp_path / "new" / "fed")
    again = trtconv.verify(parse(SWISH), reference=parse(SWISH), inputs=tmp_path / "new" / "fed", runtimes=ORT)
    assert [p.name for p in paths] == ["000 min.npz", "001 opt.npz", "002 max.npz"]
    for one, other in zip(first.cases, again.cases, strict=True):
        assert one.feed["x"].tobytes() == other.feed["x"].tobytes()
    twice = again.save_inputs(tmp_path / "twice")
    assert [(p.name, p.read_bytes()) for p in twice] == [(p.name, p.read_bytes()) for p in paths]
    with pytest.raises(trtconv.BadInput, match="cannot make the folder"):
        first.save_inputs(paths[0])


BERT = """<ir_version: 8, opset_import: ["": 17]>
    g (int64[B,T] ids, int64[B,T] attention_mask, int64[B,T] position_ids, bool[B] keep, float[B,T] scale)
      => (float[B,T,2] y)
    <float[7,2] table = {0,1,2,3,4,5,6,7,8,9,10,11,12,13},
     float[5,2] places = {0,1,2,3,4,5,6,7,8,9}, int64[1] two = {2}>
    {
        masked = Mul(ids, attention_mask)
        words = Gather(table, masked)
        where = Gather(places, position_ids)
        both = Add(words, where)
        wide = Unsqueeze(scale, two)
        y = Mul(both, wide)
    }"""


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**32))
def test_inputs_make_sense_to_the_graph(batch: int, length: int, seed: int) -> None:
    graph = load(parse(BERT)).main
    shapes = {name: (batch, length) for name in graph.inputs} | {"keep": (batch,)}
    feed = seeded_case(graph, "case", shapes, seed).feed
    again = seeded_case(graph, "case", shapes, seed).feed
    assert all(np.array_equal(feed[name], again[name]) for name in feed)
    assert feed["ids"].min() >= 0
    assert feed["ids"].max() < 7
    assert feed["position_ids"][0].tolist() == [i % 5 for i in range(length)]
    mask = feed["attention_mask"]
    assert set(np.unique(mask)) <= {0, 1}
    assert (np.diff(mask, axis=1) <= 0).all(), "padded to the right"
    assert mask[:, 0].all()
    assert feed["keep"].dtype == bool
    assert feed["scale"].dtype == np.float32


def test_what_was_fed_is_said() -> None:
    model = parse(BERT)
    parity = trtconv.verify(model, reference=model, runtimes=ORT)
    assert parity.exit_code == 0
    notes = " ".join(parity.notes)
    assert "'ids': integers inside the table (indexes into table)" in notes
    assert "no shapes were given" in notes
    sizes = [{v.shape[:1] for v in case.feed.values()} for case in parity.cases]
    assert all(len(s) == 1 for s in sizes), "equal names, equal sizes"


def test_values_of_shape_tensors_come_from_the_profile() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N] x, int64[2] shape) => (float[A,B] y) { y = Reshape(x, shape) }""")
    parity = trtconv.verify(model, reference=model, shapes="x:6-6-12,shape=2-2-3x3-3-4", runtimes=ORT)
    assert [c.feed["shape"].tolist() for c in parity.cases] == [[2, 3], [3, 4]]


def test_guessed_shapes_that_do_not_fit_are_left_out_and_said() -> None:
    model = parse("""<ir_version: 8, opset_import: ["": 17]>
        g (float[N,4] x) => (float[A,B] y) <int64[2] s = {2, 4}> { y = Reshape(x, s) }""")
    parity = trtconv.verify(model, reference=model, runtimes=ORT)
    assert [c.name for c in parity.cases] == ["batch 2"]
    assert sum("left out" in note for note in parity.notes) >= 2


# --- ranges and batches --------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(0, 2**32))
def test_made_up_values_stay_in_their_range(low: float, width: float, seed: int) -> None:
    graph = load(parse(BERT)).main
    shapes = {name: (2, 5) for name in graph.inputs} | {"keep": (2,)}
    feed = seeded_case(graph, "case", shapes, seed, ranges={"scale": (low, low + width), "ids": (2, 3)}).feed
    assert feed["scale"].min() >= np.float32(low)
    assert feed["scale"].max() <= np.float32(low + width)
    assert set(np.unique(feed["ids"])) <= {2, 3}, "what was asked for wins over what the graph says"
    plain = seeded_case(graph, "case", shapes, seed, ranges={"": (5, 5)}).feed
    assert (plain["scale"] == 5).all()
    assert plain["ids"].max() < 7, "a range for all is for plain data"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0-1", (0, 1)), ("-1-1", (-1, 1)), ("-2--1", (-2, -1)), ("1e-3-.5", (0.001, 0.5)), ((0, 255), (0, 255))],
)
def test_ranges_as_users_write_them(text: Any, wanted: tuple[float, float]) -> None:
    assert read_range(text) == wanted


@pytest.mark.parametrize("text", ["1", "1-0", "a-b", "0-inf", (1,), (2, 1)])
def test_what_is_no_range_is_an_error(text: Any) -> None:
    with pytest.raises(trtconv.BadInput, match="--range"):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), ranges={"x": text}, runtimes=ORT)


def test_ranges_and_batches_are_said(tmp_path: Path) -> None:
    parity = trtconv.verify(
        parse(SWISH), reference=parse(SWISH), shapes="x:1-2-2x4", ranges="x:0-1", batches=2, runtimes=ORT
    )
    assert [c.name for c in parity.cases] == ["min", "min (2)", "opt", "opt (2)"]
    feeds = [c.feed["x"] for c in parity.cases]
    assert not np.array_equal(feeds[0], feeds[1])
    assert all(feed.min() >= 0 and feed.max() <= 1 for feed in feeds)
    assert "input 'x': between 0 and 1, as asked" in parity.notes
    guessed = trtconv.verify(parse(SWISH), reference=parse(SWISH), batches=2, runtimes=ORT)
    assert len(guessed.cases) == 6
    with pytest.raises(trtconv.BadInput, match="no input 'z'"):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), ranges="z:0-1", runtimes=ORT)


# --- bit for bit ---------------------------------------------------------------------------------

BITS = {
    "float32": np.array([0x7FC00001, 0xFFC12345, 0x7F800000, 0x80000000, 1], np.uint32).view(np.float32),
    "float16": np.array([0x7E01, 0xFE55, 0x7C00, 0x8000, 1], np.uint16).view(np.float16),
    "float64": np.array([0x7FF8000000000001, 0xFFF8000000012345, 1], np.uint64).view(np.float64),
    "int64": np.array([-(2**63), 2**63 - 1, 0]),
    "uint64": np.array([2**64 - 1, 0], np.uint64),
    "bool": np.array([True, False, True]),
    "int8": np.array([-128, 127], np.int8),
}


@pytest.mark.parametrize("dtype", BITS)
def test_what_was_fed_is_fed_again_with_every_bit(dtype: str, tmp_path: Path) -> None:
    onnx_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    values = [helper.make_tensor_value_info(name, onnx_type, ["N"]) for name in ("file", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["file"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    first = trtconv.verify(model, reference=model, inputs={"file": BITS[dtype]}, runtimes=ORT)
    first.save_inputs(tmp_path)
    again = trtconv.verify(model, reference=model, inputs=tmp_path, runtimes=ORT)
    assert again.cases[0].feed["file"].dtype == np.dtype(dtype)
    assert again.cases[0].feed["file"].tobytes() == BITS[dtype].tobytes()
    assert again.exit_code == first.exit_code == 0
    again.save_inputs(tmp_path / "again")
    old, new = sorted(tmp_path.glob("*.npz")), sorted((tmp_path / "again").glob("*.npz"))
    assert [p.read_bytes() for p in old] == [p.read_bytes() for p in new], "the same arrays make the same file"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["float32", "float16", "int64", "bool", "uint8", "bfloat16", "float8_e4m3fn", "int4"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    st.sampled_from(["x", "a/b:0", "file", "allow_pickle", "ünï", "../up"]),
    st.integers(0, 2**32),
)
def test_every_element_type_and_name_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory, kind: str, shape: tuple[int, ...], name: str, seed: int
) -> None:
    import ml_dtypes

    dtype = np.dtype(getattr(ml_dtypes, kind, kind))
    raw = np.random.default_rng(seed).integers(0, 2 if kind == "bool" else 8 if kind == "int4" else 256, shape)
    wide = np.repeat(raw.astype(np.uint8)[..., None], dtype.itemsize, -1)
    value = np.ascontiguousarray(wide).view(dtype).reshape(shape)
    path = tmp_path_factory.mktemp("arrays") / "a.npz"
    with path.open("wb") as file, ArrayWriter(file) as arrays:
        arrays.add(name, value)
    (found,) = read_arrays(path).items()
    back = as_type(found[1], dtype)
    assert found[0] == name
    assert back is not None
    assert (back.dtype, back.shape, back.tobytes()) == (value.dtype, value.shape, value.tobytes())


# --- Polygraphy's files --------------------------------------------------------------------------


def test_what_polygraphy_saved_is_fed(tmp_path: Path) -> None:
    from polygraphy.json import save_json

    feeds = [{"x": np.full((rows, 4), np.nan, np.float32)} for rows in (1, 3)]
    save_json(feeds, str(tmp_path / "in.json"))
    parity = trtconv.verify(parse(SWISH), reference=parse(SWISH), inputs=tmp_path / "in.json", runtimes=ORT)
    assert [(c.name, c.feed["x"].shape) for c in parity.cases] == [("in.json 0", (1, 4)), ("in.json 1", (3, 4))]
    assert parity.cases[1].feed["x"].tobytes() == feeds[1]["x"].tobytes()


@pytest.mark.parametrize("text", ["{}", "[]", "[1]", "not json", '{"polygraphy_class": "RunResults"}'])
def test_json_that_holds_no_inputs_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "in.json").write_text(text)
    with pytest.raises(trtconv.BadInput, match="--save-inputs FILE"):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), inputs=tmp_path / "in.json", runtimes=ORT)


# --- pictures ------------------------------------------------------------------------------------

LOOK = {
    "resize": [8, 10], "crop": None, "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5],
    "colour": "BGR", "scale": 1 / 255, "interpolation": "bilinear",
}  # fmt: skip


def picture_model(batch: str = "N", card: dict[str, Any] | None = None) -> onnx.ModelProto:
    model = parse(f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[{batch},3,8,10] image) => (float[{batch},3,8,10] y) {{ y = Relu(image) }}""")
    if card is not None:
        model.metadata_props.add(key=CARD_KEY, value=json.dumps(card))
    return model


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("b.png", "a.jpg", "c.bmp"):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_pictures_become_inputs_as_the_metadata_say(pictures: Path) -> None:
    model = picture_model(card={"preprocessing": LOOK})
    parity = trtconv.verify(model, reference=model, inputs=pictures, runtimes=ORT)
    assert parity.exit_code == 0
    assert [c.name for c in parity.cases] == ["a.jpg", "b.png", "c.bmp"]
    wanted = prepared(open_image(pictures / "b.png"), Preprocessing.from_json(LOOK))
    assert np.array_equal(parity.cases[1].feed["image"], wanted[None])
    one = trtconv.verify(model, reference=model, inputs=pictures / "b.png", runtimes=ORT)
    assert np.array_equal(one.cases[0].feed["image"], wanted[None])


def test_a_fixed_batch_is_filled(pictures: Path) -> None:
    model = picture_model("2", {"preprocessing": LOOK})
    parity = trtconv.verify(model, reference=model, inputs=pictures, runtimes=ORT)
    assert [c.feed["image"].shape[0] for c in parity.cases] == [2, 2]


def test_pictures_that_cannot_be_fed_are_an_error(pictures: Path) -> None:
    with pytest.raises(trtconv.BadInput, match="do not say how a picture"):
        trtconv.verify(picture_model(), reference=picture_model(), inputs=pictures, runtimes=ORT)
    with pytest.raises(trtconv.BadInput, match="single input of float images"):
        trtconv.verify(parse(SWISH), reference=parse(SWISH), inputs=pictures, runtimes=ORT)
    large = picture_model(card={"preprocessing": {**LOOK, "resize": [9, 10]}})
    with pytest.raises(trtconv.BadInput, match=r"shape \[1, 3, 9, 10\]"):
        trtconv.verify(large, reference=large, inputs=pictures, runtimes=ORT)
    (pictures / "a.jpg").write_text("broken")
    model = picture_model(card={"preprocessing": LOOK})
    with pytest.raises(trtconv.BadInput, match="cannot read the image"):
        trtconv.verify(model, reference=model, inputs=pictures, runtimes=ORT)
