"""State variables for Loop and Scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import NodeProto, helper

from trtconv.passes.core.rewrite import Replacement

if TYPE_CHECKING:
    from trtconv.passes.core.graph import Array


def add_state(
    r: Replacement, proto: NodeProto, start: Array, current: str, update: NodeProto, *, before: tuple[int, int, int]
) -> None:
    """Put a state variable first: `start` outside of `proto`, `current` in the body, where `update` gives the next.

    `before` says at which place it goes into the inputs of the node, the inputs and the outputs of the body.
    """
    body = next(a.g for a in proto.attribute if a.name == "body")
    dtype = helper.np_dtype_to_tensor_dtype(start.dtype)
    shape = start.shape if len(body.input) == len(proto.input) else start.shape[1:]
    proto.input.insert(before[0], r.constant(start, hint="state_init"))
    proto.output.insert(0, r.graph.unique(f"{r.node.label}/last_state"))
    body.input.insert(before[1], helper.make_tensor_value_info(current, dtype, shape))
    body.output.insert(before[2], helper.make_tensor_value_info(update.output[0], dtype, shape))
    body.node.insert(0, update)
