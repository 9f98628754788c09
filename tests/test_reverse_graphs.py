"""The graphs that reverse mode writes: no operation more than the formula has, and in loops no more kept than is worth it."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

import nabla as nb
from nabla.autodiff.cut import smallest
from nabla.graph.simplify import simplify
from nabla.primitives import scan as scans
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


def safe(f, *args):
    return [name for name in names(gradient(f, *args)) if name == "safe_multiply"]


def test_a_sum_has_inserted_zeros_where_all_its_terms_have_them():
    root = lambda x: nb.sqrt(x)
    guarded = lambda x: nb.where(x > 0, root(x), 0.0)
    positive = np.array([0.5, 4.0, 9.0])
    assert safe(lambda x: nb.sum(guarded(x)), positive)
    both = lambda x: nb.sum(nb.where(x > 0, r := root(x), 0.0) + nb.where(x > 1, 2.0 * r, 0.0))
    assert safe(both, positive)
    assert nb.grad(both)(np.array([0.0, 4.0])).tolist() == [0.0, 0.75]
    # Beside the guarded root, the plain one is used: at 0 its slope is infinite, guarded or not.
    plain = lambda x: nb.sum(nb.where(x > 0, r := root(x), 0.0) + r)
    assert not safe(plain, positive)
    assert nb.grad(plain)(np.array([0.0, 4.0])).tolist() == [np.inf, 0.5]
    reads = lambda x: nb.sum(nb.where(x[1:] > 0, root(x)[1:], 0.0)) + nb.sum(root(x)[:-1])
    assert nb.grad(reads)(np.array([4.0, 1.0, 0.0])).tolist() == [0.25, 1.0, 0.0]
    for f in (both, plain):
        check_grads(f, (positive,), order=2)


def test_steps_of_a_stencil_multiply_plainly():
    def laplacian(u):
        wide = nb.pad(u, 1)
        return 4 * u - wide[:-2, 1:-1] - wide[2:, 1:-1] - wide[1:-1, :-2] - wide[1:-1, 2:]

    step = lambda u: u + 0.1 * u * laplacian(u)
    assert not safe(lambda u: nb.sum(step(step(u))), np.ones((4, 5)))
    check_grads(step, (np.arange(20.0).reshape(4, 5) / 20,), order=2)


def test_a_product_with_ones_is_the_other_factor():
    rows = np.arange(6.0).reshape(3, 2)
    assert names(gradient(lambda x: nb.sum(nb.logsumexp(x, axis=1)), rows)) == ["softmax"]
    assert names(gradient(nb.logsumexp, rows)) == ["softmax"]
    assert names(gradient(lambda x: nb.sum(nb.exp(x) + nb.sum(x * x)), X)) == ["add", "add", "exp", "multiply"]


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


def test_reads_of_one_place_are_added_up_before_they_are_put_there():
    def f(x):
        return nb.sum(nb.sin(x[1:]) * nb.cos(x[1:]) + x[:2] * x[:2] ** 3) + x[0] * x[2] * x[0]

    (found,) = [node for node in gradient(f, X).nodes if node.prim.name == "assemble"]
    assert sorted(map(str, found.params["specs"])) == ["((0, 2, 1),)", "((1, 2, 1),)", "(0,)", "(2,)"]
    assert not found.params["disjoint"]
    check_grads(f, (X,), order=2)


@pytest.mark.parametrize(
    ("parts", "apart"),
    [
        ([np.s_[0], np.s_[2], np.s_[1]], True),
        ([np.s_[:2], np.s_[2:]], True),
        ([np.s_[:2], np.s_[1:]], False),
        ([np.s_[::-2], np.s_[3:]], False),
        ([np.s_[:, 0], np.s_[:, 1:]], True),
        ([np.s_[0, 0], np.s_[1, 1], np.s_[0, 1]], False),  # they are, but not along one axis
        ([np.s_[1:1], np.s_[:3]], True),
    ],
)
def test_parts_that_are_apart_are_known_to_be(parts, apart):
    x = np.arange(16.0).reshape(4, 4)
    f = lambda x: sum(nb.sum(x[part] ** 3) for part in parts)
    (found,) = [node for node in gradient(f, x).nodes if node.prim.name == "assemble"]
    assert found.params["disjoint"] == apart
    expected = np.zeros((4, 4))
    for part in parts:
        expected[part] += 3.0 * x[part] ** 2
    np.testing.assert_allclose(nb.grad(f)(x), expected, rtol=1e-14)


def test_what_changes_no_shape_and_no_dtype_goes():
    f = lambda x: nb.sum(nb.broadcast_to(nb.reshape(nb.astype(x, np.float64), (3,)), (3,)) * x)
    assert names(simplify(nb.jit(f, engine="numpy").lower(X).graph)) == ["multiply", "sum"]
    assert nb.jit(lambda x: nb.reshape(x, (3,)), engine="numpy")(X).tolist() == X.tolist()


# ---- what loops keep ------------------------------------------------------------------------------------------


def random_graph(rng, size):
    """Stand-ins for nodes, each made of older ones; the first are inputs, and some others are not cheap."""
    nodes = []
    for i in range(size):
        inputs = [nodes[j] for j in rng.choice(i, min(i, int(rng.integers(1, 3))), replace=False)] if i > 1 else []
        cheap = bool(inputs) and rng.uniform() < 0.8
        nodes.append(Stand(i, inputs, cheap, int(rng.integers(1, 6))))
    return nodes


class Stand(SimpleNamespace):
    def __init__(self, i, inputs, cheap, size):
        super().__init__(id=i, inputs=inputs, prim=SimpleNamespace(cheap=cheap), size=size, dtype=SimpleNamespace(itemsize=8))

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def computable(x, kept):
    return x in kept or (x.prim.cheap and all(computable(y, kept) for y in x.inputs))


def total(nodes):
    return sum(x.size for x in nodes)


@pytest.mark.parametrize("seed", range(40))
def test_no_other_choice_keeps_fewer_bytes(seed):
    rng = np.random.default_rng(seed)
    nodes = random_graph(rng, 9)
    read = [nodes[i] for i in sorted(rng.choice(range(2, 9), 4, replace=False))]
    kept = smallest(read, read, lambda x: x.inputs)
    assert all(computable(x, kept) for x in read)
    subsets = itertools.chain.from_iterable(itertools.combinations(nodes, n) for n in range(len(read) + 1))
    assert total(kept) == min(total(subset) for subset in subsets if all(computable(x, subset) for x in read))


def test_of_equal_choices_the_one_that_leaves_less_to_compute():
    x = Stand(0, [], False, 3)
    y = Stand(1, [x], True, 3)
    ends = [Stand(i, [y], True, 2) for i in (2, 3)]
    assert smallest(ends, ends, lambda x: x.inputs) == [y]
    assert smallest([y], [y], lambda x: x.inputs) == [y]


def test_what_saves_little_is_not_worth_much_computing():
    first = Stand(0, [], False, 10)
    chain = [first]
    for i in range(1, 40):
        chain.append(Stand(i, [chain[-1]], True, 10))
    last = Stand(40, [chain[-1]], True, 11)
    assert smallest([last], [last], lambda x: x.inputs) == [chain[-1]]
    read = [chain[20], Stand(41, [chain[20]], True, 1)]
    assert smallest(read, read, lambda x: x.inputs) == [chain[20]]
    wide = [Stand(50 + i, [chain[30]], True, 1000) for i in range(20)]
    ends = [Stand(80, wide, True, 11)]
    assert smallest(ends, ends, lambda x: x.inputs) == ends


def steps(n, count, middle=lambda y: y):
    """Runge-Kutta's second order for y' = x * (y moved by one place), and the last element at the end."""

    def f(x):
        slope = lambda y: x * middle(nb.concat([nb.ones(1), y[:-1]]))
        step = lambda y, _: (y + 0.1 * slope(y + 0.05 * slope(y)), None)
        return nb.scan(step, nb.zeros_like(x), None, count)[0][-1]

    return f, np.linspace(0.5, 1.5, n)


def forward_scan(graph):
    return next(node for node in graph.nodes if node.prim is scans.SCAN)


def test_a_long_loop_of_large_arrays_keeps_its_carry_and_computes_the_rest_again():
    few, many = ((100, 10), (100_000, 100))
    kept = [[x[1:] for x in forward_scan(gradient(*steps(*size))).shape] for size in (few, many)]
    assert kept == [[(), (100,), (100,)], [(), (100_000,)]]
    f, x = steps(100_000, 100, middle=nb.exp)  # what is not cheap is kept
    assert len(forward_scan(gradient(f, x)).shape) == 3


@pytest.mark.parametrize("middle", [lambda y: y, nb.sin, lambda y: nb.where(y > 0.9, y * y, nb.abs(y))])
def test_what_is_computed_again_is_the_same(middle, monkeypatch):
    f, x = steps(5, 4, middle)
    usual = nb.jit(nb.grad(f), engine="numpy")(x)
    monkeypatch.setattr(scans, "LARGE", -1)
    f, x = steps(5, 4, middle)
    assert nb.jit(nb.grad(f), engine="numpy")(x).tobytes() == usual.tobytes()
    check_grads(f, (x,), order=2)
