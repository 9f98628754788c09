"""The XLA engine as such: what goes in and comes out, where it lies, what stays as it was, what happens when something fails."""

import os
import subprocess
import sys
import threading

import jax
import numpy as np
import pytest
from scipy.special import gammaln

import nabla as nb
from nabla.autodiff.closing import close
from nabla.engines.numpy import table as numpy_table
from nabla.engines.xla import devices
from nabla.engines.xla.compile import compile
from nabla.engines.xla.table import HOST
from nabla.errors import ArgumentError, EngineError, NablaError, OutOfMemoryError
from nabla.graph.tokens import Token, Tokens
from nabla.primitives import formulas as f
from nabla.primitives.base import REGISTRY, constant, scalar, zeros
from nabla.primitives.shape import broadcast, reduce_sum
from nabla.primitives.structure import placeholder


def closed(program, *arrays):
    tokens = Tokens((Token("a graph", placeholder=True),))
    nodes = [placeholder(x.shape, x.dtype, tokens, "input") for x in arrays]
    return close(program(*nodes), nodes)[0]


def aligned(n, offset=0):
    """Ones that start `offset` bytes behind a multiple of 64."""
    room = np.empty(8 * n + 128, np.uint8)
    start = -room.ctypes.data % 64 + offset
    out = room[start : start + 8 * n].view(np.float64)
    out[:] = 1.0
    return out


# ---- in and out -----------------------------------------------------------------------------------------------


def test_ndarrays_and_scalars():
    run = compile(closed(lambda x, y: [f.sub(x, y)], np.float64(0), np.zeros(2)))
    for x, y in [(np.float64(5), np.array([1.0, 2.0])), (np.array(5.0), np.array([1.0, 2.0]))]:
        (out,) = run(x, y)
        assert type(out) is np.ndarray and out.dtype == np.float64 and out.tolist() == [4.0, 3.0]


def test_a_tensor_that_is_passed_again_keeps_its_shape():
    f = nb.jit(lambda x: 2.0 * x, engine="xla")
    for value in (np.array(1.5), np.ones((2, 3)).T):
        x = nb.asarray(value)
        for _ in range(3):
            assert f(x).numpy().shape == x.numpy().shape == value.shape


def test_results_are_read_only():
    (out,) = compile(closed(lambda x: [f.sin(x)], np.zeros(3)))(np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        out[0] = 1.0


def test_what_is_an_input_or_a_constant_is_handed_on():
    x, c = np.arange(3.0), constant(np.arange(4.0))
    run = compile(closed(lambda x: [x, c, f.square(x), x], x))
    outs = run(x)
    assert outs[0] is x and outs[3] is x and outs[1] is c.value and outs[2].tolist() == [0.0, 1.0, 4.0]
    assert compile(closed(lambda x: [x], x))(x)[0] is x


def test_an_equal_output_is_computed_once():
    run = compile(closed(lambda x: [f.sin(x), f.sin(x)], np.zeros(3)))
    a, b = run(np.ones(3))
    assert a is b


def test_a_wrong_number_of_inputs():
    run = compile(closed(lambda x: [f.sin(x)], np.zeros(3)))
    with pytest.raises(TypeError, match="this graph has 1 inputs; got 2 values"):
        run(np.zeros(3), np.zeros(3))


def test_small_constants_stand_in_the_program_and_large_ones_do_not():
    large = constant(np.arange(10_000.0))
    many_zeros = zeros((10_000,), np.dtype(np.float64))

    def program(x):
        return [f.sub(f.sub(x, large), many_zeros) * 3.0]

    (out,) = compile(closed(program, np.zeros(10_000)))(np.ones(10_000))
    np.testing.assert_array_equal(out, (1.0 - np.arange(10_000.0)) * 3.0)


# ---- what stays as it was -------------------------------------------------------------------------------------


def test_the_programs_own_jax_stays_in_32_bits():
    assert compile(closed(lambda x: [f.exp(x)], np.zeros(3)))(np.zeros(3))[0].dtype == np.float64
    assert devices.put(np.zeros(3), devices.find("cpu")).dtype == np.float64
    assert jax.numpy.ones(3).dtype == np.float32
    assert not jax.config.jax_enable_x64


def test_a_program_that_uses_64_bits_itself():
    """Whether the switch is thrown around a call, or between calls, is the same."""
    run = compile(closed(lambda x: [f.exp(x)], np.zeros(3)))
    x = np.array([0.1, 0.2, 0.3])
    buffer = devices.put(x, devices.find("cpu"))
    (expected,) = run(x)
    for _ in range(2):
        for given in (x, buffer):
            with jax.enable_x64(True):
                (inside,) = run(given)
                assert jax.numpy.ones(3).dtype == np.float64
            (outside,) = run(given)
            assert inside.dtype == outside.dtype == np.float64
            assert np.array_equal(inside, expected) and np.array_equal(outside, expected)
    assert jax.numpy.ones(3).dtype == np.float32


def test_the_same_bits_on_every_call_and_compilation():
    x = np.random.default_rng(0).standard_normal((50, 70))
    graph = closed(lambda x: [reduce_sum(f.sin(x) * f.exp(x), axes=(0,))], x)
    first = compile(graph)
    (expected,) = first(x)
    for run in (first, first, compile(graph)):
        assert np.array_equal(run(x)[0], expected)


def test_threads():
    x = np.linspace(0, 1, 100)
    run = compile(closed(lambda x: [f.sin(x)], x))
    found, switched = [], []

    def calls(i):
        found.extend([(i, run(x + i)[0]) for _ in range(20)])
        switched.append(jax.enable_x64.value)

    threads = [threading.Thread(target=calls, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, out in found:
        np.testing.assert_allclose(out, np.sin(x + i), rtol=1e-14)
    assert len(found) == 8 * 20 and switched == 8 * [False]


# ---- devices --------------------------------------------------------------------------------------------------


def test_devices_by_name():
    assert "cpu:0" in devices.devices()
    assert devices.find("cpu") is devices.find("cpu:0")
    with pytest.raises(ArgumentError, match=r"no device 'cuda:77' here: there are cpu, cpu:0.*pip install 'nabla\[cuda13\]'"):
        devices.find("cuda:77")


def test_aligned_arrays_are_not_copied():
    x, y = aligned(1000), aligned(1000, offset=8)
    cpu = devices.find("cpu")
    assert devices.put(x, cpu).unsafe_buffer_pointer() == x.ctypes.data
    assert devices.put(y, cpu).unsafe_buffer_pointer() != y.ctypes.data
    buffer = devices.put(y, cpu)
    back = devices.get(buffer)
    assert back.ctypes.data == buffer.unsafe_buffer_pointer() and not back.flags.writeable
    np.testing.assert_array_equal(back, y)


# ---- failures -------------------------------------------------------------------------------------------------


def test_out_of_memory_is_an_error_and_the_next_call_works():
    big = closed(lambda x: [f.sin(broadcast(x, shape=(2**46,)))], np.float64(0))
    with pytest.raises(OutOfMemoryError, match="XLA has no memory for this"):
        compile(big)(np.float64(1))
    assert issubclass(OutOfMemoryError, MemoryError) and issubclass(EngineError, NablaError)
    assert compile(closed(lambda x: [f.square(x)], np.float64(0)))(np.float64(3))[0] == 9.0


class Broken(Exception):
    pass


def test_an_error_on_the_host_comes_back_as_it_was(monkeypatch, caplog):
    inputs = [np.full(2, 0.5) for _ in range(2)]
    graph = closed(lambda x, y: [REGISTRY["betainccinv"](x, x, y)], *inputs)
    assert REGISTRY["betainccinv"] in HOST

    def broken(*values, **params):
        raise Broken("the host says no")

    with monkeypatch.context() as m:
        m.setitem(numpy_table.KERNELS, REGISTRY["betainccinv"], broken)
        with pytest.raises(Broken, match="the host says no"):
            compile(graph)(*inputs)
    assert np.isfinite(compile(graph)(*inputs)[0]).all()


@pytest.mark.parametrize("n", [3, 1_000_000])
def test_large_arrays_cross_to_the_host_with_all_their_bits(n):
    x = np.linspace(0.1, 0.9, n)
    graph = closed(lambda x: [REGISTRY["betainccinv"](scalar(2.0, x.dtype), scalar(1.0, x.dtype), f.square(x))], x)
    (out,) = compile(graph)(x)
    np.testing.assert_allclose(1 - out**2, x * x, rtol=1e-12)  # the complement for a = 2, b = 1 is 1 - t**2


def test_without_jax_it_says_what_to_install():
    code = """if True:
        import sys
        sys.modules["jax"] = None
        import numpy as np
        import nabla as nb
        from nabla.engines.xla.compile import compile
        from nabla.graph.graph import Graph
        try:
            compile(Graph((), (), ()))
        except ImportError as error:
            print(error)
    """
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert "pip install 'nabla[xla]'" in done.stdout, done.stderr


def test_a_program_runs_on_the_device_it_was_compiled_for():
    code = """if True:
        import numpy as np
        from nabla.autodiff.closing import close
        from nabla.engines.xla import devices
        from nabla.engines.xla.compile import compile
        from nabla.graph.tokens import Token, Tokens
        from nabla.primitives import formulas as f
        from nabla.primitives.base import constant
        from nabla.primitives.structure import placeholder
        print(sorted(devices.devices()))
        second = devices.find("cpu:1")
        x = placeholder((2,), np.dtype(float), Tokens((Token("a graph", placeholder=True),)), "x")
        graph, _ = close([f.sub(f.sin(x), constant(np.ones((10_000, 2)) * np.arange(1, 3)))], [x])
        on_second = compile(graph, second)
        print([on_second(value)[0][-1].tolist() for value in (np.zeros(2), devices.put(np.zeros(2), second))])
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert done.stdout == "['cpu:0', 'cpu:1']\n[[-1.0, -2.0], [-1.0, -2.0]]\n", done.stderr


def text_of(f, *args):
    return nb.jit(f, engine="xla").lower(*args).as_text()


def test_a_kernel_of_many_operations_is_written_once():
    once = text_of(nb.special.gammaln, nb.ones(3))
    twice = text_of(lambda x: nb.special.gammaln(nb.special.gammaln(x) + x), nb.ones(3))
    assert twice.count("stablehlo.log") == once.count("stablehlo.log") > 0
    x = np.array([0.5, 2.5, 7.0])
    found = nb.jit(lambda x: nb.special.gammaln(nb.special.gammaln(x) + x), engine="xla")(x)
    np.testing.assert_allclose(found, gammaln(gammaln(x) + x), rtol=1e-14)


def test_shapes_that_come_to_nothing_are_not_written():
    x = nb.ones((1, 2, 3))
    assert "reshape" not in text_of(lambda x: nb.sin(x.reshape((3, 2)).reshape((6,)).reshape((1, 2, 3))), x)
    assert "transpose" not in text_of(lambda x: nb.sin(nb.permute_dims(x, (1, 0, 2))), x)


def test_rows_that_one_loop_stacked_are_read_by_the_next_as_they_are():
    def f(x):
        def step(c, _):
            a, b = nb.sin(c[0]) * c[1], nb.cos(c[1]) * c[0]
            return (a, b), None

        a, b = nb.scan(step, (x, 2.0 * x), None, 5)[0]
        return a * b

    text = text_of(nb.grad(f), nb.array(0.5))
    assert text.count("stablehlo.concatenate") == 1, text  # in the steps
    np.testing.assert_allclose(nb.jit(nb.grad(f), engine="xla")(0.5), nb.grad(f)(0.5), rtol=1e-13)


def test_products_with_a_number_that_is_not_zero_test_one_factor():
    def f(x):
        return nb.where(x > 0.0, nb.sqrt(x) / 4.0, x).sum()

    x = np.array([0.0, 1.0, -1.0, 4.0])
    np.testing.assert_array_equal(nb.jit(nb.grad(f), engine="xla")(x), nb.grad(f)(x))
