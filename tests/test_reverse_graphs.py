"""The graphs that reverse mode writes: no operation more than the formula has, and in loops no more kept than is worth it."""

import numpy as np

import nabla as nb
from nabla.graph.simplify import simplify
from nabla.testing import check_grads


def gradient(f, *args):
    """The simplified graph of the gradient."""
    return simplify(nb.jit(nb.grad(f), engine="numpy").lower(*args).graph)


def names(graph):
    return sorted(node.prim.name for node in graph.nodes)


X = np.array([0.5, -1.0, 2.0])


def test_a_product_broadcasts_the_cotangent_itself():
    f = lambda x: nb.log(nb.sum(nb.exp(x)))
    assert names(gradient(f, X)) == ["divide", "exp", "multiply", "sum"]
    rows = lambda x: nb.sum(nb.log(nb.sum(nb.exp(x), axis=1)))
    assert names(gradient(rows, np.ones((3, 2)))) == ["divide", "exp", "multiply", "reshape", "sum"]
    check_grads(f, (X,), order=2)
    check_grads(rows, (np.array([[1.0, 2.0], [0.5, -1.0]]),), order=2)


def test_a_cotangent_is_summed_before_it_is_negated():
    graph = gradient(lambda a: nb.sum(nb.exp(X - a) * X), np.array(0.3))
    assert [node.shape for node in graph.nodes if node.prim.name == "negative"] == [()]


def test_with_a_number_of_the_program_products_under_a_mask_are_plain():
    f = lambda x: nb.sum(nb.exp(2.5 * x)[1:] * nb.where(x > 0, 3.0 * x, x)[1:])
    found = [node for node in gradient(f, X).nodes if node.prim.name == "safe_multiply"]
    assert len(found) == 1 and all(x.shape for x in found[0].inputs)
    check_grads(f, (X,), order=2)


def test_zero_and_infinity_keep_their_place_under_a_mask():
    """0 * inf where nothing was chosen: a factor that stands in the program is no exception where it is zero or infinite."""
    chosen = lambda x: nb.where(x > 1.0, x, 0.0)
    assert nb.grad(lambda x: nb.sum(chosen(x * np.inf)))(np.array([0.5])).tolist() == [np.inf]
    assert nb.grad(lambda x: nb.sum(nb.where(x > 1.0, x * np.inf, 0.0)))(np.array([0.5])).tolist() == [0.0]
    assert nb.grad(lambda x: nb.sum(nb.where(x > 1.0, nb.sqrt(x * 0.0), x)))(np.array([2.0, 0.5])).tolist() == [0.0, 1.0]


def test_what_changes_no_shape_and_no_dtype_goes():
    f = lambda x: nb.sum(nb.broadcast_to(nb.reshape(nb.astype(x, np.float64), (3,)), (3,)) * x)
    assert names(simplify(nb.jit(f, engine="numpy").lower(X).graph)) == ["multiply", "sum"]
    assert nb.jit(lambda x: nb.reshape(x, (3,)), engine="numpy")(X).tolist() == X.tolist()
