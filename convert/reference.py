"""A second opinion on what a graph computes: the ONNX reference evaluator, in float64 where the operators allow."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper, numpy_helper

from trtconv.isolate import report

if TYPE_CHECKING:
    from trtconv.runtimes.running import Array, Feed

NARROW = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16})
"""Element types that become DOUBLE."""


def evaluate(serialized: bytes, feed: Feed, file: str = "", case: str = "") -> list[Array] | None:
    """Outputs of a model for `feed`, computed in float64 where that works, else in its own types; None where neither.

    External data is looked for beside `file`.

    Runs in a child process: a graph may ask for more memory or time than there is.
    """
    report(f"the reference evaluator, case {case!r}")
    model = ModelProto.FromString(serialized)
    if file:
        onnx.load_external_data_for_model(model, os.path.dirname(file))
    wide = {name: value.astype(np.float64) if _is_narrow(value.dtype) else value for name, value in feed.items()}
    found = _evaluated(doubled(model), wide)
    return _evaluated(model, feed) if found is None else found


def _is_narrow(dtype: np.dtype[Any]) -> bool:
    return helper.np_dtype_to_tensor_dtype(dtype) in NARROW


def _evaluated(model: ModelProto, feed: Feed) -> list[Array] | None:
    from onnx.reference import ReferenceEvaluator

    try:
        with np.errstate(all="ignore"):
            return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, feed)]
    except Exception:  # pure Python: whatever an operator stumbles over, such as types that no longer agree
        return None


def doubled(model: ModelProto) -> ModelProto:
    """A copy of `model` in which every narrower float is float64: inputs, weights, constants and casts."""
    out = ModelProto()
    out.CopyFrom(model)
    _double_graph(out.graph)
    return out


def _double_graph(graph: GraphProto) -> None:
    for tensor in graph.initializer:
        _double_tensor(tensor)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type in NARROW:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in graph.node:
        for attribute in node.attribute:
            _double_attribute(attribute)


def _double_attribute(attribute: AttributeProto) -> None:
    if attribute.name in ("to", "dtype", "stash_type") and attribute.i in NARROW:
        attribute.i = TensorProto.DOUBLE
    elif attribute.type == AttributeProto.TENSOR:
        _double_tensor(attribute.t)
    elif attribute.type == AttributeProto.GRAPH:
        _double_graph(attribute.g)
    elif attribute.name in ("value_float", "value_floats"):
        values = np.asarray(attribute.f if attribute.name == "value_float" else list(attribute.floats), np.float64)
        attribute.CopyFrom(helper.make_attribute("value", numpy_helper.from_array(values)))


def _double_tensor(tensor: TensorProto) -> None:
    if tensor.data_type in NARROW:
        wide = numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
