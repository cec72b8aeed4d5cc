"""How a pass says what takes the place of a node: new nodes and constants, built one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from trtconv.passes.core.node import Node

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from trtconv.passes.core.graph import Graph

INT64 = TensorProto.INT64


class Refused(Exception):
    """A pass saw trouble that it cannot mend here; the message is the reason that users read."""


class Replacement:
    """Nodes that take the place of `node`, in topological order.

    Nothing of the graph changes until the engine applies it. New nodes are named after the node that
    they replace (`<name>/hard_sigmoid`); one of the same operator keeps the name itself.
    """

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph, self.node = graph, node
        self.nodes: list[Node] = []
        self.initializers: dict[str, TensorProto] = {}
        self.removed: list[Node] = [node]
        self.aliases: dict[str, str] = {}

    def op(
        self, op_type: str, *inputs: str, into: str | None = None, name: str | None = None, **attributes: Any
    ) -> str:
        """Add a node with one output and return that output's name, `into` where given.

        An attribute that is None is left out.
        """
        return self.ops(op_type, *inputs, into=[into], name=name, **attributes)[0]

    def ops(
        self,
        op_type: str,
        *inputs: str,
        into: Sequence[str | None],
        name: str | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> list[str]:
        """Add a node with `len(into)` outputs; a None there asks for a fresh name."""
        name = name or self._name_for(op_type)
        outputs = [self.graph.unique(f"{name}_output") if o is None else o for o in into]
        made = {k: helper.make_attribute(k, v) for k, v in attributes.items() if v is not None}
        self.nodes.append(Node(op_type, list(inputs), outputs, name, domain, made, proto=self._origin()))
        return outputs

    def clone(
        self,
        node: Node,
        inputs: Sequence[str],
        into: Sequence[str | None] | None = None,
        without: Sequence[str] = (),
        **changed: Any,
    ) -> list[str]:
        """Add `node` again with other inputs and with `changed` attributes, those in `without` left out.

        It writes the outputs of `node` itself, or those in `into`, where a None asks for a fresh name.
        """
        taken = any(n.name == node.name for n in self.nodes)
        name = node.name if node.name and not taken else self._name_for(node.op_type)
        wanted = node.outputs if into is None else into
        outputs = [self.graph.unique(f"{name}_output") if o is None else o for o in wanted]
        kept = {k: a for k, a in node.attributes.items() if k not in without and k not in changed}
        made = {k: helper.make_attribute(k, v) for k, v in changed.items() if v is not None}
        self.nodes.append(
            Node(node.op_type, list(inputs), outputs, name, node.domain, {**kept, **made}, proto=node.proto)
        )
        return outputs

    def _origin(self) -> Any:
        """Where the replaced node came from: its metadata (source lines, scopes) stays with the new nodes."""
        return self.node.proto

    def _name_for(self, op_type: str) -> str:
        taken = any(n.name == self.node.name for n in self.nodes)
        if op_type == self.node.op_type and self.node.name and not taken:
            return self.node.name
        return self.graph.unique(f"{self.node.label}/{snake_case(op_type)}")

    def constant(self, value: ArrayLike, dtype: DTypeLike | None = None, hint: str = "constant") -> str:
        """Add an initializer and return its name."""
        name = self.graph.unique(f"{self.node.label}/{hint}")
        self.initializers[name] = numpy_helper.from_array(np.asarray(value, dtype), name)
        return name

    def scalar(self, value: float, like: str) -> str:
        """A 0-d constant of the element type of tensor `like` (float32 where that is unknown)."""
        dtype = self.graph.dtype(like) or TensorProto.FLOAT
        return self.constant(np.asarray(value).astype(helper.tensor_dtype_to_np_dtype(dtype)))

    def remove(self, *nodes: Node) -> None:
        """Drop further nodes of the pattern; nothing outside the pattern may read their outputs."""
        self.removed.extend(n for n in nodes if n is not self.node and n not in self.removed)

    def alias(self, output: str, value: str) -> None:
        """Every reader of `output` is to read `value`, an existing tensor, instead."""
        self.aliases[output] = value

    # --- operators whose form depends on the opset ---------------------------------------------

    def cast(self, x: str, dtype: int, into: str | None = None) -> str:
        """Cast to `dtype` (`TensorProto.DataType`)."""
        return self.op("Cast", x, into=into, to=dtype)

    def shape(self, x: str) -> str:
        """Shape of `x` as an int64 vector."""
        return self.op("Shape", x)

    def reshape(self, x: str, shape: Sequence[int] | str, into: str | None = None) -> str:
        """Reshape to constant dimensions, or to those in a tensor."""
        return self.op("Reshape", x, shape if isinstance(shape, str) else self.constant(shape, np.int64), into=into)

    def transpose(self, x: str, perm: Sequence[int], into: str | None = None) -> str:
        """Transpose by `perm`."""
        return self.op("Transpose", x, into=into, perm=list(perm))

    def concat(self, parts: Sequence[str], axis: int, into: str | None = None) -> str:
        """Concatenate along `axis`."""
        return self.op("Concat", *parts, into=into, axis=axis)

    def slice(
        self,
        x: str,
        starts: Sequence[int],
        ends: Sequence[int],
        axes: Sequence[int],
        steps: Sequence[int] | None = None,
        into: str | None = None,
    ) -> str:
        """Slice with constant bounds. Steps other than 1 need opset 10."""
        if self.graph.opset < 10:
            if steps is not None and any(s != 1 for s in steps):
                raise Refused(f"Slice has no steps before opset 10, and this model imports {self.graph.opset}")
            return self.op("Slice", x, into=into, starts=list(starts), ends=list(ends), axes=list(axes))
        bounds = [self.constant(v, np.int64) for v in (starts, ends, axes, steps) if v is not None]
        return self.op("Slice", x, *bounds, into=into)

    def pad(self, x: str, pads: Sequence[int], value: float = 0.0, into: str | None = None, **attributes: Any) -> str:
        """Pad every axis: `pads` holds all begins, then all ends."""
        if self.graph.opset < 11:
            return self.op("Pad", x, into=into, pads=list(pads), value=value or None, **attributes)
        inputs = [x, self.constant(pads, np.int64, "pads")]
        if value:
            inputs.append(self.scalar(value, x))
        return self.op("Pad", *inputs, into=into, **attributes)

    def clip(self, x: str, low: float, high: float, into: str | None = None) -> str:
        """Clip to [low, high]."""
        if self.graph.opset < 11:
            return self.op("Clip", x, into=into, min=float(low), max=float(high))
        return self.op("Clip", x, self.scalar(low, x), self.scalar(high, x), into=into)

    def is_number(self, x: str) -> str:
        """Where floats are not NaN. Equal takes floats from opset 11 on."""
        if self.graph.opset >= 11:
            return self.op("Equal", x, x)
        return self.op("Or", self.op("Less", x, self.scalar(1, x)), self.op("Greater", x, self.scalar(0, x)))

    def unsqueeze(self, x: str, axes: Sequence[int], into: str | None = None) -> str:
        """Insert axes of size 1."""
        return self._with_axes("Unsqueeze", x, axes, into, as_input=self.graph.opset >= 13)

    def squeeze(self, x: str, axes: Sequence[int], into: str | None = None) -> str:
        """Drop axes of size 1."""
        return self._with_axes("Squeeze", x, axes, into, as_input=self.graph.opset >= 13)

    def reduce(self, op_type: str, x: str, axes: Sequence[int], keepdims: bool = True, into: str | None = None) -> str:
        """ReduceMean, ReduceSum, ... over constant axes."""
        since = 13 if op_type == "ReduceSum" else 18
        return self._with_axes(op_type, x, axes, into, as_input=self.graph.opset >= since, keepdims=int(keepdims))

    def _with_axes(
        self, op_type: str, x: str, axes: Sequence[int], into: str | None, *, as_input: bool, **attributes: Any
    ) -> str:
        if as_input:
            return self.op(op_type, x, self.constant(axes, np.int64, "axes"), into=into, **attributes)
        return self.op(op_type, x, into=into, axes=list(axes), **attributes)


def snake_case(op_type: str) -> str:
    """`HardSigmoid` -> `hard_sigmoid`."""
    return "".join(
        "_" + c.lower() if c.isupper() and i and not op_type[i - 1].isupper() else c.lower()
        for i, c in enumerate(op_type)
    )
