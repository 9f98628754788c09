"""Shapes, joining and diagonals against NumPy: values, shapes, shared memory, derivatives; and what they refuse."""

import math

import numpy as np
import pytest

import nabla as nb
from nabla.testing import check_grads, check_vmap


def counted(*shape):
    return np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)


X, V, E = counted(2, 3, 4), counted(4), np.zeros((2, 0, 3))
M = counted(3, 4)

# A name with its arguments; the ndarrays among them are differentiated and mapped.
CALLS = [
    ("reshape", M, (2, 6)),
    ("reshape", M, (-1, 2)),
    ("reshape", M, -1),
    ("reshape", M, 12),
    ("reshape", E, (0, 5)),
    ("reshape", E, (-1, 3)),
    ("reshape", np.array(2.0), (1, 1)),
    ("ravel", M),
    ("ravel", np.array(2.0)),
    ("squeeze", counted(1, 3, 1)),
    ("squeeze", counted(1, 3, 1), 0),
    ("squeeze", counted(1, 3, 1), (-1, 0)),
    ("expand_dims", M, 0),
    ("expand_dims", M, -1),
    ("expand_dims", M, (0, 3)),
    ("broadcast_to", V, (3, 4)),
    ("broadcast_to", counted(3, 1), (2, 3, 4)),
    ("broadcast_to", np.array(2.0), 3),
    ("broadcast_to", counted(1, 3), (0, 3)),
    ("broadcast_arrays", V, counted(3, 1), np.array(1.0)),
    ("atleast_1d", np.array(1.0)),
    ("atleast_1d", np.array(1.0), M),
    ("atleast_2d", np.array(1.0), V, X),
    ("atleast_3d", np.array(1.0), V, M, X),
    ("permute_dims", X, (2, 0, 1)),
    ("permute_dims", X, (-1, 0, 1)),
    ("transpose", X),
    ("transpose", X, (1, 0, 2)),
    ("matrix_transpose", X),
    ("swapaxes", X, 0, -1),
    ("moveaxis", X, 0, -1),
    ("moveaxis", X, (0, 2), (-1, 0)),
    ("flip", X),
    ("flip", X, 1),
    ("flip", X, (0, -1)),
    ("flip", E, 1),
    ("fliplr", M),
    ("flipud", M),
    *[("rot90", M, k) for k in range(-1, 5)],
    ("rot90", X, 1, (2, 0)),
    ("rot90", X, -1, (1, 2)),
    ("split", V, 2),
    ("split", M, 2, 1),
    ("split", V, [1, 3]),
    ("split", V, [3, 1]),
    ("split", V, [-1, 9]),
    ("split", E, 3, 1),
    ("array_split", V, 3),
    ("array_split", V, 6),
    ("hsplit", M, 2),
    ("hsplit", V, 2),
    ("vsplit", M, 3),
    ("unstack", M),
    ("unstack", E),
    ("concatenate", (M, counted(2, 4))),
    ("concatenate", (M, counted(3, 1)), 1),
    ("concatenate", (M, V), None),
    ("concatenate", (V,)),
    ("concatenate", X, 1),
    ("concatenate", (E, counted(2, 1, 3)), 1),
    ("stack", (V, 2 * V)),
    ("stack", (V, 2 * V), -1),
    ("stack", (np.array(1.0), np.array(2.0))),
    ("stack", X, 1),
    ("vstack", (V, M)),
    ("vstack", (np.array(1.0), np.array(2.0))),
    ("hstack", (V, counted(2))),
    ("hstack", (M, counted(3, 1))),
    ("hstack", (np.array(1.0), V)),
    ("dstack", (V, 2 * V)),
    ("dstack", (M, 2 * M)),
    ("dstack", (X, 2 * X)),
    ("column_stack", (V, 2 * V)),
    ("column_stack", (M, counted(3))),
    ("tile", V, 3),
    ("tile", M, (2, 1, 2)),
    ("tile", X, 2),
    ("tile", V, (0, 2)),
    ("tile", np.array(2.0), (2, 2)),
    ("tile", M, ()),
    ("repeat", M, 2),
    ("repeat", M, 3, 1),
    ("repeat", M, [1, 0, 2], 0),
    ("repeat", M, [2], 0),
    ("repeat", V, 0),
    ("repeat", E, 2, 0),
    ("roll", V, 1),
    ("roll", M, 5),
    ("roll", M, -1, 1),
    ("roll", M, (1, 2), (0, 1)),
    ("roll", M, 1, (0, 1)),
    ("roll", M, (1, 1), 1),
    ("roll", E, 1),
    ("roll", E, 1, 1),
    ("pad", V, 2),
    ("pad", M, (1, 2)),
    ("pad", M, ((1, 0), (0, 2))),
    ("pad", M, ((1,), (2,))),
    ("pad", M, 0),
    ("pad", E, 1),
    *[("pad", M, ((3, 1), (0, 5)), mode) for mode in ("edge", "reflect", "symmetric", "wrap")],
    *[("pad", counted(1), 2, mode) for mode in ("edge", "reflect", "symmetric", "wrap")],
    ("tril", M),
    ("tril", X, -1),
    ("triu", M, 1),
    ("triu", counted(4, 3), -2),
    ("triu", np.zeros((0, 3))),
    *[("diagonal", M, k) for k in range(-4, 6)],
    ("diagonal", X, 1, 2, 0),
    ("diagonal", X, -1, -2, -1),
    ("diagonal", E, 0, 1, 2),
    *[("diag", counted(3), k) for k in (-2, 0, 1)],
    *[("diag", M, k) for k in (-1, 0, 2, 9)],
    ("diag", np.zeros(0)),
    ("trace", M),
    ("trace", X, 1, 1, 2),
    ("meshgrid", V, counted(3)),
    ("meshgrid", V, counted(3), counted(2)),
    ("meshgrid", V),
]


def flat(result):
    """The result's array or arrays as a list."""
    return list(result) if isinstance(result, (tuple, list)) else [result]


def label(call):
    return "-".join([call[0], *[str(np.shape(x)) if isinstance(x, np.ndarray) else str(x) for x in call[1:]]])[:60]


@pytest.mark.parametrize("call", CALLS, ids=label)
def test_like_numpy(call):
    name, *args = call
    found, expected = getattr(nb, name)(*args), getattr(np, name)(*args)
    assert isinstance(found, tuple) == isinstance(expected, tuple)
    assert isinstance(found, list) == isinstance(expected, list)
    for a, b in zip(flat(found), flat(expected), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b, strict=True)


def weighted(f):
    """The sum of the squares of what f gives, each with a weight of its own."""

    def total(*args):
        parts = [piece.ravel() for piece in flat(f(*args))]
        return sum([(piece**2 * np.arange(1.0, 1.0 + piece.size)).sum() for piece in parts], nb.asarray(0.0))

    return total


def program(call):
    """The call as a function of its arrays, and these: those of a leading tuple, or all that are arguments."""
    name, x, *rest = call
    if isinstance(x, tuple):
        return (lambda *xs: getattr(nb, name)(xs, *rest)), x
    arrays = [y for y in (x, *rest) if isinstance(y, np.ndarray)]
    rest = [y for y in rest if not isinstance(y, np.ndarray)]
    return (lambda *xs: getattr(nb, name)(*xs, *rest)), arrays


@pytest.mark.parametrize("call", CALLS, ids=label)
def test_derivatives(call):
    """What moves elements is linear, so a weighted sum of its squares is a quadratic form q: x grad q(x) is 2 q(x)."""
    f, xs = program(call)
    q = weighted(f)
    all_of_them = tuple(range(len(xs)))
    gradients = nb.grad(q, all_of_them)(*xs)
    forward = nb.grad(q, all_of_them, mode="forward")(*xs)
    again = nb.grad(lambda *ys: sum([(g * x).sum() for g, x in zip(nb.grad(q, all_of_them)(*ys), xs)]), all_of_them)(*xs)
    for g, h, c in zip(gradients, forward, again, strict=True):
        np.testing.assert_allclose(g, h, rtol=1e-12)
        np.testing.assert_allclose(g, c, rtol=1e-12)  # the Hessian is constant, so that times x is the gradient
    total = sum(np.sum(g * x) for g, x in zip(gradients, xs, strict=True))
    assert total == pytest.approx(2 * q(*xs).item(), rel=1e-12)


@pytest.mark.parametrize("call", CALLS, ids=label)
def test_lanes(call):
    f, xs = program(call)
    lanes = [np.stack([x, x + 1.0, -x]) for x in xs]
    found = nb.vmap(lambda *xs: flat(f(*xs)))(*lanes)
    for i in range(3):
        for a, b in zip(found, flat(f(*[x[i] for x in lanes])), strict=True):
            np.testing.assert_array_equal(a[i], b, strict=True)


# ---- memory ---------------------------------------------------------------------------------------------------

VIEWS = {
    "transpose": lambda m, x: m.transpose(x),
    "swapaxes": lambda m, x: m.swapaxes(x, 0, 1),
    "moveaxis": lambda m, x: m.moveaxis(x, 0, 1),
    "expand_dims": lambda m, x: m.expand_dims(x, 1),
    "squeeze": lambda m, x: m.squeeze(x[:1]),
    "flip": lambda m, x: m.flip(x, 1),
    "the second of split": lambda m, x: m.split(x, [1])[1],
    "the first of unstack": lambda m, x: m.unstack(x)[0],
    "atleast_3d": lambda m, x: m.atleast_3d(x),
    "T": lambda m, x: x.T,
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_write_through(name):
    ours, theirs = nb.asarray(M), M.copy()
    view, expected = VIEWS[name](nb, ours), VIEWS[name](np, theirs)
    view[...] = -1.0
    expected[...] = -1.0
    np.testing.assert_array_equal(ours, theirs)
    ours[0] = 5.0
    theirs[0] = 5.0
    np.testing.assert_array_equal(view, expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: nb.concat([x, x]),
        lambda x: nb.tile(x, 2),
        lambda x: nb.roll(x, 1),
        lambda x: nb.pad(x, 1),
        lambda x: nb.tril(x),
        lambda x: x.flatten(),
        lambda x: nb.repeat(x, 1),
        lambda x: nb.roll(x, 0),
        lambda x: nb.pad(x, 0),
        lambda x: nb.concat([x]),
    ],
)
def test_copies_are_their_own(make):
    x = nb.asarray(M)
    y = make(x)
    y[...] = -1.0
    np.testing.assert_array_equal(x, M)


def test_a_reshape_cannot_be_written_in_place():
    x = nb.asarray(M)
    for make in (lambda x: nb.reshape(x, 12), lambda x: nb.broadcast_to(x, (2, 3, 4)), lambda x: nb.diagonal(x)):
        with pytest.raises(nb.ArgumentError):
            make(x)[...] = 1.0


# ---- further arguments ----------------------------------------------------------------------------------------


def test_methods():
    x, t = X, nb.asarray(X)
    for f in (
        lambda x: x.T,
        lambda x: x.mT,
        lambda x: x.reshape(4, 6),
        lambda x: x.reshape((4, -1)),
        lambda x: x.reshape(-1),
        lambda x: x.transpose(),
        lambda x: x.transpose(None),
        lambda x: x.transpose(2, 0, 1),
        lambda x: x.transpose((2, 0, 1)),
        lambda x: x[0, 0].transpose(0),
        lambda x: x.swapaxes(0, 1),
        lambda x: x[:1].squeeze(),
        lambda x: x[:1].squeeze(0),
        lambda x: x.ravel(),
        lambda x: x.flatten(),
        lambda x: x.repeat(2, axis=1),
        lambda x: x.diagonal(1, 0, 2),
        lambda x: x.trace(),
        lambda x: x.astype("float32"),
        lambda x: x.argsort(0),
    ):
        np.testing.assert_array_equal(f(t), f(x), strict=True)


def test_unstack_along_an_axis():
    for found, expected in zip(nb.unstack(X, axis=-1), np.moveaxis(X, -1, 0), strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


def test_meshgrid_options():
    for options in ({"indexing": "ij"}, {"sparse": True}, {"indexing": "ij", "sparse": True}):
        for found, expected in zip(nb.meshgrid(V, counted(3), **options), np.meshgrid(V, counted(3), **options), strict=True):
            np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("values", [3.0, 2, True, (1.0, 2.0), ((1.0, 2.0), (3.0, 4.0)), ((1.0,), (2.0,)), np.array(5.0)])
def test_constants_of_pad(values):
    for widths in (1, ((1, 2), (0, 3))):
        expected = np.pad(M, widths, constant_values=values)
        np.testing.assert_array_equal(nb.pad(M, widths, constant_values=values), expected, strict=True)
    integers = np.array([1, 2], np.int8)
    assert nb.pad(integers, 1, constant_values=7).dtype == np.int8


BORDERS = [
    ("linear_ramp", {}),
    ("linear_ramp", {"end_values": ((3, -1), (0, 2))}),
    ("mean", {}),
    ("mean", {"stat_length": 2}),
    ("maximum", {"stat_length": ((1, 3), (2, 2))}),
    ("minimum", {}),
    ("median", {"stat_length": (2, 3)}),
    ("reflect", {"reflect_type": "odd"}),
    ("symmetric", {"reflect_type": "odd"}),
]


@pytest.mark.parametrize("mode, options", BORDERS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
def test_borders_made_of_the_elements(mode, options, dtype):
    x = (7 * np.cos(np.arange(12.0) ** 2).reshape(3, 4)).astype(dtype)
    for widths in (1, (2, 9), ((0, 3), (7, 0)), {-1: 4}, {0: (1, 2)}):
        for a in (x, x[:1]):
            expected = np.pad(a, widths, mode, **options)
            found = nb.pad(a, widths, mode, **options)
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(
                found, expected, rtol=1e-5 if dtype == "float32" else 1e-13, atol=1e-5 if dtype == "float32" else 1e-13
            )
            np.testing.assert_array_equal(np.pad(nb.array(a), widths, mode, **options), found)
    if dtype == "float64":
        check_grads(lambda x: nb.pad(x, ((1, 7), (2, 0)), mode, **options), (x,), order=2)
        check_vmap(lambda x: nb.pad(x, ((1, 7), (2, 0)), mode, **options), (np.stack([x, x**2]),))


def test_the_ends_of_a_ramp_are_differentiated():
    check_grads(lambda x, ends: nb.pad(x, 3, "linear_ramp", end_values=ends), (M.astype(float), np.array([0.3, -1.0])), order=2)


def test_an_empty_border_has_a_shape_and_no_derivative():
    assert nb.pad(M, 2, "empty").shape == np.pad(M, 2, "empty").shape
    np.testing.assert_array_equal(nb.pad(M, (1, 2), "empty")[1:-2, 1:-2], M)


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (2, 3, 4), (0, 3)])
def test_the_first_axis_may_run_fastest(shape):
    x = np.arange(float(math.prod(shape))).reshape(shape)
    t = nb.array(x)
    for new in [(-1,), (*shape[::-1], 1), *([(4, 3, 2), (6, 4)] if x.size == 24 else [])]:
        if x.size or -1 not in new:
            np.testing.assert_array_equal(np.reshape(t, new, order="F"), np.reshape(x, new, order="F"), strict=True)
    np.testing.assert_array_equal(np.ravel(t, order="F"), np.ravel(x, order="F"), strict=True)
    np.testing.assert_array_equal(t.flatten("F"), x.flatten("F"), strict=True)
    np.testing.assert_array_equal(t.reshape(-1, order="F"), x.reshape(-1, order="F"), strict=True)
    check_grads(lambda x: nb.ravel(x, "F") ** 2, (x,), order=2)


def test_constants_of_pad_are_differentiated():
    f = lambda c: (nb.pad(M, ((1, 0), (0, 2)), constant_values=c) ** 2).sum()
    assert nb.grad(f)(3.0).item() == 6.0 * (4 * 6 - 3 * 4)
    np.testing.assert_array_equal(nb.grad(f)(np.array([[1.0, 9.0], [9.0, 3.0]])), [[2.0 * 4, 0.0], [0.0, 6.0 * 8]])


def test_joining_brings_to_one_dtype():
    assert nb.concat([np.ones(2, np.float32), [1, 2]]).dtype == np.float64
    assert nb.stack([np.float32(1.0), 2.0]).dtype == np.float32
    assert nb.concat([[1, 2], [True]]).dtype == np.int64
    assert nb.concat([[1, 2], [3]], dtype="float32").dtype == np.float32
    t = nb.asarray(2.0)
    assert nb.grad(lambda t: nb.stack([t, t * t, 1.0]).sum())(t).item() == 5.0


def test_concat_of_many_pieces_costs_what_they_hold():
    """The transposes of its pieces gather in one buffer: second order too makes no array for each piece."""
    n = 400
    f = lambda x: (nb.concat(nb.split(x, n)) ** 3).sum()
    x = counted(n)
    np.testing.assert_allclose(nb.grad(lambda x: (nb.grad(f)(x) * x).sum())(x), 9 * x**2)


def test_repeats_under_vmap():
    repeats = np.array([[1, 2], [2, 1]])
    with pytest.raises(nb.TracedValueError, match="repeats decides the shape"):
        nb.vmap(lambda x, r: nb.repeat(x, r))(counted(2, 2), repeats)
    found = nb.vmap(lambda x: nb.repeat(x, repeats[0]))(counted(2, 2))
    np.testing.assert_array_equal(found, [[1.0, 2.0, 2.0], [3.0, 4.0, 4.0]])


def test_nothing_to_broadcast():
    assert nb.broadcast_arrays() == () and nb.meshgrid() == ()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: nb.reshape(M, (5, 2)), nb.ShapeError, r"shape \(3, 4\) has 12 elements, .* \(5, 2\) of 10 elements"),
        (lambda: nb.reshape(M, (5, -1)), nb.ShapeError, r"does not fit the shape \(5, -1\)"),
        (lambda: nb.reshape(M, (-1, -1)), nb.ShapeError, "only one length may be -1"),
        (lambda: nb.reshape(M, (-2, 6)), nb.ShapeError, "a length is not negative"),
        (lambda: nb.reshape(E, (0, -1)), nb.ShapeError, r"does not fit the shape \(0, -1\)"),
        (lambda: nb.reshape(M, 12, order="A"), nb.ArgumentError, 'reshape: order is "C" .* or "F" .*; got \'A\''),
        (lambda: nb.ravel(M, order="K"), nb.ArgumentError, 'ravel: order is "C"'),
        (lambda: nb.squeeze(M, 0), nb.ShapeError, r"axis 0 of shape \(3, 4\) has length 3"),
        (lambda: nb.expand_dims(M, 3), nb.AxisError, "axis 3 is out of range"),
        (lambda: nb.broadcast_to(M, (4, 3)), nb.ShapeError, r"\(3, 4\) does not broadcast to \(4, 3\)"),
        (lambda: nb.broadcast_to(M, 4), nb.ShapeError, "does not broadcast"),
        (lambda: nb.broadcast_arrays(M, V[:3]), nb.ShapeError, "do not broadcast"),
        (lambda: nb.permute_dims(X, (0, 1)), nb.AxisError, "3 axes are to be named"),
        (lambda: nb.permute_dims(X, (0, 1, 1)), nb.AxisError, "named twice"),
        (lambda: nb.matrix_transpose(V), nb.ShapeError, r"two axes at least; got shape \(4,\)"),
        (lambda: nb.moveaxis(X, (0, 1), 0), nb.AxisError, "as many places as axes"),
        (lambda: nb.rot90(M, 1, (0, 1, 1)), nb.AxisError, "named twice"),
        (lambda: nb.rot90(X, 1, (0, 1, 2)), nb.AxisError, "a plane has two axes"),
        (lambda: nb.split(V, 3), nb.ShapeError, "array_split allows unequal ones"),
        (lambda: nb.split(V, 0), nb.ArgumentError, "the number of pieces is at least 1; got 0"),
        (lambda: nb.vsplit(V, 2), nb.ShapeError, "two axes at least"),
        (lambda: nb.unstack(1.0), nb.AxisError, "no axes"),
        (lambda: nb.meshgrid(M), nb.ShapeError, "the coordinates are vectors"),
        (lambda: nb.meshgrid(V, indexing="yx"), nb.ArgumentError, "indexing is 'xy' or 'ij'"),
        (lambda: nb.concat([]), nb.ArgumentError, "at least one array is needed"),
        (lambda: nb.concat(1.0), nb.ArgumentTypeError, "a sequence of arrays"),
        (lambda: nb.concat([1.0, 2.0]), nb.ShapeError, "use nb.stack"),
        (lambda: nb.concat([M, V]), nb.ShapeError, r"array 0 has \(3, 4\) and array 1 has \(4,\)"),
        (lambda: nb.concat([M, M], axis=2), nb.AxisError, "axis 2 is out of range"),
        (lambda: nb.stack([M, V]), nb.ShapeError, "the arrays have one shape"),
        (lambda: nb.tile(V, -1), nb.ShapeError, "at least 0; got -1"),
        (lambda: nb.repeat(V, -1), nb.ShapeError, "is not negative"),
        (lambda: nb.repeat(V, [1, 2]), nb.ShapeError, "4 elements along axis 0 need as many repetitions"),
        (lambda: nb.repeat(V, 1.5), nb.ArgumentTypeError, "are integers; got float64"),
        (lambda: nb.roll(M, (1, 2, 3), (0, 1)), nb.ShapeError, "as many shifts as axes"),
        (lambda: nb.roll(M, 1.5), nb.ArgumentTypeError, "shift is an integer"),
        (lambda: nb.pad(M, ((1, 1),) * 3), nb.ShapeError, "a number, a pair, or 2 pairs"),
        (lambda: nb.pad(M, -1), nb.ShapeError, "pad_width is not negative"),
        (lambda: nb.pad(M, 1.5), nb.ArgumentTypeError, "pad_width is made of integers"),
        (lambda: nb.pad(M, {2: 1}), nb.AxisError, "axis 2"),
        (lambda: nb.pad(M, 1, "average"), nb.ArgumentError, "mode is one of 'constant', 'empty', 'edge'"),
        (lambda: nb.pad(M, 1, "mean", stat_length=(1, 2, 3)), nb.ShapeError, "stat_length is a number, a pair, or 2 pairs"),
        (lambda: nb.pad(M, 1, "maximum", stat_length=0), nb.ArgumentError, "of stat_length 0 elements there is no maximum"),
        (
            lambda: nb.pad(M, 1, "edge", constant_values=1),
            nb.ArgumentError,
            "constant_values belongs to mode 'constant'; got mode='edge'",
        ),
        (lambda: nb.pad(M, 1, "mean", end_values=1), nb.ArgumentError, "end_values belongs to mode 'linear_ramp'"),
        (lambda: nb.pad(M, 1, stat_length=1), nb.ArgumentError, "stat_length belongs to mode 'maximum' or 'minimum'"),
        (lambda: nb.pad(M, 1, "wrap", reflect_type="odd"), nb.ArgumentError, "reflect_type belongs to mode 'reflect' or"),
        (lambda: nb.pad(M, 1, "reflect", reflect_type="evn"), nb.ArgumentError, 'reflect_type is "even" or "odd"'),
        (lambda: nb.pad(E, 1, "edge"), nb.ShapeError, "is empty, so mode='edge' has nothing to take"),
        (lambda: nb.pad(M, 1, constant_values=(1.0, 2.0, 3.0)), nb.ShapeError, "constant_values is a number, a pair"),
        (lambda: nb.tril(V), nb.ShapeError, r"a matrix or a stack of them; got shape \(4,\)"),
        (lambda: nb.diagonal(V), nb.ShapeError, "two axes at least"),
        (lambda: nb.diagonal(X, 0, 1, -2), nb.AxisError, "two different axes make a plane"),
        (lambda: nb.diag(X), nb.ShapeError, "diagonal takes stacks of matrices"),
    ],
)
def test_refusals(call, error, match):
    with pytest.raises(error, match=match):
        call()
