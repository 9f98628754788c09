"""SciPy's functions on tensors, to be run with SCIPY_ARRAY_API=1 in the environment: prints one line of JSON for each case.

A case is right if the value is SciPy's own and the derivative that of differences; or, for those that SciPy computes in
compiled code, if the derivative is refused out loud.
"""

import json
import sys
import warnings

import numpy as np
import scipy.cluster.vq
import scipy.differentiate
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize.elementwise
import scipy.signal
import scipy.spatial.distance
import scipy.spatial.transform
import scipy.special
import scipy.stats

import nabla as nb
from nabla.testing import check_grads

V, W = np.array([0.3, 0.9, 0.55, 0.7, 1.2]), np.array([1.4, 0.2, -0.6, 1.1, 0.4])
LONG = np.sin(np.arange(24.0) ** 1.3)
M = np.cos(np.arange(12.0)).reshape(3, 4)
SQUARE = M[:, :3] @ M[:, :3].T + np.eye(3)
E = scipy.optimize.elementwise


def as_tuple(f):
    """SciPy's results that have attributes are tuples beside."""
    return lambda *xs: tuple(f(*xs))


def real_part(f):
    return lambda x: np.real(f(x))


def with_options(f, *options):
    """`f` with further arguments: tensors beside a tensor, ndarrays beside an ndarray."""
    return lambda x: f(x, *[np.asarray(o) if isinstance(o, nb.Tensor) and isinstance(x, np.ndarray) else o for o in options])


SPECIAL = [
    "logsumexp", "softmax", "log_softmax", "erf", "erfc", "expit", "logit", "gammaln", "i0", "i0e", "i1", "i1e",
    "digamma", "entr", "log_ndtr", "ndtr", "ndtri",
]  # fmt: skip
STATISTICS = [
    "gmean", "hmean", "skew", "kurtosis", "moment", "variation", "sem", "entropy", "zscore", "tmean", "tvar", "tstd",
    "tsem", "tmin", "tmax", "kstat", "kstatvar", "circmean", "circvar", "circstd", "describe", "gstd", "lmoment", "iqr",
    "median_abs_deviation", "rankdata", "differential_entropy", "gzscore",
]  # fmt: skip

RUNS = {}
"""Name: function, arguments. The value and the derivative are right."""

for name in SPECIAL:
    RUNS[f"special.{name}"] = getattr(scipy.special, name), V / 2
for name in ["xlogy", "rel_entr", "beta", "betaln", "gammainc", "gammaincc", "kl_div", "xlog1py"]:
    RUNS[f"special.{name}"] = getattr(scipy.special, name), V + 1.0, V + 1.5
for name in STATISTICS:
    RUNS[f"stats.{name}"] = getattr(scipy.stats, name), V
for name in ["pearsonr", "ttest_ind", "ttest_rel", "bartlett", "f_oneway", "levene"]:
    RUNS[f"stats.{name}"] = as_tuple(getattr(scipy.stats, name)), V, W
for name in ["power_divergence", "chisquare"]:
    RUNS[f"stats.{name}"] = as_tuple(getattr(scipy.stats, name)), V
for name in ["normaltest", "skewtest", "kurtosistest", "jarque_bera"]:
    RUNS[f"stats.{name}"] = as_tuple(getattr(scipy.stats, name)), LONG
RUNS |= {
    "special.fdtrc": (lambda x: scipy.special.fdtrc(2.0, 3.0, x), V),
    "stats.pmean": (lambda x: scipy.stats.pmean(x, 2), V),
    "stats.trim_mean": (lambda x: scipy.stats.trim_mean(x, 0.2), V),
    "stats.ttest_1samp": (lambda x: tuple(scipy.stats.ttest_1samp(x, 0.4)), V),
    "stats.zmap": (scipy.stats.zmap, V, W),
    "stats.boxcox_llf": (lambda x: scipy.stats.boxcox_llf(0.7, x), V),
    "stats.directional_stats": (lambda x: scipy.stats.directional_stats(x).mean_direction, M),
    "stats.combine_pvalues": (lambda x: tuple(scipy.stats.combine_pvalues(x)), V / 2),
    "stats.quantile": (lambda x: scipy.stats.quantile(x, 0.4), V),
    "signal.fftconvolve": (scipy.signal.fftconvolve, V, W),
    "signal.oaconvolve": (scipy.signal.oaconvolve, V, W),
    "signal.hilbert": (lambda x: scipy.signal.hilbert(x).imag, V),
    "signal.envelope": (scipy.signal.envelope, V),
    "signal.resample": (lambda x: scipy.signal.resample(x, 8), V),
    "signal.freqz": (lambda x: np.real(scipy.signal.freqz(x, worN=4)[1]), V),
    "signal.vectorstrength": (lambda x: scipy.signal.vectorstrength(x, 2.0), V),
    "signal.gausspulse": (scipy.signal.gausspulse, V),
    "integrate.trapezoid": (lambda y, x: scipy.integrate.trapezoid(y, x), V, np.cumsum(V)),
    "integrate.cumulative_trapezoid": (scipy.integrate.cumulative_trapezoid, M),
    "integrate.cumulative_simpson": (lambda y: scipy.integrate.cumulative_simpson(y, dx=1.0), M),
    "integrate.romb": (scipy.integrate.romb, V),
    "integrate.fixed_quad": (lambda a: scipy.integrate.fixed_quad(lambda t: np.sin(a[0] * t), 0.0, 1.0)[0], V),
    "integrate.nsum": (
        lambda a: scipy.integrate.nsum(lambda k, a: k ** (-a - 2.0), nb.asarray(1.0), nb.asarray(10.0), args=(a,)).sum, V,
    ),
    "optimize.elementwise.find_root": (
        lambda a: E.find_root(lambda x, a: x**3 - a, (nb.zeros(5), nb.full(5, 3.0)), args=(a,)).x, V,
    ),
    "optimize.elementwise.find_minimum": (
        lambda a: E.find_minimum(lambda x, a: (x - a) ** 2, (nb.zeros(5), nb.full(5, 0.25), nb.full(5, 3.0)), args=(a,)).x, V,
    ),
    "differentiate.derivative": (lambda x: scipy.differentiate.derivative(np.sin, x).df, V),
    "differentiate.jacobian": (lambda x: scipy.differentiate.jacobian(lambda x: x[0] ** 2 + x[1], x).df, V[:2]),
    "cluster.vq.whiten": (scipy.cluster.vq.whiten, M),
    "spatial.transform.Rotation": (
        lambda x, y: scipy.spatial.transform.Rotation.from_rotvec(x).apply(y), V[:3], W[:3],
    ),
    "linalg.block_diag": (scipy.linalg.block_diag, SQUARE, M),
}  # fmt: skip
for name in ["fft", "ifft", "rfft", "hfft", "fft2", "rfftn", "fftshift"]:
    RUNS[f"fft.{name}"] = real_part(getattr(scipy.fft, name)), M

STOPS = {
    "signal.convolve": (scipy.signal.convolve, V, V, "compiled; `fftconvolve`, or `np.convolve`"),
    "signal.correlate": (scipy.signal.correlate, V, V, "compiled; `np.correlate`"),
    "signal.convolve2d": (scipy.signal.convolve2d, M, M, "compiled; `fftconvolve`"),
    "signal.savgol_filter": (lambda x: scipy.signal.savgol_filter(x, 3, 1), V, "compiled"),
    "signal.detrend": (scipy.signal.detrend, V, "fills an array of its own"),
    "signal.medfilt": (scipy.signal.medfilt, V, "compiled"),
    "signal.periodogram": (lambda x: scipy.signal.periodogram(x)[1], V, "makes an ndarray of its argument; `np.fft.rfft`"),
    "integrate.simpson": (scipy.integrate.simpson, M, "makes an ndarray of its argument; `cumulative_simpson`"),
    "stats.linregress": (lambda x, y: scipy.stats.linregress(x, y).slope, V, W, "makes an ndarray of its argument; `np.polyfit`"),
    "stats.kendalltau": (lambda x, y: scipy.stats.kendalltau(x, y).statistic, V, W, "compiled"),
    "stats.wasserstein_distance": (scipy.stats.wasserstein_distance, V, W, "makes an ndarray of its argument"),
    "stats.norm.pdf": (scipy.stats.norm.pdf, V, "the distributions fill ndarrays of their own"),
    "spatial.distance.pdist": (scipy.spatial.distance.pdist, M, "compiled; `np.linalg.norm` of the differences"),
    "spatial.distance.euclidean": (scipy.spatial.distance.euclidean, V, W, "makes ndarrays; `np.linalg.norm`"),
    "fft.dct": (scipy.fft.dct, V, "compiled; `nb.fft.dct`"),
    "fft.dst": (scipy.fft.dst, V, "compiled; `nb.fft.dst`"),
    "interpolate.BarycentricInterpolator": (
        lambda y: scipy.interpolate.BarycentricInterpolator(np.arange(5.0), y)(0.6), V, "makes an ndarray of its argument",
    ),
}  # fmt: skip
"""Name: function, arguments, why. The value is right, and a derivative that is asked for raises."""
for name in ["gaussian_filter", "sobel", "laplace", "zoom", "rotate", "shift", "convolve", "median_filter"]:
    more = {"gaussian_filter": 1.0, "zoom": 2.0, "rotate": 30.0, "shift": 0.5, "convolve": nb.ones((3, 3)), "median_filter": 3}
    arguments = (more[name],) if name in more else ()
    STOPS[f"ndimage.{name}"] = with_options(getattr(scipy.ndimage, name), *arguments), M, "compiled"
for name in ["inv", "det", "cholesky", "expm", "logm", "norm", "pinv"]:
    STOPS[f"linalg.{name}"] = getattr(scipy.linalg, name), SQUARE, f"makes an ndarray of its argument; `nb.linalg.{name}`"


def leaves(x):
    return [leaf for item in x for leaf in leaves(item)] if isinstance(x, (tuple, list)) else [x]


def same_value(f, arrays):
    found, expected = leaves(f(*[nb.asarray(x) for x in arrays])), leaves(f(*arrays))
    for a, b in zip(found, expected):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-11, atol=1e-13)
    return found


def outputs(f):
    return lambda *xs: [x for x in leaves(f(*xs)) if isinstance(x, nb.Tensor) and x.dtype.kind in "fc"]


def runs(f, *arrays):
    """Raise where the value or the derivative is wrong."""
    found = same_value(f, arrays)
    assert all(isinstance(x, nb.Tensor) for x in found), f"not all results are tensors: {found}"
    check_grads(outputs(f), arrays, order=1, eps=2.0**-8)


def stops(f, *arrays_and_reason):
    """Raise where the value is wrong, or a derivative is lost in silence."""
    *arrays, _ = arrays_and_reason
    same_value(f, arrays)
    others = [nb.asarray(x) for x in arrays[1:]]
    try:
        nb.grad(lambda x: sum(np.sum(y) for y in leaves(f(x, *others))))(arrays[0])
    except nb.TracedValueError as error:
        assert "derivative would be lost" in str(error), error
    else:
        raise AssertionError("the derivative did not raise")


def main():
    warnings.simplefilter("error")
    failed = {}
    for check, cases in ((runs, RUNS), (stops, STOPS)):
        for name, case in cases.items():
            try:
                check(*case)
            except Exception as error:  # noqa: BLE001 - what went wrong, of every kind, is for the test to say
                failed[name] = f"{type(error).__name__}: {error}"
    json.dump(failed, sys.stdout)


if __name__ == "__main__":
    main()
