"""`build`: an engine from a model, with TensorRT or TensorRT-RTX, in a child process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trtconv.errors import BadInput
from trtconv.isolate import Limits
from trtconv.parser.parsing import on_disk
from trtconv.runtimes.builder_config import Flags

if TYPE_CHECKING:
    from onnx import ModelProto

    from trtconv.parser.parsing import Source
    from trtconv.runtimes.engine import Built
    from trtconv.runtimes.network import NetworkTensor
    from trtconv.runtimes.products import Product
    from trtconv.shapes import ShapeProfile

SCHEMA = "trtconv-engine/1"
"""Version of what ENGINE.json holds."""


@dataclass(frozen=True)
class Hashed:
    """What an engine was built from: SHA-256 of the model, and of each file that holds weights of it."""

    path: str
    sha256: str
    external: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, object]:
        """`{"path", "sha256", "external": {file: sha256}}`."""
        return {"path": self.path, "sha256": self.sha256, "external": dict(self.external)}


@dataclass(frozen=True)
class Engine:
    """A built engine and what its sidecar says of it. `size` in bytes, `seconds` for parsing and building."""

    path: Path
    sidecar: Path
    source: Hashed
    product: str
    title: str
    version: str
    flags: Flags
    profiles: tuple[ShapeProfile, ...]
    tensors: tuple[NetworkTensor, ...]
    seconds: float
    size: int
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0: there is an engine, or `build` raises."""
        return 0

    @property
    def verdict(self) -> str:
        """One line."""
        size = f"{self.size / 2**20:.1f} MiB" if self.size >= 2**20 else f"{self.size / 2**10:.0f} KiB"
        product = f"{self.title} {self.version}"
        return f"{self.path}: {size}, parses and compiles for {product}, built in {self.seconds:.1f} s"

    def to_json(self) -> dict[str, object]:
        """What ENGINE.json holds, and where engine and sidecar are."""
        return {
            "engine": str(self.path),
            "sidecar": str(self.sidecar),
            "sha256": self.sha256,
            "size": self.size,
            "source": self.source.to_json(),
            "product": self.product,
            "version": self.version,
            "flags": self.flags.to_json(),
            "compute_capabilities": list(self.flags.compute_capabilities),
            "profiles": [{"text": p.text, **p.to_json()} for p in self.profiles],
            "tensors": [t.to_json() for t in self.tensors],
            "build_seconds": round(self.seconds, 3),
            "notes": list(self.notes),
        }


def build(
    source: Source,
    *,
    shapes: str | Iterable[str] | Sequence[ShapeProfile] | None = None,
    output: str | os.PathLike[str] | None = None,
    target: str = "auto",
    compute_capabilities: Iterable[str] = (),
    workspace: str | int | None = None,
    optimization_level: int | None = None,
    version_compatible: bool = False,
    hardware_compatible: str | None = None,
    strip_plan: bool = False,
    refit: bool = False,
    timing_cache: str | os.PathLike[str] | None = None,
    tf32: bool = False,
    marked: Iterable[str] = (),
    time_limit: float | None = None,
    memory_limit: str | int | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Engine:
    """Build an engine, and write it and its sidecar, `output` with `.json` after it: whole or not at all.

    `source` is a path or a ModelProto (which needs an `output`; by default a path's suffix becomes `.engine`).
    `shapes` are texts as of `--shapes`, or profiles. `target` names the product, and the version if it matters.
    The options have the meaning that trtexec gives them, the precision being what the graph says. Sizes are bytes or
    texts like `8G`, `time_limit` is in seconds. Tensors inside whose names are `marked` become outputs of the engine,
    too, as far as it can give them; that keeps TensorRT from fusing across them.

    Raises BadInput for a model, shapes or options that cannot be used and an output that cannot be written,
    BuildRefused when the parser or the builder refuses the model, Unavailable where product, version or GPU is
    missing, NativeFailure when it crashes or passes a limit.
    """
    from trtconv.runtimes.choice import checked_flags, product_for

    flags = Flags(
        compute_capabilities=tuple(compute_capabilities),
        workspace=_bytes(workspace),
        optimization_level=optimization_level,
        version_compatible=version_compatible,
        hardware_compatible=hardware_compatible,
        strip_plan=strip_plan,
        refit=refit,
        timing_cache=os.fspath(timing_cache) if timing_cache is not None else None,
        tf32=tf32,
    )
    engine = _output(source, output)
    product = product_for(target)
    flags, notes = checked_flags(product, flags)
    with on_disk(source) as path:
        profiles, hashed = _read(path, shapes)
        limits = Limits(time_limit, _bytes(memory_limit))
        job = _Job(product, path, engine, profiles, flags, tuple(marked), limits, on_progress)
        return _build(job, hashed, notes)


@dataclass(frozen=True)
class _Job:
    product: Product
    model: Path
    output: Path
    profiles: tuple[ShapeProfile, ...]
    flags: Flags
    marked: tuple[str, ...]
    limits: Limits
    on_progress: Callable[[str], None] | None

    def run(self, temporary: Path) -> Built:
        """Build into `temporary`, in a child process. Raises BuildRefused and what `isolated` raises."""
        from trtconv.isolate import isolated
        from trtconv.refusing import refusal
        from trtconv.runtimes.engine import build_engine

        built = isolated(
            build_engine,
            str(self.model),
            str(temporary),
            self.profiles,
            self.flags,
            self.marked,
            what=f"building {self.model.name} with {self.product.title}",
            limits=self.limits,
            environment=self.product.environment,
            on_report=self.on_progress,
        )
        if built.errors or built.failure:
            raise refusal(built, self.model, self.product)
        return built


def _build(job: _Job, hashed: Hashed, notes: tuple[str, ...]) -> Engine:
    from trtconv import __version__
    from trtconv.storage.files import writing, written_whole

    sidecar = job.output.with_name(f"{job.output.name}.json")
    with writing(job.output), written_whole(sidecar) as record, written_whole(job.output) as temporary:
        built = job.run(temporary)
        engine = Engine(
            path=job.output,
            sidecar=sidecar,
            source=hashed,
            product=job.product.name,
            title=job.product.title,
            version=built.version,
            flags=job.flags,
            profiles=job.profiles,
            tensors=built.tensors,
            seconds=built.seconds,
            size=temporary.stat().st_size,
            sha256=_sha256(temporary),
            notes=(*notes, *built.warnings),
        )
        content = {"schema": SCHEMA, "trtconv": __version__, **engine.to_json()}
        record.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return engine


def _bytes(size: str | int | None) -> int | None:
    from trtconv.sizes import parse_size

    return parse_size(size) if isinstance(size, str) else size


def _output(source: Source, output: str | os.PathLike[str] | None) -> Path:
    from trtconv.storage.files import open_model

    is_path = isinstance(source, (str, os.PathLike))
    if output is None and not is_path:
        raise BadInput("a ModelProto has no name to make the engine's from", do="give build an output")
    engine = Path(output) if output is not None else Path(str(source)).with_suffix(".engine")
    if engine.is_dir():
        raise BadInput(f"{engine} is a folder", do="name the engine file to write")
    if is_path and engine.exists() and Path(str(source)).exists() and engine.samefile(str(source)):
        open_model(engine)  # what is no model is told as what it is
        raise BadInput(f"{engine} is the model, which is never changed", do="choose another output with -o")
    return engine


def _read(
    path: Path, shapes: str | Iterable[str] | Sequence[ShapeProfile] | None
) -> tuple[tuple[ShapeProfile, ...], Hashed]:
    """The profiles, checked against the model's inputs, and the hashes of what is going to be built."""
    from trtconv.profiles import model_inputs, profiles_for
    from trtconv.storage.files import open_model

    model = open_model(path)
    profiles = profiles_for(model_inputs(model), shapes if shapes is not None else ())
    external = tuple((name, _sha256(path.parent / name)) for name in _weight_files(model, path))
    return profiles, Hashed(str(path), _sha256(path), external)


def _weight_files(model: ModelProto, path: Path) -> list[str]:
    from trtconv.passes.core.external import is_within, location_of
    from trtconv.storage.files import external_tensors

    return sorted({location_of(t) for t in external_tensors(model.graph) if not is_within(t, str(path))})


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
