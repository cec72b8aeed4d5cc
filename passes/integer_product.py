"""# integer-product

## What it does
Writes a MatMul or Gemm of INT32 or INT64 as products of elements and their sum.

## Why
No TensorRT from 7.1 on multiplies matrices of integers ("TensorRT doesn't support INT32 inputs for MatMul!", "Found
unsupported input type of INT32"). It multiplies and sums integers elementwise. FLOAT would lose what is beyond 24
bits.

## Safety
Exact, as long as no sum leaves the range of the type.

## When it refuses
When the products of all elements take more than 16 million places, when the ranks are not known, and for a Gemm
that scales by other factors than 1.

## How to avoid it when exporting
Multiply matrices of floats, and cast the result.
"""

from __future__ import annotations

import math

from onnx import TensorProto

from trtconv.passes.core import Example, Graph, Node, Pass, Refused, Replacement, Target, Trouble, refused

INTEGERS = (TensorProto.INT32, TensorProto.INT64)
MAX_PRODUCTS = 1 << 24
MAX_RANK = 8


class IntegerProduct(Pass):
    """Matrix products of integers."""

    ops = ("Gemm", "MatMul")
    examples = (
        Example(
            target="tensorrt-10.3",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[3,4] x, int32[4,2] w) => (int32[3,2] y) { y = MatMul(x, w) }""",
            after="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[3,4] x, int32[4,2] w) => (int32[3,2] y)
                <int64[1] a = {-1}, int64[1] b = {-3}, int64[1] c = {-2}> {
                    rows = Unsqueeze(x, a)
                    columns = Unsqueeze(w, b)
                    products = Mul(rows, columns)
                    y = ReduceSum <keepdims = 0> (products, c)
                }""",
        ),
        Example(
            target="tensorrt-10.3",
            title="a scaled product",
            before="""<ir_version: 8, opset_import: ["": 13]>
                g (int32[3,4] x, int32[4,2] w) => (int32[3,2] y) { y = Gemm <alpha = 2.0> (x, w) }""",
            refusal="scales by factors that are no integers' matter",
        ),
        Example(
            target="tensorrt-7.0",
            title="not looked at by 7.0",
            before="""<ir_version: 7, opset_import: ["": 11]>
                g (int32[3,4] x, int32[4,2] w) => (int32[3,2] y) { y = MatMul(x, w) }""",
        ),
    )

    def find(self, node: Node, graph: Graph, target: Target) -> Trouble | None:
        """INT32 or INT64 inputs, from 7.1 on."""
        if target.before(7, 1) or graph.dtype(node.input(0)) not in INTEGERS:
            return None
        return refused(f"{target.title} multiplies no matrices of integers")

    def rewrite(self, node: Node, graph: Graph, target: Target) -> Replacement:
        """Every row times every column, then the sum."""
        if any(node.attr_float(name, 1.0) != 1.0 for name in ("alpha", "beta")):
            raise Refused("it scales by factors that are no integers' matter")
        r = Replacement(graph, node)
        shapes = [graph.shape(t) for t in node.inputs[:2]]
        if any(s is None or not 1 <= len(s) < MAX_RANK for s in shapes):
            raise Refused("the ranks of its inputs are not known, or leave no room for one more axis")
        a, b = (list(s or ()) for s in shapes)
        x, w = node.inputs[:2]
        if node.attr_int("transA", 0):
            x, a = r.transpose(x, [1, 0]), a[::-1]
        if node.attr_int("transB", 0):
            w, b = r.transpose(w, [1, 0]), b[::-1]
        _check_size(a, b)
        addend = node.input(2) if node.op_type == "Gemm" else ""
        total = _product(r, x, w, len(a), len(b), None if addend else node.outputs[0])
        if addend:
            r.op("Add", total, addend, into=node.outputs[0])
        return r


def _check_size(a: list[int | str | None], b: list[int | str | None]) -> None:
    """Raise Refused for too many products; what is known at run time only counts as 1."""
    products = (*a, *(b[:-2] if len(b) > len(a) else ()), *(b[-1:] if len(b) > 1 else ()))
    if math.prod(d for d in products if isinstance(d, int)) > MAX_PRODUCTS:
        raise Refused(f"it would take more than {MAX_PRODUCTS} products at a time")


def _product(r: Replacement, x: str, w: str, rank_x: int, rank_w: int, into: str | None) -> str:
    """`x` [..., m, k, 1] times `w` [..., 1, k, n], summed over k; a vector has no m, or no n."""
    rows = r.unsqueeze(x, [_last(r, rank_x + 1)]) if rank_w > 1 else x
    columns = r.unsqueeze(w, [_last(r, rank_w + 1, 3)]) if rank_w > 1 and rank_x > 1 else w
    products = r.op("Mul", rows, columns)
    rank = max(rank_x + (rank_w > 1), rank_w + (rank_w > 1 and rank_x > 1))
    return r.reduce("ReduceSum", products, [_last(r, rank, 2 if rank_w > 1 else 1)], keepdims=False, into=into)


def _last(r: Replacement, rank: int, place: int = 1) -> int:
    """Axis `place` from the end; opsets before 11 count from the front only."""
    return -place if r.graph.opset >= 11 else rank - place
