"""How outputs are judged: what the caller said about tolerances, else the default of the element type."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trtconv.metrics import Tolerance, default_tolerance, is_float

if TYPE_CHECKING:
    from trtconv.runtimes.running import Array


@dataclass(frozen=True)
class Criteria:
    """How every output of one comparison is judged. None stands for the default of the output's element type."""

    rtol: float | None = None
    atol: float | None = None
    tf32: bool = False

    def tolerance(self, expected: Array, actual: Array) -> Tolerance:
        """Tolerance for one output: of the coarser of both element types."""
        floats = [a.dtype for a in (expected, actual) if is_float(a.dtype)]
        if not floats:
            return Tolerance(0.0, 0.0)
        default = default_tolerance(min(floats, key=lambda d: d.itemsize), tf32=self.tf32)
        if self.rtol is not None:
            default = replace(default, rtol=self.rtol)
        return default if self.atol is None else replace(default, atol=self.atol, of_range=False)
