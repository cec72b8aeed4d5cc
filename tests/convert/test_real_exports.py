"""Real PyTorch exports, from opset 9 to 18: fixed for old and new targets, they compute the same, at every batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from support import judge, random_feed, run

import trtconv

FIXTURES = sorted((Path(__file__).parents[2] / "fixtures").glob("*.onnx"))
TARGETS = ("tensorrt-7.0", "tensorrt-7.2", "tensorrt-8.2", "tensorrt-8.6", "tensorrt-10.3", "tensorrt-rtx-1.7")


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.stem)
def test_outputs_stay_for_every_target(path: Path) -> None:
    original = onnx.load(path)
    feeds = [random_feed(original, {"N": batch, "s77": batch, "batch": batch}, seed=batch) for batch in (1, 3)]
    wanted = [run(original, feed) for feed in feeds]
    for target in TARGETS:
        result = trtconv.fix(path, target=target)
        assert not result.crashes
        onnx.checker.check_model(result.model, full_check=True)
        assert [i.name for i in result.model.graph.input] == [i.name for i in original.graph.input]
        assert [o.name for o in result.model.graph.output] == [o.name for o in original.graph.output]
        for feed, want in zip(feeds, wanted, strict=True):
            for one, other in zip(want, run(result.model, feed), strict=True):
                assert one.shape == other.shape
                np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6, err_msg=target)
        again = trtconv.fix(result.model, target=target)
        assert not again.edits, target


def test_tensorrt_rtx_takes_every_fixed_export() -> None:
    models = []
    for path in FIXTURES:
        fixed = trtconv.fix(path, target="tensorrt-rtx-1.7").model
        shape = [d.dim_value or 2 for d in fixed.graph.input[0].type.tensor_type.shape.dim]
        models.append((fixed, {fixed.graph.input[0].name: shape}))
    verdicts = {path.stem: why for path, why in zip(FIXTURES, judge(models), strict=True) if why}
    assert not verdicts


@pytest.mark.parametrize("target", ["tensorrt-7.2", "tensorrt-8.2", "tensorrt-10.3"])
def test_nothing_fatal_is_left_in_padded_and_pooled_exports(target: str) -> None:
    """Max pooling with dilation and reflection are mended too: no construct of these networks stays refused."""
    for path in FIXTURES:
        if path.stem.startswith(("fixedpadding", "activations", "pooling")):
            result = trtconv.fix(path, target=target)
            assert result.ok, (path.stem, [(f.pass_name, f.why, f.refusal) for f in result.remaining])
