"""Programs as bytes and back, in another process without their code; and XLA's cache on disk."""

import subprocess
import sys

import numpy as np
import pytest

import nabla as nb
from nabla.errors import ArgumentError, ArgumentTypeError, DTypeError, NotDifferentiableError, ShapeError

close = np.testing.assert_allclose
W = nb.array([1.0, 2.0])
X = np.array([1.0, 3.0])


def f(p, k, *, scale):
    return {"a": (W * p["x"] ** 3).sum() * scale + k, "n": nb.asarray(k) + 1}


EXPORTED = nb.export(f, {"x": X}, 3, scale=2.0, derivatives=2)


def called(x):
    return EXPORTED({"x": x}, 3, scale=2.0)["a"]


def test_it_is_the_function():
    loaded = nb.load_exported(EXPORTED.to_bytes())
    found = loaded({"x": X}, 4, scale=3.0)
    wanted = f({"x": X}, 4, scale=3.0)
    assert found["n"].dtype == np.int64 and found["n"].item() == 5
    close(found["a"], wanted["a"], rtol=1e-15)
    assert loaded.derivatives == 2


def test_its_derivatives_are_those_of_the_function():
    def g(x):
        return f({"x": x}, 3, scale=2.0)["a"]

    close(nb.grad(called)(X), nb.grad(g)(X), rtol=1e-14)
    close(nb.jacrev(nb.grad(called))(X), nb.hessian(g)(X), rtol=1e-14, atol=1e-14)
    close(nb.vmap(nb.grad(called))(np.stack([X, X + 1])), nb.vmap(nb.grad(g))(np.stack([X, X + 1])), rtol=1e-14)
    close(nb.jit(nb.grad(called))(X), nb.grad(g)(X), rtol=1e-14)
    close(nb.grad(lambda s: EXPORTED({"x": X}, 3, scale=s)["a"])(2.0), 55.0, rtol=1e-14)


def test_forward_mode():
    def g(x):
        return f({"x": x}, 3, scale=2.0)["a"]

    t = np.array([1.0, -2.0])
    close(nb.jvp(called, (X,), (t,))[1], nb.jvp(g, (X,), (t,))[1], rtol=1e-14)
    close(nb.jacfwd(called)(X), nb.grad(g)(X), rtol=1e-14)
    close(nb.jit(nb.jacfwd(called))(X), nb.grad(g)(X), rtol=1e-14)
    for second in (
        lambda h: nb.jacfwd(nb.grad(h)), lambda h: nb.jacrev(nb.jacfwd(h)), lambda h: nb.jacfwd(nb.jacfwd(h)), nb.hessian
    ):  # fmt: skip
        close(second(called)(X), nb.hessian(g)(X), rtol=1e-14, atol=1e-14)
    both = lambda x, s: EXPORTED({"x": x}, 3, scale=s)["a"]
    close(nb.jvp(both, (X, 2.0), (t, 1.0))[1], nb.jvp(lambda x, s: f({"x": x}, 3, scale=s)["a"], (X, 2.0), (t, 1.0))[1], rtol=1e-14)
    integer = nb.jvp(lambda x: EXPORTED({"x": x}, 3, scale=2.0)["n"], (X,), (t,))[1]
    assert integer.dtype == nb.float0


def test_several_results_of_several_kinds():
    def h(x, i, z):
        return nb.sin(x) * i, i + 1, x.sum() * z, nb.real(z) * x

    args = (X, 2, 1.0 + 2.0j)
    loaded = nb.load_exported(nb.export(h, *args).to_bytes())
    t = (np.array([1.0, -1.0]), 0.5 - 1.0j)
    run = lambda g: nb.jvp(lambda x, z: g(x, 2, z), (X, args[2]), t)
    for found, wanted in zip(run(loaded)[1], run(h)[1]):
        assert found.dtype == wanted.dtype and (found.dtype == nb.float0 or np.allclose(found, wanted, rtol=1e-14))
    square = lambda g: lambda x: sum([(nb.abs(y) ** 2).sum() for y in g(x, 2, args[2])])
    close(nb.grad(square(loaded))(X), nb.grad(square(h))(X), rtol=1e-14)
    close(nb.jacfwd(square(loaded))(X), nb.grad(square(h))(X), rtol=1e-14)


def test_what_has_no_derivative():
    assert nb.export(lambda i: i + 1, 3)(4).item() == 5
    assert nb.load_exported(nb.export(lambda x: x > 0.0, 1.0, derivatives=2).to_bytes())(-1.0).item() is False


def test_what_it_has_no_derivative_for_is_said():
    for third in (lambda g: nb.jacrev(nb.grad(g)), lambda g: nb.jacfwd(nb.grad(g)), lambda g: nb.jacfwd(nb.jacfwd(g))):
        for last in (nb.grad, nb.jacfwd):
            with pytest.raises(NotDifferentiableError, match=r"no further derivative; nb\.export\(..., derivatives=n\) has n"):
                last(lambda x: third(called)(x).sum())(X)


def test_what_does_not_fit_is_said():
    with pytest.raises(ShapeError, match=r"args\[0\]\['x'\] was exported with shape \(2,\); got \(3,\)"):
        called(np.ones(3))
    with pytest.raises(DTypeError, match="was exported with dtype float64; got float32"):
        called(np.ones(2, np.float32))
    with pytest.raises(ArgumentTypeError, match="exported for arguments"):
        EXPORTED(X)
    with pytest.raises(ArgumentError, match="derivatives is the number of orders"):
        nb.export(f, X, derivatives=-1)
    with pytest.raises(ArgumentError, match="hyperu runs on the host"):
        nb.export(lambda x: nb.special.hyperu(1.0, 2.0, x), 1.5, derivatives=0)
    with pytest.raises(ArgumentError, match=r"not what nb\.export writes"):
        nb.load_exported(b"no archive")
    counter = nb.zeros(1)

    def counts(x):
        counter[0] += 1.0
        return x

    with pytest.raises(ArgumentError, match="writes to tensors outside"):
        nb.export(counts, 1.0)


def test_large_constants_go_along():
    table = nb.array(np.arange(100_000.0))
    g = nb.export(lambda i: table[i] * np.arange(10_000.0).sum(), 3, derivatives=0)
    assert nb.load_exported(g.to_bytes())(5).item() == 5 * 49995000.0


def run(code, *arguments):
    found = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_another_process_runs_it(tmp_path):
    EXPORTED.save(tmp_path / "f.nabla")
    code = """
import sys
import nabla as nb
f = nb.load_exported(sys.argv[1])
print(nb.grad(lambda x: f({"x": x}, 3, scale=2.0)["a"])(nb.array([1.0, 3.0])).tolist())
"""
    assert run(code, str(tmp_path / "f.nabla")) == "[6.0, 108.0]\n"


def test_what_was_compiled_is_kept_on_disk(tmp_path):
    code = """
import sys
from pathlib import Path
import nabla as nb
from nabla.engines.native.runtime.cache import directory as keeps_in
g = nb.jit(lambda x: x * 3.0, engine="xla")
g(1.0)
nb.set_compilation_cache(sys.argv[1])
f = nb.jit(nb.grad(lambda x: nb.sin(x) * nb.exp(x)), engine="xla")
print(f(1.0).item(), len(list(Path(sys.argv[1]).glob("*-cache"))))
try:
    nb.set_compilation_cache("elsewhere")
except nb.ArgumentError as error:
    print(error)
assert str(keeps_in()) == sys.argv[1]
"""
    first, second = run(code, str(tmp_path)), run(code, str(tmp_path))
    value, count, *told = first.split(maxsplit=2)
    close(float(value), np.exp(1.0) * (np.sin(1.0) + np.cos(1.0)), rtol=1e-15)
    assert int(count) >= 1 and second == first and "already, for the life of this process" in told[0]
