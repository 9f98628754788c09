"""Elementwise primitives of the native engine at the edges of their dtypes, against the NumPy engine; on all kinds of processors.

All primitives of one dtype and as many inputs are one graph, at all edges or all pairs of them: vectors of several, and the rest.
"""

import platform
import sys

import numpy as np
import pytest
from processes import printed_by
from test_native import is_native
from test_xla import Inputs

import nabla as nb
from nabla.autodiff.closing import close
from nabla.engines.native.compile import ENGINE as NATIVE_ENGINE
from nabla.engines.native.kernels.complex_numbers import COMPLEX
from nabla.engines.native.kernels.formulas import FORMULAS
from nabla.engines.native.kernels.special_derivatives import DERIVATIVES
from nabla.engines.native.kernels.special_functions import SCIPY
from nabla.engines.native.llvm.arithmetic import OPERATIONS
from nabla.engines.numpy.compile import ENGINE as NUMPY_ENGINE
from nabla.engines.numpy.table import KERNELS
from nabla.primitives import formulas, incomplete, special as s
from nabla.primitives.contraction import dot_general
from nabla.primitives.elementwise import Elementwise
from nabla.primitives.reductions import reduce_prod
from nabla.primitives.shape import cast, reduce_sum

RNG = np.random.default_rng(7)
X86 = platform.machine() in ("x86_64", "AMD64")

DTYPES = (
    "float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool",
    "complex128", "complex64",
)  # fmt: skip
PARAMS = {
    "sinc": [{"n": 0}, {"n": 1}, {"n": 2}],
    "power_by": [{"exponent": x} for x in (2.5, 1.5, 3.0, 4.0, -2.0, -3.0, 7.0, 9.0, -0.5, -1.5, 0.3)],
    "polygamma": [{"n": 0}, {"n": 1}, {"n": 4}],
    "expn": [{"n": 2}],
    "logrel": [{"n": 0}],
    "exprel": [{"n": 0}],
    "rgamma": [{"n": 0}],
    "erfcx": [{"n": 0}, {"n": 1}, {"n": 3}],
    "dawsn": [{"n": 0}, {"n": 1}, {"n": 3}],
    "stdtr": [{"order": 0}],
    "gammainc": [{"order": 0}],
    "bessel": [{"kind": kind, "n": 0, "k": 0} for kind in ("jv", "yv", "iv", "kv")],
    "struve": [{"kind": "struve", "n": 0}],
    "airy": [{"kind": kind} for kind in ("ai", "aip", "bi", "bip")],
    "scaled_airy": [{"kind": "ai"}, {"kind": "bi"}],
    "circular_integral": [{"kind": kind} for kind in ("si", "ci", "shi", "chi", "fresnel_s", "fresnel_c")],
}
LOSES_DIGITS = {"beta", "betaln", "binom", "gamma_density", "loggamma_slope", "poch", "polygamma_rise"}
"""Of these some edges are differences of large numbers."""


def of_dtype(dtype, count):
    """The primitives of that many numbers of a dtype that have code, each with its parameters."""
    kind = np.dtype(dtype).kind
    for prim in KERNELS:
        if not isinstance(prim, Elementwise) or len(prim.partials) != count or kind not in prim.kinds:
            continue
        known = COMPLEX if kind == "c" else {**OPERATIONS, **FORMULAS}
        if prim.name not in known or (
            prim.name in (*SCIPY, *DERIVATIVES) and dtype != "float64"
        ):  # SciPy's have fewer digits in single precision
            continue
        if prim.name in LOSES_DIGITS or prim.name == "classical_polynomial":  # whose work grows with its degree
            continue
        if prim.name == "power" and kind == "i":  # a negative exponent is an error
            continue
        if prim.name in ("power", "power_by") and dtype == "complex64":  # of which NumPy has few digits
            continue
        for params in PARAMS.get(prim.name, [{}]):
            yield prim, params


def edges(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        numbers = [0, 1, 2, 3, 5, 8, 12, 31, 63, 64, 100, ends.max, ends.max - 1, ends.min, ends.min + 1, -1, -2, -3, -8, -100]
        return np.array(sorted({x for x in numbers if ends.min <= x <= ends.max}), dtype)
    if dtype.kind == "c":
        part = edges(f"f{dtype.itemsize // 2}")[[0, 1, 2, 3, 4, 9, 12, 16, 18, 20, 28, 29, 30]]
        found = np.empty((len(part), len(part)), dtype)
        found.real, found.imag = part[:, None], part
        return found.reshape(-1)
    ends = np.finfo(dtype)
    numbers = [
        0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 0.3, 2.0, -2.0, 3.0, -3.0, 1.5, -2.5, 7.25, -7.25, 3.14, 1e-3, -1e-3, 20.0, -20.0, 709.0,
        -700.0, 87.0, -88.0, 1e5, -1e5, 3e9, -3e9, np.inf, -np.inf, np.nan, 1e19, -1e19,
    ]  # fmt: skip
    own = [
        ends.max,
        ends.min,
        ends.tiny,
        -ends.tiny,
        ends.smallest_subnormal,
        -ends.smallest_subnormal,
        ends.tiny / 2,
        1 + ends.eps,
    ]
    with np.errstate(over="ignore"):
        return np.array([*numbers, *map(float, own)]).astype(dtype)


def arguments(dtype, count):
    found = edges(dtype)
    if count == 1:
        return [found]
    found = found[:: 3 if np.dtype(dtype).kind == "c" else 1]
    return [x.reshape(-1).copy() for x in np.broadcast_arrays(found[:, None], found)]


def graph_of(primitives, arrays):
    inputs = Inputs()
    nodes = inputs.of(arrays)
    return close([prim(*nodes, **params) for prim, params in primitives], nodes)[0]


def distance(x, y):
    """By how many units in the last place of y, at least of the smallest normal number, x is another; complex ones as a whole."""
    if x.dtype.kind not in "fc":
        return (x != y).astype(float)
    parts = [(x, y)] if x.dtype.kind == "f" else [(x.real, y.real), (x.imag, y.imag)]
    size = np.max([np.where(np.isfinite(b), np.abs(b), 0) for _, b in parts], axis=0)
    unit = np.spacing(np.clip(size, np.finfo(y.dtype).tiny, np.finfo(y.dtype).max / 2)).astype(float)
    found = np.zeros(x.shape)
    for a, b in parts:
        finite = np.isfinite(a) & np.isfinite(b)
        apart = np.abs(np.where(finite, a, 0).astype(float) - np.where(finite, b, 0).astype(float)) / unit
        found = np.maximum(found, np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.where(finite, apart, np.inf)))
    return found


def bound(prim, dtype):
    """In units in the last place. What is a difference of functions loses digits in NumPy as it does here."""
    if np.dtype(dtype).kind == "c":
        return 32 if prim.name in ("sigmoid", "expm1", "sech2") else 8
    return 16 if prim.name == "polygamma" else 4


def check(dtype, count):
    primitives = list(of_dtype(dtype, count))
    arrays = arguments(dtype, count)
    graph = graph_of(primitives, arrays)
    assert is_native(graph)
    found = [np.asarray(x) for x in NATIVE_ENGINE.executable(graph)(*arrays)]
    with np.errstate(all="ignore"):
        expected = [np.asarray(x) for x in NUMPY_ENGINE.executable(graph)(*arrays)]
    wrong = []
    for (prim, params), a, b in zip(primitives, found, expected, strict=True):
        far = distance(a, b) > bound(prim, dtype)
        signs = np.zeros(a.shape, bool)
        if a.dtype.kind == "f" and not (prim.name in ("maximum", "minimum") and (dtype == "float16" or not X86)):  # of two zeros
            signs = (a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b))
        for i in np.flatnonzero(far | signs)[:3]:
            wrong.append(f"{prim.name} {params} of {[x[i] for x in arrays]}: {a[i]}, not {b[i]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_edges(dtype, count):
    check(dtype, count)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "complex128"])
def test_numbers_by_themselves_have_the_same_bits(dtype):
    primitives, (array,) = list(of_dtype(dtype, 1)), arguments(dtype, 1)
    together = [np.asarray(x) for x in NATIVE_ENGINE.executable(graph_of(primitives, [array]))(array)]
    one = NATIVE_ENGINE.executable(graph_of(primitives, [array[0]]))
    for i, x in enumerate(array):
        for (prim, _), a, b in zip(primitives, together, one(x), strict=True):
            np.testing.assert_array_equal(np.asarray(b), a[i], err_msg=f"{prim.name} of {x}")
            assert a.dtype.kind != "f" or a[i] != 0 or np.signbit(np.asarray(b)) == np.signbit(a[i]), f"{prim.name} of {x}"


def whole_number(x, dtype):
    """What becomes of a float, on every processor: what does not fit is the smallest integer of 32 or 64 bits, or its lowest
    bits; of a large one for unsigned numbers the half is taken off before."""
    bits = 8 * dtype.itemsize
    half = 2 ** (max(bits, 32) - 1)
    if dtype.kind == "u" and bits >= 32 and x >= half:
        return int(x) if x < 2 * half else 0
    return (int(x) if -half - 1 < x < half else -half) % 2**bits


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("old", DTYPES)
def test_conversions(old):
    array = edges(old)
    graph = graph_of([(cast, {"dtype": np.dtype(new)}) for new in DTYPES], [array])
    assert is_native(graph)
    found = NATIVE_ENGINE.executable(graph)(array)
    with np.errstate(all="ignore"):
        expected = NUMPY_ENGINE.executable(graph)(array)
    real = array.real.astype(float)
    fits = (real > -(2.0**31)) & (real < 2.0**32)  # beyond it NumPy has two kinds of uint32
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        which = slice(None)
        if array.dtype.kind in "fc" and b.dtype.kind in "iu":
            whole = np.array([whole_number(x, b.dtype) for x in real], f"u{b.dtype.itemsize}").astype(b.dtype)
            np.testing.assert_array_equal(np.asarray(a), whole, err_msg=str(b.dtype))
            if not X86:
                continue  # NumPy leaves to the processor what does not fit
            which = fits if b.dtype == np.uint32 else slice(None)
        np.testing.assert_array_equal(np.asarray(a)[which], np.asarray(b)[which], err_msg=str(b.dtype))


def test_halves_of_all_numbers():
    """All numbers of half precision, and doubles close to the middle of two of them."""
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    wide = halves[np.isfinite(halves)].astype(float)
    with np.errstate(over="ignore"):
        middles = wide + np.spacing(halves[np.isfinite(halves)]).astype(float) / 2
    close_by = np.concatenate([middles, np.nextafter(middles, np.inf), np.nextafter(middles, -np.inf)])
    with np.errstate(all="ignore"):
        single = close_by.astype(np.float32)
    for array, dtype in ((halves, "float64"), (halves, "float32"), (close_by, "float16"), (single, "float16")):
        graph = graph_of([(cast, {"dtype": np.dtype(dtype)})], [array])
        with np.errstate(all="ignore"):
            expected = array.astype(dtype)
        np.testing.assert_array_equal(np.asarray(NATIVE_ENGINE.executable(graph)(array)[0]), expected)


def test_sums_and_products_of_halves_are_rounded_once():
    x = np.full(3001, 1.001, np.float16)
    graph = graph_of([(reduce_sum, {"axes": (0,)})], [x])
    assert is_native(graph)
    assert NATIVE_ENGINE.executable(graph)(x)[0] == np.float16(x.astype(float).sum())
    few = np.linspace(0.4, 1.6, 12).reshape(3, 4).astype(np.float16)  # a tensor of which each number has a register
    for prim, reduced in ((reduce_sum, np.sum), (reduce_prod, np.prod)):
        for axes in ((0,), (1,), (0, 1)):
            graph = graph_of([(prim, {"axes": axes})], [few])
            assert is_native(graph)
            expected = reduced(few.astype(np.float32), axis=axes).astype(np.float16)
            np.testing.assert_allclose(NATIVE_ENGINE.executable(graph)(few)[0], expected, rtol=1e-3)
    m = np.linspace(-1.0, 1.0, 60 * 50).reshape(60, 50).astype(np.float16)
    graph = graph_of([(dot_general, {"contract": ((1,), (1,)), "batch": ((), ())})], [m, m])
    np.testing.assert_allclose(NATIVE_ENGINE.executable(graph)(m, m)[0], m.astype(float) @ m.astype(float).T, rtol=1e-3)


def test_products_of_complex_numbers():
    x = np.exp(np.linspace(0.0, 1.0, 600) * 1j).reshape(20, 30) * 1.01
    for axes in ((0,), (1,), (0, 1)):
        graph = graph_of([(reduce_prod, {"axes": axes})], [x])
        assert is_native(graph)
        np.testing.assert_allclose(np.asarray(NATIVE_ENGINE.executable(graph)(x)[0]), x.prod(axis=axes), rtol=1e-12)
    large = RNG.normal(size=(60, 70)) + 1j * RNG.normal(size=(60, 70))
    for dtype, rtol in (("complex128", 1e-12), ("complex64", 1e-4)):
        m = large.astype(dtype)
        graph = graph_of([(dot_general, {"contract": ((1,), (1,)), "batch": ((), ())})], [m, m])
        assert "gemm" in NATIVE_ENGINE.lower(graph).texts["loops"]()
        np.testing.assert_allclose(np.asarray(NATIVE_ENGINE.executable(graph)(m, m)[0]), m @ m.T, rtol=rtol, atol=rtol)


def test_whole_powers_of_integers():
    x = np.array([-3, 2, 7, 0, 1])
    cubed = nb.jit(lambda x: x**3, engine="native")
    np.testing.assert_array_equal(cubed(x), x**3)
    powers = nb.jit(nb.pow, engine="native")
    np.testing.assert_array_equal(powers(x, np.arange(5)), x ** np.arange(5))
    with pytest.raises(ValueError, match="negative integer powers"):
        powers(x, np.full(5, -1))


def test_gamma_functions():
    x, y = RNG.lognormal(sigma=3.0, size=(2, 500))
    for of, arrays in ((s.polygamma_rise, (x, y)), (s.polygamma_rise, (-x, -y))):
        primitives = [(of, {"n": n}) for n in (0, 1, 3)]
        check_close(primitives, arrays)
    check_close([(incomplete.gamma_density, {})], (x, y))
    check_close([(s.betaln, {}), (s.beta, {}), (s.binom, {}), (s.poch, {})], (x, y))


def check_close(primitives, arrays):
    graph = graph_of(primitives, arrays)
    assert is_native(graph)
    for a, b in zip(NATIVE_ENGINE.executable(graph)(*arrays), NUMPY_ENGINE.executable(graph)(*arrays), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_of_two_zeros_the_second(dtype):
    """On every processor. NumPy's maximum and minimum leave it to the processor."""
    zeros = np.array([0.0, -0.0] * 9, dtype)
    graph = graph_of([(formulas.maximum, {}), (formulas.minimum, {})], [zeros, -zeros])
    for found in NATIVE_ENGINE.executable(graph)(zeros, -zeros):
        np.testing.assert_array_equal(np.signbit(found), np.signbit(-zeros))


@pytest.mark.parametrize("target", ["avx2", "scalar"] if X86 else ["scalar"])
def test_other_processors(target):
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from test_native_numbers import check, test_conversions, test_halves_of_all_numbers
for dtype, count in (("float64", 1), ("float16", 1), ("complex128", 1), ("float32", 2), ("int8", 2)):
    check(dtype, count)
for dtype in ("float64", "float16"):
    test_conversions(dtype)
test_halves_of_all_numbers()
print("the same")
"""
    assert printed_by(code, NABLA_TARGET=target) == "the same\n"
