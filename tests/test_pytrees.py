"""Pytrees: every container in every transform, structures that are kept, paths in errors, classes registered by one call."""

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest

import nabla as nb

Point = namedtuple("Point", ["x", "y"])


@nb.register_dataclass
@dataclasses.dataclass
class Line:
    slope: float
    offset: float


@dataclasses.dataclass(frozen=True)
class Layer:
    weights: np.ndarray
    bias: np.ndarray
    name: str = "layer"
    activation: object = nb.tanh


nb.register_dataclass(Layer, static=("name", "activation"))


class Pair:
    def __init__(self, left, right, tag):
        self.left, self.right, self.tag = left, right, tag

    def __eq__(self, other):
        return (self.left, self.right, self.tag) == (other.left, other.right, other.tag)


nb.tree.register_pytree_node(Pair, lambda p: ((p.left, p.right), p.tag), lambda tag, parts: Pair(*parts, tag))


# Each holds the numbers 2.0 and 3.0 in the order in which a tree of its kind is flattened.
TREES = {
    "dict": {"b": 3.0, "a": 2.0},
    "list": [2.0, 3.0],
    "tuple": (2.0, 3.0),
    "namedtuple": Point(2.0, 3.0),
    "deque": deque([2.0, 3.0]),
    "OrderedDict": OrderedDict(z=2.0, a=3.0),
    "defaultdict": defaultdict(float, a=2.0, b=3.0),
    "dataclass": Line(2.0, 3.0),
    "own class": Pair(2.0, 3.0, "tag"),
    "nested": {"p": [Point(2.0, None), ()], "q": ({"r": [3.0]}, None)},
}


@pytest.fixture(params=TREES)
def tree(request):
    return TREES[request.param]


def product(tree):
    a, b = nb.tree.leaves(tree)
    return a**2 * b


def values(tree):
    return [x.item() for x in nb.tree.leaves(tree)]


# ---- every container ------------------------------------------------------------------------------------------


def test_gradients_have_the_structure_of_the_argument(tree):
    for g in (nb.grad(product)(tree), nb.grad(product, mode="forward")(tree), nb.value_and_grad(product)(tree)[1]):
        assert type(g) is type(tree)
        assert nb.tree.structure(g) == nb.tree.structure(tree)
        assert values(g) == [12.0, 4.0]


def test_jacobians_and_hessians(tree):
    for jacobian in (nb.jacrev, nb.jacfwd, nb.jacobian):
        j = jacobian(product, argnums=0)(tree)
        assert nb.tree.structure(j) == nb.tree.structure(tree)
        assert values(j) == [12.0, 4.0]
        j = jacobian(lambda t: nb.tree.map(lambda x: x * 5.0, t), argnums=0)(tree)
        assert values(j) == [5.0, 0.0, 0.0, 5.0]
    h = nb.hessian(product, argnums=0)(tree)
    assert type(h) is type(tree)
    assert values(h) == [6.0, 4.0, 4.0, 0.0]


def test_vjp_and_jvp(tree):
    out, pullback = nb.vjp(lambda t: nb.tree.map(lambda x: x * x, t), tree)
    assert type(out) is type(tree)
    assert values(pullback(tree)) == [8.0, 18.0]
    out, tangent = nb.jvp(lambda t: nb.tree.map(lambda x: x * x, t), (tree,), (tree,))
    assert type(tangent) is type(tree)
    assert values(tangent) == [8.0, 18.0]


def test_vmap_in_and_out(tree):
    batch = nb.tree.map(lambda x: np.array([x, x + 1.0]), tree)
    out = nb.vmap(lambda t: nb.tree.map(lambda x: x * 2.0, t))(batch)
    assert type(out) is type(tree)
    assert nb.tree.structure(out) == nb.tree.structure(tree)
    assert [x.tolist() for x in nb.tree.leaves(out)] == [[4.0, 6.0], [6.0, 8.0]]
    g = nb.vmap(nb.grad(product))(batch)
    assert [x.tolist() for x in nb.tree.leaves(g)] == [[12.0, 24.0], [4.0, 9.0]]


def test_axes_of_a_class_of_ones_own():
    line = Line(np.arange(3.0), 1.0)
    assert nb.vmap(lambda line: line.slope + line.offset, in_axes=(Line(0, None),))(line).tolist() == [1.0, 2.0, 3.0]
    out = nb.vmap(lambda line: Line(line.slope, 7.0), in_axes=(Line(0, None),), out_axes=Line(0, None))(line)
    assert (out.slope.shape, out.offset.item()) == ((3,), 7.0)
    with pytest.raises(nb.TreeError, match=r"in_axes has Pair.* where args\[0\] is a Line with 2 children|in_axes has <.*Pair"):
        nb.vmap(lambda line: line.slope, in_axes=(Pair(0, None, "tag"),))(line)


def test_backward(tree):
    leaves = nb.tree.map(lambda x: nb.array(x, requires_grad=True), tree)
    nb.backward(nb.tree.map(lambda x: x * x, leaves), nb.tree.map(lambda x: 10.0, tree))
    assert [x.grad.item() for x in nb.tree.leaves(leaves)] == [40.0, 60.0]


def test_trees_that_are_not_differentiated_reach_the_function_as_they_are(tree):
    seen = []
    nb.grad(lambda x, t: seen.append(t) or x)(1.0, tree)
    assert seen[0] is tree


def test_tensors_in_them_come_as_fresh_handles(tree):
    tensors = nb.tree.map(lambda x: nb.array([x]), tree)

    def f(x, t):
        assert type(t) is type(tree)
        for leaf in nb.tree.leaves(t):
            leaf *= 100.0
        return x * nb.tree.leaves(t)[0].sum()

    assert nb.grad(f)(1.0, tensors).item() == 200.0
    assert [x.tolist() for x in nb.tree.leaves(tensors)] == [[2.0], [3.0]]


# ---- details --------------------------------------------------------------------------------------------------


def test_dicts_are_ordered_by_key_and_come_back_in_their_own_order():
    g = nb.grad(lambda p: p["z"] * p["a"])({"z": 2.0, "a": 3.0})
    assert list(g) == ["z", "a"]
    assert (g["z"].item(), g["a"].item()) == (3.0, 2.0)
    assert nb.tree.leaves({"z": 1, "a": 2}) == [2, 1]
    mixed = nb.grad(lambda p: p[1] * p["a"])({1: 2.0, "a": 3.0})
    assert (mixed[1].item(), mixed["a"].item()) == (3.0, 2.0)


def test_none_is_an_empty_node_everywhere():
    g = nb.grad(lambda p: p["w"] * 2.0)({"w": 1.0, "bias": None})
    assert g["bias"] is None
    out, pullback = nb.vjp(lambda x: (x, None), 1.0)
    assert out[1] is None
    assert pullback((3.0, None))[0].item() == 3.0
    assert nb.vmap(lambda p, q: p["w"] * 2.0)({"w": np.ones(2), "b": None}, None).tolist() == [2.0, 2.0]


def test_the_same_tensor_twice_in_a_tree_is_two_variables():
    x = nb.array(3.0)
    g = nb.grad(lambda p: p[0] ** 2 * p[1])([x, x])
    assert values(g) == [18.0, 9.0]


def test_a_dataclass_with_static_fields():
    layer = Layer(np.array([[1.0, 2.0]]), np.array([0.5]), "first", nb.sin)

    def f(layer, x):
        assert layer.name == "first"
        return layer.activation(nb.matmul(layer.weights, x) + layer.bias).sum()

    g = nb.grad(f)(layer, np.array([0.3, 0.4]))
    assert type(g) is Layer
    assert (g.name, g.activation) == ("first", nb.sin)
    assert type(g.weights) is np.ndarray
    np.testing.assert_allclose(g.weights, np.cos(1.1 + 0.5) * np.array([[0.3, 0.4]]))
    updated = nb.tree.map(lambda p, g: p - 0.1 * g, layer, g)
    assert type(updated) is Layer and updated.name == "first"


def test_static_fields_are_part_of_the_structure():
    a, b = Layer(np.ones(1), np.ones(1), "a"), Layer(np.ones(1), np.ones(1), "b")
    assert nb.tree.structure(a) != nb.tree.structure(b)
    with pytest.raises(nb.TreeError, match=r"the trees differ in structure"):
        nb.tree.map(lambda x, y: x + y, a, b)
    _, pullback = nb.vjp(lambda x: Layer(x, x, "a"), np.ones(1))
    with pytest.raises(
        nb.TreeError, match="pullback: the cotangent does not have the structure of the output: cotangent is a Layer"
    ):
        pullback(b)


def test_registering_a_dataclass():
    @dataclasses.dataclass
    class Decay:
        rate: float

    assert nb.register_dataclass(Decay) is Decay
    assert nb.grad(lambda d: d.rate**2)(Decay(3.0)).rate.item() == 6.0

    @nb.register_dataclass(static=["steps"])
    @dataclasses.dataclass
    class Plan:
        size: float
        steps: int
        total: float = dataclasses.field(init=False)

        def __post_init__(self):
            self.total = self.size * self.steps

    g = nb.grad(lambda p: p.total * p.size)(Plan(2.0, 3))
    assert (g.size.item(), g.steps) == (12.0, 3)
    with pytest.raises(nb.ArgumentTypeError, match=r"register_dataclass takes a dataclass; got .*Put @dataclass below it"):
        nb.register_dataclass(int)
    with pytest.raises(nb.ArgumentTypeError, match="register_dataclass takes a dataclass; got "):
        nb.register_dataclass(Line(1.0, 2.0))
    with pytest.raises(nb.ArgumentTypeError, match="Decay has no field named speed; its fields are rate"):
        nb.register_dataclass(Decay, static=("speed",))
    with pytest.raises(nb.ArgumentTypeError, match="register_pytree_node registers a class; got 3"):
        nb.tree.register_pytree_node(3, None, None)


def test_registering_twice_is_told():
    @dataclasses.dataclass
    class Once:
        a: float

    nb.register_dataclass(Once)
    with pytest.raises(nb.ArgumentError, match="Once is registered already"):
        nb.register_dataclass(Once)
    with pytest.raises(nb.ArgumentError, match="Pair is registered already"):
        nb.tree.register_pytree_node(Pair, lambda p: ((), None), lambda _, c: None)


@nb.register_dataclass
@dataclasses.dataclass
class Picky:
    w: np.ndarray

    def __post_init__(self):
        if self.w.ndim != 2:
            raise ValueError("a matrix is wanted")


def test_a_class_that_checks_its_fields():
    """Nothing but gradients and values is ever put into it."""
    p = Picky(np.ones((2, 3)))
    assert nb.grad(lambda p: (p.w**2).sum())(p).w.shape == (2, 3)
    assert nb.jvp(lambda p: p, (p,), (p,))[1].w.shape == (2, 3)
    _, pullback = nb.vjp(lambda p: p, p)
    assert pullback(p)[0].w.shape == (2, 3)
    with pytest.raises(nb.TreeError, match="cotangent is a leaf, but in the output it is a Picky of 1"):
        pullback(np.ones((2, 3)))
    with pytest.raises(nb.TreeError, match="the tangent does not have the structure of primals"):
        nb.jvp(lambda p: p, (p,), (1.0,))


# ---- nb.tree --------------------------------------------------------------------------------------------------


def test_flatten_and_unflatten(tree):
    leaves, structure = nb.tree.flatten(tree)
    assert leaves == [2.0, 3.0]
    assert nb.tree.unflatten(structure, leaves) == tree
    assert type(nb.tree.unflatten(structure, leaves)) is type(tree)
    assert nb.tree.structure(tree) == structure


def test_map_of_several_trees():
    assert nb.tree.map(lambda a, b, c: a + b * c, {"x": [1, 2]}, {"x": [3, 4]}, {"x": [5, 6]}) == {"x": [16, 26]}
    with pytest.raises(nb.TreeError, match=r"tree.map: the trees differ in structure: .*'x'.* and .*'y'"):
        nb.tree.map(lambda a, b: a, {"x": 1}, {"y": 1})
    with pytest.raises(ValueError, match="from the function"):
        nb.tree.map(lambda a: (_ for _ in ()).throw(ValueError("from the function")), [1])


def test_tensors_are_leaves_whatever_their_shape():
    assert len(nb.tree.leaves([nb.ones((2, 3)), np.ones(2), 1.0])) == 3


# ---- paths in errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"w": [1.0, 2.0, "text"]}, r"args\[0\]\['w'\]\[2\]"),
        (Point(1.0, "text"), r"args\[0\]\.y"),
        (Line(1.0, "text"), r"args\[0\]\.offset"),
        ([(1.0, {"a": "text"})], r"args\[0\]\[0\]\[1\]\['a'\]"),
    ],
)
def test_an_argument_is_named_by_its_path(wrong, path):
    for transform in (nb.grad, nb.jacrev, nb.jacfwd):
        with pytest.raises(nb.ArgumentTypeError, match=rf"{path} is a str, which cannot be differentiated"):
            transform(lambda p: 1.0, argnums=0)(wrong)
    with pytest.raises(nb.ArgumentTypeError, match=path.replace("args", "primals")):
        nb.vjp(lambda p: 1.0, wrong)


def test_a_named_argument_and_an_output_too():
    with pytest.raises(nb.DTypeError, match=r"kwargs\['p'\]\['n'\]\[0\] is the Python int 3"):
        nb.grad(lambda *, p: 1.0, argnames="p")(p={"n": [3]})
    with pytest.raises(nb.ArgumentTypeError, match=r"jacrev: the function returned a str at output\.y"):
        nb.jacrev(lambda x: Point(x, "text"))(1.0)
    with pytest.raises(nb.AxisError, match=r"kwargs\['p'\]\.x, which has shape \(2,\)"):
        nb.vmap(lambda *, p: p.x, in_axes={"p": 1})(p=Point(np.ones(2), np.ones((2, 2))))


def test_a_container_that_is_not_registered_is_named():
    class Box:
        def __init__(self, value):
            self.value = value

    with pytest.raises(
        nb.ArgumentTypeError, match=r"args\[0\] is a Box, .*nb\.register_dataclass or nb\.tree\.register_pytree_node"
    ):
        nb.grad(lambda b: b.value)(Box(1.0))


def test_is_leaf_stops_the_way_down():
    shapes = {"w": (2, 3), "b": [(3,), None]}
    is_shape = lambda x: isinstance(x, tuple)
    made = nb.tree.map(nb.zeros, shapes, is_leaf=is_shape)
    assert made["w"].shape == (2, 3) and made["b"][0].shape == (3,) and made["b"][1] is None
    leaves, structure = nb.tree.flatten(shapes, is_leaf=is_shape)
    assert leaves == nb.tree.leaves(shapes, is_leaf=is_shape) == [(3,), (2, 3)]
    assert structure == nb.tree.structure(made) == nb.tree.structure(shapes, is_leaf=is_shape)
    assert nb.tree.unflatten(structure, leaves) == shapes
    assert nb.tree.map(lambda a, b: (a, b), [None, 1], [2, 3], is_leaf=lambda x: x is None) == [(None, 2), (1, 3)]
    with pytest.raises(nb.TreeError, match=r"tree\.map: the trees differ in structure"):
        nb.tree.map(lambda a, b: a, {"w": (1, 2)}, {"v": 1}, is_leaf=is_shape)


def test_ravel_pytree():
    params = {"w": np.arange(6.0).reshape(2, 3), "b": (nb.zeros((), dtype=nb.float32), 2.0), "none": None}
    vector, unravel = nb.ravel_pytree(params)
    assert vector.tolist() == [0.0, 2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0] and vector.dtype == np.float64
    back = unravel(np.arange(8.0))
    assert nb.tree.structure(back) == nb.tree.structure(params)
    assert back["w"].tolist() == [[2.0, 3.0, 4.0], [5.0, 6.0, 7.0]]
    assert back["b"][0].dtype == np.float32 and back["b"][0].shape == () and back["b"][1].dtype == np.float64

    loss = lambda p: (p["w"] ** 2).sum() * p["b"][1] + p["b"][0]
    np.testing.assert_allclose(
        nb.jit(nb.grad(lambda v: loss(unravel(v))))(vector.numpy()), nb.ravel_pytree(nb.grad(loss)(params))[0].numpy()
    )
    nb.testing.check_grads(lambda p: nb.ravel_pytree(p)[0] ** 2, ({"x": np.ones(2), "y": [np.array(3.0)]},))
    assert nb.ravel_pytree([nb.ones(2, dtype=nb.float32), 1.0])[0].dtype == np.float32
    assert nb.ravel_pytree([True, 2])[0].tolist() == [1, 2]
    empty, unravel_empty = nb.ravel_pytree({})
    assert empty.shape == (0,) and unravel_empty(empty) == {}
    with pytest.raises(nb.ShapeError, match=r"this pytree is made of a vector of shape \(8,\); got shape \(7,\)"):
        unravel(np.zeros(7))
