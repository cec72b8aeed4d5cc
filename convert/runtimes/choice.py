"""Which installed product builds for a target, and which build options it has."""

from __future__ import annotations

import dataclasses
import re

from trtconv.errors import BadInput, Unavailable
from trtconv.runtimes.builder_config import HARDWARE_LEVELS, Flags
from trtconv.runtimes.gpus import find_gpus
from trtconv.runtimes.products import PRODUCTS, Product


def product_for(target: str) -> Product:
    """The product that builds for `target`: `auto`, a product's name, or product and version.

    An engine belongs to the version that built it: raises Unavailable unless that one is installed, BadInput for an
    unknown target.
    """
    from trtconv.storage.loading import resolve_target

    product = PRODUCTS[resolve_target(target).product]
    if target == "auto" and not any(p.is_installed for p in PRODUCTS.values()):
        do = "pip install 'trtconv[rtx]' (needs no GPU), or pip install 'trtconv[tensorrt]'"
        raise Unavailable("neither TensorRT nor TensorRT-RTX is installed", do=do)
    installed = product.require()
    asked = re.search(r"\d+(?:\.\d+)*$", target.strip())
    if asked and not f"{installed}.".startswith(f"{asked[0]}."):
        raise Unavailable(
            f"{product.title} {asked[0]} is not installed, but {installed} is, and an engine runs only on the version "
            "that built it",
            do=f"--target {product.name}-{'.'.join(installed.split('.')[:2])} builds with it; "
            "for another version, install that one",
        )
    return product


def checked_flags(product: Product, flags: Flags) -> tuple[Flags, tuple[str, ...]]:
    """The flags that `product` can follow, and notes on those left out as without effect.

    Raises BadInput for a flag the product does not have, and Unavailable for one that lacks a GPU here.
    """
    if flags.hardware_compatible is not None and flags.hardware_compatible not in HARDWARE_LEVELS:
        what = f"there is no hardware compatibility level {flags.hardware_compatible!r}"
        raise BadInput(what, do=f"levels are {', '.join(HARDWARE_LEVELS)}")
    if product.name == "tensorrt-rtx":
        return _checked_for_rtx(flags)
    if flags.compute_capabilities:
        what = "TensorRT builds for the GPU of this machine, not for given compute capabilities"
        raise BadInput(what, do="leave --compute-capability out, or see --hardware-compatible; TensorRT-RTX has it")
    return flags, ()


def _checked_for_rtx(flags: Flags) -> tuple[Flags, tuple[str, ...]]:
    if flags.version_compatible:
        what = "TensorRT-RTX has no version compatible engines: the lean runtime they need is not part of it"
        raise BadInput(what, do="leave --version-compatible out, and build again for each version")
    if flags.hardware_compatible not in (None, "none"):
        what = "TensorRT-RTX has no hardware compatibility levels"
        raise BadInput(what, do="name the GPUs to build for instead: --compute-capability 8.6 8.9")
    if (flags.refit or flags.strip_plan) and not find_gpus():
        # measured with TensorRT-RTX 1.7.1: the compiler fails on a CUDA call, whatever the network
        what = "TensorRT-RTX needs a GPU to build engines that can be refitted or are stripped of their weights"
        raise Unavailable(what, do="build it on a machine with a GPU, or leave --refit and --strip-plan out")
    if flags.timing_cache is None:
        return flags, ()
    note = "TensorRT-RTX has no timing cache: tactics are chosen on the device; --timing-cache has no effect"
    return dataclasses.replace(flags, timing_cache=None), (note,)
