"""# dilated-max-pool

## What it does
Takes a `MaxPool` with dilations apart: along each dilated axis, strided slices and their maximum.

## Why
No version of TensorRT or TensorRT-RTX pools with dilations: "This version of TensorRT does not support dilations
other than 1."

## Safety
Exact: the maximum over a window is the maximum over its rows of the maxima over its columns. Where the stride is a
multiple of the dilation, a window sees every n-th cell only, and the pool runs on these. NaN: ONNX does not say what
the maximum of a window with a NaN is; runtimes differ, and so may the two forms.

## When it refuses
`Indices` are read; a kernel has more than 32 cells along an axis whose stride is no multiple of the dilation; sizes
are known at run time only and `auto_pad` is SAME_UPPER or SAME_LOWER.

## How to avoid it when exporting
Use `dilation=1`; two pools in a row cover what one dilated pool reaches.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, refused
from trtconv.passes.core.pooling import PoolAxis, Pooling

MOST_SLICES = 32
LAST = np.iinfo(np.int64).max


class DilatedMaxPool(Pass):
    """MaxPool with dilations other than 1."""

    ops = ("MaxPool",)
    safety = Safety.EXACT
    after = ("max-pool-indices", "pool-ceil-mode")
    examples = (
        Example(
            target="tensorrt-rtx-1.7",
            title="one dilated axis",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,H,W] x) => (float[N,2,A,B] y) {
                    y = MaxPool <kernel_shape=[3,2], dilations=[1,2]> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,H,W] x) => (float[N,2,A,B] y)
                <int64[1] zero={0}, int64[1] two={2}, int64[1] most={-2}, int64[1] last={9223372036854775807},
                 int64[1] axis={3}, int64[1] one={1}> {
                    a = Slice(x, zero, most, axis, one) b = Slice(x, two, last, axis, one) c = Max(a, b)
                    y = MaxPool <kernel_shape=[3,1]> (c) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            title="a stride that is a multiple of the dilation",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,H,7] x) => (float[N,2,A,5] y) {
                    y = MaxPool <kernel_shape=[3,3], dilations=[2,1], strides=[4,1], pads=[2,0,2,0]> (x) }""",
            after="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,H,7] x) => (float[N,2,A,5] y)
                <int64[1] zero={0}, int64[1] two={2}, int64[1] last={9223372036854775807}, int64[1] axis={2}> {
                    a = Slice(x, zero, last, axis, two)
                    y = MaxPool <kernel_shape=[3,3], strides=[2,1], pads=[1,0,1,0]> (a) }""",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,9,9] x) => (float[N,2,7,7] y, int64[N,2,7,7] indices) {
                    y, indices = MaxPool <kernel_shape=[2,2], dilations=[2,2]> (x) }""",
            refusal="Indices are read",
        ),
        Example(
            target="tensorrt-rtx-1.7",
            before="""<ir_version: 8, opset_import: ["": 12]>
                g (float[N,2,9,9] x) => (float[N,2,8,8] y) {
                    y = MaxPool <kernel_shape=[2,2], dilations=[1,1]> (x) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """Any dilation other than 1, of a kernel of size 1 too: every version refuses it."""
        pooling = Pooling.of(node, graph)
        if pooling is None or all(a.dilation == 1 for a in pooling.axes):
            return None
        return refused("pooling with dilations is refused by every version")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Slices and Max along each dilated axis, then a MaxPool without dilations for what is left."""
        pooling = Pooling.of(node, graph)
        assert pooling is not None
        if any(graph.consumers(o) or graph.is_output(o) for o in node.outputs[1:]):
            raise Refused("its Indices are read, and count cells of the dilated windows")
        axes = list(pooling.explicit().floored().axes)
        r = Replacement(graph, node)
        x = _pad_lowest(r, axes)
        for index, axis in enumerate(axes):
            if axis.kernel == 1:
                axes[index] = _plain(axis, axis.kernel, axis.stride)
            elif _by_stride(axis):
                x, axes[index] = _every_nth(r, x, index + 2, axis)
            elif axis.dilation != 1:
                x = _max_of_slices(r, x, index + 2, axis)
                axes[index] = _plain(axis, 1, 1)
        _pool(r, x, axes)
        return r


def _plain(axis: PoolAxis, kernel: int, stride: int) -> PoolAxis:
    return PoolAxis(None, kernel, stride, 1, axis.begin if kernel > 1 else 0, axis.end if kernel > 1 else 0)


def _pad_lowest(r: Replacement, axes: list[PoolAxis]) -> str:
    """Pad the sliced axes by the lowest value there is; `axes` change to those of the padded tensor."""
    x, begins, ends = r.node.input(0), [0] * len(axes), [0] * len(axes)
    for index, axis in enumerate(axes):
        if axis.dilation != 1 and axis.kernel > 1 and not _by_stride(axis) and (axis.begin or axis.end):
            begins[index], ends[index] = axis.begin, axis.end
            size = None if axis.size is None else axis.size + axis.begin + axis.end
            axes[index] = PoolAxis(size, axis.kernel, axis.stride, axis.dilation, 0, 0)
    if not any(begins + ends):
        return x
    return r.pad(x, [0, 0, *begins, 0, 0, *ends], _lowest(r))


def _lowest(r: Replacement) -> float:
    dtype = helper.tensor_dtype_to_np_dtype(r.graph.dtype(r.node.input(0)) or TensorProto.FLOAT)
    return float(np.iinfo(dtype).min) if dtype.kind in "iu" else -np.inf


def _by_stride(axis: PoolAxis) -> bool:
    """Whether windows see every `dilation`-th cell only, with padding to match."""
    known = axis.size is not None or axis.end % axis.dilation == 0
    return axis.dilation != 1 and axis.stride % axis.dilation == 0 and known


def _every_nth(r: Replacement, x: str, dim: int, axis: PoolAxis) -> tuple[str, PoolAxis]:
    """The cells that windows see, and the windows over these.

    Of the padded axis these are the cells 0, d, 2d, ...; begin pads among them become begin pads, and so for the end.
    """
    step = axis.dilation
    begin = -(-axis.begin // step)
    x = r.slice(x, [begin * step - axis.begin], [LAST], [dim], [step])
    end = axis.end // step
    if axis.size is not None:
        end = -(-(axis.size + axis.begin + axis.end) // step) - -(-(axis.size + axis.begin) // step)
    return x, PoolAxis(None, axis.kernel, axis.stride // step, 1, begin, end)


def _max_of_slices(r: Replacement, x: str, dim: int, axis: PoolAxis) -> str:
    """Maximum over the cells of a window along one axis without pads: cell i of all windows is one strided slice."""
    if axis.kernel > MOST_SLICES:
        raise Refused(f"a kernel of {axis.kernel} would take as many slices; at most {MOST_SLICES} are made")
    parts = []
    for cell in range(axis.kernel):
        start = cell * axis.dilation
        stop = start - axis.reach + 1
        parts.append(r.slice(x, [start], [stop or LAST], [dim], [axis.stride]))
    return r.op("Max", *parts)


def _pool(r: Replacement, x: str, axes: list[PoolAxis]) -> None:
    """The pool without dilations, where a window still has more than one cell or a stride."""
    output = r.node.outputs[0]
    windows = Pooling(tuple(axes), ceil=False, auto_pad="NOTSET")
    if all(a.kernel == a.stride == 1 for a in axes):
        r.alias(output, x)
        return
    gone = ("dilations", "ceil_mode", "auto_pad", "storage_order")
    changed = {"kernel_shape": windows.column("kernel"), "strides": windows.column("stride"), "pads": windows.pads}
    r.clone(r.node, [x], [output], gone, **changed)
