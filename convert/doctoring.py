"""`doctor`: what is installed, which GPUs there are, and what that allows."""

from __future__ import annotations

import importlib
import platform
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from trtconv.errors import TrtconvError

if TYPE_CHECKING:
    from trtconv.runtimes.gpus import Gpu
    from trtconv.runtimes.products import Product

LOAD_SECONDS = 120.0
"""Time that loading a native runtime may take, in a child process."""

PACKAGES = ("numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "polygraphy", "torch")
OPTIONAL = ("onnxruntime-gpu", "torch")


@dataclass(frozen=True)
class Package:
    """A package: its version, empty when it is not installed, and what there is to say about it."""

    name: str
    version: str
    note: str = ""
    works: bool = True

    def to_json(self) -> dict[str, object]:
        """All fields; `version` is null when it is not installed."""
        return {**vars(self), "version": self.version or None, "works": self.works and bool(self.version)}


@dataclass(frozen=True)
class Ability:
    """Something trtconv does: possible here, or why not."""

    name: str
    possible: bool
    why: str = ""

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return dict(vars(self))


@dataclass(frozen=True)
class Doctor:
    """What this machine has, and what that allows."""

    python: str
    system: str
    packages: tuple[Package, ...]
    gpus: tuple[Gpu, ...]
    driver_cuda: str
    abilities: tuple[Ability, ...]

    @property
    def exit_code(self) -> int:
        """0: a machine that lacks something is no error."""
        return 0

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return {
            "python": self.python,
            "system": self.system,
            "packages": [p.to_json() for p in self.packages],
            "gpus": [g.to_json() for g in self.gpus],
            "driver_cuda": self.driver_cuda or None,
            "abilities": [a.to_json() for a in self.abilities],
        }


def doctor() -> Doctor:
    """Look at the installed packages and the GPUs. Native runtimes are loaded in child processes; never raises."""
    from trtconv.runtimes.gpus import driver_cuda_version, find_gpus
    from trtconv.runtimes.products import PRODUCTS

    gpus = find_gpus()
    products = {name: _product(product) for name, product in PRODUCTS.items()}
    packages = [_package(name) for name in PACKAGES if name not in OPTIONAL or _version(name)]
    if any(p.name == "onnxruntime-gpu" for p in packages):
        packages = [p for p in packages if p.name != "onnxruntime" or p.version]
    abilities = _abilities({p.name: p for p in packages}, products, gpus)
    return Doctor(
        platform.python_version(),
        f"{platform.system()} {platform.machine()}",
        (*packages, *products.values()),
        gpus,
        driver_cuda_version(),
        tuple(abilities),
    )


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _package(name: str) -> Package:
    version = _version(name)
    if not name.startswith("onnxruntime") or not version:
        return Package(name, version, "" if version else "not installed", bool(version))
    providers, problem = _loaded(onnxruntime_providers, "onnxruntime", {})
    return Package(name, version, problem or providers, not problem)


def _product(product: Product) -> Package:
    if not product.is_installed:
        return Package(product.module, "", f"not installed: pip install 'trtconv[{product.extra}]'", False)
    _, problem = _loaded(load_parser, product.title, dict(product.environment))
    return Package(product.module, product.version or "", problem, not problem)


def _loaded(function: object, what: str, environment: dict[str, str]) -> tuple[str, str]:
    """What `function` says in a child process, or what went wrong there."""
    from trtconv.isolate import ChildError, Limits, isolated

    assert callable(function)
    try:
        said = isolated(function, what=f"loading {what}", limits=Limits(LOAD_SECONDS), environment=environment)
    except TrtconvError as error:
        return "", " ".join(filter(None, (error.what, error.where)))
    except ChildError as error:
        return "", f"cannot be loaded: {str(error).strip().splitlines()[-1]}"
    return str(said), ""


def onnxruntime_providers() -> str:
    """The execution providers of the installed ONNX Runtime."""
    import onnxruntime

    return ", ".join(onnxruntime.get_available_providers())


def load_parser() -> str:
    """Version of the runtime that the environment chooses, loaded with its ONNX parser."""
    from trtconv.runtimes.network import runtime

    trt = runtime()
    importlib.import_module("polygraphy.backend.trt")
    return str(trt.__version__) if trt.OnnxParser else ""


def _abilities(packages: dict[str, Package], products: dict[str, Package], gpus: tuple[Gpu, ...]) -> list[Ability]:
    full, rtx = products["tensorrt"], products["tensorrt-rtx"]
    no_gpu = "" if gpus else "needs an NVIDIA GPU"
    either = [p for p in (full, rtx) if p.works]
    run = no_gpu or ("" if either else "needs TensorRT or TensorRT-RTX")
    train = "" if "torch" in packages else "pip install 'trtconv[models]'"
    return [
        _ability("lint, fix", _lacking(packages["onnx"])),
        _ability("verify in ONNX Runtime", _lacking(packages.get("onnxruntime") or packages["onnxruntime-gpu"])),
        _ability("ask the parser of TensorRT-RTX, build engines for it", _lacking(rtx)),
        _ability("ask the parser of TensorRT, build engines for it", _lacking(full) or no_gpu),
        _ability("run engines: verify in TensorRT or TensorRT-RTX", run),
        _ability("train and export the networks in trtconv.models", train),
    ]


def _lacking(package: Package) -> str:
    return "" if package.works else package.note


def _ability(name: str, lacking: str) -> Ability:
    return Ability(name, not lacking, lacking)
