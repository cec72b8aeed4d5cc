"""Model cards in checkpoints and ONNX metadata."""

import onnx
import pytest
import torch
from onnx import parser

from trtconv.errors import BadInput
from trtconv.models import Card, create, find
from trtconv.models import checkpoint as checkpoints

GRAPH = "agraph (float[1] x) => (float[1] y) { y = Identity(x) }"


@pytest.fixture
def card():
    return find("mobilenetv3_small").card(("cat", "dog", "ünïcode"), dropout=0.1)


def save_onnx(path, metadata):
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["": 13]> {GRAPH}')
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def test_comes_back_from_onnx(card, tmp_path):
    assert Card.from_onnx(save_onnx(tmp_path / "m.onnx", card.to_metadata())) == card


def test_comes_back_from_a_checkpoint_with_its_network(card, tmp_path):
    path = tmp_path / "last.pth"
    model = create("mobilenetv3_small", 3, dropout=0.1).eval()
    checkpoints.save(path, model, card, step=7)
    loaded, found = checkpoints.load(path)
    image = torch.randn(1, 3, 32, 32)
    assert found == Card.from_checkpoint(path) == card
    assert torch.equal(loaded(image), model(image))
    assert checkpoints.read(path)["step"] == 7


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "carries no card"),
        ({"trtconv.card": "{"}, "not JSON"),
        ({"trtconv.card": "{}"}, "incomplete"),
        ({"trtconv.card": '{"colour": 1}'}, "unknown fields: colour"),
    ],
)
def test_says_what_is_wrong_with_metadata(metadata, message, tmp_path):
    with pytest.raises(BadInput, match=message):
        Card.from_onnx(save_onnx(tmp_path / "m.onnx", metadata))


def test_a_file_that_is_no_onnx_is_bad_input(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"\xff\xff\xff")
    with pytest.raises(BadInput, match="cannot read"):
        Card.from_onnx(tmp_path / "m.onnx")
    with pytest.raises(BadInput, match="cannot read"):
        Card.from_onnx(tmp_path / "absent.onnx")


class Attack:
    def __reduce__(self):
        return (print, ("this ran",))


def test_a_checkpoint_that_wants_code_to_run_is_refused(tmp_path, capsys):
    path = tmp_path / "evil.pth"
    torch.save({"model": Attack()}, path)
    with pytest.raises(BadInput, match="plain tensors"):
        checkpoints.read(path)
    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"\x80\x02garbage"])
def test_a_damaged_checkpoint_is_bad_input(content, tmp_path):
    path = tmp_path / "damaged.pth"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        checkpoints.read(path)


def test_a_failed_save_leaves_the_old_checkpoint(card, tmp_path):
    path = tmp_path / "last.pth"
    model = create("mobilenetv3_small", 3)
    checkpoints.save(path, model, card)
    before = path.read_bytes()
    with pytest.raises(Exception, match="pickle"):
        checkpoints.save(path, model, card, extra=lambda: None)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["last.pth"]
