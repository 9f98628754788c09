"""The XLA engine at special values, on every dtype: its elementwise kernels, and those that move, order and count.

All primitives that take a dtype are the outputs of one graph. Where XLA differs from NumPy on purpose or by nature, a function
below says so: `apart` for elementwise ones. Numbers below the smallest normal one are zero to XLA.
"""

import itertools

import numpy as np
import pytest

from nabla.autodiff.closing import close
from nabla.engines.numpy.compile import compile as compile_numpy
from nabla.engines.xla.compile import compile as compile_xla
from nabla.errors import BoundsError
from nabla.graph.tokens import Token, Tokens
from nabla.primitives import elementwise, formulas as f
from nabla.primitives.base import REGISTRY, constant
from nabla.primitives.contraction import dot_general
from nabla.primitives.cumulative import cummax, cummin, cumsum, recurrence
from nabla.primitives.elementwise import Elementwise
from nabla.primitives.indexing import assemble, index, index_add, index_set
from nabla.primitives.reductions import argmax, argmin, reduce_all, reduce_any, reduce_max, reduce_min, reduce_prod
from nabla.primitives.searching import searchsorted
from nabla.primitives.shape import convert, reduce_sum
from nabla.primitives.softmax import log_softmax, logsumexp, softmax
from nabla.primitives.sorting import argsort, sort
from nabla.primitives.structure import placeholder

DTYPES = ("bool", "int8", "int32", "int64", "uint8", "uint64", "float16", "float32", "float64", "complex64", "complex128")
ULPS = 20
"""How many units in the last place of |result| the engines may differ by; of complex numbers of the modulus."""


def on_both(program, *arrays):
    """The results of a program of nodes by both engines."""
    tokens = Tokens((Token("a graph for two engines", placeholder=True),))
    nodes = [placeholder(x.shape, x.dtype, tokens, "input") for x in arrays]
    outs = program(*nodes)
    graph, _ = close(outs, nodes)
    found, expected = compile_xla(graph)(*arrays), [np.asarray(x) for x in compile_numpy(graph)(*arrays)]
    for node, a, b in zip(outs, found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype) == (node.shape, node.dtype), node
    return found, expected


def same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- elementwise ----------------------------------------------------------------------------------------------


def samples(dtype):
    """Zeros, ones, ends, infinities, NaN, and some ordinary numbers."""
    dtype, rng = np.dtype(dtype), np.random.default_rng(1)
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        signed = [-1, -2, -3, -7] if dtype.kind == "i" else []
        return np.array([0, 1, 2, 3, 5, 7, 8, 31, 63, 64, ends.max, ends.max - 1, ends.min, ends.min + 1, *signed], dtype)
    if dtype.kind == "f":
        ends = np.finfo(dtype)
        some = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, 1.5, -1.5, 2.5, 0.3, 8, 100, -100, 1000, 1e-3, 0.99, np.inf, -np.inf, np.nan]
        edges = [ends.max, -ends.max, 1000 * ends.tiny, -1000 * ends.tiny, ends.eps, 1 + ends.eps]
        return np.concatenate([np.array(some, dtype), np.array(edges, dtype), 3 * rng.standard_normal(12).astype(dtype)])
    axis = [0.0, -0.0, 1, -1, 0.5, 2, -3, 20]
    special = np.array([complex(a, b) for a, b in itertools.product(axis, axis)])
    return np.concatenate([special, rng.standard_normal(20) + 1j * rng.standard_normal(20)]).astype(dtype)


PARAMS = {
    "sinc": [{"n": n} for n in (0, 1, 2)],
    "polygamma": [{"n": n} for n in (0, 1, 2)],
    "power_by": [{"exponent": x} for x in (3.0, 4.0, 2.5, -2.0, -0.5, 7.0)],
}
COVERED = [
    prim
    for prim in REGISTRY.values()
    if isinstance(prim, Elementwise) and (prim in vars(f).values() or prim in vars(elementwise).values()) and prim is not f.select
]


def taken(prim, dtype):
    kind = np.dtype(dtype).kind
    return kind in prim.kinds or (kind == "b" and "?" in prim.kinds)


def of_inputs(count, dtype):
    return [
        (prim, params)
        for prim in COVERED
        if len(prim.partials) == count and taken(prim, dtype)
        for params in PARAMS.get(prim.name, [{}])
    ]


def apart(prim, params, xs, expected):
    """Where the engines may differ: neither is wrong there, or NumPy is."""
    x, *rest = xs
    kind = x.dtype.kind
    where = np.zeros(expected.shape, bool)
    if kind in "fc" and x.dtype != np.float16:  # numbers that XLA takes for zero, which come up on the way to the result, too
        where |= (np.abs(expected) < 1e4 * np.finfo(x.dtype).tiny) & (expected != 0)
    if prim is f.log1p and kind == "c":  # NumPy's has no digits near 0
        where |= np.abs(x) < 0.3
    if prim is f.gammaln and kind == "f":  # SciPy's is inexact near 1, and XLA's sine is 0 for the smallest
        where |= (np.abs(x - 1) < 0.1) | (np.abs(x) < 1e-30)
    if prim is f.polygamma:  # XLA's has fewer digits at its negative zeros
        where |= (x < 0) & (np.abs(expected) < 0.3)
    if prim in (f.div, f.reciprocal) and kind == "c":  # by zero: infinite or NaN
        where |= (rest or xs)[0] == 0
    if prim in (f.power, f.power_by, f.log_, f.log2, f.log10, f.arctanh, f.sign) and kind == "c":
        where |= ~np.isfinite(expected)
    return where


def zeros_of_any_sign(prim):
    """Where NumPy itself gives now one, now the other zero."""
    return prim in (f.maximum, f.minimum, f.nextafter) or "c" in prim.kinds


def check(prim, params, xs, a, b):
    loose = apart(prim, params, xs, b)
    what = f"{prim.name} {xs[0].dtype} {params}"
    if b.dtype.kind not in "fc":
        wrong = (a != b) & ~loose
    else:
        with np.errstate(all="ignore"):
            size = 1 + np.abs(xs[1] * np.log(xs[0])) if prim is f.power else 1  # of what is exponentiated
            near = np.abs(a.astype(np.complex128) - b) <= ULPS * size * np.spacing(np.abs(b))
            agree = near | (a == b) | (np.isnan(a) & np.isnan(b))
            if b.dtype.kind == "f" and not zeros_of_any_sign(prim):
                agree &= (a != 0) | (b != 0) | (np.signbit(a) == np.signbit(b))
        wrong = ~agree & ~loose
    assert not wrong.any(), (
        f"{what}: {[(*(x[wrong][i] for x in xs), a[wrong][i], b[wrong][i]) for i in range(min(4, wrong.sum()))]}"
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 2])
def test_elementwise(count, dtype):
    x = samples(dtype)
    if count == 2:
        few = x[:: max(1, len(x) // 24)] if x.dtype.kind == "c" else x
        xs = [np.repeat(few, len(few)), np.tile(few, len(few))]
    else:
        xs = [x]
    cases = of_inputs(count, dtype)
    if f.power in [prim for prim, _ in cases] and x.dtype.kind == "i":
        xs = [y[xs[1] >= 0] for y in xs]  # NumPy raises
    found, expected = on_both(lambda *nodes: [prim(*nodes, **params) for prim, params in cases], *xs)
    for (prim, params), a, b in zip(cases, found, expected, strict=True):
        check(prim, params, xs, a, b)


def test_power_of_integers_to_negative_powers():
    """NumPy raises there; a compiled program cannot, and gives the reciprocal, cut to an integer."""
    x, y = np.array([0, 1, -1, -1, 2]), np.array([-1, -3, -3, -2, -1])
    tokens = Tokens((Token("a graph", placeholder=True),))
    nodes = [placeholder(a.shape, a.dtype, tokens, "input") for a in (x, y)]
    graph, _ = close([f.power(*nodes)], nodes)
    assert compile_xla(graph)(x, y)[0].tolist() == [0, 1, -1, 1, 0]


@pytest.mark.parametrize("shapes", [((), (3,)), ((2, 1), (3,)), ((2, 3), ()), ((1,), (2, 0))])
def test_broadcasting(shapes):
    x, y = (np.arange(np.prod(shape, dtype=int)).reshape(shape) + 1.5 for shape in shapes)
    found, expected = on_both(lambda x, y: [f.add(x, y), f.hypot(x, y), f.power(x, y), f.select(f.less(x, y), x, y)], x, y)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize("source", DTYPES)
def test_conversion(source):
    kind = np.dtype(source).kind
    x = np.array([0, 1, 3, 100] if kind in "bu" else [0, 1, -3, 100]).astype(source)
    targets = [name for name in DTYPES if kind != "f" or np.dtype(name).kind != "u"]  # of a negative float undefined
    if kind == "c":
        targets = ["complex64", "complex128"]  # nodes take the real part first
    same(*on_both(lambda x: [convert(x, dtype=np.dtype(target)) for target in targets], x))


# ---- reductions, order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions(dtype):
    x = np.random.default_rng(0).integers(0, 5, (3, 4)).astype(dtype)
    if x.dtype.kind == "c":
        same(*on_both(lambda x: [reduce_sum(x, axes=(0,)), reduce_prod(x, axes=(1,)), reduce_any(x, axes=(0, 1))], x))
        return
    both = [reduce_sum, reduce_prod, reduce_max, reduce_min, reduce_any, reduce_all]
    programs = [lambda x, p=p, axes=axes: p(x, axes=axes) for p in both for axes in ((0,), (1,), (0, 1), ())]
    same(*on_both(lambda x: [p(x) for p in programs] + [argmax(x, axis=1), argmin(x, axis=0)], x))
    same(*on_both(lambda x: [p(x, axis=1) for p in (cummax, cummin)], x))


def test_integers_wrap():
    x = np.array([[2**62, 2**62, 2**62], [3, 5, -(2**63)]])
    same(*on_both(lambda x: [reduce_sum(x, axes=(1,)), reduce_prod(x, axes=(1,)), cumsum(x, axis=1, reverse=True), f.square(x)], x))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nans_and_ties(dtype):
    x = np.array([[1, np.nan, 3, np.nan], [2, 5, 5, -np.inf], [0.0, -0.0, -1, -1]], dtype)
    same(*on_both(lambda x: [p(x, axes=(1,)) for p in (reduce_max, reduce_min)], x))
    same(*on_both(lambda x: [p(x, axis=axis) for p in (argmax, argmin) for axis in (0, 1)], x))
    same(*on_both(lambda x: [argsort(x, axis=1, descending=d) for d in (False, True)] + [cummax(x, axis=1)], x))
    same(*on_both(lambda x: [sort(x, axis=0, descending=d) for d in (False, True)], x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nans_in_large_arrays(dtype):
    """A library that XLA calls for large arrays, unless it is told not to, has maxima without their NaNs."""
    x = np.random.default_rng(0).integers(-9, 9, (64, 64)).astype(dtype)
    x[0, 3] = np.nan
    zero = constant(np.zeros((64, 64), dtype))

    def program(x):
        product = dot_general(x, x, contract=((1,), (1,)), batch=((), ()))
        ends = [p(y, axes=axes) for y in (x, product) for p in (reduce_max, reduce_min) for axes in ((0,), (1,), (0, 1))]
        bounded = [p(y, zero) for y in (x, product) for p in (f.maximum, f.minimum)]
        return [*ends, *bounded, *[reduce_sum(y, axes=(1,)) for y in bounded]]

    same(*on_both(program, x))
    found, expected = on_both(lambda x: [softmax(x, axes=(1,)), log_softmax(x, axes=(1,)), logsumexp(x, axes=(1,))], x)
    for a, b in zip(found, expected, strict=True):
        assert np.isnan(b[0]).all()
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))


def test_order_of_complex_numbers():
    parts = [1.0, 2.0, -1.0, np.nan]
    x = np.array([complex(a, b) for a, b in itertools.product(parts, parts)] * 2)[np.random.default_rng(0).permutation(32)]
    same(*on_both(lambda x: [argsort(x, axis=0, descending=d) for d in (False, True)], x))
    rows = np.sort(x[np.isfinite(x)])
    same(*on_both(lambda rows, x: [searchsorted(rows, x, right=r) for r in (False, True)], rows, x))


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "float64"])
@pytest.mark.parametrize("right", [False, True])
def test_searchsorted(dtype, right):
    rng = np.random.default_rng(0)
    rows, v = np.sort(rng.integers(0, 9, (2, 7)), axis=1).astype(dtype), rng.integers(0, 10, (2, 3, 2)).astype(dtype)
    if rows.dtype.kind == "f":
        rows[:, -1], v[:, 0] = np.nan, np.nan
    same(*on_both(lambda rows, v: [searchsorted(rows, v, right=right)], rows, v))
    same(*on_both(lambda rows, v: [searchsorted(rows, v, right=right)], rows[0], v))
    same(*on_both(lambda rows, v: [searchsorted(rows, v, right=right)], rows[0][:0], v))


def test_half_precision_is_summed_up_in_single():
    x = np.full(4000, 0.1, np.float16)
    ones = np.ones(4000, np.float16)
    product = {"contract": ((0,), (0,)), "batch": ((), ())}
    found, expected = on_both(lambda x, y: [reduce_sum(x, axes=(0,)), dot_general(x, y, **product)], x, ones)
    for a, b in zip(found, expected, strict=True):
        assert abs(float(a) - 400) < 1 and abs(float(a) - float(b)) < 0.5


def test_a_recurrence_does_not_overflow_before_its_result():
    a, b = np.full(2000, 3.0), np.zeros(2000)
    same(*on_both(lambda a, b: [recurrence(a, b, axis=0, reverse=r) for r in (False, True)], a, b))


def test_softmax_at_infinities():
    x = np.array([[1, 2, -np.inf], [np.inf, 1, np.inf], [-np.inf] * 3, [1e4, 0, 0], [np.nan, 0, 0], [-40, -80, 0]])
    found, expected = on_both(lambda x: [p(x, axes=(1,)) for p in (softmax, log_softmax, logsumexp)], x)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


# ---- indexing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_large_parts_are_added_to_the_bit(dtype):
    """Parts that overlap and each cover most of the array, so that they are added as wholes."""
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(5, 6)).astype(dtype) for _ in range(3)]
    parts[0][:, :] = -parts[0].dtype.type(0)
    parts[2][3:] = np.inf
    specs = (((1, 5, 1), (1, 6, 1)), ((0, 5, 1), (1, 6, 1)), ((1, 5, 1), (0, 6, 1)))
    found, expected = on_both(lambda *xs: [assemble(*xs, shape=(6, 7), specs=specs, disjoint=False)], *parts)
    same(found, expected)
    (alone,), _ = on_both(lambda *xs: [assemble(*xs, shape=(6, 7), specs=(specs[0], specs[0]), disjoint=False)], parts[0], parts[0])
    assert np.signbit(alone[1:, 1:].real).all() and np.signbit(alone[1:, 1:].imag).all() == (alone.dtype.kind == "c")


def random_spec(rng, shape, with_arrays):
    """An int, a range or an index array for each axis, and the index arrays, which broadcast."""
    spec, arrays = [], []
    for n in shape:
        kind = rng.integers(3 if with_arrays else 2)
        if kind == 0:
            spec.append(int(rng.integers(n)))
        elif kind == 1:
            step = int(rng.choice([1, 1, 2, 3, -1, -2]))
            count = int(rng.integers(0, (n - 1) // abs(step) + 2))
            room = n - 1 - (max(count, 1) - 1) * abs(step)
            start = int(rng.integers(room + 1))
            spec.append((start if step > 0 else n - 1 - start, count, step))
        else:
            spec.append(None)
            arrays.append(rng.integers(-n, n, [(2, 3), (3,), (2, 1), ()][rng.integers(4)]))
    return tuple(spec), arrays


def test_indexing_like_numpy():
    rng = np.random.default_rng(0)
    for round_ in range(12):
        shape = tuple(rng.integers(1, 6, rng.integers(1, 4)))
        shape = tuple(int(n) for n in shape)
        cases = [random_spec(rng, shape, with_arrays=round_ % 2 == 1) for _ in range(4)]
        x = rng.standard_normal(shape)
        arrays = [a for _, some in cases for a in some]

        def program(x, *nodes, cases=cases):
            outs, nodes = [], list(nodes)
            for spec, some in cases:
                mine = [nodes.pop(0) for _ in some]
                params = {"spec": spec, "unique": False} if some else {"spec": spec}
                part = index(x, *mine, **params)
                values = f.mul(part, part)
                outs += [part, index_set(x, values, *mine, **params), index_add(x, values, *mine, **params)]
                if not some:
                    outs.append(assemble(part, part, shape=x.shape, specs=(spec, spec), disjoint=False))
            return outs

        for a, b in zip(*on_both(program, x, *arrays), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


def test_the_last_write_stands():
    x, v = np.zeros(5), np.arange(1.0, 9.0)
    i = np.array([1, 3, 1, -2, 0, 1, 3, 0])
    same(*on_both(lambda x, v, i: [index_set(x, v, i, spec=(None,), unique=False)], x, v, i))


def on_xla(program, *arrays):
    tokens = Tokens((Token("a graph", placeholder=True),))
    nodes = [placeholder(x.shape, x.dtype, tokens, "input") for x in arrays]
    graph, _ = close(program(*nodes), nodes)
    return compile_xla(graph)(*arrays)


@pytest.mark.parametrize(
    ("dtype", "fill"), [("float32", np.nan), ("complex128", complex(np.nan, 0)), ("int8", -128), ("uint8", 255), ("bool", True)]
)
def test_out_of_bounds(dtype, fill):
    """What is read there is NaN, or what stands for it; what is written there is dropped."""
    x, i = np.arange(3).astype(dtype), np.array([0, 3, -1, -4])
    part, changed = on_xla(lambda x, i: [index(x, i, spec=(None,)), index_set(x, index(x, spec=(1,)), i, spec=(None,))], x, i)
    np.testing.assert_array_equal(part, np.array([x[0], fill, x[2], fill], dtype))
    np.testing.assert_array_equal(changed, np.array([x[1], x[1], x[1]], dtype))


def test_a_constant_out_of_bounds_is_an_error_at_once():
    i = constant(np.array([0, 3]))
    with pytest.raises(BoundsError, match="goes from 0 to 3 for an axis of size 3"):
        on_xla(lambda x: [index(x, i, spec=(None,))], np.arange(3.0))
