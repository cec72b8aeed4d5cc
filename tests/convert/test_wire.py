"""Weights cut out of a model's bytes and put back: what protobuf would have parsed and written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from trtconv.storage.files import external_tensors
from trtconv.storage.wire import OUTSIDE_FROM, Held, Malformed, mark, size_of, with_weights, without_weights

SIZES = st.lists(st.sampled_from([0, 1, 4, 200, OUTSIDE_FROM // 4, OUTSIDE_FROM // 4 + 1, 70_000]), max_size=4)


def tensor(name: str, size: int, typed: bool = False) -> TensorProto:
    data = np.arange(size, dtype=np.float32)
    if typed:  # in `float_data`, where it stays
        return helper.make_tensor(name, TensorProto.FLOAT, [size], data)
    return numpy_helper.from_array(data, name)


def model_of(sizes: list[int], in_nodes: list[int], in_branches: list[int], typed: list[int]) -> ModelProto:
    """Weights in every place that can have some."""
    graph = GraphProto(name="g")
    graph.node.extend(
        helper.make_node("Constant", [], [f"c{i}"], value=tensor("", size)) for i, size in enumerate(in_nodes)
    )
    branch = GraphProto(name="branch", initializer=[tensor(f"b{i}", size) for i, size in enumerate(in_branches)])
    graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))
    graph.initializer.extend(tensor(f"w{i}", size) for i, size in enumerate(sizes))
    graph.initializer.extend(tensor(f"t{i}", size, typed=True) for i, size in enumerate(typed))
    graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    return helper.make_model(graph, producer_name="x" * 200)


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, SIZES, st.lists(st.sampled_from([1, 70_000]), max_size=1))
def test_weights_leave_and_come_back(
    sizes: list[int], in_nodes: list[int], in_branches: list[int], typed: list[int]
) -> None:
    original = model_of(sizes, in_nodes, in_branches, typed)
    content = original.SerializeToString()
    thin = ModelProto.FromString(without_weights(content, "net.onnx"))
    outside = list(external_tensors(thin.graph))
    large = [s for s in (*sizes, *in_nodes, *in_branches, *in_branches) if 4 * s >= OUTSIDE_FROM]
    assert len(outside) == len(large)
    assert thin.ByteSize() <= len(content) - sum(large) * 3.9
    pieces = []
    for number, one in enumerate(outside):
        entries = {e.key: e.value for e in one.external_data}
        assert entries["location"] == "net.onnx"
        begin, length = int(entries["offset"]), int(entries["length"])
        assert one.dims[0] * 4 == length
        pieces.append(content[begin : begin + length])
        mark(one, number)
    written = with_weights(thin.SerializeToString(), pieces)
    again = b"".join(written)
    assert sum(map(size_of, written)) == len(again)
    assert ModelProto.FromString(again) == original


def test_the_data_of_a_tensor_in_memory_is_a_piece() -> None:
    held = Held(tensor("w", 70_000))
    assert size_of(held) == 280_000
    thin = helper.make_model(GraphProto(name="g", initializer=[tensor("w", 1)]))
    mark(thin.graph.initializer[0], 0)
    assert held in with_weights(thin.SerializeToString(), [held])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_bytes_are_told_from_others(data: st.DataObject) -> None:
    content = bytearray(model_of([70_000], [70_000], [], []).SerializeToString())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, 400))] = data.draw(st.integers(0, 255))
    try:
        thin = without_weights(bytes(content), "net.onnx")
    except Malformed:
        return
    assert len(thin) <= len(content) + 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x3a\x7f", "ends behind its message"),
        (b"\x3a" + b"\xff" * 12, "has no end"),
        (b"\x3b", "of the unknown kind 3"),
        (b"PK\x03\x04" * 9, "field"),
    ],
)
def test_what_is_no_message(content: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        without_weights(content, "net.onnx")
