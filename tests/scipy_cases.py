"""SciPy's functions on tensors, to be run with SCIPY_ARRAY_API=1 in the environment: prints one line of JSON for each case.

A case is right if the value is SciPy's own and the derivative that of differences; or, for those that SciPy computes in
compiled code, if the derivative is refused out loud.
"""

import json
import sys
import warnings

import numpy as np
import scipy.cluster.hierarchy
import scipy.cluster.vq
import scipy.constants
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
KNOTS, POLES, ONE = np.linspace(0.0, 4.0, 5), [1.0, 2.0], [1.0]
E = scipy.optimize.elementwise
Space = scipy.spatial.transform


def as_tuple(f):
    """SciPy's results that have attributes are tuples beside."""
    return lambda *xs: tuple(f(*xs))


def real_part(f):
    return lambda x: np.real(f(x))


def like(x, value):
    """A tensor beside a tensor, an ndarray beside an ndarray."""
    return nb.asarray(value) if isinstance(x, nb.Tensor) else np.asarray(value)


def with_options(f, *options):
    """`f` with further arguments."""
    return lambda x: f(x, *[like(x, o) if isinstance(o, nb.Tensor) else o for o in options])


def through_knots(interpolator):
    return lambda y: interpolator(like(y, KNOTS), y)(like(y, 1.3))


SPECIAL = [
    "logsumexp", "softmax", "log_softmax", "erf", "erfc", "expit", "logit", "gammaln", "i0", "i0e", "i1", "i1e",
    "digamma", "entr", "log_ndtr", "ndtr", "ndtri", "sinc", "softplus", "exp1", "j0",
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
for name in ["xlogy", "rel_entr", "beta", "betaln", "gammainc", "gammaincc", "kl_div", "xlog1py", "poch", "boxcox"]:
    RUNS[f"special.{name}"] = getattr(scipy.special, name), V + 1.0, V + 1.5
for name in STATISTICS:
    RUNS[f"stats.{name}"] = getattr(scipy.stats, name), V
for name in ["pearsonr", "ttest_ind", "ttest_rel", "bartlett", "f_oneway", "levene"]:
    RUNS[f"stats.{name}"] = as_tuple(getattr(scipy.stats, name)), V, W
for name in ["kruskal", "mood", "brunnermunzel", "spearmanr", "chatterjeexi"]:
    RUNS[f"stats.{name}"] = as_tuple(getattr(scipy.stats, name)), V, W
for name in ["power_divergence", "chisquare"]:
    RUNS[f"stats.{name}"] = as_tuple(getattr(scipy.stats, name)), V
for name in ["normaltest", "skewtest", "kurtosistest", "jarque_bera"]:
    RUNS[f"stats.{name}"] = as_tuple(getattr(scipy.stats, name)), LONG
RUNS |= {
    "special.fdtr": (lambda x: scipy.special.fdtr(2.0, 3.0, x), V),
    "special.stdtr": (lambda x: scipy.special.stdtr(3.0, x), V),
    "special.chdtr": (lambda x: scipy.special.chdtr(2.0, x), V),
    "special.betainc": (lambda x: scipy.special.betainc(2.0, 3.0, x), V / 2),
    "special.betaincinv": (lambda x: scipy.special.betaincinv(2.0, 3.0, x), V / 2),
    "special.gammaincinv": (lambda x: scipy.special.gammaincinv(2.0, x), V / 2),
    "special.multigammaln": (lambda x: scipy.special.multigammaln(x, 2), V + 2),
    "special.fdtrc": (lambda x: scipy.special.fdtrc(2.0, 3.0, x), V),
    "stats.pmean": (lambda x: scipy.stats.pmean(x, 2), V),
    "stats.trim_mean": (lambda x: scipy.stats.trim_mean(x, 0.2), V),
    "stats.ttest_1samp": (lambda x: tuple(scipy.stats.ttest_1samp(x, 0.4)), V),
    "stats.zmap": (scipy.stats.zmap, V, W),
    "stats.boxcox_llf": (lambda x: scipy.stats.boxcox_llf(0.7, x), V),
    "stats.directional_stats": (lambda x: scipy.stats.directional_stats(x).mean_direction, M),
    "stats.combine_pvalues": (lambda x: tuple(scipy.stats.combine_pvalues(x)), V / 2),
    "stats.quantile": (lambda x: scipy.stats.quantile(x, 0.4), V),
    "stats.yeojohnson_llf": (lambda x: scipy.stats.yeojohnson_llf(0.7, x), V),
    "stats.sigmaclip": (lambda x: scipy.stats.sigmaclip(x)[0], V),
    "stats.alexandergovern": (lambda x, y: scipy.stats.alexandergovern(x, y).statistic, V, W),
    "stats.mode": (lambda x: scipy.stats.mode(x)[0], V),
    "stats.monte_carlo_test": (
        lambda x: scipy.stats.monte_carlo_test(x, np.random.default_rng(0).normal, np.mean, n_resamples=9).statistic, V,
    ),
    "stats.friedmanchisquare": (lambda x, y, z: tuple(scipy.stats.friedmanchisquare(x, y, z)), V, W, V * W),
    "stats.pointbiserialr": (
        lambda y: scipy.stats.pointbiserialr(like(y, [True, False, True, False, True]), y).statistic, V,
    ),
    "stats.ttest_ind_from_stats": (lambda m: scipy.stats.ttest_ind_from_stats(m[0], 1.0, 5, m[1], 1.0, 5).statistic, V),
    "stats.false_discovery_control": (scipy.stats.false_discovery_control, V / 2),
    "stats.contingency.margins": (scipy.stats.contingency.margins, M),
    "signal.fftconvolve": (scipy.signal.fftconvolve, V, W),
    "signal.hilbert2": (lambda x: scipy.signal.hilbert2(x).imag, M),
    "signal.firwin": (lambda cutoff: scipy.signal.firwin(5, cutoff), np.array(0.3)),
    "signal.freqs": (lambda b: scipy.signal.freqs(b, like(b, POLES), worN=like(b, POLES))[1].real, V[:2]),
    "signal.group_delay": (lambda b: scipy.signal.group_delay((b, like(b, ONE)), w=4)[1], V[:3]),
    "signal.tf2zpk": (lambda b: scipy.signal.tf2zpk(b, like(b, POLES))[2], V[:2]),
    "signal.zpk2tf": (lambda z: scipy.signal.zpk2tf(z, like(z, ONE), 2.0)[0], V[:2]),
    "signal.sweep_poly": (lambda t: scipy.signal.sweep_poly(t, like(t, POLES)), V),
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
    "integrate.cubature": (
        lambda a: scipy.integrate.cubature(lambda x: np.sin(x[:, 0] * a[0]), nb.asarray([0.0]), nb.asarray([1.0])).estimate, V,
    ),
    "optimize.elementwise.bracket_root": (
        lambda a: E.bracket_root(lambda x, a: x**3 - a, like(a, np.full(5, 0.1)), args=(a,)).f_bracket[0], V,
    ),
    "optimize.elementwise.bracket_minimum": (
        lambda a: E.bracket_minimum(lambda x, a: (x - a) ** 2, like(a, np.full(5, 0.1)), args=(a,)).f_bracket[0], V,
    ),
    "optimize.elementwise.find_root": (
        lambda a: E.find_root(lambda x, a: x**3 - a, (nb.zeros(5), nb.full(5, 3.0)), args=(a,)).x, V,
    ),
    "optimize.elementwise.find_minimum": (
        lambda a: E.find_minimum(lambda x, a: (x - a) ** 2, (nb.zeros(5), nb.full(5, 0.25), nb.full(5, 3.0)), args=(a,)).x, V,
    ),
    "differentiate.derivative": (lambda x: scipy.differentiate.derivative(np.sin, x).df, V),
    "differentiate.jacobian": (lambda x: scipy.differentiate.jacobian(lambda x: x[0] ** 2 + x[1], x).df, V[:2]),
    "differentiate.hessian": (lambda x: scipy.differentiate.hessian(lambda x: x[0] ** 2 * x[1], x).ddf, V[:2]),
    "constants.convert_temperature": (lambda x: scipy.constants.convert_temperature(x, "C", "F"), V),
    "constants.lambda2nu": (scipy.constants.lambda2nu, V),
    "constants.nu2lambda": (scipy.constants.nu2lambda, V),
    "fft.fht": (lambda x: scipy.fft.fht(x, 0.1, 0.2), V),
    "cluster.vq.whiten": (scipy.cluster.vq.whiten, M),
    "spatial.transform.Rotation": (
        lambda x, y: scipy.spatial.transform.Rotation.from_rotvec(x).apply(y), V[:3], W[:3],
    ),
    "spatial.transform.Slerp": (
        lambda x: Space.Slerp(nb.asarray([0.0, 1.0]), Space.Rotation.from_rotvec(x))(nb.asarray(0.3)).as_rotvec(), M[:2, :3],
    ),
    "spatial.transform.RigidTransform": (lambda t, x: Space.RigidTransform.from_translation(t).apply(x), V[:3], W[:3]),
    "linalg.block_diag": (scipy.linalg.block_diag, SQUARE, M),
}  # fmt: skip
for name in ["fft", "ifft", "rfft", "hfft", "fft2", "rfftn", "fftshift"]:
    RUNS[f"fft.{name}"] = real_part(getattr(scipy.fft, name)), M

COMPILED, NDARRAY = "compiled", "makes an ndarray of its argument"
RANKS = "counts in an ndarray; its derivative is zero"
STOPS = {
    "signal.convolve": (scipy.signal.convolve, V, V, "compiled; `fftconvolve`, or `np.convolve`"),
    "signal.correlate": (scipy.signal.correlate, V, V, "compiled; `np.correlate`"),
    "signal.convolve2d": (scipy.signal.convolve2d, M, M, "compiled; `fftconvolve`"),
    "signal.savgol_filter": (lambda x: scipy.signal.savgol_filter(x, 3, 1), V, "compiled"),
    "signal.detrend": (scipy.signal.detrend, V, "fills an array of its own"),
    "signal.filtfilt": (lambda x: scipy.signal.filtfilt(like(x, POLES), like(x, ONE), x, padlen=1), V, COMPILED),
    "signal.upfirdn": (lambda x: scipy.signal.upfirdn(like(x, POLES), x, 2), V, COMPILED),
    "signal.resample_poly": (lambda x: scipy.signal.resample_poly(x, 2, 1), V, "compiled; `resample`"),
    "signal.czt": (lambda x: scipy.signal.czt(x).real, V, NDARRAY),
    "signal.zoom_fft": (lambda x: scipy.signal.zoom_fft(x, 0.5).real, V, NDARRAY),
    "signal.stft": (lambda x: scipy.signal.stft(x, nperseg=8)[2].real, LONG, NDARRAY),
    "signal.welch": (lambda x: scipy.signal.welch(x, nperseg=8)[1], LONG, NDARRAY),
    "signal.csd": (lambda x, y: scipy.signal.csd(x, y, nperseg=8)[1].real, LONG, LONG[::-1].copy(), NDARRAY),
    "signal.spectrogram": (lambda x: scipy.signal.spectrogram(x, nperseg=8)[2], LONG, NDARRAY),
    "signal.wiener": (lambda x: scipy.signal.wiener(x, 3), V, COMPILED),
    "signal.correlate2d": (scipy.signal.correlate2d, M, M, "compiled; `nb.nn.conv`"),
    "signal.chirp": (lambda t: scipy.signal.chirp(t, 1.0, 2.0, 3.0), V, "makes an ndarray of its argument; `sweep_poly`"),
    "signal.cspline1d": (scipy.signal.cspline1d, V, COMPILED),
    "signal.medfilt": (scipy.signal.medfilt, V, "compiled"),
    "signal.periodogram": (lambda x: scipy.signal.periodogram(x)[1], V, "makes an ndarray of its argument; `np.fft.rfft`"),
    "integrate.simpson": (scipy.integrate.simpson, M, "makes an ndarray of its argument; `cumulative_simpson`"),
    "stats.linregress": (lambda x, y: scipy.stats.linregress(x, y).slope, V, W, "makes an ndarray of its argument; `np.polyfit`"),
    "stats.kendalltau": (lambda x, y: scipy.stats.kendalltau(x, y).statistic, V, W, "compiled"),
    "stats.mannwhitneyu": (lambda x, y: scipy.stats.mannwhitneyu(x, y).statistic, V, W, RANKS),
    "stats.wilcoxon": (lambda x: scipy.stats.wilcoxon(x).statistic, V, RANKS),
    "stats.expectile": (lambda x: scipy.stats.expectile(x, 0.3), V, NDARRAY),
    "stats.theilslopes": (lambda x: scipy.stats.theilslopes(x)[0], V, NDARRAY),
    "stats.siegelslopes": (lambda x: scipy.stats.siegelslopes(x)[0], V, NDARRAY),
    "stats.trimboth": (lambda x: scipy.stats.trimboth(x, 0.2), V, "makes an ndarray of its argument; `trim_mean`"),
    "stats.boxcox": (lambda x: scipy.stats.boxcox(x, 0.5), V, "makes an ndarray of its argument; `scipy.special.boxcox`"),
    "stats.yeojohnson": (lambda x: scipy.stats.yeojohnson(x, 0.5), V, NDARRAY),
    "stats.gaussian_kde": (lambda x: scipy.stats.gaussian_kde(x)(np.array([0.3])), V, COMPILED),
    "stats.energy_distance": (scipy.stats.energy_distance, V, W, NDARRAY),
    "stats.anderson": (lambda x: scipy.stats.anderson(x, method="interpolate").statistic, V, NDARRAY),
    "stats.binned_statistic": (
        lambda x: scipy.stats.binned_statistic(x, x)[0], V, "makes an ndarray of its argument; `np.histogram`",
    ),
    "stats.scoreatpercentile": (
        lambda x: scipy.stats.scoreatpercentile(x, 30), V, "makes an ndarray of its argument; `np.percentile`",
    ),
    "stats.wasserstein_distance": (scipy.stats.wasserstein_distance, V, W, "makes an ndarray of its argument"),
    "stats.norm.pdf": (scipy.stats.norm.pdf, V, "the distributions fill ndarrays of their own"),
    "spatial.distance.cdist": (scipy.spatial.distance.cdist, M, M, "compiled; `np.linalg.norm` of the differences"),
    "cluster.hierarchy.linkage": (scipy.cluster.hierarchy.linkage, M, COMPILED),
    "cluster.vq.vq": (lambda x: scipy.cluster.vq.vq(x, like(x, M[:2]))[1], M, COMPILED),
    "spatial.distance.pdist": (scipy.spatial.distance.pdist, M, "compiled; `np.linalg.norm` of the differences"),
    "spatial.distance.euclidean": (scipy.spatial.distance.euclidean, V, W, "makes ndarrays; `np.linalg.norm`"),
    "fft.dct": (scipy.fft.dct, V, "compiled; `nb.fft.dct`"),
    "fft.dst": (scipy.fft.dst, V, "compiled; `nb.fft.dst`"),
    "fft.dctn": (scipy.fft.dctn, M, "compiled; `nb.fft.dctn`"),
    "interpolate.RegularGridInterpolator": (
        lambda y: scipy.interpolate.RegularGridInterpolator((like(y, KNOTS),), y)(like(y, [1.3])), V,
        "compiled; `nb.nn.map_coordinates`",
    ),
    "interpolate.AAA": (lambda y: scipy.interpolate.AAA(np.linspace(0.0, 4.0, 5), y)(1.3), V, NDARRAY),
    "interpolate.BarycentricInterpolator": (
        lambda y: scipy.interpolate.BarycentricInterpolator(np.arange(5.0), y)(0.6), V, "makes an ndarray of its argument",
    ),
}  # fmt: skip
"""Name: function, arguments, why. The value is right, and a derivative that is asked for raises."""
for name in ["gaussian_filter", "sobel", "laplace", "zoom", "rotate", "shift", "convolve", "median_filter"]:
    more = {"gaussian_filter": 1.0, "zoom": 2.0, "rotate": 30.0, "shift": 0.5, "convolve": nb.ones((3, 3)), "median_filter": 3}
    arguments = (more[name],) if name in more else ()
    STOPS[f"ndimage.{name}"] = with_options(getattr(scipy.ndimage, name), *arguments), M, "compiled"
for name in ["make_interp_spline", "CubicSpline", "PchipInterpolator", "Akima1DInterpolator"]:
    STOPS[f"interpolate.{name}"] = through_knots(getattr(scipy.interpolate, name)), V, COMPILED
for name in ["uniform_filter", "gaussian_laplace", "spline_filter", "fourier_gaussian", "variance", "center_of_mass"]:
    arguments = {"uniform_filter": (3,), "gaussian_laplace": (1.0,), "fourier_gaussian": (1.0,)}.get(name, ())
    STOPS[f"ndimage.{name}"] = with_options(getattr(scipy.ndimage, name), *arguments), M, COMPILED
STOPS["ndimage.map_coordinates"] = (
    with_options(lambda x, c: scipy.ndimage.map_coordinates(x, c, order=1), nb.asarray([[0.5], [0.3]])), M,
    "compiled; `nb.nn.map_coordinates`",
)  # fmt: skip
for name in [
    *["inv", "det", "cholesky", "expm", "logm", "norm", "pinv", "lu", "lu_factor", "polar", "orth", "null_space", "sinm", "cosm"],
]:
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
