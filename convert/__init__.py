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
    from trtconv.building import Engine as Engine
    from trtconv.building import build as build
    from trtconv.config import ModelConfig as ModelConfig
    from trtconv.config import read_config as read_config
    from trtconv.doctoring import Doctor as Doctor
    from trtconv.doctoring import doctor as doctor
    from trtconv.errors import BadInput as BadInput
    from trtconv.errors import NativeFailure as NativeFailure
    from trtconv.errors import TrtconvError as TrtconvError
    from trtconv.errors import Unavailable as Unavailable
    from trtconv.fixing import Fix as Fix
    from trtconv.fixing import fix as fix
    from trtconv.gating import Gate as Gate
    from trtconv.gating import gate as gate
    from trtconv.ignoring import Ignore as Ignore
    from trtconv.linting import Lint as Lint
    from trtconv.linting import lint as lint
    from trtconv.parity import Parity as Parity
    from trtconv.parser.parsing import ParserVerdict as ParserVerdict
    from trtconv.parser.parsing import parse_with as parse_with
    from trtconv.refusing import BuildRefused as BuildRefused
    from trtconv.shapes import ShapeProfile as ShapeProfile
    from trtconv.verifying import verify as verify

_HOME = {
    "Engine": "building",
    "build": "building",
    "ModelConfig": "config",
    "read_config": "config",
    "Doctor": "doctoring",
    "doctor": "doctoring",
    "BadInput": "errors",
    "NativeFailure": "errors",
    "TrtconvError": "errors",
    "Unavailable": "errors",
    "Fix": "fixing",
    "fix": "fixing",
    "Gate": "gating",
    "gate": "gating",
    "Ignore": "ignoring",
    "Lint": "linting",
    "lint": "linting",
    "Parity": "parity",
    "ParserVerdict": "parser.parsing",
    "parse_with": "parser.parsing",
    "BuildRefused": "refusing",
    "ShapeProfile": "shapes",
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
