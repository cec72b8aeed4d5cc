"""From what a caller hands over, a path or a ModelProto and a target's name, to what the verbs work on."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trtconv.errors import BadInput

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.passes.core import Model, Target


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without cyclic garbage collection: a view is many small objects, and each collection would walk them all."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def load(source: str | os.PathLike[str] | ModelProto) -> Model:
    """Model of a path or of a ModelProto, which is copied: the caller's is never changed.

    Raises BadInput for a file that cannot be read, for a graph that no runtime can run, and for weights without data.
    """
    from trtconv.passes.core import Model
    from trtconv.passes.core.order import InvalidGraph
    from trtconv.storage.files import open_model

    try:
        if isinstance(source, (str, os.PathLike)):
            model = Model(open_model(source), os.path.abspath(source))
        else:
            copy = type(source)()
            copy.CopyFrom(source)
            model = Model(copy)
    except InvalidGraph as error:
        where = str(source) if isinstance(source, (str, os.PathLike)) else ""
        raise BadInput(f"the graph is not valid: {error}", where=where, do="export the model again") from error
    _check_weights(model)
    return model


def _check_weights(model: Model) -> None:
    """Raises BadInput where an initializer holds less data than its shape says; that in other files is not read."""
    import onnx

    from trtconv.passes.core.external import is_external

    for graph in model.graphs():
        for tensor in graph.initializers.values():
            try:
                if not is_external(tensor):
                    onnx.checker.check_tensor(tensor)
            except onnx.checker.ValidationError as error:
                reason = str(error).partition("\n")[0].rstrip(".")
                raise BadInput(
                    f"the data of weight {tensor.name!r} is missing or damaged: {reason}",
                    where=model.file,
                    do="give the model with its weights, or export it again",
                ) from error


def resolve_target(text: str) -> Target:
    """Target of a name as users write it; raises BadInput that names what comes near it, and the known ranges."""
    from trtconv.passes.core import Target, UnknownTarget
    from trtconv.passes.core.target import known_ranges

    try:
        return Target.parse(text)
    except UnknownTarget as error:
        known = f"{known_ranges()} are known, `trtconv targets` lists them; auto is the installed one"
        raise BadInput(str(error), do=known) from error
