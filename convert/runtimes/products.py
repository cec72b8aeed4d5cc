"""TensorRT and TensorRT-RTX as packages: installed or not, which version, what to install. Imports neither."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata

from trtconv.errors import BadInput, Unavailable


@dataclass(frozen=True)
class Product:
    """One of NVIDIA's two: the name that targets have, the Python module, the extra that installs it."""

    name: str
    title: str
    module: str
    distributions: tuple[str, ...]
    extra: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """What makes Polygraphy work with it."""
    needs_gpu: bool = True
    """Whether parsing and building need a GPU in this machine."""

    @property
    def version(self) -> str | None:
        """The installed version; None when it is not installed."""
        for distribution in self.distributions:
            try:
                return metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
        return None

    @property
    def is_installed(self) -> bool:
        """Whether the module can be found; it is not imported."""
        return self.version is not None and importlib.util.find_spec(self.module) is not None

    def require(self) -> str:
        """The installed version. Raises Unavailable, which says what to install or that a GPU is missing."""
        from trtconv.runtimes.gpus import find_gpus

        if not self.is_installed:
            do = f"pip install 'trtconv[{self.extra}]'"
            if self.needs_gpu:
                do += "; TensorRT-RTX builds without a GPU: pip install 'trtconv[rtx]', --target tensorrt-rtx"
            raise Unavailable(f"{self.title} is not installed", do=do)
        if self.needs_gpu and not find_gpus():
            raise Unavailable(
                f"{self.title} needs an NVIDIA GPU with its driver, and this machine has none",
                do="TensorRT-RTX builds without one: pip install 'trtconv[rtx]', --target tensorrt-rtx",
            )
        return self.version or ""


PRODUCTS = {
    "tensorrt": Product(
        "tensorrt", "TensorRT", "tensorrt", ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11"), "tensorrt"
    ),
    "tensorrt-rtx": Product(
        "tensorrt-rtx",
        "TensorRT-RTX",
        "tensorrt_rtx",
        ("tensorrt_rtx", "tensorrt_rtx_cu13", "tensorrt_rtx_cu12"),
        "rtx",
        {"POLYGRAPHY_USE_TENSORRT_RTX": "1"},
        needs_gpu=False,
    ),
}


def product_named(name: str) -> Product:
    """Product of `tensorrt` or `tensorrt-rtx`; raises BadInput for another name."""
    if name not in PRODUCTS:
        raise BadInput(f"there is no product {name!r}", do=f"known are {', '.join(PRODUCTS)}")
    return PRODUCTS[name]
