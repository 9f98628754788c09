"""Threads change no bit, and loops of any length keep no memory.

Memory is measured with the garbage collector off: what is not freed by reference counting alone is seen here.
"""

import gc
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import nabla as nb
from nabla.graph.node import DEEPEST

# ---- threads --------------------------------------------------------------------------------------------------

THREADS = 8
RNG = np.random.default_rng(0)
X, W, B, Y = (RNG.standard_normal(shape) for shape in ((16, 5), (5, 4), (4,), (16, 4)))
POINT = RNG.standard_normal(6)


def perceptron_loss(params, x, y):
    w, b = params
    return nb.mean((nb.tanh(x @ w + b) - y) ** 2)


def rosenbrock(x):
    return nb.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def imperative():
    w, b = nb.array(W, requires_grad=True), nb.array(B, requires_grad=True)
    loss = perceptron_loss((w, b), X, Y)
    loss.backward()
    return loss.detach(), w.grad, b.grad


def written_in_place():
    def f(x):
        out = nb.zeros(6)
        for i in range(6):
            out[i] = x[i] * x[i - 1]
        return nb.sum(out * out)

    return nb.grad(f)(POINT)


WORK = {
    "grad": lambda: nb.grad(perceptron_loss)((W, B), X, Y),
    "hessian": lambda: nb.hessian(rosenbrock)(POINT),
    "grad per example": lambda: nb.vmap(nb.grad(perceptron_loss), in_axes=(None, 0, 0))((W, B), X, Y),
    "jvp of grad": lambda: nb.jvp(nb.grad(rosenbrock), (POINT,), (POINT[::-1].copy(),)),
    "vjp": lambda: nb.vjp(lambda x: nb.sort(nb.exp(x))[::2], POINT)[1](nb.ones(3)),
    "backward": imperative,
    "writes": written_in_place,
}


def bits(result):
    return [np.asarray(x.numpy() if isinstance(x, nb.Tensor) else x).tobytes() for x in nb.tree.leaves(result)]


def in_threads(work):
    """What each of the threads gives, all of them started at once."""
    barrier, results, errors = threading.Barrier(THREADS), [None] * THREADS, []

    def run(number):
        try:
            barrier.wait()
            results[number] = work(number)
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]
    return results


def test_eight_threads_give_the_bits_of_one():
    expected = {name: bits(work()) for name, work in WORK.items()}
    names = list(WORK)

    def all_of_it(number):
        found = []
        for turn in range(12):
            name = names[(turn + number) % len(names)]
            found.append((name, bits(WORK[name]())))
        return found

    for found in in_threads(all_of_it):
        for name, its_bits in found:
            assert its_bits == expected[name], name


def test_threads_that_share_pending_values():
    """All ask for the value of the same nodes, and differentiate functions that close over them, at once."""

    def fresh():
        x = nb.array(POINT)
        for _ in range(20):
            x = nb.sin(x) + 0.5 * x
        return x

    def use(shared):
        return bits((shared, nb.grad(lambda x: nb.sum(nb.tanh(x * shared)))(POINT)))

    expected = use(fresh())
    for _ in range(25):
        shared = fresh()
        for found in in_threads(lambda number, shared=shared: use(shared)):
            assert found == expected


def test_threads_that_share_a_pullback():
    expected = bits(nb.vjp(rosenbrock, POINT)[1](2.0))
    for _ in range(10):
        _, pullback = nb.vjp(rosenbrock, POINT)
        for found in in_threads(lambda number, pullback=pullback: bits(pullback(2.0))):
            assert found == expected


def test_no_grad_is_of_one_thread():
    entered, leave = threading.Event(), threading.Event()

    def cut():
        with nb.no_grad():
            entered.set()
            leave.wait()

    other = threading.Thread(target=cut)
    other.start()
    entered.wait()
    w = nb.array(POINT, requires_grad=True)
    rosenbrock(w).backward()
    leave.set()
    other.join()
    assert bits(w.grad) == bits(nb.grad(rosenbrock)(POINT))


# ---- memory ---------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def without_collector():
    """Reference counting alone has to free everything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def resident():
    """Bytes of memory in use; where the system does not say, 0."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def usage():
    return np.array([len(gc.get_objects()), sys.getallocatedblocks(), resident()])


def growth(step, first, last):
    """How many objects, blocks of memory and bytes there are more after `last` steps than after the `first`."""
    for _ in range(first):
        step()
    before = usage()
    for _ in range(last - first):
        step()
    return usage() - before


OBJECTS, BLOCKS, BYTES = 100, 3000, 3 << 20  # Python's own lists of free tuples and frames fill up to some 2000 blocks


def settles(step, first=1000, last=4000):
    objects, blocks, size = growth(step, first, last)
    assert objects < OBJECTS and blocks < BLOCKS and size < BYTES, (objects, blocks, size)


def small_loss(w):
    return nb.sum(nb.tanh(w * 0.5 + 0.1) ** 2)


class ByGrad:
    """A step of training with value_and_grad."""

    def __init__(self):
        self.w = nb.array(POINT)
        self.step = nb.value_and_grad(small_loss)

    def __call__(self):
        loss, g = self.step(self.w)
        self.w = self.w - 0.1 * g
        return loss


class ByBackward:
    """A step of training with requires_grad and backward, on one leaf that is updated in place."""

    def __init__(self):
        self.w = nb.array(POINT, requires_grad=True)

    def __call__(self):
        loss = small_loss(self.w)
        float(loss)
        loss.backward()
        with nb.no_grad():
            self.w -= 0.1 * self.w.grad
        self.w.grad = None
        return loss


class ByAddingUp(ByBackward):
    """The same without an update: .grad is never cleared."""

    def __call__(self):
        loss = small_loss(self.w)
        float(loss)
        loss.backward()
        return loss


class ByUnreadLosses(ByBackward):
    """The same where the loss is never read, and dropped."""

    def __call__(self):
        small_loss(self.w).backward()
        self.w.grad = None


class ByNewLeaves:
    """A step of training that makes a new leaf each time."""

    def __init__(self):
        self.w = nb.array(POINT)

    def __call__(self):
        w = nb.array(self.w, requires_grad=True)
        loss = small_loss(w)
        float(loss)
        loss.backward()
        self.w = self.w - 0.1 * w.grad
        return loss


TRAINING = [ByGrad, ByBackward, ByAddingUp, ByNewLeaves]


@pytest.mark.parametrize("training", [*TRAINING, ByUnreadLosses])
def test_training_keeps_nothing(training):
    settles(training(), 1000, 4000)


@pytest.mark.exhaustive
@pytest.mark.parametrize("training", TRAINING)
def test_training_of_a_hundred_thousand_steps_keeps_nothing(training):
    settles(training(), 1000, 100_000)


@pytest.mark.parametrize("training", TRAINING)
def test_a_list_of_losses_keeps_the_losses_alone(training):
    """Each loss was read: backward keeps the graph of a loss that was not, for a second backward."""
    step, losses = training(), []

    objects, blocks, size = growth(lambda: losses.append(step()), 500, 2500)
    assert objects / 2000 < 10 and blocks / 2000 < 16 and size / 2000 < 1500, (objects, blocks, size)
    assert len(losses) == 2500


def test_a_sum_of_losses_keeps_the_sum_alone():
    step, total = ByGrad(), [nb.array(0.0)]

    def a_hundred_steps():
        for _ in range(100):
            total[0] = total[0] + step()
        float(total[0])

    settles(a_hundred_steps, 5, 30)


@pytest.mark.parametrize("read", [False, True])
def test_an_undifferentiated_loop_has_constant_memory(read):
    """Nobody asks for a value, or somebody does at each step: 100,000 steps need no more than the first ones."""
    x, most, objects = nb.array(POINT), [], []
    start = usage()
    for i in range(100_000):
        x = x * 0.99 + 1.0
        if read:
            x.numpy()
        if i % 1237 == 0:  # at every depth of the pending chain
            most.append(usage() - start)
    most = np.array(most)
    objects, blocks, size = most[:, 0], most[:, 1], most[:, 2]
    assert objects.max() < 4 * DEEPEST and blocks.max() < 8 * DEEPEST  # so long a chain of nodes may be pending
    third = len(most) // 3
    assert objects[third:].max() <= objects[:third].max() + DEEPEST // 2
    assert size[third:].max() <= size[:third].max() + BYTES
    assert np.allclose(x.numpy(), 100.0)


def test_an_undifferentiated_loop_of_large_arrays_has_constant_memory():
    start, x = resident(), nb.ones(1 << 17)
    most = 0
    for _ in range(3000):
        x = x * 0.99 + 1.0
        if float(x[0]) > 0:
            most = max(most, resident() - start)
    assert most < 64 << 20


def test_pullbacks_made_and_dropped():
    def step():
        _, pullback = nb.vjp(small_loss, POINT)
        return pullback

    settles(step)
    settles(lambda: step()(1.0))


@pytest.mark.parametrize(
    "transform",
    [
        lambda: nb.jvp(small_loss, (POINT,), (POINT,)),
        lambda: nb.vmap(nb.sin)(POINT),
        lambda: nb.vmap(nb.grad(nb.sin))(POINT),
        lambda: nb.grad(lambda x: nb.sum(nb.grad(small_loss)(x) ** 2))(POINT),
        lambda: nb.grad(small_loss, create_graph=False)(POINT),
        lambda: nb.grad(small_loss, realize=False)(POINT),
        lambda: nb.jacfwd(lambda x: nb.sin(x[:2]))(POINT),
        lambda: nb.jacrev(lambda x: nb.sin(x[:2]))(POINT),
        written_in_place,
    ],
    ids=["jvp", "vmap", "vmap grad", "grad grad", "no graph", "not realized", "jacfwd", "jacrev", "writes"],
)
def test_transforms_keep_nothing(transform):
    settles(transform, 500, 2500)


def test_errors_keep_nothing():
    def broken(x):
        nb.tanh(x)
        raise KeyError("inside")

    def step():
        for attempt in (nb.grad(broken), nb.vmap(broken), nb.jacfwd(broken), lambda x: nb.vjp(broken, x)):
            with suppress(KeyError):
                attempt(POINT)

    settles(step, 300, 1300)


def test_a_loop_inside_a_function_that_is_differentiated():
    """What does not depend on the variable is let go while the outer transform still runs."""
    found = []

    def f(x):
        found.append(growth(ByGrad(), 500, 2500))
        return nb.sum(x * x)

    nb.grad(f)(POINT)
    objects, blocks, size = found[0]
    assert objects < OBJECTS and blocks < BLOCKS and size < BYTES, found


def test_one_leaf_and_many_values_that_are_dropped():
    """A leaf lives long: what was computed from it and dropped without a backward leaves no trace on it."""
    w = nb.array(POINT, requires_grad=True)
    settles(lambda: float(small_loss(w)))
    settles(lambda: small_loss(w))


def test_reference_counting_is_enough():
    """After a derivative nothing is left for the garbage collector."""
    work = list(WORK.values())
    for _ in range(3):
        for f in work:
            f()
    gc.collect()
    for f in work:
        f()
    assert gc.collect() == 0


def test_an_interrupt_leaves_the_collector_as_it_was():
    """It is paused while many nodes are made. Python looks for interrupts when a function begins and when one of C has ended."""
    x = np.ones(3)

    def f(x):
        for _ in range(300):
            x = nb.sin(x)
        return x.sum()

    def interrupt(frame, event, arg):
        nonlocal left
        if frame.f_globals.get("__name__") == "nabla.graph.collector" and event in ("call", "c_return"):
            left -= 1
            if not left:
                raise KeyboardInterrupt

    gc.enable()
    for step in range(1, 100):
        left = step
        with suppress(KeyboardInterrupt):
            sys.setprofile(interrupt)
            nb.grad(f)(x)
        sys.setprofile(None)
        assert gc.isenabled()
        if left:
            break
    assert left and step > 5
