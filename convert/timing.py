"""Where the time went."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Clock:
    """Seconds of wall time by step, in the order of first use. A step inside another counts for itself alone."""

    def __init__(self, before: Mapping[str, float] | None = None) -> None:
        """Go on from `before`."""
        self.seconds: dict[str, float] = dict(before or {})
        self._inside = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what the block takes for `name`, less what the steps inside it take."""
        outer, self._inside = self._inside, 0.0
        start = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + took - self._inside
            self._inside = outer + took
