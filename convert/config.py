"""The models a project declares, in `trtconv.toml` or under `[tool.trtconv]` in pyproject.toml.

target = "tensorrt-rtx-1.7"

[[models]]
path = "export/net.onnx"
shapes = "image:1-4-8x3x224x224"
rtol = 1e-3
ignore = [{ pass = "runtime-pads", node = "/head/*", reason = "the runtime feeds this" }]
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trtconv.errors import BadInput
from trtconv.ignoring import Ignore

if TYPE_CHECKING:
    from trtconv.by_name import ByName


@dataclass(frozen=True)
class ModelConfig:
    """One declared model. What is None takes the verb's own default."""

    path: Path
    reference: Path | None = None
    golden: Path | None = None
    shapes: str | tuple[str, ...] | None = None
    target: str | None = None
    rtol: ByName[float] | None = None
    atol: ByName[float] | None = None
    metric: ByName[str] | None = None
    ranges: ByName[str] | None = None
    consistency: bool = False
    mixes_rows: tuple[str, ...] = ()
    steps: tuple[str, ...] | None = None
    runtimes: tuple[str, ...] | None = None
    inputs: Path | None = None
    time_limit: float | None = None
    memory_limit: str | None = None
    compute_capabilities: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    ignore: tuple[Ignore, ...] = ()

    @property
    def fixed(self) -> Path:
        """Where `trtconv fix` writes unless told otherwise."""
        return fixed_path(self.path)


@dataclass(frozen=True)
class Config:
    """What a project declares, and in which file."""

    file: Path
    models: tuple[ModelConfig, ...]


def fixed_path(path: Path) -> Path:
    """`net.onnx` -> `net.fixed.onnx`."""
    return path.with_name(f"{path.stem}.fixed.onnx")


def find_config(folder: Path) -> Config | None:
    """The configuration in `folder` or the nearest folder above it; None where there is none. Raises BadInput."""
    for place in (folder, *folder.resolve().parents):
        if (place / "trtconv.toml").is_file():
            return read_config(place / "trtconv.toml")
        pyproject = place / "pyproject.toml"
        if pyproject.is_file() and (table := _load(pyproject).get("tool", {}).get("trtconv")) is not None:
            return _config(pyproject, table)
    return None


def read_config(file: str | os.PathLike[str]) -> Config:
    """The configuration in `file`; raises BadInput that names the key that is wrong."""
    file = Path(file)
    table = _load(file)
    return _config(file, table.get("tool", {}).get("trtconv", {}) if file.name == "pyproject.toml" else table)


def _load(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} is not valid TOML: {error}", do="mend that line") from error


def _config(file: Path, table: dict[str, Any]) -> Config:
    known = {f.name for f in dataclasses.fields(ModelConfig)} - {"path"}
    _check_keys(file, table, known | {"models"}, "")
    defaults = {key: value for key, value in table.items() if key != "models"}
    entries = table.get("models", [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise BadInput(f"`models` in {file} is not a list of tables", do="write [[models]] before each model")
    for number, entry in enumerate(entries, 1):
        _check_keys(file, entry, known | {"path"}, f"model {number}: ")
        if "path" not in entry:
            raise BadInput(f"model {number} in {file} has no path", do='add path = "model.onnx"')
    return Config(file, tuple(_model(file, {**defaults, **entry}) for entry in entries))


def _check_keys(file: Path, table: dict[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
            raise BadInput(f"{where}unknown key {key!r} in {file}", do=hint)


def _model(file: Path, entry: dict[str, Any]) -> ModelConfig:
    folder = file.resolve().parent
    kinds: dict[str, tuple[type, ...]] = {
        **dict.fromkeys(("shapes", "target", "memory_limit", "path", "reference", "golden", "inputs"), (str,)),
        "time_limit": (int, float),
        **dict.fromkeys(("rtol", "atol"), (int, float, str, list, dict)),
        **dict.fromkeys(("metric", "ranges"), (str, list, dict)),
        **dict.fromkeys(("steps", "runtimes", "compute_capabilities", "tools", "ignore", "mixes_rows"), (list,)),
        "consistency": (bool,),
    }
    for key, value in entry.items():
        if not isinstance(value, kinds[key]) or (isinstance(value, bool) and bool not in kinds[key]):
            kind = {str: "text", int: "a number", list: "a list", bool: "true or false"}[kinds[key][0]]
            raise BadInput(f"{key} = {value!r} in {file} is not {kind}")
    if "reference" in entry and "golden" in entry:
        what = f"{entry['path']} in {file} has a reference and a golden file, which are two things to compare with"
        raise BadInput(what, do="declare one of them")
    values = dict(entry)
    for key in ("path", "reference", "golden", "inputs"):
        if key in values:
            values[key] = relative(folder / values[key])
    for key in ("steps", "runtimes", "compute_capabilities", "tools", "mixes_rows"):
        if key in values:
            values[key] = tuple(map(str, values[key]))
    _check_settings(file, values)
    values["ignore"] = tuple(_ignore(file, item) for item in values.get("ignore", ()))
    return ModelConfig(**values)


def _check_settings(file: Path, values: dict[str, Any]) -> None:
    """Raise BadInput for what a verb could not read later, by the name that it has in the file."""
    from trtconv.by_name import by_name
    from trtconv.comparison.criteria import Metric, read_tolerance
    from trtconv.feeding.cases import read_range
    from trtconv.gating import named_steps
    from trtconv.subject import named_runtimes

    readers = {"rtol": read_tolerance, "atol": read_tolerance, "metric": Metric.read, "ranges": read_range}
    for key, read in readers.items():
        by_name(values.get(key), read, f"{key} of {values['path']} in {file}")
    if "steps" in values:
        named_steps(values["steps"], where=f"steps of {values['path']} in {file}")
    if "runtimes" in values:
        named_runtimes(values["runtimes"], where=f"runtimes of {values['path']} in {file}")


def _ignore(file: Path, item: object) -> Ignore:
    if not isinstance(item, dict) or not item.get("pass") or not item.get("reason"):
        raise BadInput(
            f"an entry of `ignore` in {file} lacks its pass or its reason: {item!r}",
            do='write { pass = "...", node = "...", reason = "..." }',
        )
    return Ignore(str(item["pass"]), str(item.get("node", "*")), str(item["reason"]))


def relative(path: Path) -> Path:
    """`path` as seen from the working folder where it lies below it: how users and CI systems name files."""
    path = Path(os.path.abspath(path))
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
