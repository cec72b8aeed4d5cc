"""Every network of the registry, exported small, fixed and built with the real TensorRT-RTX."""

from __future__ import annotations

from pathlib import Path

import pytest

import trtconv
from trtconv.models import export, networks

SIZE = (64, 96)
SMOKE = ("MobileNetV3_small_x0_35", "deeplabv3plus_mobilenet", "bisenetv2")


def check(name: str, folder: Path) -> None:
    """Export with a dynamic batch, fix, compare with the original, build an engine for batches of 1 to 4."""
    path = folder / "net.onnx"
    assert export(name, path, seed=1, size=SIZE).ok
    fixed = trtconv.fix(path)
    assert fixed.ok, [(f.node, f.why, f.refusal) for f in fixed.remaining if f.is_fatal]
    assert not fixed.crashes
    shapes = f"image:1-2-4x3x{SIZE[0]}x{SIZE[1]}"
    out = folder / "net.fixed.onnx"
    fixed.save(out)
    parity = trtconv.verify(out, reference=path, shapes=shapes, runtimes=["onnxruntime"])
    assert parity.ok, str(parity)
    engine = trtconv.build(out, shapes=shapes, target="tensorrt-rtx", output=folder / "net.engine")
    assert engine.path.stat().st_size == engine.size > 0


@pytest.mark.parametrize("name", SMOKE)
def test_export_fix_verify_build(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in networks() if n not in SMOKE])
def test_every_other_network(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)
