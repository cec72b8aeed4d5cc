"""Targets: which version a name stands for, what each takes, and where that is known from."""

from __future__ import annotations

import re

import pytest

from trtconv.passes.core.target import PRODUCTS, Target, UnknownTarget, facts, known, measured, resolve, versions


@pytest.mark.parametrize(
    ("text", "stands_for", "facts_of"),
    [
        ("tensorrt-7.0", "tensorrt-7.0", (7, 0)),
        ("tensorrt-7.2", "tensorrt-7.2.1", (7, 2, 1)),
        ("tensorrt-8.2", "tensorrt-8.2.5", (8, 2, 5)),
        ("trt8.2.4", "tensorrt-8.2.4", (8, 2, 3)),
        ("tensorrt-8.3", "tensorrt-8.3", (8, 2, 5)),
        ("tensorrt-8.6.1.6", "tensorrt-8.6.1", (8, 6, 1)),
        ("tensorrt-10", "tensorrt-10.16", (10, 16)),
        ("tensorrt-10.0", "tensorrt-10.0.1", (10, 0, 1)),
        ("tensorrt-10.3.0.26", "tensorrt-10.3", (10, 3)),
        ("rtx-1.6.1", "tensorrt-rtx-1.6", (1, 6)),
        ("tensorrt-12.1", "tensorrt-12.1", (11, 4)),
        ("tensorrt-rtx-2.0", "tensorrt-rtx-2.0", (1, 7)),
    ],
)
def test_a_name_resolves_to_the_version_whose_facts_hold(text: str, stands_for: str, facts_of: tuple[int, ...]) -> None:
    target = Target.parse(text)
    assert (str(target), target.nearest) == (stands_for, facts_of)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tensorrt-6.0", "older than the oldest known, tensorrt-7.0"),
        ("tensorrt-rtx-1.3", "older than the oldest known, tensorrt-rtx-1.4"),
        ("tensort-10.3", "did you mean tensorrt-10.3?"),
        ("tensort-rtx-1.6", "did you mean tensorrt-rtx-1.6?"),
        ("tensorrt-8.2x", "did you mean tensorrt-8.2.5 or "),
        ("10.3", "did you mean tensorrt-10.3?"),
        ("1.7", "did you mean tensorrt-rtx-1.7?"),
        ("trtt8.2", "did you mean tensorrt-8.2?"),
        ("tensorrrt", "did you mean tensorrt or "),
        ("openvino-1", "unknown target 'openvino-1'"),
        ("tensorrt-", "did you mean tensorrt"),
        ("", "unknown target ''"),
    ],
)
def test_what_is_no_known_target(text: str, message: str) -> None:
    with pytest.raises(UnknownTarget, match=re.escape(message)) as raised:
        Target.parse(text)
    assert len(str(raised.value)) < 100


@pytest.mark.parametrize("name", known())
def test_a_target_can_be_named_as_reports_name_it(name: str) -> None:
    target = Target.parse(name)
    assert Target.parse(target.title) == target
    assert not target.doubt


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("tensorrt-13.1", "TensorRT 13.1 is newer than what trtconv knows: these are the facts of TensorRT 11.4"),
        ("tensorrt-10.33", "TensorRT 10.33 is not among the versions that trtconv knows: these are the facts of Tens"),
        ("tensorrt-8.3", "TensorRT 8.3 is not among the versions that trtconv knows: these are the facts of TensorRT"),
        ("tensorrt-rtx-1.9", "TensorRT-RTX 1.9 is newer than what trtconv knows: these are the facts of TensorRT-RTX"),
    ],
)
def test_a_version_that_is_not_known_is_inferred_and_says_so(text: str, doubt: str) -> None:
    target = Target.parse(text)
    assert target.doubt.startswith(doubt)
    assert target.evidence("Abs") == target.opset_evidence == "inferred"


def test_newer_than_known_takes_the_facts_of_the_newest() -> None:
    newer, newest = Target.parse("tensorrt-13.1"), Target.parse("tensorrt-11.4")
    assert all(newer.has(o) == newest.has(o) for o in facts()["operators"])


@pytest.mark.parametrize("name", known())
def test_every_target_knows_its_own_name_its_opsets_and_its_sources(name: str) -> None:
    target = Target.parse(name)
    assert str(target) == name
    oldest, newest = target.documented_opset
    assert 7 <= oldest < newest <= 25
    assert {target.evidence("Abs"), target.opset_evidence} <= set(facts()["evidence"])
    assert target.has("Conv")
    assert not target.has("Det")


def test_nothing_documented_is_lost_between_versions_of_tensorrt() -> None:
    opsets = [Target("tensorrt", v).documented_opset[1] for v in versions("tensorrt")]
    assert opsets == sorted(opsets)


@pytest.mark.parametrize(
    ("op_type", "taken"),
    [
        ("Swish", [False, True, True, True]),
        ("NonMaxSuppression", [True, False, False, False]),
        ("RoiAlign", [False] * 4),
        ("LinearAttention", [False] * 4),
        ("LayerNormalization", [True] * 4),
        ("DeformConv", [False] * 4),
    ],
)
def test_what_tensorrt_rtx_said_when_it_was_asked(op_type: str, taken: list[bool]) -> None:
    assert [Target("tensorrt-rtx", v).has(op_type) for v in versions("tensorrt-rtx")] == taken


def test_an_operator_that_could_not_be_measured_is_inferred() -> None:
    assert Target.parse("rtx-1.4").evidence("NonZero") == "inferred"
    assert Target.parse("rtx-1.7").evidence("NonZero") == "measured"


def test_measured_file_covers_every_version_of_tensorrt_rtx() -> None:
    assert list(measured()["versions"]) == facts()["versions"]["tensorrt-rtx"]
    for found in measured()["versions"].values():
        assert set(found["never_accepted"]) <= set(found["registered"])
        assert 1000 < found["accepted"] < found["cases"]


def test_versions_of_packages_keep_patches_that_matter_only() -> None:
    assert resolve("tensorrt", (8, 5, 2, 2)) == (8, 5, 2)
    assert resolve("tensorrt", (10, 14, 1, 48)) == (10, 14)
    assert set(PRODUCTS) == set(facts()["versions"])
