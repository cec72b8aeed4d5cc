"""Every network against the published counts and the published names of its weights."""

import pytest
import torch

from trtconv.errors import BadInput
from trtconv.models import create, find, networks
from trtconv.models.counted import counted
from trtconv.models.counts import count

# name, classes, options, parameters, entries of the state_dict (0: not published)
PARAMETERS = [
    ("mobilenetv3_large", 1000, {}, 5_483_032, 312),
    ("mobilenetv3_large", 5, {}, 4_208_437, 312),
    ("mobilenetv3_small", 1000, {}, 2_542_856, 244),
    ("mobilenetv3_small", 5, {}, 1_522_981, 244),
    ("mobilenetv3_large_100", 1000, {}, 5_483_032, 312),
    ("mobilenetv3_large_075", 1000, {}, 3_993_528, 0),
    ("mobilenetv3_small_100", 1000, {}, 2_542_856, 0),
    ("mobilenetv3_small_075", 1000, {}, 2_041_872, 0),
    ("mobilenetv3_small_050", 1000, {}, 1_593_224, 0),
    ("mobilenetv3_rw", 1000, {}, 5_479_918, 311),
    ("tf_mobilenetv3_large_minimal_100", 1000, {}, 3_924_288, 0),
    ("MobileNetV3_large_x1_25", 1000, {}, 7_443_308, 0),
    ("MobileNetV3_large_x1_0", 1000, {}, 5_480_206, 0),
    ("MobileNetV3_large_x0_75", 1000, {}, 3_912_248, 0),
    ("MobileNetV3_large_x0_5", 1000, {}, 2_673_422, 0),
    ("MobileNetV3_large_x0_35", 1000, {}, 2_104_328, 0),
    ("MobileNetV3_small_x1_25", 1000, {}, 3_627_370, 0),
    ("MobileNetV3_small_x1_0", 1000, {}, 2_939_958, 0),
    ("MobileNetV3_small_x0_75", 1000, {}, 2_375_106, 0),
    ("MobileNetV3_small_x0_5", 1000, {}, 1_902_536, 0),
    ("MobileNetV3_small_x0_35", 1000, {}, 1_665_954, 0),
    ("deeplabv3plus_mobilenet", 2, {}, 5_220_834, 356),
    ("deeplabv3plus_mobilenet", 21, {}, 5_225_717, 356),
    ("deeplabv3plus_resnet50", 2, {}, 39_756_962, 368),
    ("deeplabv3plus_resnet50", 21, {}, 39_761_845, 368),
    ("deeplabv3plus_resnet101", 2, {}, 58_749_090, 674),
    ("deeplabv3plus_resnet101", 21, {}, 58_753_973, 674),
    ("deeplabv3_mobilenet", 2, {}, 5_108_994, 350),
    ("deeplabv3_mobilenet", 21, {}, 5_113_877, 350),
    ("deeplabv3_resnet50", 2, {}, 39_633_986, 0),
    ("deeplabv3_resnet50", 21, {}, 39_638_869, 0),
    ("deeplabv3_resnet101", 2, {}, 58_626_114, 0),
    ("deeplabv3_resnet101", 21, {}, 58_630_997, 0),
    ("bisenetv1", 19, {}, 13_275_539, 206),
    ("bisenetv1", 150, {}, 13_309_206, 206),
    ("bisenetv1", 171, {}, 13_314_603, 206),
    ("bisenetv1", 19, {"mode": "train"}, 13_425_721, 222),
    ("bisenetv1", 150, {"mode": "train"}, 13_476_418, 222),
    ("bisenetv1", 171, {"mode": "train"}, 13_484_545, 222),
    ("bisenetv2", 19, {}, 3_358_627, 327),
    ("bisenetv2", 150, {}, 3_492_902, 327),
    ("bisenetv2", 171, {}, 3_514_427, 327),
    ("bisenetv2", 19, {"mode": "train"}, 5_231_487, 383),
    ("bisenetv2", 150, {"mode": "train"}, 5_544_446, 383),
    ("bisenetv2", 171, {"mode": "train"}, 5_594_615, 383),
    ("bisenetv1", 19, {"head": "pixelshuffle"}, 13_549_888, 0),
    ("bisenetv1", 19, {"head": "pixelshuffle", "mode": "train"}, 14_092_800, 0),
    ("bisenetv2", 19, {"head": "pixelshuffle"}, 4_585_552, 0),
    ("bisenetv2", 19, {"head": "pixelshuffle", "mode": "train"}, 27_709_152, 0),
]

# name, classes, options, size, multiply-accumulates in units of 1e9
MACS = [
    ("mobilenetv3_large", 1000, {}, (224, 224), 0.2166),
    ("mobilenetv3_large", 5, {}, (224, 224), 0.2153),
    ("mobilenetv3_small", 1000, {}, (224, 224), 0.0565),
    ("mobilenetv3_small", 5, {}, (224, 224), 0.0555),
    ("mobilenetv3_large_100", 1000, {}, (224, 224), 0.2166),
    ("MobileNetV3_large_x1_25", 1000, {}, (224, 224), 0.6999 / 2),
    ("MobileNetV3_large_x1_0", 1000, {}, (224, 224), 0.4396 / 2),
    ("MobileNetV3_large_x0_75", 1000, {}, (224, 224), 0.2876 / 2),
    ("MobileNetV3_large_x0_5", 1000, {}, (224, 224), 0.1334 / 2),
    ("MobileNetV3_large_x0_35", 1000, {}, (224, 224), 0.0744 / 2),
    ("MobileNetV3_small_x1_25", 1000, {}, (224, 224), 0.1907 / 2),
    ("MobileNetV3_small_x1_0", 1000, {}, (224, 224), 0.1202 / 2),
    ("MobileNetV3_small_x0_75", 1000, {}, (224, 224), 0.0861 / 2),
    ("MobileNetV3_small_x0_5", 1000, {}, (224, 224), 0.0415 / 2),
    ("MobileNetV3_small_x0_35", 1000, {}, (224, 224), 0.0263 / 2),
    ("deeplabv3plus_mobilenet", 2, {}, (352, 480), 19.812),
    ("deeplabv3plus_mobilenet", 2, {"output_stride": 16}, (352, 480), 10.817),
    ("deeplabv3plus_resnet50", 2, {}, (352, 480), 111.393),
    ("deeplabv3plus_resnet50", 2, {"output_stride": 16}, (352, 480), 38.337),
    ("deeplabv3plus_resnet101", 2, {}, (352, 480), 161.394),
    ("deeplabv3plus_resnet101", 2, {"output_stride": 16}, (352, 480), 50.837),
    ("deeplabv3_mobilenet", 2, {}, (352, 480), 13.957),
    ("deeplabv3_mobilenet", 2, {"output_stride": 16}, (352, 480), 3.793),
    ("deeplabv3plus_mobilenet", 21, {"output_stride": 16}, (513, 513), 16.817),
    ("deeplabv3plus_resnet50", 21, {"output_stride": 16}, (513, 513), 62.380),
    ("deeplabv3plus_resnet101", 21, {"output_stride": 16}, (513, 513), 83.005),
    ("bisenetv1", 19, {}, (1024, 2048), 118.34),
    ("bisenetv1", 19, {}, (768, 1536), 66.57),
    ("bisenetv2", 19, {}, (1024, 2048), 98.41),
    ("bisenetv2", 19, {}, (512, 1024), 24.60),
    ("bisenetv1", 19, {"head": "pixelshuffle"}, (1024, 2048), 128.38),
    ("bisenetv2", 19, {"head": "pixelshuffle"}, (1024, 2048), 138.58),
]


@pytest.mark.parametrize(("name", "classes", "options", "parameters", "entries"), PARAMETERS)
def test_has_the_published_number_of_parameters(name, classes, options, parameters, entries):
    counts = count(name, classes, (64, 64), **options)
    assert counts.parameters == parameters
    assert entries in (0, counts.entries)


@pytest.mark.parametrize(("name", "classes", "options", "size", "giga"), MACS)
def test_has_the_published_number_of_multiply_accumulates(name, classes, options, size, giga):
    # The figures have four digits, which for the smallest of them is coarser than a thousandth.
    rounding = 0.5e-4 if giga < 1 else 0.5e-2
    assert count(name, classes, size, **options).macs / 1e9 == pytest.approx(giga, rel=1e-3, abs=rounding)


@pytest.mark.parametrize(("name", "statistics"), [("mobilenetv3_large", 24_400), ("mobilenetv3_small", 12_112)])
def test_has_the_published_number_of_running_statistics(name, statistics):
    assert count(name).statistics == statistics


@pytest.mark.parametrize("name", networks())
def test_what_is_listed_is_what_is_counted(name):
    assert counted()[name] == count(name)


def test_every_network_has_a_published_count():
    assert {name for name, *_ in PARAMETERS} == set(networks())


# A weight of each kind, with its shape, as the published files have it.
KEYS = {
    "mobilenetv3_large": {
        "features.0.0.weight": (16, 3, 3, 3),
        "features.1.block.0.0.weight": (16, 1, 3, 3),
        "features.4.block.2.fc1.weight": (24, 72, 1, 1),
        "features.4.block.3.1.running_var": (40,),
        "features.16.1.num_batches_tracked": (),
        "classifier.0.weight": (1280, 960),
        "classifier.3.bias": (1000,),
    },
    "mobilenetv3_small": {"features.1.block.1.fc2.bias": (16,), "features.12.0.weight": (576, 96, 1, 1)},
    "mobilenetv3_large_100": {
        "conv_stem.weight": (16, 3, 3, 3),
        "blocks.0.0.conv_pw.weight": (16, 16, 1, 1),
        "blocks.0.0.bn2.weight": (16,),
        "blocks.2.0.se.conv_reduce.weight": (24, 72, 1, 1),
        "blocks.5.2.conv_pwl.weight": (160, 960, 1, 1),
        "blocks.5.2.bn3.running_mean": (160,),
        "blocks.6.0.conv.weight": (960, 160, 1, 1),
        "blocks.6.0.bn1.weight": (960,),
        "conv_head.bias": (1280,),
        "classifier.weight": (1000, 1280),
    },
    "MobileNetV3_large_x0_35": {
        "conv.conv.weight": (8, 3, 3, 3),
        "blocks.0.expand_conv.conv.weight": (8, 8, 1, 1),
        "blocks.3.mid_se.conv1.weight": (6, 24, 1, 1),
        "blocks.14.bottleneck_conv.bn.bias": (336,),
        "blocks.14.linear_conv.conv.weight": (56, 336, 1, 1),
        "last_second_conv.bn.running_var": (336,),
        "last_conv.weight": (1280, 336, 1, 1),
        "fc.weight": (1000, 1280),
    },
    "deeplabv3plus_mobilenet": {
        "backbone.low_level_features.0.0.weight": (32, 3, 3, 3),
        "backbone.low_level_features.3.conv.0.0.weight": (144, 24, 1, 1),
        "backbone.high_level_features.17.conv.3.weight": (320,),
        "classifier.project.0.weight": (48, 24, 1, 1),
        "classifier.aspp.convs.4.1.weight": (256, 320, 1, 1),
        "classifier.aspp.project.1.bias": (256,),
        "classifier.classifier.3.bias": (21,),
    },
    "deeplabv3_resnet50": {
        "backbone.layer4.2.conv3.weight": (2048, 512, 1, 1),
        "classifier.classifier.0.convs.0.0.weight": (256, 2048, 1, 1),
        "classifier.classifier.4.weight": (21, 256, 1, 1),
    },
    "bisenetv1": {
        "cp.resnet.layer4.0.downsample.1.weight": (512,),
        "cp.arm16.conv.conv.weight": (128, 256, 3, 3),
        "cp.arm32.bn_atten.bias": (128,),
        "cp.conv_avg.conv.weight": (128, 512, 1, 1),
        "sp.conv_out.bn.weight": (128,),
        "ffm.convblk.conv.weight": (256, 256, 1, 1),
        "ffm.bn.weight": (256,),
        "conv_out.conv_out.bias": (19,),
    },
    "bisenetv2": {
        "detail.S3.2.conv.weight": (128, 128, 3, 3),
        "segment.S1S2.left.1.conv.weight": (16, 8, 3, 3),
        "segment.S3.0.dwconv1.0.weight": (96, 1, 3, 3),
        "segment.S4.1.dwconv.0.weight": (384, 1, 3, 3),
        "segment.S5_4.3.conv2.0.weight": (128, 768, 1, 1),
        "segment.S5_5.bn.weight": (128,),
        "segment.S5_5.conv_gap.conv.weight": (128, 128, 1, 1),
        "bga.left1.2.weight": (128, 128, 1, 1),
        "bga.conv.1.weight": (128,),
        "head.conv_out.1.bias": (19,),
    },
}


@pytest.mark.parametrize("name", KEYS)
def test_weights_have_the_published_names_and_shapes(name):
    with torch.device("meta"):
        own = create(name).state_dict()
    assert {key: tuple(own[key].shape) for key in KEYS[name]} == KEYS[name]


@pytest.mark.parametrize(
    ("version", "keys"),
    [
        (1, ["conv_out16.conv_out.weight", "conv_out32.conv.bn.bias"]),
        (2, ["aux2.conv_out.0.1.conv.weight", "aux5_4.conv_out.1.bias"]),
    ],
)
def test_auxiliary_heads_exist_for_training_only(version, keys):
    training = create(f"bisenetv{version}", 3, mode="train")
    assert set(keys) <= set(training.state_dict())
    assert not set(keys) & set(create(f"bisenetv{version}", 3).state_dict())
    image = torch.zeros(2, 3, 64, 64)
    outputs = training(image)
    assert [tuple(o.shape) for o in outputs] == [(2, 3, 64, 64)] * (3 if version == 1 else 5)
    assert training.eval()(image).shape == (2, 3, 64, 64)


def test_pred_mode_returns_the_label_of_the_largest_logit():
    labels = create("bisenetv2", 4, mode="pred").eval()
    logits = create("bisenetv2", 4).eval()
    logits.load_state_dict(labels.state_dict())
    image = torch.randn(1, 3, 64, 32)
    assert torch.equal(labels(image), logits(image).argmax(dim=1))


@pytest.mark.parametrize("name", ["deeplabv3plus_mobilenet", "deeplabv3_mobilenet"])
@pytest.mark.parametrize("output_stride", [8, 16])
def test_the_mobilenet_backbone_pads_before_the_expansion(name, output_stride):
    with torch.device("meta"):
        backbone = create(name, output_stride=output_stride).backbone
        low, out = backbone(torch.empty(1, 3, 352, 480))
    assert low.shape == (1, 24, 88, 120)
    assert out.shape == (1, 320, 352 // output_stride, 480 // output_stride)
    assert [m.padding for m in backbone.modules() if isinstance(m, torch.nn.Conv2d)] == [(0, 0)] * 51


def test_paddles_dropout_scales_at_inference_unless_it_is_off():
    scaled = create("MobileNetV3_small_x0_35", 3).eval()
    plain = create("MobileNetV3_small_x0_35", 3, dropout=0.0).eval()
    plain.load_state_dict(scaled.state_dict())
    image = torch.randn(1, 3, 64, 64)
    # The classifier's bias is zero, so the factor shows in the logits.
    torch.testing.assert_close(scaled(image), 0.8 * plain(image))


def test_activations_from_primitives_compute_the_same():
    fused, primitive = (create("mobilenetv3_small", 3, activations=a).eval() for a in ("fused", "primitive"))
    primitive.load_state_dict(fused.state_dict())
    image = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(fused(image), primitive(image))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mobilenetv3_lrage", {}, "did you mean mobilenetv3_large"),
        ("mobilenetv3_large", {"output_stride": 8}, "has no option 'output_stride'"),
        ("mobilenetv3_large", {"width": 0.0}, "width must be above 0"),
        ("mobilenetv3_large", {"activations": "odd"}, "fused or primitive"),
        ("deeplabv3_mobilenet", {"output_stride": 4}, "8 or 16, not 4"),
        ("deeplabv3_mobilenet", {"output_stride": True}, "takes a whole number, not True"),
        ("deeplabv3_mobilenet", {"upsample": "cubic"}, "nearest or bilinear"),
        ("bisenetv1", {"mode": "test"}, "train, eval, pred"),
        ("bisenetv1", {"head": "big"}, "bilinear or pixelshuffle"),
        ("bisenetv2", {"classes": 0}, "at least one class"),
    ],
)
def test_says_what_is_wrong_with_a_name_or_an_option(name, options, message):
    with pytest.raises(BadInput, match=message):
        create(name, **options)


def test_every_card_survives_json():
    from trtconv.models import Card

    for network in networks().values():
        card = network.card(dropout=0.5)
        assert Card.from_json(card.to_json()) == card
        assert Card.from_metadata(card.to_metadata()) == card
    assert find("mobilenetv3_rw").card().preprocessing.interpolation == "bicubic"
