"""PyTorch's two ONNX exporters behind one call, with nothing of what they print."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import onnx
import torch
from torch import nn

from trtconv.errors import BadInput

Dynamic = Literal["none", "batch", "size"]
OPSETS = {"torchscript": range(9, 21), "dynamo": range(18, 24)}
"""Opsets that PyTorch 2.9 to 2.13 accept for each exporter."""


@dataclass(frozen=True)
class Form:
    """What the exported graph looks like from outside.

    Attributes:
        exporter: ``torchscript`` or ``dynamo``.
        opset: ONNX opset.
        dynamic: which dimensions are left open: ``none``, ``batch``, or batch, height and width (``size``).
        input_name: name of the image.
        output_name: name of the result.
        stride: height and width are multiples of it.
    """

    exporter: str
    opset: int
    dynamic: Dynamic
    input_name: str = "image"
    output_name: str = "outputs"
    stride: int = 1

    def check(self) -> None:
        """Raises BadInput where the exporter does not write the opset, or both names are one."""
        if self.exporter not in OPSETS:
            raise BadInput(
                f"there is no exporter {self.exporter!r}", where="exporter", do=f"known: {', '.join(OPSETS)}"
            )
        known = OPSETS[self.exporter]
        if self.opset not in known:
            raise BadInput(
                f"the {self.exporter} exporter writes opset {known[0]} to {known[-1]}, not {self.opset}",
                where="opset",
                do="use --exporter torchscript" if self.opset in OPSETS["torchscript"] else "",
            )
        if self.input_name == self.output_name or not self.input_name or not self.output_name:
            raise BadInput("input and output need a name each, and not the same", where=self.input_name)


def write(model: nn.Module, size: tuple[int, int, int], form: Form) -> onnx.ModelProto:
    """Export a network in eval mode.

    Args:
        model: from (N, C, H, W) images to one tensor.
        size: (C, H, W) of the example image.
        form: exporter, opset, names and open dimensions.

    Raises:
        BadInput: see `Form.check`.
    """
    form.check()
    # torch.export takes a batch of one for a constant.
    image = torch.zeros(1 if form.exporter == "torchscript" or form.dynamic == "none" else 2, *size)
    with _quiet(), torch.no_grad():
        return (_torchscript if form.exporter == "torchscript" else _dynamo)(model, image, form)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' remarks about themselves (their age, packages they miss, folding) from the user."""
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _torchscript(model: nn.Module, image: torch.Tensor, form: Form) -> onnx.ModelProto:
    open_dims = {"none": {}, "batch": {0: "batch"}, "size": {0: "batch", 2: "height", 3: "width"}}[form.dynamic]
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        torch.onnx.export(
            model,
            (image,),
            path,
            dynamo=False,
            opset_version=form.opset,
            input_names=[form.input_name],
            output_names=[form.output_name],
            dynamic_axes={form.input_name: open_dims, form.output_name: {0: "batch"}} if open_dims else None,
        )
        return onnx.load(path)


def _dynamo(model: nn.Module, image: torch.Tensor, form: Form) -> onnx.ModelProto:
    shapes = {0: torch.export.Dim("batch")} if form.dynamic != "none" else {}
    if form.dynamic == "size":
        for axis, name in ((2, "height"), (3, "width")):
            shapes[axis] = form.stride * torch.export.Dim(name) if form.stride > 1 else torch.export.Dim(name)
    program = torch.onnx.export(
        model,
        (image,),
        dynamo=True,
        opset_version=form.opset,
        input_names=[form.input_name],
        output_names=[form.output_name],
        dynamic_shapes=(shapes,) if shapes else None,
        verbose=False,
    )
    assert program is not None
    return program.model_proto
