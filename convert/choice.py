"""Which models a command works on: the one named, those declared, or what the last `fix` here wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.config import ModelConfig, find_config, relative
from trtconv.errors import BadInput

if TYPE_CHECKING:
    from trtconv.passes.core import Edit, Node

RECORD = Path(".trtconv", "last-fix.json")


@dataclass(frozen=True)
class Choice:
    """Models to work on, and in words where they come from (empty when the user named one)."""

    models: tuple[ModelConfig, ...]
    source: str = ""


def choose_exported(model: str | None) -> Choice:
    """For lint and fix, which start from what was exported."""
    declared = _declared()
    if model is not None:
        return _entry(Path(model), declared) or Choice((ModelConfig(Path(model)),))
    if declared is not None:
        return declared
    raise BadInput("no model is given, and none is declared", do=_WAYS)


def choose_fixed(model: str | None) -> Choice:
    """For verify and build, which go on from what `fix` wrote; the model it was made from is the reference."""
    recorded, declared = _recorded(), _declared()
    if model is not None:
        if (entry := _entry(Path(model), declared)) is not None:
            return entry
        known = recorded is not None and recorded.models[0].path.resolve() == Path(model).resolve()
        reference = recorded.models[0].reference if recorded is not None and known else None
        return Choice((ModelConfig(Path(model), reference=reference),))
    if declared is not None:
        return Choice(tuple(_after_fix(m) for m in declared.models), declared.source)
    if recorded is not None:
        return recorded
    if RECORD.is_file():
        raise BadInput("what the last `trtconv fix` in this folder wrote is gone", do=_WAYS)
    raise BadInput("no model is given, none is declared, and no `trtconv fix` ran in this folder", do=_WAYS)


_WAYS = 'name one (`trtconv COMMAND model.onnx`), or declare it in trtconv.toml ([[models]] path = "model.onnx")'


def _declared() -> Choice | None:
    config = find_config(Path())
    if config is None or not config.models:
        return None
    return Choice(config.models, f"what {relative(config.file)} declares")


def _entry(path: Path, declared: Choice | None) -> Choice | None:
    """What is declared for the model at `path`, or for the one that `fix` made it of; None where nothing is."""
    from dataclasses import replace

    if declared is None:
        return None
    for one in declared.models:
        found = one if one.path.resolve() == path.resolve() else _after_fix(one)
        if found.path.resolve() == path.resolve():
            return Choice((replace(found, path=path),), f"{declared.source} for {one.path}")
    return None


def _after_fix(model: ModelConfig) -> ModelConfig:
    from dataclasses import replace

    if not model.fixed.is_file():
        return model
    return replace(model, path=model.fixed, reference=model.reference or model.path)


def record_fix(original: Path, fixed: Path, target: str, edits: Iterable[Edit] = ()) -> None:
    """Remember what `fix` wrote in this folder, for the verify and build that follow; best effort."""
    entry = {
        "original": str(original.resolve()),
        "fixed": str(fixed.resolve()),
        "target": target,
        "edits": [[e.pass_name, e.node, e.op_type, e.why, _names(e.before), _names(e.after), e.renamed] for e in edits],
    }
    try:
        RECORD.parent.mkdir(exist_ok=True)
        temporary = RECORD.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(entry), encoding="utf-8")
        temporary.replace(RECORD)
    except OSError:
        # A read-only working folder costs the shortcut, not the conversion.
        return


def _names(nodes: Iterable[Node]) -> list[list[object]]:
    return [[n.label, n.op_type, n.outputs] for n in nodes]


def _nodes(names: Iterable[tuple[str, str, list[str]]]) -> tuple[Node, ...]:
    from trtconv.passes.core import Node

    return tuple(Node(op_type, [], outputs, label) for label, op_type, outputs in names)


def recorded_edits(fixed: Path) -> tuple[Edit, ...]:
    """What the last `fix` in this folder did to get `fixed`: nodes by name, operator and outputs alone."""
    from trtconv.passes.core import Edit

    try:
        entry = json.loads(RECORD.read_text(encoding="utf-8"))
        if Path(entry["fixed"]) != fixed.resolve():
            return ()
        return tuple(
            Edit(name, node, op_type, why, _nodes(old), _nodes(new), renamed=tuple(map(tuple, renamed)))
            for name, node, op_type, why, old, new, renamed in entry["edits"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _recorded() -> Choice | None:
    try:
        entry = json.loads(RECORD.read_text(encoding="utf-8"))
        original, fixed, target = Path(entry["original"]), Path(entry["fixed"]), str(entry["target"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not fixed.is_file():
        return None
    reference = original if original.is_file() else None
    return Choice(
        (ModelConfig(relative(fixed), reference=reference, target=target),),
        f"{relative(fixed)}, which the last `trtconv fix` in this folder wrote",
    )
