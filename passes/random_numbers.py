"""# random-numbers

## What it does
Writes RandomUniformLike and RandomNormalLike of a constant as RandomUniform and RandomNormal of its shape, and
random numbers of DOUBLE or BFLOAT16 as FLOAT with a cast; notes that no seed is read.

## Why
Up to TensorRT 10.10 the input of the -Like forms has to be computed ("The input tensor cannot be an initializer.");
every version makes FLOAT and FLOAT16 only ("Unsupported data type in randomUniform"), and ignores `seed` with a
warning, so that two runs of one engine differ.

## Safety
The same distribution. Numbers drawn at random cannot be compared.

## When it refuses
When the shape of the constant is not known.

## How to avoid it when exporting
Draw the noise outside, and feed it.
"""

from __future__ import annotations

from typing import Any

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Safety, Target, Trouble, note, refused

FLOAT, FLOAT16 = TensorProto.FLOAT, TensorProto.FLOAT16


class RandomNumbers(Pass):
    """Random numbers in a form that is refused, or with a seed."""

    ops = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
    safety = Safety.APPROXIMATE
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
                    n = RandomUniformLike <low = 0.0, high = 0.0> (w)  y = Add(x, n) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (float[2] x) => (float[2] y) {
                    n = RandomUniform <low = 0.0, high = 0.0, shape = [2]> ()  y = Add(x, n) }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="of what is computed",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (float[2] x) => (float[2] y) { n = RandomUniformLike(x)  y = Add(x, n) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """A constant to be like, a type that is not made, or a seed."""
        if not target.has(node.op_type):
            return None
        if _is_like_a_constant(node, graph) and target.before(10, 11):
            return refused(f"{target.title} wants the input of {node.op_type} computed")
        if _dtype(node, graph) not in (FLOAT, FLOAT16):
            return refused(f"{target.title} makes random numbers of FLOAT and FLOAT16 only")
        return note("the seed is not read: each run draws other numbers") if "seed" in node.attributes else None

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """The form with a shape, and a cast."""
        r, dtype = Replacement(graph, node), _dtype(node, graph)
        made = dtype if dtype in (FLOAT, FLOAT16) else FLOAT
        like = _is_like_a_constant(node, graph)
        if made == dtype and not like:
            raise Refused("no version reads a seed")
        into = node.outputs[0] if made == dtype else None
        shape = graph.shape(node.input(0)) if like else None
        kept: dict[str, Any] = {k: a.f for k, a in node.attributes.items() if k != "dtype"}
        if like:
            drawn = r.op(node.op_type.removesuffix("Like"), into=into, shape=list(shape or ()), dtype=made, **kept)
        else:
            drawn = r.clone(node, node.inputs, into=[into], dtype=made)[0]
        if made != dtype:
            r.cast(drawn, dtype, into=node.outputs[0])
        return r


def _is_like_a_constant(node: Node, graph: Graph) -> bool:
    return node.op_type.endswith("Like") and graph.is_constant(node.input(0))


def _dtype(node: Node, graph: Graph) -> int:
    """Element type of the result: the attribute's, else that of the input, else FLOAT."""
    given = node.attr_int("dtype", 0)
    return given or (graph.dtype(node.input(0)) if node.inputs else None) or FLOAT
