"""nb.nn and the convolution of vectors: values against loops, NumPy and SciPy; gradients, vmap, errors.

The primitive in every mode is in the table of primitives (rows/convolution.py); here it is used as users use it.
"""

import itertools

import numpy as np
import pytest
import scipy.signal

import nabla as nb
from nabla import nn
from nabla.testing import check_grads, check_vmap

rng = np.random.default_rng(0)


def real(*shape):
    return rng.standard_normal(shape)


def same(found, expected, rtol=1e-12):
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if found.dtype.char in "efF":
        rtol = 5e-3 if found.dtype.char == "e" else 2e-5
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)


# ---- references, one element at a time ------------------------------------------------------------------------


def bordered(x, padding, value=0.0):
    return np.pad(x, [(0, 0)] * (x.ndim - len(padding)) + list(padding), constant_values=value)


def windows(lengths, window, stride, dilation):
    """For each place its index, and the slices that it sees."""
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(lengths, window, stride, dilation)]
    for place in itertools.product(*map(range, counts)):
        seen = [slice(s * p, s * p + d * (k - 1) + 1, d) for p, k, s, d in zip(place, window, stride, dilation)]
        yield counts, place, tuple(seen)


def conv_by_loops(x, w, stride, padding, dilation, groups):
    x = bordered(x, padding)
    out = None
    per_group, taken = len(w) // groups, w.shape[1]
    for counts, place, seen in windows(x.shape[2:], w.shape[2:], stride, dilation):
        if out is None:
            out = np.zeros((len(x), len(w), *counts), x.dtype)
        for o in range(len(w)):
            first = o // per_group * taken
            part = x[(slice(None), slice(first, first + taken), *seen)]
            out[(slice(None), o, *place)] = np.sum(part * w[o], axis=tuple(range(1, x.ndim)))
    return out


def transposed_by_loops(x, w, stride, padding, output_padding, dilation, groups):
    taken, per_group = len(w) // groups, w.shape[1]
    lengths = [(n - 1) * s + d * (k - 1) + 1 + m for n, k, s, d, m in
               zip(x.shape[2:], w.shape[2:], stride, dilation, output_padding)]  # fmt: skip
    out = np.zeros((len(x), per_group * groups, *lengths))
    for position in np.ndindex(*x.shape[2:]):
        to = tuple(slice(s * p, s * p + d * (k - 1) + 1, d) for p, k, s, d in zip(position, w.shape[2:], stride, dilation))
        for c in range(len(w)):
            first = c // taken * per_group
            value = x[(slice(None), c, *position)].reshape(-1, *[1] * (w.ndim - 1))
            out[(slice(None), slice(first, first + per_group), *to)] += value * w[c]
    cut = tuple(slice(p, n - p) for p, n in zip(padding, lengths))
    return out[(..., *cut)]


# ---- conv -----------------------------------------------------------------------------------------------------

CONVOLUTIONS = [  # x, w, stride, padding, dilation, groups
    ((2, 3, 7), (4, 3, 3), 1, 0, 1, 1),
    ((1, 4, 9), (6, 2, 2), 2, 3, 3, 2),
    ((2, 3, 6, 5), (4, 3, 3, 2), 1, 1, 1, 1),
    ((2, 4, 6, 7), (4, 2, 3, 2), (2, 1), ((1, 0), (0, 2)), (1, 3), 2),
    ((1, 3, 5, 5), (6, 1, 3, 3), 3, (2, 1), 1, 3),
    ((1, 2, 4, 3, 5), (3, 2, 2, 1, 3), (1, 2, 2), 1, (2, 1, 1), 1),
    ((1, 1, 1, 1), (1, 1, 1, 1), 1, 0, 1, 1),
    ((2, 1, 3, 2, 2, 2), (2, 1, 2, 1, 2, 1), 1, 1, 1, 1),
]


def each(given, ndim):
    return (given,) * ndim if isinstance(given, int) else given


def pairs(given, ndim):
    return tuple((p, p) if isinstance(p, int) else p for p in each(given, ndim))


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_conv(case):
    xs, ws, stride, padding, dilation, groups = case
    ndim = len(ws) - 2
    x, w = real(*xs), real(*ws)
    expected = conv_by_loops(x, w, each(stride, ndim), pairs(padding, ndim), each(dilation, ndim), groups)

    def f(x, w):
        return nn.conv(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)

    same(f(x, w), expected)
    same(f(x.astype(np.float32), w.astype(np.float32)), expected.astype(np.float32))
    same(f(x[0], w), expected[0])
    same(f(x[:, None], w), expected[:, None])
    check_grads(lambda x, w: nb.sum(f(x, w) ** 3), (x, w), order=1)
    for in_axes in ((0, 0), (0, None), (None, 0)):
        lanes = [np.stack([a, -2.0 * a, a + 1.0]) if axis == 0 else a for a, axis in zip((x, w), in_axes)]
        check_vmap(f, tuple(lanes), in_axes=in_axes)
        check_vmap(nb.grad(lambda x, w: nb.sum(f(x, w) ** 2), argnums=(0, 1)), tuple(lanes), in_axes=in_axes)


def test_bias():
    x, w, b = real(2, 3, 5, 4), real(4, 3, 2, 2), real(4)
    close = lambda found, expected: same(found, np.asarray(expected) + b[:, None, None])
    close(nn.conv(x, w, b), nn.conv(x, w))
    close(nn.conv_transpose(x, w.swapaxes(0, 1), bias=b, stride=2), nn.conv_transpose(x, w.swapaxes(0, 1), stride=2))
    same(nb.grad(lambda b: nn.conv(x, w, b).sum())(b), np.full(4, 24.0))
    with pytest.raises(nb.ShapeError, match=r"conv: bias has a number for each of the 4 channels out; got shape \(3,\)"):
        nn.conv(x, w, b[:3])


def test_second_order():
    x, w = real(2, 2, 5), real(2, 2, 2)
    f = lambda x, w: nb.sum(nb.tanh(nn.conv(x, w, stride=2, padding=1)))
    check_grads(f, (x, w), order=2)
    check_grads(lambda x, w: nb.sum(nb.tanh(nn.conv_transpose(x, w, stride=2, dilation=2))), (x[:, :, :2], w), order=2)


def test_complex_and_integers():
    z, w = real(1, 2, 5) + 1j * real(1, 2, 5), real(2, 2, 3) - 1j * real(2, 2, 3)
    same(nn.conv(z, w), conv_by_loops(z, w, (1,), ((0, 0),), (1,), 1))
    same(nn.conv(np.arange(5)[None], np.array([[[1, 2]]])), np.array([[2, 5, 8, 11]]))
    assert str(nn.conv(real(1, 5).astype(np.float16), np.ones((1, 1, 2), np.float16)).dtype) == "float16"
    f = lambda z, w: nb.sum(nb.abs(nn.conv(z, w, padding=1)) ** 2)
    check_grads(f, (z, w), order=1)


@pytest.mark.parametrize("n", [1, 4, 5, 8])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding(n, k, stride):
    x, w = real(1, 1, n), real(1, 1, k)
    out = nn.conv(x, w, stride=stride, padding="same")
    assert out.shape == (1, 1, -(-n // stride))
    if stride == 1:
        expected = np.convolve(x[0, 0], w[0, 0, ::-1])[k // 2 :][:n]
        same(out[0, 0], expected)
    same(nn.conv(x, w, padding="valid").shape, (1, 1, max(n - k + 1, 0)))


def test_images_against_scipy():
    x, w = real(40, 30), real(7, 9)
    same(nn.conv(x[None], w[None, None])[0], scipy.signal.correlate2d(x, w, "valid"))
    same(nn.conv(x[None], w[None, None], padding="same")[0], scipy.signal.correlate2d(x, w, "same"))


@pytest.mark.parametrize("shapes", [((0, 2, 5), (3, 2, 2)), ((2, 0, 5), (3, 0, 2)), ((2, 2, 5), (0, 2, 2)), ((2, 2, 1), (3, 2, 2))])
def test_empty(shapes):
    x, w = real(*shapes[0]), real(*shapes[1])
    out = nn.conv(x, w)
    same(out, np.zeros((len(x), len(w), max(x.shape[2] - 1, 0))))
    gx, gw = nb.grad(lambda x, w: nb.sum(nn.conv(x, w)), argnums=(0, 1))(x, w)
    same(gx, np.zeros_like(x) if out.size == 0 or x.shape[1] == 0 else gx)
    same(gw, np.zeros_like(w))


def test_large_windows_are_taken_in_blocks():
    """A block holds 2^18 elements: here the windows are cut along their rows and within a row."""
    x, w = real(1, 1, 70, 90), real(1, 1, 60, 41)
    same(nn.conv(x, w)[0, 0], scipy.signal.correlate2d(x[0, 0], w[0, 0], "valid"), 1e-10)
    x, w = real(3, 2, 200, 30), real(2, 2, 5, 5)
    expected = sum(scipy.signal.correlate2d(x[1, c], w[1, c], "valid") for c in range(2))
    same(nn.conv(x, w)[1, 1], expected)


# ---- conv_transpose -------------------------------------------------------------------------------------------

TRANSPOSED = [  # x, w, stride, padding, output_padding, dilation, groups
    ((2, 3, 4), (3, 2, 3), 1, 0, 0, 1, 1),
    ((1, 4, 3), (4, 3, 2), 2, 1, 1, 2, 2),
    ((2, 2, 3, 4), (2, 3, 3, 2), (3, 2), (1, 0), (2, 1), 1, 1),
    ((1, 4, 2, 3), (4, 1, 2, 3), 2, 0, 1, (1, 2), 4),
    ((1, 2, 2, 2, 3), (2, 1, 2, 2, 2), (1, 2, 3), 0, 0, 1, 1),
]


@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_conv_transpose(case):
    xs, ws, stride, padding, output_padding, dilation, groups = case
    ndim = len(ws) - 2
    x, w = real(*xs), real(*ws)
    full = [each(given, ndim) for given in (stride, padding, output_padding, dilation)]

    def f(x, w):
        return nn.conv_transpose(
            x, w, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups
        )

    out = f(x, w)
    same(out, transposed_by_loops(x, w, *full, groups))
    check_grads(lambda x, w: nb.sum(f(x, w) ** 3), (x, w), order=1)
    check_vmap(f, (np.stack([x, x + 1.0]), np.stack([w, -w])))
    # It is the transpose: <conv(y), x> = <y, conv_transpose(x)>.
    y = real(*out.shape)
    back = nn.conv(y, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    assert back.shape == x.shape
    same(nb.sum(back * x), np.sum(y * np.asarray(out)), 1e-10)


# ---- pooling --------------------------------------------------------------------------------------------------

POOLS = [  # x, window, stride, padding
    ((2, 3, 8), 2, None, 0),
    ((1, 2, 7), 3, 2, 1),
    ((2, 2, 5, 6), (2, 3), (1, 2), (1, 0)),
    ((1, 1, 4, 4, 5), 2, None, 0),
    ((1, 1, 6, 6), 3, 2, ((1, 0), (0, 2))),
    ((1, 1, 1), 1, None, 0),
]


@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pools(case):
    xs, window, stride, padding = case
    ndim = len(xs) - 2
    x = real(*xs)
    window, around = each(window, ndim), pairs(padding, ndim)
    strides = window if stride is None else each(stride, ndim)
    walled, inside = bordered(x, around, -np.inf), bordered(np.ones_like(x), around)
    found = list(windows(walled.shape[2:], window, strides, (1,) * ndim))
    shape = (*xs[:2], *found[0][0])
    axes = tuple(range(2, len(xs)))
    reduced = {
        "largest": [walled[(..., *seen)].max(axes) for _, _, seen in found],
        "sum": [bordered(x, around)[(..., *seen)].sum(axes) for _, _, seen in found],
        "count": [inside[(..., *seen)].sum(axes) for _, _, seen in found],
    }
    largest, total, count = (np.stack(parts, -1).reshape(shape) for parts in reduced.values())
    kwargs = {"stride": stride, "padding": padding}
    same(nn.max_pool(x, window, **kwargs), largest)
    same(nn.avg_pool(x, window, **kwargs), total / np.prod(window))
    same(nn.avg_pool(x, window, count_include_pad=False, **kwargs), total / count)
    for f in (nn.max_pool, nn.avg_pool, lambda *a, **k: nn.avg_pool(*a, count_include_pad=False, **k)):
        check_grads(lambda x, f=f: nb.sum(f(x, window, **kwargs) ** 3), (x,), order=2)
        check_vmap(lambda x, f=f: f(x, window, **kwargs), (np.stack([x, -x]),))


def test_pools_of_other_dtypes():
    x = np.arange(-6, 6, dtype=np.int8).reshape(1, 1, 12)
    same(nn.max_pool(x, 3, padding=1), np.array([[[-5, -2, 1, 4]]], np.int8))
    same(nn.avg_pool(x, 4), np.array([[[-4.5, -0.5, 3.5]]]))
    assert str(nn.avg_pool(x.astype(np.float32), 2, count_include_pad=False).dtype) == "float32"
    same(nn.max_pool(np.array([[[True, False, False, False]]]), 2, padding=1), np.array([[[True, False, False]]]))
    same(nn.max_pool(np.array([1.0, np.nan, 2.0, 3.0]), (2,)), np.array([np.nan, 3.0]))


def test_ties_in_a_window_share():
    f = lambda x: nb.sum(nn.max_pool(x, (3,), stride=1))
    same(nb.grad(f)(np.array([2.0, 2.0, 1.0, 2.0])), np.array([0.5, 1.0, 0.0, 0.5]))


# ---- resampling -----------------------------------------------------------------------------------------------


def resampled(x, m, method, align_corners):
    """One axis, an element at a time, by the textbook."""
    n, out = len(x), []
    at = lambda i: x[min(max(i, 0), n - 1)]
    for i in range(m):
        s = (i * (n - 1) / (m - 1) if m > 1 else 0.0) if align_corners else (i + 0.5) * n / m - 0.5
        if method == "nearest":
            out.append(x[int(np.floor((i + 0.5) * n / m))])
        elif method == "linear":
            out.append(np.interp(s, np.arange(n), x))
        else:
            b = int(np.floor(s))
            t, a = s - b, -0.75
            near = lambda d: (a + 2) * d**3 - (a + 3) * d**2 + 1
            far = lambda d: a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
            weights = [far(1 + t), near(t), near(1 - t), far(2 - t)]
            out.append(sum(weight * at(b + j - 1) for j, weight in enumerate(weights)))
    return np.array(out)


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("m", [1, 3, 5, 8])
def test_resize(n, m):
    x = real(n)
    for method, align_corners in [("nearest", False), *itertools.product(("linear", "cubic"), (False, True))]:
        kwargs = {"align_corners": align_corners}
        f = lambda x: nn.resize(x, (m,), method, **kwargs)
        same(f(x), resampled(x, m, method, align_corners))
        check_grads(lambda x: nb.sum(f(x) ** 2), (x,), order=1)
        check_vmap(nb.grad(lambda x: nb.sum(f(x) ** 2)), (np.stack([x, 2.0 * x]),))


def test_resize_goes_along_all_spatial_axes():
    x = real(2, 3, 4, 5)
    once = np.apply_along_axis(resampled, 2, x, 7, "cubic", False)
    same(nn.resize(x, (7, 2), "cubic"), np.apply_along_axis(resampled, 3, once, 2, "cubic", False))
    assert nn.resize(x, 6).shape == (2, 3, 6, 6)
    assert str(nn.resize(x.astype(np.float32), 6, "cubic").dtype) == "float32"
    same(nn.resize(np.array([1, 2]), (4,), "nearest"), np.array([1, 1, 2, 2]))
    for method in ("nearest", "linear", "cubic"):
        assert nn.resize(x, 0, method).shape == (2, 3, 0, 0)


# ---- one_hot --------------------------------------------------------------------------------------------------


def test_one_hot():
    same(nn.one_hot([[0, 2], [3, -1]], 3), np.array([[[1.0, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 0, 0]]]))
    same(nn.one_hot(1, 3, dtype="int8"), np.array([0, 1, 0], np.int8))
    same(nn.one_hot(np.array([0, 1], np.uint8), 2, axis=0, dtype=bool), np.eye(2, dtype=bool))
    check_vmap(lambda i: nn.one_hot(i, 4), (np.arange(3),))


# ---- vectors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("sizes", [(1, 1), (5, 1), (1, 4), (5, 2), (5, 3), (2, 6), (4, 4), (3, 6)])
def test_convolve_and_correlate(sizes, mode):
    a, v = real(sizes[0]), real(sizes[1])
    for ours, of_numpy in ((nb.convolve, np.convolve), (nb.correlate, np.correlate)):
        for x, y in ((a, v), (a + 1j * a[::-1], v - 1j * v), ((4 * a).astype(int), (4 * v).astype(int)), (a, v.astype(np.float32))):
            same(ours(x, y, mode), of_numpy(x, y, mode))
        order = 2 if sizes in ((5, 3), (2, 6)) else 1  # it is bilinear, whatever the sizes
        check_grads(lambda a, v, ours=ours: nb.sum(ours(a, v, mode) ** 3), (a, v), order=order)
        for in_axes in ((0, 0), (0, None), (None, 0)):
            lanes = [np.stack([x, -2.0 * x]) if axis == 0 else x for x, axis in zip((a, v), in_axes)]
            check_vmap(lambda a, v, ours=ours: ours(a, v, mode), tuple(lanes), in_axes=in_axes)


def test_convolve_of_numbers_and_booleans():
    same(nb.convolve(2.0, [1.0, 3.0]), np.array([2.0, 6.0]))
    same(nb.convolve([True, False], [True, True]), np.convolve([True, False], [True, True]))


# ---- errors ---------------------------------------------------------------------------------------------------

X, W = np.zeros((1, 2, 5)), np.zeros((4, 2, 3))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: nn.conv(X, np.zeros((4, 3, 3))),
            nb.ShapeError,
            "takes 3 channels in each of 1 groups, and x of shape (1, 2, 5) has 2",
        ),
        (lambda: nn.conv(X, np.zeros((4, 1, 3)), groups=3), nb.ShapeError, "do not make 3 groups"),
        (lambda: nn.conv(X, np.zeros((4, 2))), nb.ShapeError, "at least one spatial one"),
        (lambda: nn.conv(np.zeros(5), W), nb.ShapeError, "x has the shape (..., channels, *spatial) with 1 spatial axes"),
        (lambda: nn.conv(X, np.zeros((4, 2, 0))), nb.ShapeError, "at least one element"),
        (lambda: nn.conv(X, W, stride=0), nb.ShapeError, "stride is at least 1; got 0"),
        (lambda: nn.conv(X, W, stride=(1, 1)), nb.ShapeError, "one for each of the 1 spatial axes"),
        (lambda: nn.conv(X, W, padding="full"), nb.ArgumentError, "got 'full'"),
        (lambda: nn.conv(X, W, padding=-1), nb.ShapeError, "padding is at least 0"),
        (lambda: nn.conv(X, W, padding=((1, 1), (1, 1))), nb.ShapeError, "a pair for each of the 1 spatial axes"),
        (lambda: nn.conv(X, W, dilation=1.5), nb.ArgumentTypeError, "dilation is an integer"),
        (lambda: nn.conv_transpose(X, W), nb.ShapeError, "takes 4 channels, and x of shape (1, 2, 5) has 2"),
        (lambda: nn.conv_transpose(X, np.zeros((2, 1, 3)), padding=4), nb.ShapeError, "cuts off all"),
        (lambda: nn.max_pool(X, 6), nb.ShapeError, "larger than the spatial axes"),
        (lambda: nn.max_pool(X, 2, padding=2), nb.ShapeError, "would see nothing"),
        (lambda: nn.max_pool(X + 1j, 2), nb.DTypeError, "complex"),
        (lambda: nn.avg_pool(np.zeros(5), 2), nb.ShapeError, "give one number for each spatial axis"),
        (lambda: nn.avg_pool(np.zeros(5), (2, 2)), nb.ShapeError, "2 lengths are given"),
        (lambda: nn.resize(X, 4, "bilinear"), nb.ArgumentError, "got 'bilinear'"),
        (lambda: nn.resize(X, 4, "nearest", align_corners=True), nb.ArgumentError, "align_corners"),
        (lambda: nn.resize(X[..., :0], 4), nb.ShapeError, "no elements to interpolate"),
        (lambda: nn.one_hot([0.0], 2), nb.DTypeError, "classes are integers; got float64"),
        (lambda: nb.convolve([], [1.0]), nb.ShapeError, "vectors with elements"),
        (lambda: nb.correlate(np.zeros((2, 2)), [1.0]), nb.ShapeError, "got the shapes (2, 2) and (1,)"),
        (lambda: nb.convolve([1.0], [1.0], "all"), nb.ArgumentError, "got 'all'"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_activations_are_the_functions_of_the_top_level():
    for name in ("relu", "gelu", "softmax", "silu"):
        assert getattr(nn, name) is getattr(nb, name)
