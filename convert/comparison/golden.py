"""Golden files: inputs, the outputs that they once gave, and with which versions, to hold later exports to.

A golden file is an .npz file that numpy reads, with `golden.json` in it: what is in the file, where it comes from, and
a digest of every array, so that a changed number is told from a changed network.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trtconv import __version__
from trtconv.errors import BadInput
from trtconv.feeding.inputs import Case
from trtconv.storage.arrays import UNREADABLE, ArrayWriter, opened

if TYPE_CHECKING:
    from trtconv.comparison.comparing import Expected
    from trtconv.passes.core import Model
    from trtconv.runtimes.running import Array, Feed

SCHEMA = "trtconv-golden/1"
CONTENTS = "golden.json"

Entries = dict[str, dict[str, Any]]
"""By tensor name: the array in the file, its dtype and its digest."""


@dataclass(frozen=True)
class Golden:
    """What a golden file holds. It stands where a reference model would: its outputs are what is expected."""

    path: Path
    contents: dict[str, Any]

    @property
    def title(self) -> str:
        """The file, and what gave its outputs when."""
        return f"{self.path.name} ({self.contents['runtime']}, {self.contents['created']})"

    @property
    def note(self) -> str:
        """Where the numbers come from, and with which versions."""
        from trtconv.runtimes.onnxruntime import versions

        then, model = self.contents["versions"], self.contents["model"]
        now = {name: version for name, version in versions().items() if then.get(name) != version}
        text = ", ".join(f"{name} {version}" for name, version in then.items())
        changed = f"; now {', '.join(f'{name} {version}' for name, version in now.items())}" if now else ""
        return f"{self.path.name} was made from {model['file'] or 'a model in memory'} with {text}{changed}"

    def cases(self, model: Model) -> list[Case]:
        """What was fed; raises BadInput where the inputs of `model` are others than they were."""
        from trtconv.feeding.given import fitted_feed

        fed = []
        for entry in self.contents["cases"]:
            name = str(entry["name"])
            feed = fitted_feed(model.main, name, self._arrays(entry["inputs"]), f"--golden {self.path}")
            fed.append(Case(name, feed, int(entry["profile"])))
        return fed

    def outputs(self, case: Case) -> Feed:
        """The outputs of a case, as they were."""
        entry = next(entry for entry in self.contents["cases"] if entry["name"] == case.name)
        return self._arrays(entry["outputs"])

    def _arrays(self, entries: Entries) -> Feed:
        found = {}
        with _opened(self.path) as archive:
            for name, entry in entries.items():
                value = _typed(archive[entry["array"]], entry["dtype"])
                if _digest(value) != entry["sha256"]:
                    raise BadInput(
                        f"{self.path} was changed after it was written: {entry['array']} is not what it was",
                        do="take the file from where it was kept, or write it anew: --save-golden",
                    )
                found[name] = value
        return found


def read_golden(path: str | os.PathLike[str]) -> Golden:
    """Open a golden file; raises BadInput for one that is none, was changed, or is of a later version."""
    path = Path(path)
    with _opened(path) as archive:
        contents = json.loads(archive[CONTENTS])
        if not isinstance(contents, dict) or contents.get("schema") != SCHEMA:
            found = contents.get("schema") if isinstance(contents, dict) else None
            raise BadInput(f"{path} is of the kind {found!r}, and {SCHEMA!r} is what can be read", do=_ANEW)
        if contents.pop("sha256", None) != _digest_of_contents(contents):
            raise BadInput(f"{path} was changed after it was written: {CONTENTS} is not what it was", do=_ANEW)
    return Golden(path, contents)


_ANEW = "write it anew with this version: trtconv verify MODEL --save-golden FILE"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with opened(path) as archive:
            if CONTENTS not in archive.files:
                raise BadInput(f"{path} is no golden file of trtconv", where="--golden", do=_ANEW)
            yield archive
    except FileNotFoundError as error:
        raise BadInput(f"there is no file {path}", where="--golden", do=_ANEW) from error
    except UNREADABLE as error:
        what = f"{path} is damaged, or no golden file of trtconv: {error}"
        raise BadInput(what, where="--golden", do=_ANEW) from error


def _typed(value: Array, dtype: str) -> Array:
    """Element types that numpy's files do not know come back as raw bytes."""
    if value.dtype.name == dtype:
        return value
    import ml_dtypes

    return value.view(np.dtype(getattr(ml_dtypes, dtype)))


def _digest(value: Array) -> str:
    head = f"{value.dtype.name} {list(value.shape)} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(value).tobytes()).hexdigest()


def _digest_of_contents(contents: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()


# --- writing -------------------------------------------------------------------------------------


@contextmanager
def recording(path: str | os.PathLike[str], expected: Expected, model: Model) -> Iterator[Expected]:
    """What is expected, with each case that it is asked for written into a golden file, which appears whole at the end.

    `model` is what gives the outputs. Raises BadInput where the file cannot be written.
    """
    from trtconv.storage.files import writing, written_whole

    path = Path(path)
    with writing(path), written_whole(path) as temporary, temporary.open("wb") as file, ArrayWriter(file) as arrays:
        recorder = _Recorder(expected, arrays)
        yield recorder
        arrays.add_text(CONTENTS, json.dumps(recorder.contents(model), indent=1))


class _Recorder:
    """Stands in front of what is expected and writes down each case that it is asked for."""

    def __init__(self, expected: Expected, arrays: ArrayWriter) -> None:
        self._expected, self._arrays = expected, arrays
        self.cases: list[dict[str, Any]] = []

    @property
    def title(self) -> str:
        """That of what is expected."""
        return self._expected.title

    def outputs(self, case: Case) -> Feed:
        """The outputs of a case, which are kept."""
        from trtconv.comparison.comparing import tensors

        outputs = self._expected.outputs(case)
        place = f"{len(self.cases):03d}"
        self.cases.append(
            {
                "name": case.name,
                "profile": case.profile,
                "inputs": self._add(f"{place}/inputs", case.feed),
                "outputs": self._add(f"{place}/outputs", dict(tensors(outputs))),
            }
        )
        return outputs

    def _add(self, place: str, values: Feed) -> Entries:
        entries = {}
        for name, value in values.items():
            self._arrays.add(f"{place}/{name}", value)
            entries[name] = {"array": f"{place}/{name}", "dtype": value.dtype.name, "sha256": _digest(value)}
        return entries

    def contents(self, model: Model) -> dict[str, Any]:
        """What `golden.json` holds."""
        from trtconv.runtimes.onnxruntime import versions

        contents: dict[str, Any] = {
            "schema": SCHEMA,
            "trtconv": __version__,
            "created": datetime.now(UTC).date().isoformat(),
            "runtime": self.title,
            "versions": versions(),
            "machine": platform.machine(),
            "model": {"file": os.path.basename(model.file), "sha256": _model_digest(model)},
            "cases": self.cases,
        }
        return {**contents, "sha256": _digest_of_contents(contents)}


def _model_digest(model: Model) -> str:
    """Of the file, where there is one."""
    path = Path(model.file)
    content = path.read_bytes() if model.file and path.is_file() else model.proto.SerializeToString(deterministic=True)
    return hashlib.sha256(content).hexdigest()
