"""Weights of every system, from files shaped like the published ones."""

import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trtconv.errors import BadInput
from trtconv.models import create, pdparams, weights
from trtconv.models.networks.resnet import ResNet


def drawn(name, classes=None, **options):
    """A network whose every tensor is noise, so that one that was not loaded shows."""
    torch.manual_seed(7)
    model = create(name, classes, **options)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) + 0.5)
    return model


def same(a, b, prefix=""):
    theirs = b.state_dict()
    return all(
        torch.equal(v, theirs[k]) for k, v in a.state_dict().items() if k.startswith(prefix) and "num_batches" not in k
    )


def saved(path, values):
    torch.save(values, path)
    return path


WHOLE = [
    ("mobilenetv3_small", {}, "torchvision", lambda state: state),
    ("mobilenetv3_small_050", {}, "timm", lambda state: {"state_dict": state}),
    ("mobilenetv3_small_050", {}, "timm", lambda state: {f"module.{k}": v for k, v in state.items()}),
    ("deeplabv3plus_mobilenet", {}, "vainf", lambda state: {"cur_itrs": 3, "model_state": state, "best_score": 0.5}),
    ("bisenetv2", {}, "coincheung", lambda state: state),
]


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(("name", "options", "system", "wrap"), WHOLE)
def test_loads_a_whole_network(name, options, system, wrap, named, tmp_path):
    source, target = drawn(name, 5, **options), create(name, 5, **options)
    path = saved(tmp_path / "w.pth", wrap(dict(source.state_dict())))
    loaded = weights.load_file(target, path, format=system if named else None)
    assert loaded.format == system
    assert loaded.tensors == len(source.state_dict())
    assert same(target, source)


@pytest.mark.parametrize("version", [1, 2])
def test_an_eval_network_drops_the_auxiliary_heads_of_a_checkpoint(version, tmp_path):
    source, target = drawn(f"bisenetv{version}", 4, mode="train"), create(f"bisenetv{version}", 4)
    loaded = weights.load_file(target, saved(tmp_path / "w.pth", source.state_dict()))
    assert same(target, source)
    assert loaded.dropped
    assert all(key.startswith(("aux", "conv_out")) for key in loaded.dropped)


def test_a_checkpoint_without_auxiliary_heads_does_not_train_silently(tmp_path):
    path = saved(tmp_path / "w.pth", drawn("bisenetv2", 4).state_dict())
    with pytest.raises(BadInput, match=r"missing: aux2\.conv\.conv\.weight"):
        weights.load_file(create("bisenetv2", 4, mode="train"), path)


def test_loads_bisenets_nested_backbone(tmp_path):
    source, target = drawn("bisenetv2"), create("bisenetv2")
    nested = {name: child.state_dict() for name, child in source.named_children() if name in ("detail", "segment")}
    loaded = weights.load_file(target, saved(tmp_path / "backbone_v2.pth", nested))
    assert same(target, source, "detail.")
    assert same(target, source, "segment.")
    assert not same(target, source, "bga.")
    assert {key.partition(".")[0] for key in loaded.kept} == {"bga", "head"}


@pytest.mark.parametrize(("name", "depth", "prefix"), [("deeplabv3_resnet50", "resnet50", "backbone."),
                                                       ("bisenetv1", "resnet18", "cp.resnet.")])  # fmt: skip
def test_a_torchvision_resnet_becomes_a_backbone(name, depth, prefix, tmp_path):
    source, target = ResNet(depth), create(name)
    state = {**source.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    loaded = weights.load_file(target, saved(tmp_path / "w.pth", state))
    assert same(target.get_submodule(prefix.rstrip(".")), source)
    assert loaded.dropped == ("fc.weight", "fc.bias")
    assert loaded.kept
    assert not any(key.startswith(prefix) for key in loaded.kept)


def test_a_torchvision_mobilenetv2_becomes_a_backbone(tmp_path):
    source, target = drawn("deeplabv3_mobilenet"), create("deeplabv3_mobilenet")
    state = {
        f"features.{key.partition('_features.')[2]}": value
        for key, value in source.state_dict().items()
        if key.startswith("backbone.")
    }
    state |= {"features.18.0.weight": torch.zeros(1280, 320, 1, 1), "classifier.1.bias": torch.zeros(1000)}
    loaded = weights.load_file(target, saved(tmp_path / "w.pth", state))
    assert same(target, source, "backbone.")
    assert not same(target, source, "classifier.")
    assert loaded.dropped == ("features.18.0.weight", "classifier.1.bias")


def test_a_mismatch_lists_missing_unexpected_and_misshapen_keys(tmp_path):
    state = dict(drawn("mobilenetv3_small", 5).state_dict())
    del state["features.0.0.weight"]
    state["surplus.weight"] = torch.zeros(1)
    path = saved(tmp_path / "w.pth", state)
    with pytest.raises(BadInput) as error:
        weights.load_file(create("mobilenetv3_small", 4), path)
    text = str(error.value)
    assert "missing: features.0.0.weight" in text
    assert "unexpected: surplus.weight" in text
    assert "misshapen: classifier.3.weight (5, 1024) for (4, 1024), classifier.3.bias (5,) for (4,)" in text
    assert str(path) in text


def test_partial_loading_leaves_the_classifier_of_other_classes_alone(tmp_path):
    source, target = drawn("mobilenetv3_small", 1000), create("mobilenetv3_small", 4)
    first = target.state_dict()["classifier.3.weight"].clone()
    loaded = weights.load_file(target, saved(tmp_path / "w.pth", source.state_dict()), partial=True)
    assert len(loaded.misshapen) == 2
    assert same(target.get_submodule("features"), source.get_submodule("features"))
    assert torch.equal(target.state_dict()["classifier.3.weight"], first)


@pytest.mark.parametrize(
    ("values", "format", "message"),
    [
        ({"a": torch.zeros(1)}, None, "cannot tell where these weights come from: a"),
        ({"a": torch.zeros(1)}, "keras", "no format 'keras'"),
        ({"features.0.0.weight": "text"}, None, "is a str, not a tensor"),
        ({"a": torch.zeros(1)}, "timm", "do not fit"),
        ([1, 2], None, "holds a list"),
    ],
)
def test_says_what_is_wrong_with_a_file(values, format, message, tmp_path):
    with pytest.raises(BadInput, match=message):
        weights.load_file(create("mobilenetv3_small"), saved(tmp_path / "w.pth", values), format=format)


def paddle_state(model):
    """The weights as Paddle names and lays them out."""
    state = {}
    for key, value in model.state_dict().items():
        name = key.replace("running_mean", "_mean").replace("running_var", "_variance")
        if "num_batches" not in key:
            state[name] = value.numpy().T if value.ndim == 2 else value.numpy()
    return state


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("form", ["arrays", "tuples", "ordered"])
def test_loads_pdparams(protocol, form, tmp_path):
    source, target = drawn("MobileNetV3_small_x0_35", 6), create("MobileNetV3_small_x0_35", 6)
    state = paddle_state(source)
    if form == "tuples":
        state = {key: (f"param_{i}", value) for i, (key, value) in enumerate(state.items())}
    state["StructuredToParameterName@@"] = {key: f"param_{i}" for i, key in enumerate(state)}
    path = tmp_path / "net.pdparams"
    path.write_bytes(pickle.dumps(OrderedDict(state) if form == "ordered" else state, protocol=protocol))
    loaded = weights.load_file(target, path)
    assert loaded.format == "paddle"
    assert same(target, source)


class Attack:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    "attack",
    [
        Attack(print, "this ran"),
        Attack(eval, "print('this ran')"),
        Attack(exec, "print('this ran')"),
        Attack(getattr, np.ndarray, "tofile"),
        Attack(__import__, "os"),
        Attack(np.load, "/etc/passwd"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_pdparams_is_refused(attack, protocol, tmp_path, capsys):
    path = tmp_path / "evil.pdparams"
    path.write_bytes(pickle.dumps({"fc.weight": attack}, protocol=protocol))
    with pytest.raises(BadInput, match="it wants"):
        pdparams.read(path)
    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.",
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I99999999\ntS'b'\ntR.",
        b"c_codecs\nencode\n(S'aGk='\nS'zip'\ntR.",
        pickle.dumps({"a": np.array([print], dtype=object)}),
        pickle.dumps({"a": "text"}),
        pickle.dumps([1]),
        b"",
        b"\x80\x04",
    ],
)
def test_a_handmade_or_damaged_pdparams_is_refused(content, tmp_path):
    path = tmp_path / "evil.pdparams"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        pdparams.read(path)


@given(content=st.binary(max_size=60), protocol=st.sampled_from([b"", b"\x80\x02", b"\x80\x04"]))
@settings(max_examples=300, deadline=None)
def test_no_bytes_do_anything_but_load_or_fail(content, protocol, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzz.pdparams"
    path.write_bytes(protocol + content)
    try:
        tensors = pdparams.read(path)
    except BadInput:
        return
    assert all(isinstance(t, torch.Tensor) for t in tensors.values())


def test_an_absent_file_is_bad_input(tmp_path):
    for name in ("absent.pdparams", "absent.pth"):
        with pytest.raises(BadInput, match="absent"):
            weights.load_file(create("mobilenetv3_small"), tmp_path / name)
