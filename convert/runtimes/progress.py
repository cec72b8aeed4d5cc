"""The builder's progress, told to the parent process."""

from __future__ import annotations

import threading
import time
from typing import Any

from trtconv.isolate import report

REPORT_SECONDS = 0.1
"""Progress is told at most this often."""


def progress_monitor(trt: Any) -> Any:
    """A monitor that reports the builder's innermost phase; None before TensorRT 8.6, which has no monitors."""
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Called from the builder's own threads."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.phases = Phases()

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self.phases.set(phase, 0, steps)

        def step_complete(self, phase: str, step: int) -> bool:
            self.phases.set(phase, step + 1)
            return True

        def phase_finish(self, phase: str) -> None:
            self.phases.end(phase)

    return Monitor()


class Phases:
    """Phases under way, outermost first, each with its steps done and to do."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._told = 0.0

    def set(self, phase: str, done: int, steps: int | None = None) -> None:
        """Note the progress of `phase` and report it, unless one was reported just now."""
        with self._lock:
            self._steps[phase] = (done, steps if steps is not None else self._steps.get(phase, (0, 0))[1])
            now = time.monotonic()
            if now - self._told < REPORT_SECONDS:
                return
            self._told = now
            innermost, (done, of) = list(self._steps.items())[-1]
            report(f"{innermost[:1].lower()}{innermost[1:]}, step {done} of {of}")

    def end(self, phase: str) -> None:
        """Forget `phase`."""
        with self._lock:
            self._steps.pop(phase, None)
