import operator
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from trtconv.errors import BadInput, NativeFailure
from trtconv.isolate import ChildError, Limits, isolated
from trtconv.storage.loading import resolve_target

WHAT = "parsing m.onnx with TensorRT"


def test_returns_what_the_function_returns():
    assert isolated(operator.add, [1], [2], what=WHAT) == [1, 2]


def test_the_child_has_the_environment_it_is_given():
    assert isolated(os.getenv, "TRTCONV_TEST", what=WHAT, environment={"TRTCONV_TEST": "on"}) == "on"


def test_what_the_child_prints_does_not_reach_our_output(capfd):
    isolated(print, "noise", what=WHAT)
    isolated(os.system, "echo more noise", what=WHAT)
    assert capfd.readouterr() == ("", "")


def test_an_error_of_ours_comes_back_as_it_was():
    with pytest.raises(BadInput, match="unknown target 'tensorrt-1000x'") as caught:
        isolated(resolve_target, "tensorrt-1000x", what=WHAT)
    with pytest.raises(BadInput) as here:
        resolve_target("tensorrt-1000x")
    assert vars(caught.value) == vars(here.value)
    assert "`trtconv targets`" in caught.value.do


def test_any_other_exception_is_a_bug_with_its_traceback():
    with pytest.raises(ChildError, match=r"Traceback (.|\n)*ZeroDivisionError"):
        isolated(operator.truediv, 1, 0, what=WHAT)


def test_a_result_that_cannot_come_back_is_a_bug_too():
    with pytest.raises(ChildError, match="pickle"):
        isolated(threading.Lock, what=WHAT)


@pytest.mark.parametrize(
    ("function", "args", "says"),
    [
        (os.abort, (), r"^parsing m.onnx with TensorRT crashed \(SIGABRT\)"),
        (os.kill, (0, signal.SIGSEGV), r"crashed \(SIGSEGV\)"),
        (os.kill, (0, signal.SIGKILL), r"was killed \(SIGKILL\)"),
        (os._exit, (7,), "ended with exit code 7"),
    ],
)
def test_a_child_that_dies_is_a_native_failure(function, args, says):
    with pytest.raises(NativeFailure, match=says) as caught:
        isolated(function, *args, what=WHAT)
    assert caught.value.exit_code == 4
    assert caught.value.do


def test_the_last_words_and_the_last_report_are_shown():
    heard = []
    program = """
import os, sys
from trtconv.isolate import report
print("first\\nsecond", flush=True)
print("third", file=sys.stderr)
report("node Resize_3")
os.abort()
"""
    with pytest.raises(NativeFailure, match=r"crashed .*; last seen at node Resize_3") as caught:
        isolated(exec, program, what=WHAT, on_report=heard.append)
    assert heard == ["node Resize_3"]
    assert caught.value.where == "its last words: first / second / third"


def test_a_child_that_hangs_is_ended():
    with pytest.raises(NativeFailure, match=r"did not end within 0.5 s"):
        isolated(time.sleep, 600, what=WHAT, limits=Limits(seconds=0.5))


def test_a_child_that_takes_too_much_memory_is_ended():
    with pytest.raises(NativeFailure, match=r"MiB, over the limit of 200 MiB"):
        isolated(exec, "x = []\nwhile True: x.append(b'x' * 2**24)", what=WHAT, limits=Limits(memory=200 * 2**20))


def test_what_its_own_children_take_counts_too():
    program = """
from trtconv.isolate import isolated
isolated(exec, "x = []\\nwhile True: x.append(b'x' * 2**24)", what="growing")
"""
    with pytest.raises(NativeFailure, match=r"MiB, over the limit of 200 MiB"):
        isolated(exec, program, what=WHAT, limits=Limits(memory=200 * 2**20, seconds=60))


def test_limits_that_are_kept_change_nothing():
    assert isolated(operator.add, 1, 2, what=WHAT, limits=Limits(seconds=60, memory=2**32)) == 3


SLEEPER = """
import os, time
with open(os.environ["PID"], "w") as file:
    print(os.getpid(), file=file)
time.sleep(600)
"""
PARENT = f"""
import signal
from trtconv.isolate import isolated
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without it
try:
    isolated(exec, {SLEEPER!r}, what="sleeping")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.fixture
def family(tmp_path):
    """A parent that waits for its child, and the child's process id."""
    path = tmp_path / "pid"
    environment = {**os.environ, "PID": str(path)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT], env=environment, stdout=subprocess.PIPE, text=True)
    with parent:
        yield parent, _pid_in(path)
        parent.kill()


def test_ctrl_c_ends_the_child(family):
    parent, child = family
    parent.send_signal(signal.SIGINT)
    assert parent.communicate(timeout=30)[0] == "interrupted\n"
    assert _is_gone(child)


def test_the_child_dies_with_its_parent(family):
    parent, child = family
    parent.kill()
    assert _is_gone(child)


def _pid_in(path):
    for _ in range(600):
        if path.exists() and path.read_text().endswith("\n"):
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError("the child did not start")


def _is_gone(pid):
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
