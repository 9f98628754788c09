"""What a process keeps of very many compilations and calls, which should be nothing: `make endurance` runs this.

One function is called very often; then programs of many kinds, each with numbers of its own, are traced, compiled, called a few
times and dropped. Between, the process says how much memory it has and how many objects there are, less what caches of a fixed size
hold. In the second half no objects may be added, and hardly any memory: an allocator keeps some for itself.
"""

import argparse
import gc
import os
import random
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

import nabla as nb
from nabla.autodiff import interning

MOST_BYTES, MOST_OBJECTS = 500, 0.01
"""By which a process may grow with each program or call, in the mean of the second half."""


def resident() -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return 1024 * int(found[1])


def objects() -> int:
    """How many there are, when caches are empty."""
    interning._known.clear()
    interning._numbers.clear()
    for x in gc.get_objects():
        if type(x) is Cache and x.__module__.startswith("nabla.") and (x.cache_info().maxsize or 0) > 1:
            x.cache_clear()
    gc.collect()
    return len(gc.get_objects())


Cache = type(lru_cache(len))

# ---- programs -------------------------------------------------------------------------------------------------

X = np.linspace(0.1, 0.9, 24)
LARGE = np.linspace(0.1, 0.9, 200_000)
ELEMENTWISE = [nb.sin, nb.tanh, nb.exp, nb.square, nb.sqrt, nb.log1p]


def chain(k: int, draw: random.Random) -> Callable:
    functions = draw.choices(ELEMENTWISE, k=draw.randint(1, 4))

    def f(x):
        for function in functions:
            x = function(x) * 0.5 + k
        return x

    return f


def loop(k: int, draw: random.Random) -> Callable:
    step = chain(k, draw)
    return lambda x: nb.scan(lambda c, x: (nb.sin(c) * x + step(x), None), 0.0, x)[0]


def endless(k: int, draw: random.Random) -> Callable:
    return lambda x: nb.while_loop(lambda s: s[0] < k % 7, lambda s: (s[0] + 1, nb.sin(s[1]) * k), (0, x))[1]


def branches(k: int, draw: random.Random) -> Callable:
    step = chain(k, draw)
    return lambda x: nb.cond(x[0] > 0.5, step, lambda x: x * k, x)


def indexed(k: int, draw: random.Random) -> Callable:
    places = nb.array([k % 24, 3, 5])

    def f(x):
        y = x * k
        y[places] += 1.0
        return y[::2], x[places]

    return f


def products(k: int, draw: random.Random) -> Callable:
    return lambda x: nb.linalg.solve(nb.outer(x, x) + (k + 1.0) * nb.eye(24), x)


def outside(k: int, draw: random.Random) -> Callable:
    return lambda x: nb.abs(nb.fft.fft(x * k))


def failing(k: int, draw: random.Random) -> Callable:
    """Ends with an error, which is caught."""
    return lambda x: nb.linalg.inv(nb.zeros((3, 3)) * x[0] * k)


KINDS = [chain, loop, endless, branches, indexed, products, outside, failing]
MODES = [
    lambda f: f,
    lambda f: nb.grad(lambda x: sum(y.sum() for y in nb.tree.leaves(f(x)))),
    lambda f: lambda x: nb.vmap(f)(nb.stack([x, x * 2.0])),
]


def one(kind: Callable, mode: Callable, k: int, draw: random.Random) -> None:
    """A program that was not there before, compiled, called, and dropped."""
    f = nb.jit(mode(kind(k, draw)), engine="native")
    x = LARGE if kind is chain and draw.random() < 0.02 else X
    for _ in range(60 if draw.random() < 0.1 else 2):  # some are compiled again, in the background
        with suppress(nb.LinAlgError):
            f(x)


def programs(first: int, count: int) -> None:
    draw = random.Random(first)
    for k in range(first, first + count):
        if draw.random() < 0.8:
            one(chain, MODES[0], k, draw)  # the quickest to compile
        else:
            one(draw.choice(KINDS), draw.choice(MODES), k, draw)


# ---- calls ----------------------------------------------------------------------------------------------------


def calls() -> Callable[[int, int], None]:
    """One function, called from ndarrays, tensors and numbers."""
    f = nb.jit(nb.value_and_grad(lambda x, k: (nb.sin(x) * x * k).sum()), engine="native")
    kinds = [(X, 0.5), (nb.array(X), 2), (X[::2], np.float64(1.0)), (LARGE[:9000], 1.0)]

    def work(first: int, count: int) -> None:
        for k in range(first, first + count):
            x, scale = kinds[k % len(kinds)]
            f(x, scale)

    return work


# ---- the report -----------------------------------------------------------------------------------------------


def grown(what: str, work: Callable[[int, int], None], count: int, parts: int = 10) -> bool:
    """Whether the process grows while `work` is done so often; it tells after each part what there is."""
    size = max(count // parts, 1)
    told, start = [], time.perf_counter()
    for part in range(parts):
        work(part * size, size)
        told.append(((part + 1) * size, resident(), objects()))
        print(f"{what} {told[-1][0]:>8}: {told[-1][1] / 1e6:8.1f} MB, {told[-1][2]:>8} objects", flush=True)
    done, memory, there = (after - before for before, after in zip(told[parts // 2 - 1], told[-1]))
    per, each = memory / done, there / done
    print(f"{what}: in the second half {per:.0f} bytes and {each:.4f} objects more with each; {time.perf_counter() - start:.0f} s")
    return per > MOST_BYTES or each > MOST_OBJECTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--programs", type=int, default=100_000, metavar="N", help="compiled one after the other (default: %(default)s)"
    )
    parser.add_argument("--calls", type=int, default=100_000, metavar="N", help="of one function (default: %(default)s)")
    options = parser.parse_args()
    os.environ["NABLA_CACHE"] = "off"  # what is read from disk is not compiled
    bad = [grown("calls", calls(), options.calls), grown("programs", programs, options.programs)]
    sys.exit(any(bad))


if __name__ == "__main__":
    main()
