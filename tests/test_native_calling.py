"""The built-in functions by which Python calls machine code."""

import sys
from threading import Thread

import numpy as np
import pytest

import nabla as nb

DTYPES = ["float64", "float32", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"]


def program(f, *kinds):
    """f of arrays of these shapes and dtypes, as the engine runs it."""
    return nb.jit(f, engine="native").traced(*[np.zeros(shape, dtype) for shape, dtype in kinds])[0].compilation().run


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_fits_is_read_where_it_lies(dtype):
    run = program(lambda x, y: nb.where(y > x, x, y), ((2, 3), dtype), ((), dtype))
    x = np.arange(6).reshape(2, 3).astype(dtype)
    for y in (x[1, 2], np.array(x[1, 2]), x.dtype.type(1)):
        (found,) = run(x, y)
        assert type(found) is np.ndarray and found.dtype == x.dtype and found.flags.owndata and found.flags.writeable
        np.testing.assert_array_equal(found, np.minimum(x, y))


def test_what_does_not_fit_is_converted():
    run = program(lambda x, n: x * 2.0 + n, ((3, 4), "float64"), ((), "float64"))
    x = np.arange(12.0).reshape(3, 4)
    unaligned = np.frombuffer(b"." + x.tobytes(), np.uint8)[1:].view(float).reshape(3, 4)
    assert not unaligned.flags.aligned
    labelled = x.astype(np.dtype("f8", metadata={"a": 1}))
    for given in (x.copy("F"), x.astype(int), x.astype(">f8"), unaligned, labelled, x.tolist(), np.broadcast_to(2.0, (3, 4))):
        for n in (1, 1.0, True, np.float32(1.0), np.array(1), np.array(1.0)):
            np.testing.assert_array_equal(run(given, n)[0], np.asarray(given) * 2.0 + 1.0)
    assert run(np.ones((3, 4)), 1.0)[0].dtype == np.float64


def test_what_cannot_be_converted_is_refused():
    run = program(lambda x, y: x + y, ((4,), "float64"), ((4,), "float64"))
    x = np.ones(4)
    cases = [
        ((x,), TypeError, "this graph has 2 inputs; got 1 values"),
        ((), TypeError, "this graph has 2 inputs; got 0 values"),
        ((x, x, x), TypeError, "this graph has 2 inputs; got 3 values"),
        ((x, np.ones(5)), TypeError, r"input 1 of this graph has the shape \(4,\); got \(5,\)"),
        ((x, np.ones((4, 1))), TypeError, r"input 1 of this graph has the shape \(4,\); got \(4, 1\)"),
        ((x, 1.0), TypeError, r"input 1 of this graph has the shape \(4,\); got \(\)"),
        (("some", x), ValueError, "could not convert string to float"),
    ]
    held = sys.getrefcount(x)
    for given, error, words in cases:
        with pytest.raises(error, match=words):
            run(*given)
    del given
    assert sys.getrefcount(x) == held
    np.testing.assert_array_equal(run(x, x)[0], 2.0 * x)


def test_any_number_of_inputs_and_outputs():
    run = program(lambda *xs: [x * 2.0 for x in xs] + [xs[0]] * 2, *[((i % 3 + 1, 2), "float64") for i in range(40)])
    given = [np.full((i % 3 + 1, 2), float(i)) for i in range(40)]
    found = run(*given)
    assert type(found) is tuple and len(found) == 42
    for x, y in zip([*given, given[0] / 2.0, given[0] / 2.0], found, strict=True):
        np.testing.assert_array_equal(x * 2.0, y)
    assert len({y.ctypes.data for y in found}) == 42  # also where it is an input that is handed on
    np.testing.assert_array_equal(program(lambda: nb.arange(3.0) + 1.0)()[0], [1.0, 2.0, 3.0])


def test_nothing_is_left_behind():
    run = program(lambda x, y: [x + y, x], ((30,), "float64"), ((), "float64"))
    x, turned = np.ones(30), np.ones(60)[::2]
    for given in (x, turned):
        run(given, 1.0)
        before = sys.getallocatedblocks(), sys.getrefcount(x.dtype), sys.getrefcount(given)
        for _ in range(1000):
            run(given, 1.0)
        after = sys.getallocatedblocks(), sys.getrefcount(x.dtype), sys.getrefcount(given)
        assert all(abs(b - a) < 100 for a, b in zip(before, after, strict=True)), (before, after)


def test_threads_do_not_share_room():
    """Long programs run at the same time; each has temporaries of its own."""

    def chain(x):
        for _ in range(4):
            x = nb.tanh(x @ x / 50.0)
        return x

    f = nb.jit(chain, engine="native")
    given = [np.random.default_rng(i).normal(size=(60, 60)) for i in range(4)]
    expected = [f(x) for x in given]
    wrong = []

    def work(x, wanted):
        for _ in range(50):
            if not np.array_equal(f(x), wanted):
                wrong.append(x)

    threads = [Thread(target=work, args=pair) for pair in zip(given, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
