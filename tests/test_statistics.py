"""Quantiles, reductions that pass over NaN, covariances: against NumPy, and their derivatives."""

import warnings

import numpy as np
import pytest

import nabla as nb
from nabla.ops.quantiles import CONTINUOUS, DISCRETE
from nabla.testing import check_grads, check_vmap

METHODS = [*CONTINUOUS, *DISCRETE]
NAN = np.nan
APART = np.array([[4.1, 9.3, 1.2, 7.7], [2.6, 0.4, 11.2, 5.5], [8.4, 10.1, 3.3, 6.6]])


def numpys(f, *args, **kwargs):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return f(*args, **kwargs)


def same(found, wanted, given=None):
    """given: the dtype that NumPy rounds to on the way."""
    wanted = np.asarray(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if given == "float32":
        loose = 2e-6
    else:
        loose = {2: 1e-2, 4: 2e-6}.get(np.finfo(wanted.dtype).dtype.itemsize, 1e-13) if wanted.dtype.kind in "fc" else 0
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=loose, atol=loose)


def sample(dtype, shape, holes=False):
    rng = np.random.default_rng(len(shape))
    x = (rng.standard_normal(shape) * 4).astype(dtype)
    if holes and x.dtype.kind in "fc":
        x[rng.random(shape) < 0.3] = NAN
    return x


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
def test_quantiles(method, dtype):
    for shape, axis in [((7,), None), ((1,), 0), ((4, 5), -1), ((3, 2, 4), (0, 2)), ((3, 4), None)]:
        x, holes = sample(dtype, shape), sample(dtype, shape, True)
        for q in (0.3, 1.0, 0, [0.0, 0.1, 0.5, 0.9], np.float32([0.25, 0.75])):
            percent = np.multiply(q, 100) if isinstance(q, list) or np.ndim(q) else q * 100
            how = {"axis": axis, "method": method, "keepdims": True}
            same(nb.quantile(x, q, **how), np.quantile(x, q, **how), dtype)
            same(nb.percentile(x, percent, **how), np.percentile(x, percent, **how), dtype)
            same(nb.nanquantile(holes, q, **how), numpys(np.nanquantile, holes, q, **how), dtype)
            same(nb.nanpercentile(holes, percent, **how), numpys(np.nanpercentile, holes, percent, **how), dtype)
            np.testing.assert_allclose(nb.quantile(holes, q, **how), numpys(np.quantile, holes, q, **how), rtol=1e-5)


def test_weighted_quantiles():
    x = sample("float64", (4, 5))
    holes = sample("float64", (4, 5), True)
    w = np.abs(sample("float64", (4, 5))).round()
    w[:, 0] = 0.0
    w[:, 1] = 1.0
    for q in (0.0, 0.4, [0.1, 0.5, 1.0]):
        for axis, weights in ((None, w), (1, w), (1, np.arange(5.0)), ((1, 0), w.T.copy())):
            if axis == (1, 0):
                same(
                    nb.quantile(x, q, axis, weights=weights, method="inverted_cdf"),
                    np.quantile(x, q, weights=w, method="inverted_cdf"),
                )
                continue
            how = {"axis": axis, "weights": weights, "method": "inverted_cdf"}
            same(nb.quantile(x, q, **how), np.quantile(x, q, **how))
        same(nb.nanquantile(holes, q, weights=w, method="inverted_cdf"), np.nanquantile(holes, q, weights=w, method="inverted_cdf"))


def test_quantiles_beside_infinities_and_of_nothing():
    x = [1.0, 2.0, np.inf]
    assert nb.quantile(x, [0.0, 0.5, 1.0]).tolist() == [1.0, 2.0, np.inf]
    assert nb.quantile([np.inf] * 4, 0.3).item() == np.inf
    assert nb.quantile([-np.inf, -np.inf, 1.0], 0.4, method="averaged_inverted_cdf").item() == -np.inf
    assert np.isnan(nb.quantile([], 0.5)) and np.isnan(nb.nanmedian([])) and np.isnan(nb.nanquantile([NAN], 0.5))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: nb.quantile([1.0], 1.5), nb.ArgumentError, "quantile: q lies from 0 to 1; got 1.5"),
        (lambda: nb.percentile([1.0], [-1]), nb.ArgumentError, "percentile: q lies from 0 to 100"),
        (lambda: nb.quantile([1.0], 0.5, method="best"), nb.ArgumentError, "method is one of linear, "),
        (lambda: nb.quantile([1j], 0.5), nb.DTypeError, "complex numbers have no order"),
        (lambda: nb.quantile([1.0], 0.5, weights=[1.0]), nb.ArgumentError, "'inverted_cdf' only"),
        (lambda: nb.quantile([[1.0]], 0.5, weights=[1.0], method="inverted_cdf"), nb.ArgumentTypeError, "need an axis"),
        (lambda: nb.quantile([1.0], 0.5, weights=[-1.0], method="inverted_cdf"), nb.ArgumentError, "not negative"),
        (lambda: nb.quantile([1.0], 0.5, weights=[0.0], method="inverted_cdf"), nb.ArgumentError, "finite sum"),
        (lambda: nb.quantile([1.0], [[[0.5]]]), nb.ShapeError, "q is a number"),
        (lambda: nb.nanargmax([NAN]), nb.ArgumentError, "nothing but NaN along axis None"),
        (lambda: nb.average([1.0, 2.0], weights=[1.0, -1.0]), ZeroDivisionError, "the weights sum to zero"),
        (lambda: nb.average([1.0, 2.0], axis=0, weights=[1.0]), nb.ShapeError, "weights have the shape of x"),
        (lambda: nb.cov([[[1.0]]]), nb.ShapeError, "rows of a matrix"),
        (lambda: nb.cov([1.0, 2.0], fweights=[1.5, 1.0]), nb.ArgumentTypeError, "integers"),
        (lambda: nb.cov([1.0, 2.0], aweights=[1.0]), nb.ShapeError, "an entry for each of the 2"),
        (lambda: nb.cov([1.0, 2.0], ddof=0.5), nb.ArgumentError, "ddof is an integer"),
    ],
)
def test_refusals(call, error, text):
    with pytest.raises(error, match=text):
        call()


REDUCTIONS = ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nanmedian"]


@pytest.mark.parametrize("name", [*REDUCTIONS, "nancumsum", "nancumprod", "nanargmax", "nanargmin"])
@pytest.mark.parametrize("dtype", ["bool", "int8", "float16", "float32", "float64", "complex64", "complex128"])
def test_reductions_that_pass_over_nan(name, dtype):
    ordered = name in ("nanmax", "nanmin", "nanargmax", "nanargmin", "nanmedian")
    if ordered and dtype.startswith("complex"):
        with pytest.raises(nb.DTypeError, match="no order"):
            getattr(nb, name)(np.ones(2, dtype))
        return
    for shape, axis in [((6,), None), ((3, 4), 0), ((3, 4), 1), ((2, 3, 2), -1)]:
        x = sample(dtype, shape, True)
        if x.dtype.kind in "fc" and "arg" in name:
            x[np.isnan(x)] = 0
            x.flat[0] = NAN
        how = {"axis": axis} if "cum" in name else {"axis": axis, "keepdims": True}
        if name in ("nanvar", "nanstd"):
            how["ddof"] = 1
        if name in ("nanmax", "nanmin", "nanmedian") and dtype == "bool":
            continue
        same(getattr(nb, name)(x, **how), numpys(getattr(np, name), x, **how))


@pytest.mark.parametrize("name", [*REDUCTIONS, "nancumsum", "nancumprod"])
def test_no_derivative_goes_to_a_nan(name):
    f = getattr(nb, name)
    x = APART.copy()
    x[0, 1] = NAN
    x[:, 2] = NAN
    total = lambda x: nb.nan_to_num(f(x, axis=0)).sum()
    for slope in (nb.grad(total)(x), nb.grad(total, mode="forward")(x), nb.hvp(total, (x,), (np.ones(x.shape),))[0]):
        assert np.isfinite(np.asarray(slope)).all() and not np.asarray(slope)[np.isnan(x)].any()
    check_grads(lambda row: f(nb.concatenate([row, nb.array([NAN])])), (APART[0],))
    check_vmap(f, (x,))


def test_derivatives_of_quantiles():
    check_grads(lambda x, q: nb.quantile(x, q, axis=1), (APART, np.array([0.2, 0.7])))
    check_grads(lambda x, q: nb.percentile(x, q, axis=0, method="hazen"), (APART, np.array([[40.0, 70.0]])))
    check_grads(lambda x: nb.quantile(x, [0.2, 0.7], axis=0, weights=APART, method="inverted_cdf"), (APART,))
    x = np.array([4.0, NAN, 1.0, 2.0])
    assert nb.grad(lambda x: nb.nanquantile(x, 0.25))(x).tolist() == [0.0, 0.0, 0.5, 0.5]
    check_vmap(lambda x: nb.nanquantile(x, [0.3, 0.6]), (APART,))
    check_vmap(lambda q: nb.quantile(APART, q), (np.array([0.2, 0.5, 0.8]),))
    check_vmap(lambda x, w: nb.quantile(x, 0.4, weights=w, method="inverted_cdf"), (APART, APART[::-1].copy()))
    check_vmap(nb.grad(lambda x: nb.percentile(x, 30) ** 2), (APART,))


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64", "complex128"])
def test_averages_and_covariances(dtype):
    for shape in [(5,), (3, 4)]:
        x = sample(dtype, shape)
        w = np.abs(sample("float64", shape)) + 0.1
        for axis in (None, 0, -1):
            for weights in (None, w):
                for found, wanted in zip(
                    nb.average(x, axis, weights, True), np.average(x, axis, weights, returned=True), strict=True
                ):
                    same(found, wanted)
        same(nb.average(x, 0, w[..., 0] if x.ndim > 1 else w), np.average(x, 0, w[..., 0] if x.ndim > 1 else w))
        n = shape[-1]
        often, much = np.arange(1, n + 1), np.linspace(0.5, 2.0, n)
        for how in (
            {},
            {"rowvar": False},
            {"bias": True},
            {"ddof": 0},
            {"ddof": 2, "fweights": often},
            {"aweights": much},
            {"fweights": often, "aweights": much},
            {"y": x[..., ::-1]},
            {"dtype": "float32"} if dtype != "complex128" else {"dtype": "complex64"},
        ):
            if how.get("rowvar") is False and len(shape) == 1:
                continue
            wanted = np.asarray(np.cov(x, **how))
            found = nb.cov(x, **how)
            assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(
                found, wanted, rtol=1e-5 if "dtype" in how else 1e-12, atol=1e-5 if "dtype" in how else 1e-12
            )
        np.testing.assert_allclose(nb.corrcoef(x), np.corrcoef(x), rtol=1e-12)
    assert np.max(np.abs(nb.corrcoef(np.vstack([APART, APART * 3.0])).numpy())) <= 1.0


def test_derivatives_of_averages_and_covariances():
    check_grads(lambda x, w: nb.average(x, 1, w), (APART, APART[::-1].copy()))
    check_grads(lambda x, w: nb.cov(x, aweights=w), (APART, np.array([1.0, 2.0, 0.5, 3.0])))
    check_grads(nb.corrcoef, (APART,))
    check_grads(lambda x: nb.cov(x + 1j * x**2), (APART,))
    check_vmap(nb.cov, (np.stack([APART, APART[::-1]]),))
