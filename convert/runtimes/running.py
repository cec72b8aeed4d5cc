"""A runtime with a model loaded, behind Polygraphy's runner: feed it, get named outputs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Feed = dict[str, Array]


@contextmanager
def without_torch() -> Iterator[None]:
    """Polygraphy imports PyTorch to learn that an array is none of its tensors: seconds, where it is installed."""
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # which makes an import of it fail at once
    try:
        yield
    finally:
        del sys.modules["torch"]


@dataclass(frozen=True)
class Running:
    """A Polygraphy runner that keeps what it opened between two calls of `infer`."""

    title: str
    """Product and version: `ONNX Runtime 1.31.1`."""
    runner: Any
    input_types: dict[str, str]
    """numpy type name by input, in the model's order."""
    note: str = ""
    """What a reader of the results should know, such as why another runtime stands in."""
    only_tensors: bool = True
    """Whether no output is a sequence or a map, which Polygraphy's Comparator does not take; its runner does."""

    def infer(self, feed: Feed) -> Feed:
        """Outputs by name. Inputs the model does not take are left out, element types cast to what it declares.

        Raises whatever the runtime raises.
        """
        from polygraphy.comparator import Comparator
        from polygraphy.logger import G_LOGGER

        wanted = {name: feed[name].astype(dtype, copy=False) for name, dtype in self.input_types.items()}
        with G_LOGGER.verbosity(G_LOGGER.CRITICAL + 1), without_torch():
            if not self.only_tensors:
                with self.runner as active:
                    return dict(active.infer(wanted))
            results = Comparator.run([self.runner], data_loader=[wanted])
        return dict(results[0][1][0].items())
