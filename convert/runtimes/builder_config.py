"""How an engine is built: the options with the meaning trtexec gives them, as a builder configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trtconv.errors import BadInput
from trtconv.runtimes.network import NetworkTensor, is_rtx
from trtconv.runtimes.progress import progress_monitor
from trtconv.shapes import POINTS, ShapeProfile

HARDWARE_LEVELS = {
    "none": "NONE",
    "ampere+": "AMPERE_PLUS",
    "same-compute-capability": "SAME_COMPUTE_CAPABILITY",
}
"""What users write, and TensorRT's HardwareCompatibilityLevel."""


@dataclass(frozen=True)
class Flags:
    """What to build; None is the product's own default, `workspace` is in bytes."""

    compute_capabilities: tuple[str, ...] = ()
    workspace: int | None = None
    optimization_level: int | None = None
    version_compatible: bool = False
    hardware_compatible: str | None = None
    strip_plan: bool = False
    refit: bool = False
    timing_cache: str | None = None
    tf32: bool = False

    def to_json(self) -> dict[str, object]:
        """All fields, and that the network is strongly typed."""
        return {**vars(self), "compute_capabilities": list(self.compute_capabilities), "strongly_typed": True}


def builder_config(trt: Any, tensors: Sequence[NetworkTensor], profiles: Sequence[ShapeProfile], flags: Flags) -> Any:
    """A Polygraphy loader of the configuration; raises BadInput for an unknown compute capability."""
    from polygraphy.backend.trt import PostprocessConfig

    def finish(builder: Any, network: Any, config: Any) -> None:
        (config.set_flag if flags.tf32 else config.clear_flag)(trt.BuilderFlag.TF32)
        for profile in profiles:
            config.add_optimization_profile(_optimization_profile(builder, tensors, profile))

    return PostprocessConfig(_create_config(trt, flags), finish)


def _create_config(trt: Any, flags: Flags) -> Any:
    options: dict[str, Any] = {
        "profiles": [],  # added by `finish`: Polygraphy's own take input names for patterns
        "profiling_verbosity": trt.ProfilingVerbosity.LAYER_NAMES_ONLY,
        "builder_optimization_level": flags.optimization_level,
        "version_compatible": flags.version_compatible,
        "strip_plan": flags.strip_plan,
        "refittable": flags.refit,
        "load_timing_cache": flags.timing_cache,
        "progress_monitor": progress_monitor(trt),
    }
    if flags.workspace is not None:
        options["memory_pool_limits"] = {trt.MemoryPoolType.WORKSPACE: flags.workspace}
    if flags.hardware_compatible:
        level = HARDWARE_LEVELS[flags.hardware_compatible]
        options["hardware_compatibility_level"] = getattr(trt.HardwareCompatibilityLevel, level)
    if is_rtx():
        from polygraphy.backend.tensorrt_rtx import CreateConfigRTX

        return CreateConfigRTX(compute_capabilities=_capabilities(trt, flags.compute_capabilities), **options)
    from polygraphy.backend.trt import CreateConfig

    return CreateConfig(**options)


def _capabilities(trt: Any, texts: Sequence[str]) -> list[tuple[int, int]] | None:
    """`8.6` -> (8, 6); None for the product's own choice."""
    names = [name[2:] for name in trt.ComputeCapability.__members__ if name.startswith("SM")]
    known = {f"{name[:-1]}.{name[-1]}": (int(name[:-1]), int(name[-1])) for name in names}
    for text in texts:
        if text not in known:
            what = f"TensorRT-RTX {trt.__version__} does not build for compute capability {text!r}"
            raise BadInput(what, do=f"it knows {', '.join(known)}")
    return [known[text] for text in dict.fromkeys(texts)] or None


def _optimization_profile(builder: Any, tensors: Sequence[NetworkTensor], profile: ShapeProfile) -> Any:
    added = builder.create_optimization_profile()
    for tensor in tensors:
        if tensor.is_input and tensor.is_shape_tensor:
            added.set_shape_input(tensor.name, *(list(profile.values_at(point)[tensor.name]) for point in POINTS))
        elif tensor.is_input:
            added.set_shape(tensor.name, *(profile.at(point)[tensor.name] for point in POINTS))
    return added
