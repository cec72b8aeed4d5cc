"""Run one of our functions in a child process: native code may crash, hang or eat the memory without taking us along.

The child is a fresh interpreter (never a fork: TensorRT and CUDA do not survive one) in a session of its own, which
dies with its parent. What it prints is kept for its last words; what it returns, raises or `report`s comes back
through a pipe.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

from trtconv.errors import NativeFailure, TrtconvError, Unavailable

T = TypeVar("T")

POLL_SECONDS = 0.05
LAST_WORDS, LAST_BYTES = 3, 4096
"""Lines, and at most bytes, of what the child printed that an error shows."""

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from trtconv.isolate import serve; serve(sys.argv[2])"
)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Limits:
    """What a child may use: seconds of wall time, and bytes of resident memory. None is no limit."""

    seconds: float | None = None
    memory: int | None = None


class ChildError(RuntimeError):
    """The function raised something that is no TrtconvError: a bug of trtconv. The message has the traceback."""


def isolated(
    function: Callable[..., T],
    *args: object,
    what: str,
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
    on_report: Callable[[str], None] | None = None,
) -> T:
    """`function(*args)` in a child process; `what` says what it does: "parsing model.onnx with TensorRT".

    `function` belongs to an importable module; arguments and result can be pickled. `on_report` is called with
    each text that the function `report`s. Raises the TrtconvError that the function raised, NativeFailure when the
    child crashes or exceeds a limit, and Unavailable for a memory limit where there is no /proc. Ctrl-C ends the
    child, too.
    """
    with Worker(what, limits=limits, environment=environment, on_report=on_report) as worker:
        return worker.call(function, *args)


class Worker:
    """A child process for several calls, one after another; started by the first, and again after a failure.

    Closes when the `with` block ends. The limits hold for each call by itself.
    """

    def __init__(
        self,
        what: str,
        *,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
        on_report: Callable[[str], None] | None = None,
    ) -> None:
        self.what, self.limits, self.on_report = what, limits or Limits(), on_report
        self._environment = {**os.environ, **(environment or {})}
        self._open = ExitStack()
        self._child: _Child | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def _close(self) -> None:
        self._child = None
        self._open.close()

    def call(self, function: Callable[..., T], *args: object) -> T:
        """`function(*args)` in the child; everything that is said of `isolated` holds."""
        if self.limits.memory is not None and not Path("/proc/self/status").exists():
            raise Unavailable("a memory limit needs Linux's /proc, which this system lacks", do="leave the limit out")
        if self._child is None:
            self._child = self._open.enter_context(_child(self._environment, self.what))
        try:
            self._child.send((function, args))
            kind, value = self._child.answer(self.limits, self.on_report)
        except BaseException:  # it is dead, or busy with what nobody waits for any more
            self._close()
            raise
        if kind == "raised" and isinstance(value, TrtconvError):
            raise value
        if kind == "failed":
            raise ChildError(f"{self.what} failed in its child process:\n{value}")
        return value  # type: ignore[return-value]  # the pipe carries what `function` returned


def report(text: str) -> None:
    """Tell the parent what is being done; without a parent, nothing happens."""
    if _parent is not None:
        with _sending:
            _parent.send(("report", text))


# --- the parent's end ----------------------------------------------------------------------------


@dataclass
class _Child:
    process: subprocess.Popen[bytes]
    pipe: Connection
    printed: IO[bytes]
    what: str
    started: float
    doing: str = ""

    def send(self, request: object) -> None:
        self.started, self.doing = time.monotonic(), ""
        with suppress(BrokenPipeError, ConnectionResetError):  # a child that is dead already is seen by `answer`
            self.pipe.send(request)

    def answer(self, limits: Limits, on_report: Callable[[str], None] | None) -> tuple[str, object]:
        """What comes last: ("returned", value), ("raised", error) or ("failed", traceback)."""
        while True:
            self._check(limits)
            try:
                message: tuple[str, Any] = self.pipe.recv() if self.pipe.poll(POLL_SECONDS) else ("", None)
            except (EOFError, ConnectionResetError):
                raise self._death() from None
            kind, value = message
            if kind == "report":
                self.doing = value
                if on_report:
                    on_report(value)
            elif kind:
                return kind, value

    def _check(self, limits: Limits) -> None:
        if limits.seconds is not None and time.monotonic() - self.started > limits.seconds:
            raise self._failure(f"did not end within {limits.seconds:g} s", "give it more time: --time-limit")
        used = resident_bytes(self.process.pid) if limits.memory is not None else 0
        if limits.memory is not None and used > limits.memory:
            how = f"used {used / 2**20:,.0f} MiB, over the limit of {limits.memory / 2**20:,.0f} MiB"
            raise self._failure(how, "give it more memory: --memory-limit")

    def _death(self) -> NativeFailure:
        code = self.process.wait()
        if code == -signal.SIGKILL:
            return self._failure("was killed (SIGKILL)", "usually the machine ran out of memory: free some")
        how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
        return self._failure(how, "native code died; `trtconv fix` may rewrite what it died of, else report it")

    def _failure(self, how: str, do: str) -> NativeFailure:
        at = f"; last seen at {self.doing}" if self.doing else ""
        size = os.fstat(self.printed.fileno()).st_size
        printed = os.pread(self.printed.fileno(), LAST_BYTES, max(0, size - LAST_BYTES)).decode("utf-8", "replace")
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        words = " / ".join(lines[-LAST_WORDS:])
        return NativeFailure(f"{self.what} {how}{at}", where=words and f"its last words: {words}", do=do)

    def end(self) -> None:
        self.pipe.close()
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def _child(environment: Mapping[str, str], what: str) -> Iterator[_Child]:
    here, there = Pipe()
    with tempfile.TemporaryFile() as printed:
        with there:
            process = subprocess.Popen(
                [sys.executable, "-c", _START, json.dumps(sys.path), str(there.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                env=environment,
                pass_fds=[there.fileno()],
                start_new_session=True,
            )
        child = _Child(process, here, printed, what, time.monotonic())
        try:
            yield child
        finally:
            child.end()


def resident_bytes(process: int) -> int:
    """Resident memory of a process and its descendants; 0 when it is gone. Linux only."""
    folder = Path(f"/proc/{process}")
    try:
        status = folder.joinpath("status").read_text("utf-8")
        children = [int(c) for task in folder.glob("task/*/children") for c in task.read_text("utf-8").split()]
    except OSError:
        return 0
    own = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)
    return own * 1024 + sum(map(resident_bytes, children))


# --- the child's end -----------------------------------------------------------------------------

_parent: Connection | None = None
_sending = threading.Lock()


def serve(descriptor: str) -> NoReturn:
    """Run each request that comes through the pipe and answer it, until the pipe closes; never returns."""
    global _parent
    _die_with_parent()
    _parent = Connection(int(descriptor))
    os.set_inheritable(_parent.fileno(), False)
    with suppress(EOFError, OSError):
        while True:
            request = _parent.recv_bytes()
            _parent.send_bytes(_answered(request))
    os._exit(0)  # not through the destructors of native libraries: the answers are out, and they may crash


def _answered(request: bytes) -> bytes:
    answer: tuple[str, object]
    try:
        function, args = pickle.loads(request)
        return pickle.dumps(("returned", function(*args)), pickle.HIGHEST_PROTOCOL)
    except TrtconvError as error:
        answer = "raised", error
    except MemoryError:
        answer = "raised", NativeFailure("the child process ran out of memory")
    except Exception:
        answer = "failed", traceback.format_exc()
    return pickle.dumps(answer)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
