"""nb.linalg: values as NumPy has them, errors that name the matrix, derivatives at singular matrices and zero norms.

The primitives in every mode are in the table of primitives (rows/linalg.py); here they are used as users use them.
"""

import itertools

import numpy as np
import pytest
import scipy.linalg

import nabla as nb
from nabla import linalg
from nabla.testing import check_grads

rng = np.random.default_rng(0)
DTYPES = ["float32", "float64", "complex64", "complex128"]


def array(shape, dtype="float64"):
    x = rng.standard_normal(shape)
    return np.asarray(x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def regular(shape, dtype="float64"):
    return (array(shape, dtype) + 3.0 * np.eye(shape[-1])).astype(dtype)


def positive(shape, dtype="float64"):
    x = array(shape, dtype)
    return (x @ np.conj(x.swapaxes(-1, -2)) + np.eye(shape[-1])).astype(dtype)


def same(found, expected, tolerance=1e-11):
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if found.dtype in (np.float32, np.complex64):
        tolerance = 1e-3
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


# ---- solving --------------------------------------------------------------------------------------------------

SYSTEMS = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((3, 3), (5, 3, 2)),
    ((3, 3), (2, 5, 3, 2)),
    ((5, 3, 3), (3,)),
    ((5, 3, 3), (5, 3, 2)),
    ((5, 3, 3), (3, 2)),
    ((4, 1, 3, 3), (5, 3, 2)),
    ((1, 3, 3), (5, 3, 2)),
    ((90, 3, 3), (90, 3, 2)),
    ((0, 3, 3), (3, 2)),
    ((0, 0), (0, 2)),
    ((0, 0), (0,)),
    ((2, 0, 0), (0,)),
    ((3, 3), (3, 0)),
    ((3, 3), (0, 3, 2)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("a", "b"), SYSTEMS)
def test_solve_is_numpys(a, b, dtype):
    a, b = regular(a, dtype), array(b, dtype)
    same(linalg.solve(a, b), np.linalg.solve(a, b))


@pytest.mark.parametrize(("a", "b"), SYSTEMS[0:5:2] + SYSTEMS[6:8])
def test_solve_in_every_mode(a, b):
    nb.testing.check_grads(linalg.solve, (regular(a), array(b)), order=1)
    batch_a, batch_b = regular((2, *a)), array((2, *b))
    gradient = nb.grad(lambda a, b: (linalg.solve(a, b) ** 3).sum(), argnums=(0, 1))
    for f in (linalg.solve, gradient):
        nb.testing.check_vmap(f, (batch_a, batch_b))
        nb.testing.check_vmap(f, (batch_a[0], batch_b), in_axes=(None, 0))
        nb.testing.check_vmap(f, (batch_a, batch_b[0]), in_axes=(0, None))


def test_solve_to_second_order():
    for dtype in ("float64", "complex128"):
        nb.testing.check_grads(linalg.solve, (regular((3, 3), dtype), array((3,), dtype)))


def test_a_vector_is_one_only_if_it_has_one_axis():
    a, b = regular((3, 3, 3)), array((3, 3))
    same(linalg.solve(a, b), np.linalg.solve(a, np.broadcast_to(b, (3, 3, 3))))


def test_dtypes_of_systems():
    a, b = np.array([[2, 1], [1, 1]]), np.array([1.0, 2.0], np.float32)
    same(linalg.solve(a, b), np.linalg.solve(a, b))
    same(linalg.inv(a), np.linalg.inv(a))
    assert linalg.solve(np.eye(2, dtype=np.float32), np.ones(2, np.complex64)).dtype == np.complex64
    assert linalg.solve(np.eye(2, dtype=np.float32), [1.0, 2.0]).dtype == np.float64


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (90, 2, 2), (20, 20)])
def test_many_and_one_at_a_time_agree(shape, dtype):
    """Many small systems are solved together, step by step; pivots are exchanged in both."""
    a, b = array(shape, dtype) + np.eye(shape[-1])[::-1].astype(dtype) * 5, array(shape, dtype)
    found, pullback = nb.vjp(lambda b: linalg.solve(a, b), b)
    same(found, np.linalg.solve(a, b))
    same(pullback(b)[0], np.linalg.solve(a.swapaxes(-1, -2), b))
    for part, expected in zip(linalg.slogdet(a), np.linalg.slogdet(a), strict=True):
        same(part, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trans", [0, 1, 2, "N", "T", "C"])
@pytest.mark.parametrize(("lower", "unit"), list(itertools.product((False, True), repeat=2)))
def test_solve_triangular_is_scipys(trans, lower, unit, dtype):
    a, b = regular((4, 4), dtype), array((4, 2), dtype)
    options = {"trans": trans, "lower": lower, "unit_diagonal": unit}
    expected = scipy.linalg.solve_triangular(a, b, **options)
    same(linalg.solve_triangular(a, b, **options), expected)
    same(linalg.solve_triangular(np.asfortranarray(a), b[:, 0], **options), expected[:, 0])
    many = linalg.solve_triangular(np.broadcast_to(a, (90, 4, 4)), b, **options)
    same(many[-1], expected)


def test_solve_triangular_does_not_read_the_other_triangle():
    a = np.array([[2.0, np.nan], [1.0, 4.0]])
    assert linalg.solve_triangular(a, [2.0, 5.0], lower=True).tolist() == [1.0, 1.0]
    gradient = nb.grad(lambda a: linalg.solve_triangular(a, [2.0, 5.0], lower=True).sum())(np.tril(regular((2, 2))))
    assert gradient[0, 1] == 0.0 and gradient[1, 0] != 0.0


def test_inv():
    for dtype in DTYPES:
        for shape in [(3, 3), (2, 3, 3), (0, 0), (2, 0, 0), (0, 3, 3), (1, 1)]:
            a = regular(shape, dtype)
            same(linalg.inv(a), np.linalg.inv(a))
    nb.testing.check_grads(linalg.inv, (regular((2, 3, 3)),))


# ---- what cannot be solved ------------------------------------------------------------------------------------

SECOND_SINGULAR = np.stack([np.eye(2), np.ones((2, 2))])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linalg.solve(np.ones((2, 2)), np.ones(2)), "solve: the matrix is singular"),
        (lambda: linalg.solve(SECOND_SINGULAR, np.ones(2)), "solve: matrix 1 of the stack is singular"),
        (lambda: linalg.solve(np.tile(SECOND_SINGULAR, (60, 1, 1)), np.ones(2)), "solve: matrix 1 of the stack"),
        (lambda: linalg.inv(SECOND_SINGULAR[None]), r"inv: matrix \(0, 1\) of the stack is singular"),
        (lambda: linalg.matrix_power(np.ones((2, 2)), -2), "matrix_power: the matrix is singular"),
        (lambda: linalg.solve_triangular(np.tril(np.ones((2, 2)), -1), np.ones(2)), "solve_triangular: the matrix"),
        (lambda: linalg.cholesky(-np.eye(2)), "cholesky: the matrix is not positive definite"),
        (lambda: linalg.cholesky([np.eye(2), -np.eye(2)]), "cholesky: matrix 1 of the stack is not positive definite"),
        (lambda: nb.vmap(linalg.inv)(SECOND_SINGULAR), "inv: matrix 1 of the stack is singular"),
        (lambda: nb.vmap(linalg.cholesky)(np.stack([np.eye(2), -np.eye(2)])), "cholesky: matrix 1 of the stack"),
        (lambda: nb.grad(lambda a: linalg.slogdet(a)[1])(np.ones((2, 2))), "the derivative of slogdet: the matrix is"),
        (lambda: nb.grad(lambda a: linalg.inv(a).sum())(np.ones((2, 2))), "inv: the matrix is singular"),
    ],
)
def test_errors_name_the_matrix(call, message):
    with pytest.raises(nb.LinAlgError, match=message):
        call()
    with pytest.raises(np.linalg.LinAlgError):
        call()


def test_errors_come_at_the_call():
    """Nothing asks for the value, and still it is inside the `try` that the error is raised."""
    tries = 0

    def factor(a):
        nonlocal tries
        jitter = 0.0
        while True:
            tries += 1
            try:
                return linalg.cholesky(a + jitter * np.eye(2))
            except np.linalg.LinAlgError:
                jitter += 0.4

    gradient = nb.grad(lambda a: factor(a).sum())(np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert tries == 4 and np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.det(np.ones((2, 3))), nb.ShapeError, r"det: expected square matrices, .*; got shape \(2, 3\)"),
        (lambda: linalg.inv(np.ones(2)), nb.ShapeError, "inv: expected square matrices"),
        (lambda: linalg.cholesky(np.ones((2, 3))), nb.ShapeError, "cholesky: expected square matrices"),
        (lambda: linalg.slogdet(1.0), nb.ShapeError, r"slogdet: expected square matrices, .*; got shape \(\)"),
        (lambda: linalg.matrix_power(np.ones((2, 3)), 2), nb.ShapeError, "matrix_power: expected square matrices"),
        (lambda: linalg.matrix_power(np.ones((2, 2)), 0.5), nb.ArgumentTypeError, "matrix_power: n is an integer"),
        (lambda: linalg.solve(np.eye(2), np.ones(3)), nb.ShapeError, "solve: a has 2 rows, but b has 3"),
        (lambda: linalg.solve(np.eye(2), np.ones((3, 2))), nb.ShapeError, r"behind: b\[..., None\]"),
        (lambda: linalg.solve(np.eye(2), 1.0), nb.ShapeError, r"b is one number; expected a vector of shape \(2,\)"),
        (lambda: linalg.solve(np.ones((3, 2, 2)), np.ones((4, 2, 1))), nb.ShapeError, r"\(3,\) and \(4,\) do not"),
        (lambda: linalg.det(np.eye(2, dtype=np.float16)), nb.DTypeError, "det: float16 is too coarse"),
        (lambda: linalg.solve_triangular(np.eye(2), np.ones(2), trans="X"), nb.ArgumentError, "trans is 0, 1, 2"),
        (lambda: linalg.norm(np.eye(2), "max"), nb.ArgumentError, "of a matrix, ord is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"),
        (lambda: linalg.norm(np.ones(2), "fro"), nb.ArgumentError, "of a vector, ord is a number"),
        (lambda: linalg.norm(np.ones(2), float("nan")), nb.ArgumentError, "of a vector, ord is a number"),
        (lambda: linalg.norm(np.ones((2, 2, 2)), 1), nb.ArgumentError, "so give an axis"),
        (lambda: linalg.norm(np.ones((2, 2, 2)), 1, (0, 1, 2)), nb.ArgumentError, "axis names one axis or two"),
        (lambda: linalg.norm(np.ones(2), axis=1), nb.AxisError, "norm: axis 1 is out of range"),
        (lambda: linalg.trace(np.ones(2)), nb.ShapeError, "trace: x needs two axes"),
    ],
)  # fmt: skip
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- cholesky -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (0, 0), (0, 3, 3), (1, 1), (2, 2, 4, 4)])
def test_cholesky_is_numpys_and_reads_one_triangle(shape, dtype):
    a = positive(shape, dtype)
    for upper, read in ((False, np.tril), (True, np.triu)):
        expected = np.linalg.cholesky(a, upper=upper)
        same(linalg.cholesky(a, upper=upper), expected)
        same(linalg.cholesky(read(a), upper=upper), expected)


def test_derivatives_of_cholesky():
    a, d = positive((3, 3)), array((3, 3))
    for upper in (False, True):
        nb.testing.check_grads(lambda a, upper=upper: linalg.cholesky(a, upper=upper), (a,))
    g = nb.grad(lambda a: (linalg.cholesky(a) ** 3).sum())(a)
    assert not np.triu(g, 1).any()
    # Along a symmetric direction the documented symmetric gradient gives the same.
    _, slope = nb.jvp(lambda a: (linalg.cholesky(a) ** 3).sum(), (a,), (d + d.T,))
    same(np.sum((g + g.T) / 2 * (d + d.T)), slope)


def test_log_likelihood_of_a_gaussian():
    """The usual use: the gradient of log det and of a quadratic form through one factor, against the closed form."""
    a, y = positive((4, 4)), array((4,))

    def loss(a):
        l = linalg.cholesky(a)
        z = linalg.solve_triangular(l, y, lower=True)
        return nb.log(linalg.diagonal(l)).sum() + 0.5 * (z * z).sum()

    g = nb.grad(loss)(a)
    inverse = np.linalg.inv(a)
    same((g + g.T) / 2, 0.5 * inverse - 0.5 * np.outer(inverse @ y, inverse @ y), 1e-10)


# ---- determinants ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (0, 0), (2, 0, 0), (0, 3, 3), (1, 1), (2, 2, 5, 5)])
def test_determinants_are_numpys(shape, dtype):
    a = array(shape, dtype)
    same(linalg.det(a), np.linalg.det(a))
    sign, logabsdet = linalg.slogdet(a)
    same(sign, np.linalg.slogdet(a).sign)
    same(logabsdet, np.linalg.slogdet(a).logabsdet)


def test_slogdet_has_names_and_takes_singular_matrices():
    out = linalg.slogdet(np.zeros((2, 2)))
    assert (out.sign.item(), out.logabsdet.item()) == (0.0, -np.inf)


def test_slogdet_where_a_number_is_missing():
    for a in (np.full((1, 1), np.nan), np.array([[1.0, 2.0], [np.nan, -1.0]]), np.array([[np.inf, 2.0], [1.0, -1.0]])):
        with np.errstate(invalid="ignore"):
            for found, expected in zip(linalg.slogdet(a), np.linalg.slogdet(a), strict=True):
                np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_derivatives_of_determinants(dtype):
    a = regular((3, 3), dtype)
    nb.testing.check_grads(linalg.det, (a,))
    nb.testing.check_grads(lambda a: tuple(linalg.slogdet(a)), (a,))
    nb.testing.check_vmap(lambda a: tuple(linalg.slogdet(a)), (regular((4, 3, 3), dtype),))


def minor(a, rows, columns):
    """The determinant without these rows and columns."""
    kept = np.delete(np.delete(a, rows, 0), columns, 1)
    return np.linalg.det(kept) if len(kept) else 1.0


def minors(a):
    """The gradient and the Hessian of det, by their definitions."""
    n = len(a)
    first, second = np.zeros((n, n), a.dtype), np.zeros((n, n, n, n), a.dtype)
    for i, j in itertools.product(range(n), repeat=2):
        first[i, j] = (-1.0) ** (i + j) * minor(a, [i], [j])
    for i, j, k, l in itertools.product(range(n), repeat=4):
        if i != k and j != l:
            sign = (-1.0) ** (i + j + k + l) * (1.0 if (k > i) == (l > j) else -1.0)
            second[i, j, k, l] = sign * minor(a, [i, k], [j, l])
    return first, second


def of_rank(n, rank, dtype, noise=0.0):
    return array((n, rank), dtype) @ array((rank, n), dtype) + noise * array((n, n), dtype)


def all_nestings(f, x, v, w):
    """The second derivative of f along v and w, in the four nestings."""
    one = np.ones((), x.dtype)

    def slope(x):
        return nb.vjp(f, x)[1](one)[0]

    def rate(x):
        return nb.jvp(f, (x,), (v,))[1]

    yield "forward over forward", nb.jvp(rate, (x,), (w,))[1]
    yield "reverse over forward", np.sum(np.asarray(nb.vjp(rate, x)[1](one)[0]) * w)
    yield "forward over reverse", np.sum(v * np.asarray(nb.jvp(slope, (x,), (w,))[1]))
    yield "reverse over reverse", np.sum(w * np.asarray(nb.vjp(slope, x)[1](v)[0]))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("noise", [0.0, 1e-13, 1e-8])
@pytest.mark.parametrize(("n", "rank"), [(n, rank) for n in range(1, 6) for rank in range(n + 1)])
def test_det_of_singular_matrices_to_second_order(n, rank, noise, dtype):
    a = of_rank(n, rank, dtype, noise)
    first, second = minors(a)
    size = max(1.0, np.abs(a).max()) ** n
    np.testing.assert_allclose(nb.vjp(linalg.det, a)[1](np.ones((), dtype))[0], first, atol=1e-12 * size)
    v, w = array((n, n), dtype), array((n, n), dtype)
    expected = np.einsum("ijkl,ij,kl->", second, v, w)
    for nesting, found in all_nestings(linalg.det, a, v, w):
        np.testing.assert_allclose(np.asarray(found), expected, atol=1e-10 * size, err_msg=nesting)


SPECIAL = [
    np.zeros((4, 4)),
    np.ones((5, 5)),
    np.eye(6),
    np.eye(5) * 1e-3,
    np.eye(4)[::-1],
    np.diag([1.0, 0.0, 0.0, 0.0]),
    np.diag([2.0, 3.0, 0.0, 0.0]),
    np.diag([1.0, 1e-10, 1e-20, 1e-30]),
    np.diag([1.0, 1e-160, 1e-170, 1e-180]),
    np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
]


@pytest.mark.parametrize("a", SPECIAL, ids=range(len(SPECIAL)))
def test_det_of_special_matrices(a):
    first, second = minors(a)
    found = nb.grad(linalg.det)(a)
    np.testing.assert_allclose(found, first, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(nb.hessian(linalg.det)(a), second, rtol=1e-12, atol=1e-13)


def test_det_of_a_stack_mixes_regular_and_singular():
    a = np.stack([of_rank(4, rank, "float64") for rank in (4, 3, 2, 1, 0, 4)])
    expected = np.stack([minors(x)[0] for x in a])
    np.testing.assert_allclose(nb.grad(lambda a: linalg.det(a).sum())(a), expected, atol=1e-11)
    np.testing.assert_allclose(nb.vmap(nb.grad(linalg.det))(a), expected, atol=1e-11)
    hessians = np.stack([minors(x)[1] for x in a])
    np.testing.assert_allclose(nb.vmap(nb.hessian(linalg.det))(a), hessians, atol=1e-11)


def coefficient(a, u, k):
    """k! times the coefficient of t**k in the polynomial det(a + t u): the derivative of order k along u."""
    t = np.cos(np.pi * (np.arange(len(a) + 1) + 0.5) / (len(a) + 1))
    values = [np.linalg.det(a + s * u) for s in t]
    return np.prod(np.arange(1.0, k + 1)) * np.linalg.solve(np.vander(t, increasing=True), values)[k]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(("n", "rank"), [*[(5, rank) for rank in range(6)], (4, 1), (3, 0), (3, 1)])
def test_det_of_any_rank_to_every_order(n, rank, dtype):
    a, directions = of_rank(n, rank, dtype), [array((n, n), dtype) for _ in range(3)]
    size = max(1.0, np.abs(a).max()) ** n

    def along(f, u):
        return lambda x: nb.jvp(f, (x,), (u,))[1]

    f = linalg.det
    for order in range(1, n + 2):
        f = along(f, directions[0])
        expected = coefficient(a, directions[0], order) if order <= n else 0.0
        np.testing.assert_allclose(np.asarray(f(a)), expected, rtol=1e-9, atol=1e-10 * size, err_msg=str(order))

    expected = sum(
        (-1.0) ** (3 - len(some)) * coefficient(a, sum(some), 3) / 6.0
        for k in (1, 2, 3)
        for some in itertools.combinations(directions, k)
    )
    u, v, w = directions
    one = np.ones((), dtype)
    for nesting, found in all_nestings(along(linalg.det, u), a, v, w):
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9, atol=1e-10 * size, err_msg=nesting)
    for nesting, found in all_nestings(lambda x: (nb.vjp(linalg.det, x)[1](one)[0] * u).sum(), a, v, w):
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9, atol=1e-10 * size, err_msg=nesting)


def test_det_where_a_number_is_missing():
    a = np.eye(4)
    a[1, 2] = np.nan
    assert np.isnan(nb.grad(linalg.det)(a)).any()
    assert np.isnan(nb.hvp(linalg.det, (a,), (np.ones((4, 4)),))).any()


# ---- norms ----------------------------------------------------------------------------------------------------

ORDERS = [None, 1, 2, 3, 2.5, 0, -1, -2, np.inf, -np.inf, 0.5]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3)])
def test_norms_are_numpys(shape, dtype):
    x = array(shape, dtype)
    same(linalg.norm(x), np.linalg.norm(x))
    same(linalg.norm(x, keepdims=True), np.linalg.norm(x, keepdims=True))
    for order, axis, keepdims in itertools.product(ORDERS, range(-len(shape), len(shape)), (False, True)):
        same(linalg.norm(x, order, axis, keepdims), np.linalg.norm(x, order, axis, keepdims))
    for order, axis, keepdims in itertools.product(ORDERS[1:], (None, 0, (0,), tuple(range(len(shape)))), (False, True)):
        options = {"axis": axis, "keepdims": keepdims, "ord": order}
        same(linalg.vector_norm(x, **options), np.linalg.vector_norm(x, **options))
    if len(shape) > 1:
        planes = [(0, 1), (1, 0), (-1, -2), (-2, -1)]
        for order, axis, keepdims in itertools.product((None, "fro", 1, -1, np.inf, -np.inf), planes, (False, True)):
            same(linalg.norm(x, order, axis, keepdims), np.linalg.norm(x, order, axis, keepdims))


def test_norms_of_integers():
    same(linalg.norm([3, 4]), 5.0)
    same(linalg.norm(np.array([3, 4], np.int8)), 5.0)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 2.5, -2, np.inf, -np.inf])
def test_derivatives_of_norms(order):
    x = np.array([[1.0, -2.5, 4.5]])
    for point in (x, x * (1.0 + 0.5j)):
        nb.testing.check_grads(lambda x: linalg.norm(x, order, axis=-1), (point,))


@pytest.mark.parametrize("order", ["fro", 1, -1, np.inf, -np.inf])
def test_derivatives_of_matrix_norms(order):
    nb.testing.check_grads(lambda x: linalg.norm(x, order), (array((3, 4)),))


@pytest.mark.parametrize("order", [1, 2, 3, 4, np.inf])
def test_norm_of_zero_has_derivative_zero(order):
    def f(x):
        return linalg.norm(x, order)

    zero = np.zeros(3)
    assert not nb.grad(f)(zero).any()
    assert not nb.grad(f, mode="forward")(zero).any()
    for outer, inner in itertools.product((nb.jacfwd, nb.jacrev), repeat=2):
        assert not outer(inner(f))(zero).any()


@pytest.mark.parametrize("order", [0.5, 1.5, 3, -1, -2])
def test_norm_with_an_element_of_zero(order):
    """It is left out of the derivatives, of every order and in every mode."""
    x, rest = np.array([1.0, 0.0, -2.0]), np.array([1.0, -2.0])
    f = lambda x: linalg.norm(x, order)
    for derivative in (nb.jacrev, nb.jacfwd, nb.hessian, lambda f: nb.jacfwd(nb.jacfwd(f)), lambda f: nb.jacrev(nb.jacrev(f))):
        found = np.asarray(derivative(f)(x))
        kept = np.ix_(*[[0, 2]] * found.ndim)
        expected = np.zeros_like(found)
        expected[kept] = derivative(f)(rest) if order > 0 else 0.0
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_norms_of_even_order_are_smooth_where_an_element_is_zero(dtype):
    x = np.array([1.0, 0.0, -2.0], dtype)

    def powers(x):
        return (nb.abs(linalg.norm(x, 4)) ** 4).sum()

    fourth = powers
    for _ in range(4):
        fourth = _along_middle(fourth)
    np.testing.assert_allclose(fourth(x), 24.0, rtol=1e-10)


def _along_middle(f):
    """The derivative by the middle element, in its real direction."""
    return lambda x: nb.jvp(f, (x,), (np.array([0.0, 1.0, 0.0], x.dtype),))[1]


def test_norm_guarded_by_where():
    def f(x):
        size = linalg.norm(x)
        return nb.where(size > 0, x.sum() / size, 0.0)

    assert nb.grad(f)(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    nb.testing.check_grads(f, (array((3,)),))


# ---- powers and parts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [-3, -2, -1, 0, 1, 2, 3, 8])
def test_matrix_power(n):
    for a in (regular((3, 3)) / 3, regular((2, 3, 3), "complex128") / 3):
        same(linalg.matrix_power(a, n), np.linalg.matrix_power(a, n), 1e-9)
        if n in (-2, 3):
            nb.testing.check_grads(lambda a: linalg.matrix_power(a, n), (a,), order=1)
    integers = np.array([[2, 1], [1, 1]])
    same(linalg.matrix_power(integers, n), np.linalg.matrix_power(integers, n), 1e-9)


def test_parts_are_numpys():
    x = array((2, 3, 4))
    same(linalg.diagonal(x, offset=1), np.linalg.diagonal(x, offset=1))
    same(linalg.trace(x, offset=-1), np.linalg.trace(x, offset=-1))
    same(linalg.trace(np.ones((2, 2), np.int8)), np.linalg.trace(np.ones((2, 2), np.int8)))
    same(linalg.matrix_transpose(x), np.linalg.matrix_transpose(x))
    nb.testing.check_grads(linalg.trace, (x,))


def test_every_name_is_there():
    assert all(callable(getattr(linalg, name)) for name in linalg.__all__)
    assert nb.linalg is linalg


@pytest.mark.parametrize("t", [0.5, -1.3, 2.7, 3, -2.0, 0, 1e-9])
@pytest.mark.parametrize("kind", [float, complex])
def test_powers_that_are_not_whole(t, kind):
    a = (
        np.eye(4)
        + 0.3 * np.cos(np.arange(16.0)).reshape(4, 4)
        + (0.2j * np.sin(np.arange(16.0)).reshape(4, 4) if kind is complex else 0.0)
    )
    expected = scipy.linalg.fractional_matrix_power(a, t)
    found = nb.linalg.fractional_matrix_power(a, t)
    assert found.dtype == a.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(nb.linalg.fractional_matrix_power(a, nb.array(float(t))), expected, rtol=1e-11, atol=1e-12)


def test_powers_of_defective_matrices_are_differentiated():
    jordan = np.array([[2.0, 1.0], [0.0, 2.0]])
    np.testing.assert_allclose(nb.linalg.fractional_matrix_power(jordan, 0.5), [[2**0.5, 8**-0.5], [0.0, 2**0.5]], rtol=1e-14)
    check_grads(lambda a: nb.linalg.fractional_matrix_power(a, 0.3)[0], (jordan,))
    corner = lambda t: nb.linalg.fractional_matrix_power(jordan, t)[0, 1]  # t * 2 ** (t - 1)
    log = np.log(2.0)
    np.testing.assert_allclose(nb.grad(corner)(1.3), 2**0.3 * (1 + 1.3 * log), rtol=1e-12)
    np.testing.assert_allclose(nb.grad(nb.grad(corner))(1.3), 2**0.3 * (2 * log + 1.3 * log**2), rtol=1e-12)


def test_q_of_lapacks_reflections():
    for a in (np.cos(np.arange(15.0)).reshape(5, 3), np.exp(1j * np.arange(15.0) ** 2).reshape(5, 3)):
        (h, tau), _ = scipy.linalg.qr(a, mode="raw")
        np.testing.assert_allclose(nb.linalg.householder_product(h, tau), scipy.linalg.qr(a, mode="economic")[0], atol=1e-14)
        w = np.concatenate([[1.0], h[1:, 0]])
        first = (np.eye(5) - tau[0] * np.outer(w, w.conj()))[:, :3]
        np.testing.assert_allclose(nb.linalg.householder_product(h, tau[:1]), first, atol=1e-14)
        np.testing.assert_array_equal(nb.linalg.householder_product(h, tau[:0]), np.eye(5, 3))


def test_pseudoinverse_of_hermitian_matrices():
    u = np.cos(np.arange(8.0)).reshape(4, 2)
    a = u @ u.T
    np.testing.assert_allclose(nb.linalg.pinvh(a), scipy.linalg.pinvh(a), atol=1e-12)
    np.testing.assert_allclose(nb.linalg.pinvh(np.tril(a), UPLO="L"), scipy.linalg.pinvh(a), atol=1e-12)
    assert np.linalg.matrix_rank(nb.linalg.pinvh(np.diag([1.0, 1e-3]), rtol=1e-2).numpy()) == 1
    np.testing.assert_allclose(nb.linalg.companion([2.0, 1, 3, 4]), scipy.linalg.companion([2.0, 1, 3, 4]))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: nb.linalg.companion([1.0]), nb.ShapeError, "two coefficients at least"),
        (lambda: nb.linalg.householder_product(np.ones((2, 3)), np.ones(3)), nb.ShapeError, "m >= n"),
        (lambda: nb.linalg.householder_product(np.ones((3, 2)), np.ones(3)), nb.ShapeError, "n >= k"),
        (lambda: nb.linalg.fractional_matrix_power(np.eye(2), np.ones(2)), nb.ShapeError, "t is one number"),
        (lambda: nb.linalg.fractional_matrix_power(-np.eye(2), 0.5), nb.LinAlgError, "logm"),
    ],
)
def test_refusals_of_the_further_functions(call, error, text):
    with pytest.raises(error, match=text):
        call()


# ---- in graphs that are differentiated as a whole --------------------------------------------------------------

WRAPPED = {
    "jit": nb.jit,
    "checkpoint": nb.checkpoint,
    "cond": lambda f: lambda t: nb.cond(t > 0.0, f, lambda t: t, t),
    "scan": lambda f: lambda t: nb.scan(lambda total, _: (total + f(t * total), total), 1.0, None, length=3)[0],
    "while": lambda f: lambda t: nb.while_loop(lambda v: v[1] < 3, lambda v: (v[0] + f(t * v[0]), v[1] + 1), (1.0, 0))[0],
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("of", ["solve", "slogdet"])
def test_factors_are_kept_for_the_derivatives_of_graphs(of, wrap):
    """Of what is factored in a graph, derivatives read the factors."""
    a = np.array([[3.0, 1.0], [0.5, 2.0]])
    b = np.array([1.0, -2.0])
    fn = {
        "solve": lambda t: nb.linalg.solve(a + t * np.eye(2), b * t).sum(),
        "slogdet": lambda t: nb.linalg.slogdet(a + t * np.eye(2))[1],
    }[of]
    nb.testing.check_grads(wrap(fn), (0.7,))
    lanes = np.array([0.7, 0.2, 1.5])
    expected = np.stack([nb.grad(wrap(fn))(t) for t in lanes])
    np.testing.assert_allclose(nb.jit(nb.vmap(nb.grad(wrap(fn))))(lanes), expected, rtol=1e-9)
