"""Products of arrays: values, dtypes and errors as NumPy has them; derivatives and lanes of what is composed.

The primitive itself, dot_general, is in the table of primitives (rows/contraction.py).
"""

import numpy as np
import pytest

import nabla as nb

rng = np.random.default_rng(0)
DTYPES = ["float64", "float32", "complex128", "int32", "int8", "bool"]


def array(shape, dtype="float64"):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "i":
        return rng.integers(0, 5, shape).astype(dtype)
    x = rng.standard_normal(shape)
    return np.asarray(x + 1j * rng.standard_normal(shape) if dtype.kind == "c" else x).astype(dtype)


def same(found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    tolerance = 1e-4 if found.dtype in (np.float32, np.complex64) else 1e-11
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


# ---- matmul ---------------------------------------------------------------------------------------------------

MATRICES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((7, 1, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (1, 6, 3, 4)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 4)),
    ((4, 2, 0), (4, 0, 3)),
    ((0, 1, 2, 3), (1, 5, 3, 4)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shapes", MATRICES, ids=str)
def test_matmul_is_numpys(shapes, dtype):
    x, y = (array(shape, dtype) for shape in shapes)
    same(nb.matmul(x, y), x @ y)
    same(nb.asarray(x) @ y, x @ y)


@pytest.mark.parametrize("shapes", [s for s in MATRICES if 0 not in s[0] + s[1]], ids=str)
def test_matmul_in_every_mode(shapes):
    x, y = (array(shape) for shape in shapes)
    nb.testing.check_grads(nb.matmul, (x, y))
    nb.testing.check_vmap(nb.matmul, (array((2, *shapes[0])), array((2, *shapes[1]))))
    nb.testing.check_vmap(nb.matmul, (x, array((2, *shapes[1]))), in_axes=(None, 0))
    nb.testing.check_vmap(nb.matmul, (array((2, *shapes[0])), y), in_axes=(0, None))
    gradient = nb.grad(lambda x, y: (nb.matmul(x, y) ** 3).sum(), argnums=(0, 1))
    nb.testing.check_vmap(gradient, (array((2, *shapes[0])), y), in_axes=(0, None))
    nb.testing.check_vmap(gradient, (x, array((2, *shapes[1]))), in_axes=(None, 0))
    nb.testing.check_vmap(gradient, (array((2, *shapes[0])), array((2, *shapes[1]))))


def test_matmul_from_either_side():
    x = array((2, 3))
    t = nb.asarray(x)
    same(t @ [1.0, 2.0, 3.0], x @ [1.0, 2.0, 3.0])
    same([1.0, 2.0] @ t, [1.0, 2.0] @ x)
    assert type([1.0, 2.0] @ t) is nb.Tensor


def test_matmul_promotes():
    x, y = array((2, 3), "float32"), array((3, 2), "complex64")
    same(nb.matmul(x, y), x @ y)
    assert nb.matmul(array((2, 3), "int8"), array((3, 2), "float32")).dtype == np.float32
    assert nb.matmul(array((2, 3), "int64"), array((3, 2), "float32")).dtype == np.float64
    nb.testing.check_grads(nb.matmul, (array((2, 3)), array((3, 2), "complex128")))


def test_float16_is_added_up_in_float32():
    ones = np.ones((1, 4096), np.float16)
    assert nb.matmul(ones, ones.T).tolist() == [[4096.0]]
    assert nb.matmul(ones, ones.T).dtype == np.float16


def test_views_and_layouts_do_not_matter():
    x, y = array((6, 4)), array((4, 6))
    for a in (x[::2], x[::-1], x.T.copy().T, np.broadcast_to(x[:1], (6, 4))):
        for b in (y[:, ::2], y[:, ::-1], y.T.copy().T, np.broadcast_to(y[:, :1], (4, 6))):
            same(nb.matmul(nb.asarray(a), nb.asarray(b)), a @ b)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (
            (2, 3),
            (4, 5),
            r"matmul: inner sizes differ, x has 3 columns but y has 4 rows \(x.shape=\(2, 3\), y.shape=\(4, 5\)\)",
        ),
        ((3,), (4, 5), "x has 3 elements but y has 4 rows"),
        ((2, 3), (4,), "x has 3 columns but y has 4 elements"),
        ((2, 2, 3), (3, 3, 4), r"leading axes: shapes \(2,\) and \(3,\) do not broadcast"),
        ((), (3,), r"the first operand has shape \(\)"),
        ((3,), (), r"the second operand has shape \(\)"),
    ],
)
def test_matmul_says_what_does_not_fit(x, y, message):
    with pytest.raises(nb.ShapeError, match=message):
        nb.matmul(np.ones(x), np.ones(y))


def test_what_makes_little_of_much_runs_at_once():
    """So that a list of losses does not hold what they were made from."""
    x = nb.asarray(np.ones(2**20))
    loss = (x + x) @ (x + x)
    assert loss._node.value == 2.0**22 and not loss._node.inputs
    assert (x[:4] @ x[:4])._node.value is None


# ---- its relatives --------------------------------------------------------------------------------------------

PRODUCTS = [
    (
        nb.dot,
        np.dot,
        [((3,), (3,)), ((2, 3), (3,)), ((2, 3), (5, 3, 4)), ((4, 2, 3), (5, 3, 4)), ((), (3,)), ((2,), ())],
    ),
    (nb.inner, np.inner, [((3,), (3,)), ((2, 3), (5, 3)), ((4, 2, 3), (5, 4, 3)), ((), (3,))]),
    (nb.outer, np.outer, [((3,), (2,)), ((2, 3), (4,)), ((), (3,))]),
    (nb.kron, np.kron, [((3,), (2,)), ((2, 3), (4,)), ((2, 3), (4, 5)), ((2,), (3, 1, 2)), ((), (3,))]),
    (nb.vdot, np.vdot, [((3,), (3,)), ((2, 3), (3, 2)), ((), ())]),
    (nb.vecdot, np.vecdot, [((3,), (3,)), ((2, 3), (5, 1, 3)), ((4, 2, 3), (1, 3)), ((3,), (5, 3)), ((0, 3), (3,))]),
    (nb.cross, np.linalg.cross, [((3,), (3,)), ((2, 3), (5, 1, 3)), ((3,), (5, 3))]),
]
CASES = [(ours, theirs, *shapes) for ours, theirs, choices in PRODUCTS for shapes in choices]
IDS = [f"{ours.__name__} {x} {y}" for ours, _, x, y in CASES]


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "int32"])
@pytest.mark.parametrize(("ours", "theirs", "x", "y"), CASES, ids=IDS)
def test_products_are_numpys(ours, theirs, x, y, dtype):
    x, y = array(x, dtype), array(y, dtype)
    same(ours(x, y), theirs(x, y))


@pytest.mark.parametrize(("ours", "theirs", "x", "y"), [c for c in CASES if 0 not in c[2]], ids=[i for i in IDS if "(0" not in i])
def test_products_in_every_mode(ours, theirs, x, y):
    for dtype in ("float64", "complex128"):
        nb.testing.check_grads(ours, (array(x, dtype), array(y, dtype)))
    nb.testing.check_vmap(ours, (array((2, *x)), array((2, *y))))
    nb.testing.check_vmap(ours, (array((2, *x)), array(y)), in_axes=(0, None))


def test_a_number_scales():
    assert nb.dot(nb.asarray(np.ones(3, np.float32)), 2.0).dtype == np.float32


def test_vecdot_and_cross_along_another_axis():
    x, y = array((3, 4), "complex128"), array((3, 4), "complex128")
    same(nb.vecdot(x, y, axis=0), np.vecdot(x, y, axis=0))
    same(nb.cross(x, y, axis=0), np.linalg.cross(x, y, axis=0))


@pytest.mark.parametrize(
    ("x", "y", "axes"),
    [
        ((3, 4), (3, 4), 2),
        ((3, 4), (5,), 0),
        ((3, 4), (4, 5), 1),
        ((3, 4, 5), (5, 4, 6), ([1, 2], [1, 0])),
        ((3, 4, 5), (5, 4, 6), ([1, -1], [-2, 0])),
        ((3, 4, 5), (2, 5, 4), ([2, 1], [1, 2])),
        ((3, 4), (4, 3), (0, 1)),
    ],
)
def test_tensordot(x, y, axes):
    x, y = array(x), array(y)
    same(nb.tensordot(x, y, axes=axes), np.tensordot(x, y, axes))
    nb.testing.check_grads(lambda x, y: nb.tensordot(x, y, axes), (x, y))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nb.dot(np.ones(3), np.ones(4)), nb.ShapeError, "dot: .* x has 3 elements but y has 4"),
        (lambda: nb.vdot(np.ones(3), np.ones(4)), nb.ShapeError, "vdot: x has 3 elements but y has 4"),
        (lambda: nb.vecdot(np.ones(3), np.ones(4)), nb.ShapeError, "vecdot: the vectors have lengths 3 and 4"),
        (lambda: nb.vecdot(np.ones((2, 3)), np.ones((4, 3))), nb.ShapeError, r"\(2,\) and \(4,\) do not"),
        (lambda: nb.vecdot(1.0, np.ones(3)), nb.AxisError, "vecdot: axis -1 given"),
        (lambda: nb.inner(np.ones(3), np.ones(4)), nb.ShapeError, "inner: the last axes have lengths 3 and 4"),
        (lambda: nb.cross(np.ones(3), np.ones(4)), nb.ShapeError, "cross: .* 3 elements .*; got 4"),
        (lambda: nb.tensordot(np.ones((3, 4)), np.ones((4, 5))), nb.ShapeError, r"lengths \(3, 4\), but"),
        (lambda: nb.tensordot(np.ones(3), np.ones(3), 2), nb.ArgumentError, "axes=2, but x has 1 axes"),
        (lambda: nb.tensordot(np.ones(3), np.ones(3), "i"), nb.ArgumentTypeError, "axes is a number or a pair"),
        (lambda: nb.tensordot(np.ones(3), np.ones(3), (0, 0, 0)), nb.ArgumentError, "or a pair"),
        (lambda: nb.tensordot(np.ones(3), np.ones(3), ([0], [0, 0])), nb.ArgumentError, "1 axes of x are paired"),
        (lambda: nb.tensordot(np.ones((3, 3)), np.ones((3, 3)), ([0, 0], [0, 1])), nb.ArgumentError, "twice"),
    ],
)  # fmt: skip
def test_products_say_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- einsum ---------------------------------------------------------------------------------------------------

PATTERNS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ba", (2, 3)),
    ("i,j", (2,), (3,)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,ij", (2, 3), (2, 3)),
    ("ij,kl", (2, 3), (4, 5)),
    ("ij,jk->k", (2, 3), (3, 4)),
    ("ij,ik->i", (2, 3), (2, 4)),
    ("ijk,kj->i", (2, 3, 4), (4, 3)),
    ("abcd,cdef->abef", (2, 1, 4, 2), (4, 2, 2, 3)),
    ("iij->j", (3, 3, 2)),
    ("iii->i", (3, 3, 3)),
    ("iijj->ij", (3, 3, 2, 2)),
    ("ijij->", (2, 3, 2, 3)),
    ("Ab,bC", (2, 3), (3, 4)),
    (" i j , j k -> i k ", (2, 3), (3, 4)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
    ("...ij,...jk", (5, 1, 2, 3), (6, 3, 4)),
    ("i...,i...->...", (3, 2), (3, 4, 2)),
    ("i...->...", (3, 2, 2)),
    ("...a,...b->...ab", (5, 2), (5, 3)),
    ("...,...", (3, 2), (2,)),
    ("...", (2, 3)),
    ("i,i", (1,), (3,)),
    ("ij,j->i", (2, 1), (3,)),
    ("i,i,i->i", (3,), (3,), (3,)),
    ("i,ij,j->", (3,), (3, 4), (4,)),
    ("ab,bc,ca->", (2, 3), (3, 4), (4, 2)),
    ("bij,bjk,bkl->il", (5, 2, 3), (5, 3, 4), (5, 4, 2)),
    ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 5), (5, 6)),
]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern[0])
def test_einsum_is_numpys(pattern):
    text, *shapes = pattern
    for dtype in ("float64", "complex128", "int32"):
        arrays = [array(shape, dtype) for shape in shapes]
        same(nb.einsum(text, *arrays), np.einsum(text, *arrays))


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern[0])
def test_einsum_in_every_mode(pattern):
    text, *shapes = pattern
    nb.testing.check_grads(lambda *xs: nb.einsum(text, *xs), tuple(array(shape) for shape in shapes))
    batches = tuple(array((2, *shape)) for shape in shapes)
    nb.testing.check_vmap(lambda *xs: nb.einsum(text, *xs), batches)
    nb.testing.check_vmap(nb.grad(lambda *xs: (nb.einsum(text, *xs) ** 2).sum()), batches)


def test_einsum_with_lists_of_axes():
    x, y = array((2, 3)), array((3, 4))
    same(nb.einsum(x, [0, 1], y, [1, 2], [0, 2]), x @ y)
    same(nb.einsum(x, [0, 1], y, [1, 2]), x @ y)
    same(nb.einsum(x, [0, ...], [..., 0]), x.T)


def test_einsum_with_nothing_in_it():
    same(nb.einsum("ij,jk", array((0, 3)), array((3, 4))), np.zeros((0, 4)))
    same(nb.einsum("ij,jk", array((2, 0)), array((0, 4))), np.zeros((2, 4)))
    same(nb.einsum(",", 2.0, 3.0), 6.0)


def test_einsum_multiplies_in_a_cheap_order():
    """From the left this would make a matrix of 10**8 elements, in the cheap order it makes numbers."""
    x = np.full(10_000, 0.5)
    assert nb.einsum("i,j,i,j->", x, x, x, x).item() == 6_250_000.0
    assert nb.einsum("i,j,j->i", x, x, x).shape == (10_000,)


@pytest.mark.parametrize(
    ("text", "shapes", "error", "message"),
    [
        ("ij,jk->ik", [(3, 2), (3, 2)], nb.ShapeError, r"index 'j' has different lengths: 2 in operand 0 of"),
        ("...,...", [(3, 2), (3,)], nb.ShapeError, "an axis under the ellipsis has different lengths"),
        ("ii->i", [(1, 3)], nb.ShapeError, "index 'i' stands for a diagonal, but .* 1 and 3"),
        ("ij", [(3,)], nb.ShapeError, r"'ij' names 2 axes, but operand 0 has shape \(3,\)"),
        ("i", [(3, 2)], nb.ShapeError, r"'i' names 1 axes, but operand 0 has shape \(3, 2\)"),
        ("i...->i", [(2, 3)], nb.ArgumentError, "the result needs a '...' too"),
        ("ij->ii", [(3, 3)], nb.ArgumentError, "index 'i' stands twice in the result"),
        ("ij->k", [(3, 3)], nb.ArgumentError, "index 'k' of the result does not occur"),
        ("ij,jk", [(3, 3)], nb.ArgumentError, "describe 2 operands, but 1 were given"),
        ("ij", [(3, 3), (3,)], nb.ArgumentError, "describe 1 operands, but 2 were given"),
        ("i-j", [(3, 2)], nb.ArgumentError, "cannot read 'i-j'"),
        ("i..j", [(3, 2)], nb.ArgumentError, "cannot read 'i..j'"),
        ("......", [(3, 2)], nb.ArgumentError, "cannot read"),
    ],
)  # fmt: skip
def test_einsum_says_what_does_not_fit(text, shapes, error, message):
    with pytest.raises(error, match=message):
        nb.einsum(text, *[np.ones(shape) for shape in shapes])


def test_einsum_wants_subscripts():
    with pytest.raises(nb.ArgumentTypeError, match="expected a string of subscripts"):
        nb.einsum(np.ones(3), np.ones(3))


# ---- multi_dot ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 3), (3, 4)],
        [(3,), (3, 4), (4, 5), (5,)],
        [(10, 2), (2, 30), (30, 3), (3, 7)],
        [(3,), (3,)],
        [(2, 0), (0, 3)],
    ],
    ids=str,
)
def test_multi_dot(shapes):
    arrays = [array(shape) for shape in shapes]
    same(nb.linalg.multi_dot(arrays), np.linalg.multi_dot(arrays))
    nb.testing.check_grads(lambda *xs: nb.linalg.multi_dot(xs), tuple(arrays), order=1)


def test_multi_dot_multiplies_in_the_cheapest_order():
    """From the left this would make a matrix of 10**8 elements."""
    column, row = np.ones((10_000, 1)), np.ones((1, 10_000))
    assert nb.linalg.multi_dot([column, row, column]).shape == (10_000, 1)


@pytest.mark.parametrize(
    ("shapes", "error", "message"),
    [
        ([(2, 3)], nb.ArgumentError, "two or more matrices; got 1"),
        ([(3, 4), (3, 4)], nb.ShapeError, r"arrays\[0\] and arrays\[1\]: .* 4 columns but y has 3 rows"),
        ([(3, 4), (4,), (4, 3)], nb.ShapeError, r"arrays\[1\] has shape \(4,\); expected a matrix"),
        ([(2, 3, 4), (4, 3)], nb.ShapeError, r"arrays\[0\] has shape \(2, 3, 4\); expected a matrix or a vector"),
    ],
)  # fmt: skip
def test_multi_dot_says_what_does_not_fit(shapes, error, message):
    with pytest.raises(error, match=message):
        nb.linalg.multi_dot([np.ones(shape) for shape in shapes])
