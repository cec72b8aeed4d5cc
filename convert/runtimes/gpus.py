"""NVIDIA GPUs as the driver tells of them, asked through its own library: no CUDA toolkit, no package needed."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass

_COMPUTE_CAPABILITY_MAJOR, _COMPUTE_CAPABILITY_MINOR = 75, 76
"""CUdevice_attribute numbers, from cuda.h."""


@dataclass(frozen=True)
class Gpu:
    """One GPU: name, compute capability and bytes of memory."""

    name: str
    compute_capability: str
    memory: int

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return dict(vars(self))


@functools.cache
def find_gpus() -> tuple[Gpu, ...]:
    """The GPUs of this machine; none where there is no driver."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return ()
    count = ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        return ()
    return tuple(_gpu(cuda, index) for index in range(count.value))


def driver_cuda_version() -> str:
    """The newest CUDA version that the driver supports, such as `12.8`; empty where there is no driver."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return ""
    version = ctypes.c_int()
    if cuda.cuDriverGetVersion(ctypes.byref(version)):
        return ""
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def _gpu(cuda: ctypes.CDLL, index: int) -> Gpu:
    device, memory, name = ctypes.c_int(), ctypes.c_size_t(), ctypes.create_string_buffer(256)
    cuda.cuDeviceGet(ctypes.byref(device), index)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    major, minor = (_attribute(cuda, a, device) for a in (_COMPUTE_CAPABILITY_MAJOR, _COMPUTE_CAPABILITY_MINOR))
    return Gpu(name.value.decode("utf-8", "replace"), f"{major}.{minor}", memory.value)


def _attribute(cuda: ctypes.CDLL, attribute: int, device: ctypes.c_int) -> int:
    value = ctypes.c_int()
    cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
    return value.value
