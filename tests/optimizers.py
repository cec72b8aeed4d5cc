"""Optimizers, all but the first of which do what none should: each reads a model and writes another."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, helper, numpy_helper


def rewriting(change: Callable[[ModelProto], None], source: str, output: str) -> None:
    model = onnx.load(source)
    change(model)
    onnx.save(model, output)


def sound(source: str, output: str) -> None:
    """Elu becomes Relu, which is the same where nothing is negative."""

    def change(model: ModelProto) -> None:
        for node in [n for n in model.graph.node if n.op_type == "Elu"]:
            node.op_type = "Relu"
            del node.attribute[:]

    rewriting(change, source, output)


def other_outputs(source: str, output: str) -> None:
    def change(model: ModelProto) -> None:
        weight = model.graph.initializer[0]
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.01), weight.name))

    rewriting(change, source, output)


def freezes_the_batch(source: str, output: str) -> None:
    def change(model: ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1

    rewriting(change, source, output)


def freezes_the_batch_inside(source: str, output: str) -> None:
    """A Reshape that only one batch size fits, between inputs and outputs that say nothing of it."""

    def change(model: ModelProto) -> None:
        node = model.graph.node[-1]
        shape = numpy_helper.from_array(np.array([1, 4]), "fixed")
        model.graph.initializer.append(shape)
        model.graph.node.append(helper.make_node("Reshape", ["inner", "fixed"], [node.output[0]]))
        node.output[0] = "inner"

    rewriting(change, source, output)


def renames_an_input(source: str, output: str) -> None:
    def change(model: ModelProto) -> None:
        old = model.graph.input[0].name
        model.graph.input[0].name = "renamed"
        for node in model.graph.node:
            node.input[:] = ["renamed" if t == old else t for t in node.input]

    rewriting(change, source, output)


def drops_an_output(source: str, output: str) -> None:
    rewriting(lambda model: model.graph.output.pop(), source, output)


def changes_the_type(source: str, output: str) -> None:
    def change(model: ModelProto) -> None:
        old = model.graph.output[0]
        model.graph.node.append(helper.make_node("Cast", [old.name], ["half"], to=onnx.TensorProto.FLOAT16))
        name, old.name = old.name, "half"
        old.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
        model.graph.node[-1].output[0] = name
        for node in model.graph.node[:-1]:
            node.output[:] = ["whole" if t == name else t for t in node.output]
        model.graph.node[-1].input[0], old.name = "whole", name

    rewriting(change, source, output)


def unknown_operator(source: str, output: str) -> None:
    def change(model: ModelProto) -> None:
        model.graph.node[0].domain = "my.ops"
        model.opset_import.add(domain="my.ops", version=1)

    rewriting(change, source, output)


def raises(source: str, output: str) -> None:
    raise ValueError("cannot do this one")


def crashes(source: str, output: str) -> None:
    os.abort()


def writes_nothing(source: str, output: str) -> None:
    pass


def writes_noise(source: str, output: str) -> None:
    Path(output).write_bytes(os.urandom(100))
