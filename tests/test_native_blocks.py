"""Large products: in blocks and strips, in pieces for threads, always the same bits."""

import numpy as np
import pytest
from test_native_structured import agrees

import nabla as nb
from nabla.engines.native.kernels import blocks

RNG = np.random.default_rng(8)


@pytest.fixture(autouse=True)
def threads():
    before = nb.get_num_threads()
    yield
    nb.set_num_threads(before)


def loops(f, *args):
    return nb.jit(f, engine="native").lower(*args).as_text("loops")


def same_bits(f, *args):
    compiled = nb.jit(f, engine="native")
    found = []
    for count in (1, 2, 3):
        nb.set_num_threads(count)
        found.append(np.asarray(compiled(*args)).tobytes())
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("m, n, k", [(301, 257, 130), (257, 301, 130), (1003, 5, 997), (7, 2001, 301), (200, 96, 200)])
@pytest.mark.parametrize("left", ["ik", "ki"])
@pytest.mark.parametrize("right", ["kj", "jk"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
def test_products_in_pieces(m, n, k, left, right, dtype):
    sizes = {"i": m, "j": n, "k": k}
    x, y = [RNG.normal(size=[sizes[axis] for axis in axes]).astype(dtype) for axes in (left, right)]
    if dtype == "c16":
        x, y = x + 1j * x[::-1], y - 1j * y[::-1]
    f = lambda x, y: nb.einsum(f"{left},{right}->ij", x, y)
    assert "pieces" in loops(f, x, y)
    agrees(f, x, y, rtol=1e-4 if dtype == "f4" else 1e-11, atol=1e-3 if dtype == "f4" else 1e-10)
    same_bits(f, x, y)


def test_stacks_of_products_in_pieces():
    x, y = RNG.normal(size=(40, 30, 31)), RNG.normal(size=(40, 31, 29))
    f = lambda x, y: nb.tanh(x @ y)
    assert "pieces" in loops(f, x, y)
    agrees(f, x, y, rtol=1e-11, atol=1e-11)
    same_bits(f, x, y)


def test_a_map_whose_turns_have_memory_of_their_own():
    x, y = RNG.normal(size=(300, 40)), RNG.normal(size=(40, 400))

    def f(x, y):
        return nb.map(lambda row: nb.cumsum(nb.sort(nb.sin(row @ y)[:12])), x, batch_size=16)

    assert "with their own" in loops(f, x, y)
    agrees(f, x, y, rtol=1e-11, atol=1e-11)
    same_bits(f, x, y)


def test_a_convolution_in_pieces():
    x, y = RNG.normal(size=(3, 8, 40, 41)), RNG.normal(size=(16, 8, 3, 3))
    f = lambda x, y: nb.nn.conv(x, y)
    assert "with their own" in loops(f, x, y)
    same_bits(f, x, y)


@pytest.mark.parametrize("name", ["float64", "float32"])
def test_the_same_bits_however_the_numbers_are_cut(name, monkeypatch):
    """Each number is one sum in order: of how large the blocks are nothing is to be seen."""
    for m, n, k in ((97, 131, 300), (6, 201, 9), (7, 33, 900), (130, 7, 450)):
        x, y = RNG.normal(size=(m, k)).astype(name), RNG.normal(size=(k, n)).astype(name)
        found = set()
        for limits in (
            {},
            {"PART": 50},
            {"BLOCK": 20_000, "TALL": 1, "WIDE": 1},
            {"FAR": 0},
            {"FAR": 1 << 30},
            {"NEAR": 10_000},
            {"OFTEN": 0},
            {"OFTEN": 1000},
        ):
            with monkeypatch.context() as patch:
                for limit, value in limits.items():
                    patch.setattr(blocks, limit, value)
                for left, right in (("ik", "kj"), ("ki", "kj"), ("ik", "jk")):
                    args = x if left == "ik" else x.T.copy(), y if right == "kj" else y.T.copy()
                    f = nb.jit(lambda x, y, left=left, right=right: nb.einsum(f"{left},{right}->ij", x, y), engine="native")
                    assert "gemm" in f.lower(*args).as_text("loops")
                    found.add(np.asarray(f(*args)).tobytes())
        assert len(found) == 1


def test_numbers_that_are_not_finite():
    x, y = RNG.normal(size=(40, 50)), RNG.normal(size=(50, 30))
    x[3, 7], x[9, 9], y[20, 5], y[0, 29] = np.inf, np.nan, -np.inf, 0.0
    agrees(lambda x, y: x @ y, x, y, rtol=1e-11, atol=1e-11)
    agrees(lambda x, y: x @ y, x.astype("f4"), y.astype("f4"), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [16, 40])
def test_strips_of_what_does_not_change_are_written_before_the_loop(rows):
    h, w, xs = RNG.normal(size=(rows, 64)), RNG.normal(size=(64, 70)) / 8, RNG.normal(size=(20, rows, 70))

    def f(h, w, xs):
        return nb.scan(lambda h, x: (nb.tanh((nb.tanh(h @ w) + x) @ w.T), None), h, xs)[0]

    lines = loops(f, h, w, xs).splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith("for") and "in order" in line]
    reads = [i for i, line in enumerate(lines) if "load input1" in line]
    assert reads and max(reads) < start
    agrees(f, h, w, xs, rtol=1e-9, atol=1e-11)
    agrees(nb.grad(lambda *args: f(*args).sum(), argnums=(0, 1, 2)), h, w, xs, rtol=1e-8, atol=1e-10)


def test_strips_of_what_changes_stay_in_the_loop():
    h, w = RNG.normal(size=(30, 64)), RNG.normal(size=(64, 64)) / 8

    def f(h, w):
        return nb.fori_loop(0, 5, lambda i, carry: (nb.tanh(carry[0] @ carry[1].T), carry[1] * 0.9 + carry[0][0]), (h, w))

    agrees(lambda h, w: f(h, w)[0], h, w, rtol=1e-9, atol=1e-11)
    none = lambda h, w, n: nb.while_loop(lambda c: c[1] < n, lambda c: (c[0] @ w.T, c[1] + 1), (h, 0))[0]
    for n in (0, 3):
        agrees(none, h, w, np.array(n), rtol=1e-9, atol=1e-9)
