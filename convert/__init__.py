"""trtconv: make an exported ONNX graph a TensorRT engine.

    import trtconv

    result = trtconv.fix("model.onnx")
    result.model      # a ModelProto
    result.edits      # what was rewritten, where and why
    result.remaining  # what could not be mended, and why not

Every verb of the command line is a function here that returns one frozen dataclass.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from trtconv.errors import BadInput as BadInput
    from trtconv.errors import NativeFailure as NativeFailure
    from trtconv.errors import TrtconvError as TrtconvError
    from trtconv.errors import Unavailable as Unavailable
    from trtconv.fixing import Fix as Fix
    from trtconv.fixing import fix as fix
    from trtconv.linting import Lint as Lint
    from trtconv.linting import lint as lint
    from trtconv.parity import Parity as Parity
    from trtconv.verifying import verify as verify

_HOME = {
    "BadInput": "errors",
    "NativeFailure": "errors",
    "TrtconvError": "errors",
    "Unavailable": "errors",
    "Fix": "fixing",
    "fix": "fixing",
    "Lint": "linting",
    "lint": "linting",
    "Parity": "parity",
    "verify": "verifying",
}


def __getattr__(name: str) -> object:
    """Import a verb when it is first used: `import trtconv` alone loads nothing heavy."""
    if name not in _HOME:
        raise AttributeError(f"module 'trtconv' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"trtconv.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return [*globals(), *_HOME]
