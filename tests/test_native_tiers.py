"""The compile thread: what is handed in is done beside the rest, and no fork and no end of the process meets it half-way."""

import threading
import time

import pytest
from processes import printed_by

from nabla.engines.native.runtime import tiers
from nabla.engines.native.runtime.tiers import Background, Gate
from nabla.errors import ArgumentError


def until(condition) -> None:
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_work_is_done_beside_and_in_order():
    free, seen = threading.Event(), []
    first = tiers.submit(lambda: free.wait(30))
    others = [tiers.submit(lambda i=i: seen.append((i, threading.current_thread().name)) or i) for i in range(5)]
    assert not first.done and not any(work.done for work in others)
    free.set()
    until(lambda: others[-1].done)
    assert first.result is True and [work.result for work in others] == list(range(5))
    assert seen == [(i, "nabla-compile") for i in range(5)]
    until(lambda: all(thread.name != "nabla-compile" for thread in threading.enumerate()))  # it lives only while there is work


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_an_error_is_kept_and_stops_nothing(error):
    def fail():
        raise error

    bad, good = tiers.submit(fail), tiers.submit(lambda: 1)
    until(lambda: good.done)
    assert bad.done and bad.error is error and bad.result is None
    assert good.error is None and good.result == 1


def test_a_pause_waits_for_what_is_under_way():
    own, free, begun = Background(), threading.Event(), threading.Event()
    first = own.submit(lambda: begun.set() or free.wait(30))
    second = own.submit(lambda: 2)
    assert begun.wait(30)
    threading.Timer(0.05, free.set).start()
    own.pause()
    assert first.done and not second.done
    own.resume()
    until(lambda: second.done)
    own.end()
    assert not own.submit(lambda: 3).done


def test_a_gate_closes_when_all_others_are_out():
    gate, free, inside, order = Gate(), threading.Event(), threading.Event(), []

    def visitor():
        with gate, gate:
            inside.set()
            free.wait(30)
            order.append("out")

    thread = threading.Thread(target=visitor)
    thread.start()
    assert inside.wait(30)
    threading.Timer(0.05, free.set).start()
    with gate:  # whoever closes it may be inside itself
        gate.close()
        order.append("closed")
        gate.open()
    thread.join()
    assert order == ["out", "closed"]


def test_switched_off(monkeypatch):
    for value, expected in (("off", False), ("on", True), ("", True)):
        monkeypatch.setenv("NABLA_TIERS", value)
        assert tiers.are_on() is expected
    monkeypatch.setenv("NABLA_TIERS", "never")
    with pytest.raises(ArgumentError, match="NABLA_TIERS is 'never'; it may be on or off"):
        tiers.are_on()


FORKS = """
import os, threading, time
from nabla.engines.native.runtime import tiers

def build():
    with tiers.compiling:
        time.sleep(0.1)
    return os.getpid()

def beside():
    with tiers.compiling:
        time.sleep(0.1)

first, second = tiers.submit(build), tiers.submit(build)
thread = threading.Thread(target=beside)
thread.start()
time.sleep(0.03)
child = os.fork()
assert first.done and not second.done  # in both
assert threading.active_count() <= 3
third = tiers.submit(build)
ends = time.monotonic() + 20
while not third.done:
    assert time.monotonic() < ends
    time.sleep(0.001)
assert second.result == third.result == os.getpid() and (first.result == os.getpid()) == bool(child)
if not child:
    grandchild = os.fork()
    if not grandchild:
        os._exit(0)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_waits_and_both_sides_go_on():
    assert printed_by(FORKS) == "0\n"


ENDS = """
import atexit, time
from nabla.engines.native.runtime import tiers

def build():
    time.sleep(0.1)
    print("done", flush=True)

tiers.submit(build)
tiers.submit(build)
time.sleep(0.03)
"""


def test_the_end_of_the_process_waits_for_what_is_under_way_only():
    assert printed_by(ENDS) == "done\n"
