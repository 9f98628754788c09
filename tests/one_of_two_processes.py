"""One of two processes that work together; test_distributed.py starts both: `one_of_two_processes.py PORT NUMBER WHAT`.

Each checks against what it computes alone, and prints what test_distributed.py looks for.
"""

import os
import signal
import sys
from time import perf_counter, sleep

import numpy as np

import nabla as nb

P = nb.PartitionSpec
port, number, what = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
nb.distributed.initialize(f"127.0.0.1:{port}", 2, number, start_timeout=60, heartbeat_timeout=10)
assert nb.distributed.process_index() == number and nb.distributed.process_count() == 2

DRAW = np.random.default_rng(0)
IMAGES, WANTED = DRAW.standard_normal((8, 6)), DRAW.standard_normal((8, 4))
WEIGHTS = {"inner": DRAW.standard_normal((6, 10)), "outer": DRAW.standard_normal((10, 4))}


def loss(weights, images, wanted):
    return nb.mean((nb.tanh(images @ weights["inner"]) @ weights["outer"] - wanted) ** 2)


def same(found, expected, mesh):
    """Compare a tree on the mesh with one in memory: the whole of it goes to each process."""
    for name, array in expected.items():
        whole = nb.shard(found[name], mesh, P())
        np.testing.assert_allclose(whole.numpy(), array.numpy(), rtol=1e-12, atol=1e-14)


def train():
    step = nb.value_and_grad(loss)
    value, gradient = step({name: nb.array(w) for name, w in WEIGHTS.items()}, IMAGES, WANTED)

    mesh = nb.Mesh(2, "data")
    rows = slice(4 * number, 4 * number + 4)
    mine = [nb.distributed.from_local(x[rows], mesh, P("data")) for x in (IMAGES, WANTED)]
    found, slopes = nb.jit(step)(nb.shard(WEIGHTS, mesh, P()), *mine)
    np.testing.assert_allclose(found.item(), value.item(), rtol=1e-12)
    same(slopes, gradient, mesh)
    try:
        mine[0].numpy()
    except nb.EngineError as error:
        assert "parts of this value lie with other processes" in str(error)
    else:
        raise AssertionError("half of a tensor was read as a whole")

    mesh = nb.Mesh(2, "model")
    halves = {"inner": nb.shard(WEIGHTS["inner"], mesh, P(None, "model")), "outer": nb.shard(WEIGHTS["outer"], mesh, P("model"))}
    _, slopes = nb.jit(step)(halves, nb.shard(IMAGES, mesh, P()), nb.shard(WANTED, mesh, P()))
    assert slopes["inner"].device == halves["inner"].device
    same(slopes, gradient, mesh)
    nb.distributed.shutdown()
    assert nb.distributed.process_count() == 1
    print("trained")


def die():
    mesh = nb.Mesh(2, "data")
    x = nb.shard(IMAGES, mesh, P("data"))
    total = nb.jit(lambda y: (y * y).sum())
    total(x).item()
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    start = perf_counter()
    try:
        while perf_counter() < start + 30:
            total(x).item()
            sleep(0.05)
    except nb.EngineError as error:
        print(f"after {perf_counter() - start:.1f} s: {error}", flush=True)
    os._exit(7)


{"train": train, "die": die}[what]()
