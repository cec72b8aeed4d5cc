"""Findings as SARIF 2.1.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from onnx import helper
from support import parse

from trtconv.cli import main

SWISH = """<ir_version: 8, opset_import: ["": 17]>
    g (float[N,4] x) => (float[N,4] y) { [first] z = HardSwish(x) [second] y = HardSwish(z) }"""
RELU = """<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    swish = parse(SWISH)
    swish.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value='File "/usr/lib/x.py", line 3, in f')
    trace = f'File "{tmp_path}/net.py", line 12, in forward'
    for key, value in (("stack_trace", trace), ("name_scopes", "['', 'features.3', 'second']")):
        swish.graph.node[1].metadata_props.add(key=f"pkg.torch.onnx.{key}", value=value)
    Path("my net.onnx").write_bytes(swish.SerializeToString())
    Path("relu.onnx").write_bytes(parse(RELU).SerializeToString())
    return tmp_path


def sarif(*arguments: str, code: int) -> dict[str, Any]:
    assert main(["lint", *arguments, "--sarif", "out.sarif"]) == code
    document: dict[str, Any] = json.loads(Path("out.sarif").read_text())
    check(document)
    return document


def check(document: dict[str, Any]) -> None:
    """What the schema and code scanning demand of every document."""
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-schema-2.1.0.json")
    assert len({run["automationDetails"]["id"] for run in document["runs"]}) == len(document["runs"])
    for run in document["runs"]:
        rules = run["tool"]["driver"]["rules"]
        assert run["tool"]["driver"]["name"] == "trtconv"
        assert all(rule["shortDescription"]["text"] for rule in rules)
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["level"] in ("error", "warning", "note")
            (place,) = result["locations"]
            assert " " not in place["physicalLocation"]["artifactLocation"]["uri"]
            assert place["physicalLocation"]["region"]["startLine"] >= 1
            assert result["message"]["text"]
            assert result["partialFingerprints"]["primaryLocationLineHash"]


def test_a_finding_stands_at_its_node_and_its_line_of_python(workspace: Path) -> None:
    (run,) = sarif("my net.onnx", "--target", "tensorrt-8.2", code=1)["runs"]
    first, second = run["results"]
    assert run["automationDetails"]["id"] == "trtconv/tensorrt-8.2.5/"
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20net.onnx"
    assert first["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///usr/lib/x.py"
    assert first["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "first"
    place = second["locations"][0]
    assert place["physicalLocation"] == {"artifactLocation": {"uri": "net.py"}, "region": {"startLine": 12}}
    assert [one["kind"] for one in place["logicalLocations"]] == ["node", "module"]
    assert second["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20net.onnx"
    assert "## How to avoid it" in run["tool"]["driver"]["rules"][0]["help"]["markdown"]


def test_fingerprints_last_and_differ(workspace: Path) -> None:
    def prints() -> list[str]:
        (run,) = sarif("my net.onnx", "--target", "tensorrt-8.2", code=1)["runs"]
        fatal = [result for result in run["results"] if result["level"] == "error"]
        return [result["partialFingerprints"]["primaryLocationLineHash"] for result in fatal]

    before = prints()
    changed = parse(SWISH)
    changed.graph.node.insert(1, helper.make_node("Identity", ["x"], ["unused"], "unused"))
    Path("my net.onnx").write_bytes(changed.SerializeToString())
    assert len(set(before)) == 2
    assert prints() == before


def test_a_clean_model_has_a_run_without_results(workspace: Path) -> None:
    (run,) = sarif("relu.onnx", "--target", "tensorrt-8.2", code=0)["runs"]
    assert run["results"] == []
    assert run["invocations"][0]["executionSuccessful"]


def test_several_models_suppressions_and_one_that_cannot_be_read(workspace: Path) -> None:
    Path("trtconv.toml").write_text("""
        [[models]]
        path = "my net.onnx"
        target = "tensorrt-8.2"
        ignore = [{ pass = "missing-operator", node = "first", reason = "a plugin does it" }]
        [[models]]
        path = "my net.onnx"
        target = "tensorrt-7.0"
        [[models]]
        path = "none.onnx"
    """)
    newer, older, failed = sarif(code=2)["runs"]
    assert [("suppressions" in r) for r in newer["results"]] == [False, True]
    assert len(older["results"]) == 2
    assert not failed["invocations"][0]["executionSuccessful"]
    assert "there is no file none.onnx" in json.dumps(failed["invocations"])


def test_where_nothing_can_be_written_is_said_before_the_work(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", "relu.onnx", "--sarif", "none/out.sarif"]) == 2
    shown = capsys.readouterr()
    assert "there is no folder none" in shown.err
    assert not shown.out
