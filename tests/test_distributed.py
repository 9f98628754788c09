"""Two processes on this machine that work together (one_of_two_processes.py), and what goes wrong."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest

import nabla as nb

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parent / "src"), "XLA_FLAGS": "", "PYTHONWARNINGS": "ignore"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(port, number, what):
    command = [sys.executable, str(HERE / "one_of_two_processes.py"), str(port), str(number), what]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_both(what):
    """(exit status, output, messages) of both."""
    port = free_port()
    both = [start(port, number, what) for number in range(2)]
    try:
        outs = [process.communicate(timeout=120) for process in both]
    finally:
        for process in both:
            process.kill()
    return [(process.returncode, *out) for process, out in zip(both, outs)]


def test_training_on_two_processes_gives_the_gradients_of_one():
    for status, out, messages in run_both("train"):
        assert status == 0 and out.endswith("trained\n"), out + messages


def test_when_a_process_dies_the_other_says_so_and_ends():
    begin = perf_counter()
    (status, out, messages), _ = run_both("die")
    assert status == 7 and "another process of this program has ended or cannot be reached" in out, out + messages
    assert perf_counter() - begin < 60


def test_a_process_that_nobody_joins_gives_up():
    code = f"import nabla as nb; nb.distributed.initialize('127.0.0.1:{free_port()}', 2, 1, start_timeout=2)"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "DEADLINE_EXCEEDED" in done.stderr


def test_connecting_comes_first():
    code = f"import nabla as nb\nnb.zeros(3, device='cpu:0')\nnb.distributed.initialize('127.0.0.1:{free_port()}', 1, 0)\n"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert "EngineError: distributed.initialize comes before everything that uses a device" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("127.0.0.1:80", 2, 2), "process_id is less than num_processes, 2; got 2"),
        (("127.0.0.1", 2, 0), "coordinator is 'host:port', where process 0 listens; got '127.0.0.1'"),
        (("127.0.0.1:80", 0, 0), "num_processes is at least 1; got 0"),
    ],
)
def test_arguments_that_cannot_be(arguments, message):
    with pytest.raises(nb.NablaError, match=message):
        nb.distributed.initialize(*arguments)


def test_alone():
    assert nb.distributed.process_index() == 0 and nb.distributed.process_count() == 1
    nb.distributed.shutdown()
