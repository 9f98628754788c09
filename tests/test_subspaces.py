"""nb.linalg: polar factors, subspaces, matrix equations, blocks, functions made of exponentials; values as SciPy has them."""

import numpy as np
import pytest
import scipy.linalg
from test_linalg import DTYPES, array, regular, same

import nabla as nb
from nabla import linalg


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


# ---- polar ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (1, 1)])
def test_polar_is_scipys(shape, side, dtype):
    a = array(shape, dtype)
    for found, expected in zip(linalg.polar(a, side=side), scipy.linalg.polar(a, side=side), strict=True):
        same(found, expected)
    assert linalg.polar(np.stack([a, 2 * a]), side).p.shape == (2, *linalg.polar(a, side).p.shape)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_derivatives_of_polar(shape, dtype):
    a = array(shape, dtype)
    for side in ("left", "right") if shape[0] == shape[1] else ("left" if shape[0] < shape[1] else "right",):
        nb.testing.check_grads(lambda a, side=side: linalg.polar(a, side), (a,))
        nb.testing.check_vmap(lambda a, side=side: linalg.polar(a, side), (np.stack([a, a + 1.0]),))


def test_polar_at_equal_singular_values_to_third_order():
    """Against the same function made of powers: u = a (a^T a)^(-1/2)."""
    a, w = np.array([[0.0, -2.0], [2.0, 0.0]]), array((2, 2))

    def f(a):
        return (w * linalg.polar(a).u).sum()

    def g(a):
        return (w * (a @ linalg.inv(linalg.sqrtm(a.mT @ a)))).sum()

    for _ in range(3):
        f, g = nb.jacfwd(f), nb.jacfwd(g)
        same(f(a), g(a), 1e-8)


def test_polar_of_a_singular_matrix():
    a = np.array([[1.0, 0.0], [0.0, 0.0]])
    same(linalg.polar(a).p, a)
    with pytest.raises(nb.LinAlgError, match="the derivative of the polar factor"):
        nb.grad(lambda a: linalg.polar(a).u.sum())(a)
    assert np.isnan(linalg.polar([[np.nan, 1.0], [0.0, 1.0]]).u.numpy()).all()


def test_orthogonal_procrustes():
    for dtype in ("float64", "complex128"):
        a, b = array((5, 3), dtype), array((5, 3), dtype)
        for found, expected in zip(linalg.orthogonal_procrustes(a, b), scipy.linalg.orthogonal_procrustes(a, b), strict=True):
            same(found, expected)
        nb.testing.check_grads(linalg.orthogonal_procrustes, (a, b))


# ---- subspaces ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3)])
def test_bases_are_scipys(shape, dtype):
    a = array(shape, dtype)
    deficient = a[:, :1] @ a[:1]
    for x in (a, deficient, np.zeros_like(a)):
        for f, expected in ((linalg.orth, scipy.linalg.orth(x)), (linalg.null_space, scipy.linalg.null_space(x))):
            found = f(x).numpy()
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            tolerance = 1e-5 if x.real.dtype == np.float32 else 1e-12
            np.testing.assert_allclose(found @ adjoint(found), expected @ adjoint(expected), atol=tolerance)


def test_projectors_have_derivatives_and_columns_have_none():
    a = array((4, 2))
    a = np.concatenate([a, a], axis=1)  # of rank 2, and so are its multiples
    direction = a * 0.5

    def projector(a):
        q = linalg.orth(a, rcond=1e-10)
        return q @ q.mT

    _, along = nb.jvp(projector, (a,), (direction,))
    np.testing.assert_allclose(along, np.zeros((4, 4)), atol=1e-10)
    turn = np.array([[0.0, 1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0] * 4, [0.0] * 4]) @ a
    _, along = nb.jvp(projector, (a,), (turn,))
    step = (projector(a + 1e-6 * turn) - projector(a - 1e-6 * turn)) / 2e-6
    np.testing.assert_allclose(along, step, atol=1e-7)
    same(nb.grad(lambda a: projector(a).sum())(np.eye(3)[:, :2]).shape, (3, 2))


def test_ranks_decide_shapes():
    stack = np.stack([np.eye(2), np.ones((2, 2))])
    with pytest.raises(nb.ShapeError, match=r"different ranks, \[1, 2\]"):
        linalg.orth(stack)
    assert linalg.null_space(np.stack([np.ones((2, 2))] * 3)).shape == (3, 2, 1)
    with pytest.raises(nb.TracedValueError, match=r"null_space at .* needs values"):
        nb.vmap(linalg.null_space)(stack)


@pytest.mark.parametrize("dtype", DTYPES)
def test_subspace_angles_are_scipys(dtype):
    a, b = array((6, 3), dtype), array((6, 2), dtype)
    same(linalg.subspace_angles(a, b), scipy.linalg.subspace_angles(a, b))
    same(linalg.subspace_angles(b, a), scipy.linalg.subspace_angles(b, a))
    a[:, 2] = a[:, 0]
    same(linalg.subspace_angles(a, b), scipy.linalg.subspace_angles(a, b))


def test_derivatives_of_subspace_angles():
    a, b = array((5, 3)), array((5, 2))
    nb.testing.check_grads(linalg.subspace_angles, (a, b))
    nb.testing.check_vmap(linalg.subspace_angles, (np.stack([a, a + 1]), np.stack([b, b - 1])))
    t = 0.1
    f = lambda t: linalg.subspace_angles(nb.stack([nb.cos(t), nb.sin(t), 0.0 * t])[:, None], np.eye(3)[:, :1]).sum()
    np.testing.assert_allclose([f(t), nb.grad(f)(t), nb.grad(nb.grad(f))(t)], [0.1, 1.0, 0.0], atol=1e-12)
    assert abs(nb.linalg.subspace_angles([[1.0], [1e-9]], [[1.0], [0.0]]).item() - 1e-9) < 1e-20
    assert nb.grad(lambda a: linalg.subspace_angles(a, np.eye(2)[:, :1]).sum())(np.array([[1.0], [0.0]])).tolist() == [[0.0], [0.0]]


# ---- equations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_matrix_equations_are_scipys(dtype):
    a, b, q = regular((3, 3), dtype), regular((2, 2), dtype), array((3, 2), dtype)
    same(linalg.solve_sylvester(a, b, q), scipy.linalg.solve_sylvester(a, b, q))
    square = array((3, 3), dtype)
    same(linalg.solve_continuous_lyapunov(a, square), scipy.linalg.solve_continuous_lyapunov(a, square))
    small = (0.1 * a).astype(dtype)
    same(linalg.solve_discrete_lyapunov(small, square), scipy.linalg.solve_discrete_lyapunov(small, square).astype(dtype), 1e-10)
    stack = linalg.solve_sylvester(np.stack([a, 2 * a]), b, q)
    same(stack[1], scipy.linalg.solve_sylvester(2 * a, b, q))
    assert linalg.solve_sylvester(np.zeros((0, 0)), b, np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_derivatives_of_matrix_equations(dtype):
    a, b, q = regular((3, 3), dtype), regular((2, 2), dtype), array((3, 2), dtype)
    nb.testing.check_grads(linalg.solve_sylvester, (a, b, q))
    nb.testing.check_vmap(linalg.solve_sylvester, (np.stack([a, 2 * a]), b, q), in_axes=(0, None, None))
    square = array((3, 3), dtype)
    nb.testing.check_grads(linalg.solve_continuous_lyapunov, (a, square))
    nb.testing.check_grads(linalg.solve_discrete_lyapunov, (0.1 * a, square))


# ---- blocks and functions -------------------------------------------------------------------------------------


def test_block_diag_is_scipys():
    blocks = [array((2, 3)), array((1,)), array((0, 2)), array((2, 2), "complex128"), 3]
    same(linalg.block_diag(*blocks), scipy.linalg.block_diag(*blocks))
    same(linalg.block_diag([[1, 2]], [3, 4]), scipy.linalg.block_diag([[1, 2]], [3, 4]))
    same(linalg.block_diag(), scipy.linalg.block_diag())
    assert linalg.block_diag(array((3, 1, 2)), array((2, 2))).shape == (3, 3, 4)
    nb.testing.check_grads(linalg.block_diag, (array((2, 3)), array((2, 2))))


def test_khatri_rao_is_scipys():
    a, b = array((2, 3)), array((4, 3))
    same(linalg.khatri_rao(a, b), scipy.linalg.khatri_rao(a, b))
    nb.testing.check_grads(linalg.khatri_rao, (a, b))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", ["cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm"])
def test_functions_of_matrices_are_scipys(name, dtype):
    a = array((3, 3), dtype)
    same(getattr(linalg, name)(a), getattr(scipy.linalg, name)(a), 1e-9)
    nb.testing.check_grads(getattr(linalg, name), (0.3 * a,))


def test_expm_frechet_is_scipys():
    a, e = array((3, 3)), array((3, 3))
    for found, expected in zip(linalg.expm_frechet(a, e), scipy.linalg.expm_frechet(a, e), strict=True):
        same(found, expected)
    nb.testing.check_grads(lambda a, e: linalg.expm_frechet(a, e, compute_expm=False), (a, e))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.polar(np.eye(2), side="up"), nb.ArgumentError, "side is 'left' or 'right'"),
        (lambda: linalg.polar(np.ones(2)), nb.ShapeError, "polar: expected matrices"),
        (
            lambda: linalg.solve_sylvester(np.eye(2), -np.eye(2), np.ones((2, 2))),
            nb.LinAlgError,
            "solve_sylvester: the matrix has no",
        ),
        (lambda: linalg.solve_sylvester(np.eye(2), np.eye(3), np.ones((3, 2))), nb.ShapeError, r"q has the shape \(..., 2, 3\)"),
        (lambda: linalg.solve_continuous_lyapunov(np.eye(2), np.eye(3)), nb.ShapeError, "of one size"),
        (lambda: linalg.solve_discrete_lyapunov(-np.eye(2), np.eye(2)), nb.LinAlgError, "solve_discrete_lyapunov: the matrix"),
        (lambda: linalg.subspace_angles(np.ones((3, 1)), np.ones((2, 1))), nb.ShapeError, "the same number of rows"),
        (lambda: linalg.orthogonal_procrustes(np.ones((3, 1)), np.ones((2, 1))), nb.ShapeError, "the same shape"),
        (lambda: linalg.khatri_rao(np.ones((3, 1)), np.ones((2, 2))), nb.ShapeError, "as many columns"),
        (lambda: linalg.expm_frechet(np.eye(2), np.eye(3)), nb.ShapeError, "the same shape"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
