"""What a process costs: wall time, processor time, memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.01


@dataclass(frozen=True)
class Limits:
    """What a process may use before it is ended: seconds of wall time, and MB of resident memory."""

    seconds: float
    memory: float


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds of wall and processor time, peak memory in MB, and why it failed, if it did.

    `peak` is the largest resident set, as the system accounts it: pages of mapped files that were touched count, though
    the system can take them back. `own` counts only memory that no file is behind. Both are sampled each 10 ms; what
    the system tells of a process that has ended includes the one that started it.
    """

    wall: float
    cpu: float
    peak: float
    own: float
    failure: str = ""


def cost_of(command: Sequence[str], limits: Limits) -> Cost:
    """Run `command` in a process of its own."""
    peak, own, ended = 0.0, 0.0, ""
    # Compiled modules are kept, as they are for whoever has run a tool before.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=environment)
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            wall = time.perf_counter() - start
            if pid:
                break
            used = memory_mb(child.pid)
            peak, own = max(peak, used.get("VmHWM", 0.0)), max(own, used.get("RssAnon", 0.0))
            if wall > limits.seconds or peak > limits.memory:
                ended = f"over {limits.seconds:g} s" if wall > limits.seconds else f"over {limits.memory / 1000:g} GB"
                child.kill()
            time.sleep(POLL_S)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
    failure = ended or (lines[-1] if lines else f"exit code {child.returncode}") if child.returncode else ""
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak, own, failure)


def memory_mb(process: int) -> dict[str, float]:
    """Memory of a process: VmHWM, its peak, and RssAnon, what no file is behind now. Empty once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    except OSError:
        return {}
    fields = (line.partition(":") for line in lines)
    return {name: int(rest.split()[0]) * 1.024e-3 for name, _, rest in fields if name in ("VmHWM", "RssAnon")}
