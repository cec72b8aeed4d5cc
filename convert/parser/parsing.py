"""The real parser's word on a model: TensorRT's or TensorRT-RTX's, asked in a child process."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.errors import BadInput
from trtconv.runtimes.network import NetworkTensor, ParserError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    Source = str | os.PathLike[str] | ModelProto


@dataclass(frozen=True)
class ParserVerdict:
    """What a parser says: accepted, or every error it names; the network's inputs and outputs when accepted."""

    product: str
    version: str
    accepted: bool
    errors: tuple[ParserError, ...]
    tensors: tuple[NetworkTensor, ...] = ()

    @property
    def text(self) -> str:
        """One line for the verdict, and one for each error."""
        from trtconv.runtimes.products import product_named

        title = product_named(self.product).title
        head = f"{title} {self.version} {'accepts' if self.accepted else 'refuses'} the graph"
        return "\n".join([head, *(error_text(error) for error in self.errors)])

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return {
            "product": self.product,
            "version": self.version,
            "accepted": self.accepted,
            "errors": [error.to_json() for error in self.errors],
            "tensors": [tensor.to_json() for tensor in self.tensors],
        }


def parse_with(
    product: str,
    source: Source,
    *,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> ParserVerdict:
    """Let the parser of `product` (`tensorrt`, `tensorrt-rtx`) read a model, given as a path or a ModelProto.

    Limits are in seconds and bytes. Raises Unavailable where the product is not installed or lacks its GPU,
    BadInput for an unreadable model, NativeFailure when the parser crashes or passes a limit.
    """
    from trtconv.isolate import Limits, isolated
    from trtconv.runtimes import network
    from trtconv.runtimes.products import product_named
    from trtconv.storage.files import open_model

    runtime = product_named(product)
    runtime.require()
    with on_disk(source) as path:
        model = open_model(path)
        version, errors, tensors = isolated(
            network.parse,
            str(path),
            what=f"parsing {path.name} with {runtime.title}",
            limits=Limits(time_limit, memory_limit),
            environment=runtime.environment,
            on_report=on_progress,
        )
    return ParserVerdict(product, version, not errors, named(errors, model), tensors)


@contextmanager
def on_disk(source: Source) -> Iterator[Path]:
    """The path of a model; a ModelProto is written to a temporary file for as long as the block runs."""
    from trtconv.storage.files import external_tensors
    from trtconv.storage.saving import save_model

    if isinstance(source, (str, os.PathLike)):
        yield Path(source)
        return
    if any(True for _ in external_tensors(source.graph)):
        raise BadInput("the weights of this ModelProto are in external files", do="save it, and give its path instead")
    with tempfile.TemporaryDirectory(prefix="trtconv-") as folder:
        path = Path(folder, "model.onnx")
        save_model(source, path)
        yield path


def named(errors: tuple[ParserError, ...], model: ModelProto) -> tuple[ParserError, ...]:
    """The errors with the names that trtconv has for nodes, where the graph has none for them."""
    return tuple(
        dataclasses.replace(error, node=_label(error, model)) if not error.node and not error.functions else error
        for error in errors
    )


def _label(error: ParserError, model: ModelProto) -> str:
    """First output of the node that the error is about; empty where several could be.

    The index counts in the main graph, where TensorRT 10.15 and later, and TensorRT-RTX, name the node whose subgraph
    has the trouble.
    """
    if not 0 <= error.index < len(model.graph.node):
        return ""
    candidates = [n for n in _with_inner(model.graph.node[error.index]) if n.op_type == error.op_type and not n.name]
    return next((o for o in candidates[0].output if o), "") if len(candidates) == 1 else ""


def _with_inner(node: NodeProto) -> Iterator[NodeProto]:
    yield node
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _with_inner(inner)


def error_text(error: ParserError) -> str:
    """`conv1 (Conv) in outer > inner: why`."""
    where = f" in {' > '.join(error.functions)}" if error.functions else ""
    node = f"{error.node or 'a node'} ({error.op_type}){where}: " if error.op_type else ""
    return f"{node}{error.message}"
