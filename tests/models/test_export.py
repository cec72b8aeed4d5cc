"""Exports: what the exporters write, that ONNX Runtime agrees with PyTorch, and what the command line says."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import onnx
import pytest
import torch

from trtconv.cli import main
from trtconv.errors import BadInput
from trtconv.models import Card, checkpoint, create, export, find, networks
from trtconv.models.exporters import OPSETS, Form, write

SMALL = (64, 96)
# Node counts by operator that PyTorch 2.13's exporters write for the reference systems' own code.
GRAPHS = json.loads(Path(__file__).with_name("exporter_graphs.json").read_text())
MODELS = {
    "s000_large": ("mobilenetv3_large", 1000, {"activations": "primitive"}),
    "tv_mnv3_large": ("mobilenetv3_large", 1000, {}),
    "timm_mnv3_large_100": ("mobilenetv3_large_100", 1000, {}),
    "s001_dl_mnv2": ("deeplabv3plus_mobilenet", 2, {}),
    "s001_dl_r50": ("deeplabv3plus_resnet50", 2, {}),
    "bis_v1_eval": ("bisenetv1", 19, {}),
    "bis_v2_eval": ("bisenetv2", 19, {}),
    "bis_v2_argmax": ("bisenetv2", 19, {"mode": "pred"}),
}
QUICK = [
    f"{model}|ts|{form}"
    for model in MODELS
    for form in ("9|batch", "11|batch", "11|static", "11|batch_hw", "17|batch")
    if model != "s001_dl_r50" or form == "11|batch"
]


def check_graph(key):
    model, exporter, opset, dynamic = key.split("|")
    name, classes, options = MODELS[model]
    torch.manual_seed(0)
    form = Form(
        exporter={"ts": "torchscript", "dyn": "dynamo"}[exporter],
        opset=int(opset),
        dynamic={"static": "none", "batch": "batch", "batch_hw": "size"}[dynamic],
        stride=find(name).stride,
    )
    proto = write(create(name, classes, **options).eval(), (3, *SMALL), form)
    assert Counter(node.op_type for node in proto.graph.node) == Counter(GRAPHS[key])


@pytest.mark.parametrize("key", QUICK)
def test_writes_the_nodes_of_the_reference_systems(key):
    check_graph(key)


@pytest.mark.slow
@pytest.mark.parametrize("key", [key for key in GRAPHS if key not in QUICK])
def test_writes_the_nodes_of_the_reference_systems_in_every_form(key):
    check_graph(key)


def test_the_pads_of_deeplab_stay_in_the_graph(tmp_path):
    done = export("deeplabv3plus_mobilenet", tmp_path / "m.onnx", size=SMALL, opset=11, classes=2)
    proto = onnx.load(done.path)
    assert done.nodes == len(proto.graph.node) == 557
    assert sum(node.op_type == "Pad" for node in proto.graph.node) == 17


def test_nodes_have_the_names_that_users_address(tmp_path):
    export("mobilenetv3_large_100", tmp_path / "m.onnx", opset=11, dynamic="none", check=False)
    names = {node.name for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert names >= {
        "/blocks/blocks.3/blocks.3.1/conv_pwl/Conv",
        "/blocks/blocks.0/blocks.0.0/conv_dw/Conv",
        "/bn1/act/Mul",
        "/blocks/blocks.0/blocks.0.0/Add",
    }


ROUND_TRIPS = [
    ("mobilenetv3_large", 9, {"activations": "primitive"}),
    ("mobilenetv3_small", 17, {}),
    ("mobilenetv3_small_050", 11, {}),
    ("mobilenetv3_rw", 14, {}),
    ("tf_mobilenetv3_large_minimal_100", 20, {}),
    ("MobileNetV3_large_x0_35", 13, {}),
    ("deeplabv3plus_mobilenet", 11, {}),
    ("deeplabv3_mobilenet", 17, {"output_stride": 16, "upsample": "bilinear"}),
    ("deeplabv3plus_resnet50", 12, {"output_stride": 16}),
    ("bisenetv1", 17, {}),
    ("bisenetv1", 11, {"head": "pixelshuffle"}),
    ("bisenetv2", 11, {}),
]


@pytest.mark.parametrize(("name", "opset", "options"), ROUND_TRIPS)
@pytest.mark.parametrize("dynamic", ["none", "size"])
def test_onnx_runtime_agrees_with_pytorch(name, opset, options, dynamic, tmp_path):
    done = export(
        name, tmp_path / "m.onnx", seed=1, size=SMALL, opset=opset, dynamic=dynamic, classes=7, options=options
    )
    assert done.ok, str(done)
    assert done.max_abs_diff is not None


@pytest.mark.parametrize("name", ["mobilenetv3_small", "deeplabv3plus_mobilenet", "bisenetv2"])
def test_the_dynamo_exporter_agrees_with_pytorch(name, tmp_path):
    done = export(name, tmp_path / "m.onnx", seed=1, size=SMALL, exporter="dynamo", classes=7)
    assert done.ok, str(done)
    assert (done.card.exporter, done.card.opset) == ("dynamo", 18)
    assert done.input_shape == ("batch", 3, *SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("exporter", OPSETS)
@pytest.mark.parametrize("name", networks())
def test_every_network_agrees_with_pytorch(name, exporter, tmp_path):
    done = export(name, tmp_path / "m.onnx", seed=1, size=SMALL, exporter=exporter)
    assert done.ok, str(done)


@pytest.mark.slow
@pytest.mark.parametrize(("exporter", "opset"), [(e, o) for e, known in OPSETS.items() for o in known])
def test_every_opset_agrees_with_pytorch(exporter, opset, tmp_path):
    done = export("mobilenetv3_small", tmp_path / "m.onnx", seed=1, size=SMALL, exporter=exporter, opset=opset)
    assert done.ok, str(done)
    assert onnx.load(done.path).opset_import[0].version == opset


def test_notices_that_opset_10_resizes_otherwise(tmp_path):
    done = export("bisenetv2", tmp_path / "m.onnx", seed=1, size=SMALL, opset=10)
    assert not done.ok
    assert done.exit_code == 1
    assert "use 11 or later" in str(done)


def test_the_same_seed_draws_the_same_weights_and_another_seed_others(tmp_path):
    paths = [tmp_path / f"{i}.onnx" for i in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        export("mobilenetv3_small", path, seed=seed, check=False)
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()


@pytest.mark.parametrize("append", ["softmax", "argmax"])
@pytest.mark.parametrize(("name", "opset"), [("mobilenetv3_small", 11), ("deeplabv3plus_mobilenet", 11)])
def test_appends_softmax_or_argmax_over_the_classes(name, opset, append, tmp_path):
    done = export(name, tmp_path / "m.onnx", seed=1, size=SMALL, opset=opset, append=append, classes=4)
    assert done.ok, str(done)
    assert Card.from_onnx(done.path).output == append
    last = onnx.load(done.path).graph.node[-1]
    assert last.op_type in {"softmax": ("Softmax", "Transpose"), "argmax": ("ArgMax",)}[append]


def test_the_metadata_tell_exporter_classes_and_preprocessing(tmp_path):
    done = export("bisenetv2", tmp_path / "m.onnx", size=SMALL, classes=("road", "sky"), check=False)
    card = Card.from_onnx(done.path)
    assert card == done.card
    assert (card.network, card.exporter, card.torch, card.opset) == ("bisenetv2", "torchscript", torch.__version__, 17)
    assert card.classes == ("road", "sky")
    assert card.input_size == (3, *SMALL)
    assert card.preprocessing.resize == SMALL
    assert card.preprocessing.mean == (0.3257, 0.3690, 0.3223)
    properties = {p.key: p.value for p in onnx.load(done.path).metadata_props}
    assert properties["trtconv.classes"] == "road, sky"


@pytest.mark.parametrize(("size", "resize"), [((224, 224), 256), ((112, 112), 128), ((64, 96), 110)])
def test_the_card_keeps_the_share_of_the_image_that_the_crop_shows(size, resize, tmp_path):
    done = export("mobilenetv3_small", tmp_path / "m.onnx", size=size, check=False)
    assert (done.card.preprocessing.crop, done.card.preprocessing.resize) == (size, resize)


def test_exports_a_checkpoint_with_its_own_classes_and_options(tmp_path):
    card = find("mobilenetv3_small").card(("cat", "dog"), width=0.5)
    checkpoint.save(tmp_path / "best.pth", create("mobilenetv3_small", 2, width=0.5), card)
    done = export("", tmp_path / "m.onnx", checkpoint_file=tmp_path / "best.pth", size=(64, 64))
    assert done.ok
    assert (done.card.classes, done.card.options) == (("cat", "dog"), {"width": 0.5})
    with pytest.raises(BadInput, match="holds mobilenetv3_small, not bisenetv1"):
        export("bisenetv1", tmp_path / "n.onnx", checkpoint_file=tmp_path / "best.pth")
    with pytest.raises(BadInput, match="brings its own"):
        export("", tmp_path / "n.onnx", checkpoint_file=tmp_path / "best.pth", classes=3)


@pytest.mark.parametrize(
    ("name", "choices", "message"),
    [
        ("mobilenetv3_small", {"opset": 8}, "writes opset 9 to 20, not 8"),
        ("mobilenetv3_small", {"opset": 17, "exporter": "dynamo"}, "writes opset 18 to 23, not 17"),
        ("mobilenetv3_small", {"exporter": "tf"}, "no exporter 'tf'"),
        ("mobilenetv3_small", {"input_name": "outputs"}, "a name each"),
        ("bisenetv1", {"size": (64, 65)}, "multiples of 32"),
        ("mobilenetv3_small", {"size": (8, 8)}, "at least 32"),
        ("bisenetv1", {"options": {"mode": "pred"}, "append": "softmax", "size": SMALL}, "returns argmax already"),
    ],
)
def test_says_what_cannot_be_exported_and_writes_nothing(name, choices, message, tmp_path):
    with pytest.raises(BadInput, match=message):
        export(name, tmp_path / "m.onnx", **choices)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_exports_under_the_systems_own_names(tmp_path, capsys):
    path = tmp_path / "m.onnx"
    arguments = ["bisenetv2", "--preset", "--option", "mode=pred", "--size", "64x96", "--seed", "0", "-o", str(path)]
    assert main(["models", "export", *arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["results"][0]
    assert (said["input_name"], said["output_name"], said["card"]["output"]) == ("input_image", "preds", "argmax")
    assert said["max_abs_diff"] <= said["tolerance"]
    graph = onnx.load(path).graph
    assert (graph.input[0].name, graph.output[0].name) == ("input_image", "preds")


def test_the_command_line_exits_with_1_where_the_numbers_differ(tmp_path, capsys):
    arguments = ["bisenetv2", "--opset", "10", "--size", "64x96", "--seed", "0", "-o", str(tmp_path / "m.onnx")]
    assert main(["models", "export", *arguments]) == 1
    assert "DIFFERS" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nope"],
        ["mobilenetv3_small", "--weights", "absent.pth"],
        ["mobilenetv3_small", "--option", "width"],
        ["mobilenetv3_small", "--option", "width=wide"],
        ["mobilenetv3_small", "--size", "axb"],
        ["mobilenetv3_small", "-o", "absent/m.onnx", "--no-check", "--size", "64"],
        ["--checkpoint", "absent.pth"],
    ],
)
def test_bad_usage_exits_with_2_and_no_traceback(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["models", "export", *arguments]) == 2
    said = capsys.readouterr().err
    assert said
    assert "Traceback" not in said


def test_a_folder_that_is_not_there_is_said_before_the_work(tmp_path, capsys):
    assert main(["models", "export", "mobilenetv3_small", "-o", str(tmp_path / "none" / "net.onnx")]) == 2
    said = capsys.readouterr().err
    assert f"there is no folder {tmp_path / 'none'}" in said
    assert "making the network" not in said


def test_each_step_is_told_in_a_log_and_help_is_clean(tmp_path, capsys):
    assert main(["models", "export", "mobilenetv3_small", "-o", str(tmp_path / "net.onnx")]) == 0
    steps = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in steps] == ["making", "writing", "comparing"]
    assert main(["models", "export", "mobilenetv3_small", "-o", str(tmp_path / "net.onnx"), "--json"]) == 0
    shown = capsys.readouterr()
    assert not shown.err
    assert json.loads(shown.out)["exit_code"] == 0
    assert main(["models", "export", "--help"]) == 0
    assert "\\b" not in capsys.readouterr().out


def test_lists_every_network_with_its_counts(capsys):
    assert main(["models", "list", "--json"]) == 0
    listed = {n["name"]: n for n in json.loads(capsys.readouterr().out)["networks"]}
    assert set(listed) == set(networks())
    assert listed["bisenetv1"]["parameters"] == 13_275_539
    assert main(["models", "list"]) == 0
    assert "13,275,539  118.338  3x1024x2048" in capsys.readouterr().out


@pytest.mark.parametrize(
    "code",
    [
        "import trtconv.models as m; m.find('bisenetv2').card()",
        "from trtconv.cli import main; main(['models', '--help'])",
        "from trtconv.cli import main; main(['models', 'export', '--help'])",
        "from trtconv.cli import main; main(['models', 'list'])",
    ],
)
def test_names_cards_and_help_need_no_pytorch(code):
    check = "import sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", f"{code}; {check}"], check=True, stdout=subprocess.DEVNULL)
