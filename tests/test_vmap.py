"""vmap: against a loop; in_axes, out_axes, axis_size, chunk_size, for what they promise and for what they refuse.

Named axes are in test_collectives.py.
"""

import tracemalloc
from collections import namedtuple

import numpy as np
import pytest

import nabla as nb

close = np.testing.assert_allclose

ROWS = np.arange(6.0).reshape(3, 2)


def both(f, in_axes, *args, out_axes=0):
    """vmap against a loop over the lanes of arrays."""
    found = nb.vmap(f, in_axes=in_axes, out_axes=out_axes)(*args)
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    size = next(x.shape[axis] for x, axis in zip(args, axes, strict=True) if axis is not None)
    lanes = []
    for i in range(size):
        lane = [x if axis is None else np.take(x, i, axis) for x, axis in zip(args, axes, strict=True)]
        lanes.append(np.asarray(f(*[nb.asarray(x) for x in lane])))
    expected = np.stack(lanes, axis=out_axes)
    assert found.shape == expected.shape
    close(found, expected, rtol=1e-14)


# ---- against a loop -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_axes", [(0, 0), (0, None), (None, 0), (1, None), (-1, 0), (0, -1), (1, 1), (-2, 1)])
@pytest.mark.parametrize("out_axes", [0, 1, -1])
def test_axes_of_two_arguments(in_axes, out_axes):
    rng = np.random.default_rng(0)
    args = [rng.standard_normal((4, 2, 3)) if axis is not None else rng.standard_normal((2, 3)) for axis in in_axes]
    args = [x if axis is None else np.moveaxis(x, 0, axis) for x, axis in zip(args, in_axes, strict=True)]
    both(lambda x, y: nb.sin(x) * y + nb.matmul(x, nb.transpose(y)).sum(), in_axes, *args, out_axes=out_axes)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.sum(),
        lambda x: nb.max(x) - nb.mean(x),
        lambda x: nb.concat([x, x[::-1]]),
        lambda x: nb.where(x > 1.0, x, -x),
        lambda x: nb.outer(x, x),
        lambda x: nb.sort(x * nb.array([1.0, -1.0])),
        lambda x: x[nb.argmax(x)],
        lambda x: nb.logsumexp(x),
    ],
)
def test_functions_of_many_kinds(f):
    both(f, 0, ROWS)


def test_the_example_reads_like_one_example():
    seen = []

    def f(x, y):
        seen.append((x.shape, x.ndim, x.size, x.dtype, len(x), y.shape))
        return x.sum() + y

    nb.vmap(f)(nb.ones((3, 2), nb.float32), nb.ones(3))
    assert seen == [((2,), 1, 2, nb.float32, 2, ())]


def test_dtypes_stay():
    for dtype in (nb.float32, nb.int64, nb.bool_, nb.complex64):
        assert nb.vmap(lambda x: x[0])(nb.ones((3, 2), dtype)).dtype == dtype
    assert nb.vmap(lambda x: x * 2.0)(nb.ones(3, nb.float32)).dtype == nb.float32


# ---- outputs --------------------------------------------------------------------------------------------------


def test_outputs_that_are_the_same_for_all_examples_are_repeated_or_not():
    constant = nb.array([7.0, 8.0])
    out = nb.vmap(lambda x: (x, constant, 3.0, np.ones(2), True))(np.arange(3.0))
    assert [o.shape for o in out] == [(3,), (3, 2), (3,), (3, 2), (3,)]
    assert out[2].tolist() == [3.0, 3.0, 3.0]
    assert (out[4].tolist(), out[4].dtype) == ([True] * 3, nb.bool_)
    mapped, same, number = nb.vmap(lambda x: (x, constant, 3.0), out_axes=(0, None, None))(np.arange(3.0))
    assert same.tolist() == [7.0, 8.0]
    assert number.item() == 3.0
    assert mapped.shape == (3,)


def test_out_axes_as_a_prefix_of_the_output():
    f = lambda x: {"a": (x, x.sum()), "b": [nb.outer(x, x)]}
    out = nb.vmap(f, out_axes={"a": 0, "b": [-1]})(ROWS)
    assert (out["a"][0].shape, out["a"][1].shape, out["b"][0].shape) == ((3, 2), (3,), (2, 2, 3))
    out = nb.vmap(f, out_axes={"a": (1, 0), "b": 1})(ROWS)
    assert (out["a"][0].shape, out["a"][1].shape, out["b"][0].shape) == ((2, 3), (3,), (2, 3, 2))
    Pair = namedtuple("Pair", ["left", "right"])
    out = nb.vmap(lambda x: Pair(x, x.sum()), out_axes=Pair(1, 0))(ROWS)
    assert type(out) is Pair
    assert (out.left.shape, out.right.shape) == ((2, 3), (3,))


def test_nothing_but_containers_and_none_in_the_output():
    assert nb.vmap(lambda x: {"x": x, "nothing": None, "empty": ()})(np.ones(2))["nothing"] is None
    assert nb.vmap(lambda x: ())(np.ones(2)) == ()


def test_a_result_of_numpy_arrays_is_a_tensor():
    assert type(nb.vmap(lambda x: x * 2.0)(np.ones(2))) is nb.Tensor


# ---- in_axes --------------------------------------------------------------------------------------------------


def test_in_axes_as_prefixes_of_the_arguments():
    p = {"w": np.ones((2, 3)), "b": [np.arange(3.0), 5.0]}
    out = nb.vmap(lambda p, x: (p["w"] * x).sum() + p["b"][0] + p["b"][1], in_axes=({"w": 1, "b": [0, None]}, None))(p, np.ones(2))
    assert out.tolist() == [7.0, 8.0, 9.0]
    out = nb.vmap(lambda pair: pair[0] * pair[1], in_axes=([0, None],))([np.arange(3.0), 2.0])
    assert out.tolist() == [0.0, 2.0, 4.0]
    out = nb.vmap(lambda pair: pair[0] * pair[1], in_axes=((0, None),))([np.arange(3.0), 2.0])  # a tuple for a list will do
    assert out.tolist() == [0.0, 2.0, 4.0]
    Point = namedtuple("Point", ["x", "y"])
    out = nb.vmap(lambda p: p.x + p.y, in_axes=(Point(0, None),))(Point(np.arange(3.0), 1.0))
    assert out.tolist() == [1.0, 2.0, 3.0]


def test_one_int_for_all_arguments_and_all_their_leaves():
    p = {"a": np.ones((2, 3)), "b": (np.zeros((2, 3)), None)}
    assert nb.vmap(lambda p, x: (p["a"] + p["b"][0] + x).sum(), in_axes=1)(p, np.ones((4, 3))[:2]).shape == (3,)


def test_in_axes_by_parameter_name():
    def f(x, scale, *, shift=0.0, options=None):
        return x.sum() * scale + shift

    x = ROWS
    assert nb.vmap(f, in_axes={"x": 0})(x, 2.0).tolist() == [2.0, 10.0, 18.0]
    assert nb.vmap(f, in_axes={"x": 0})(x, scale=2.0).tolist() == [2.0, 10.0, 18.0]
    assert nb.vmap(f, in_axes={"x": 1, "scale": 0})(x, np.array([1.0, 10.0])).tolist() == [6.0, 90.0]
    assert nb.vmap(f, in_axes={"x": 0, "shift": 0})(x, 1.0, shift=np.arange(3.0)).tolist() == [1.0, 6.0, 11.0]
    assert nb.vmap(f, in_axes={"x": 0, "shift": None})(x, 1.0, shift=1.0, options="fast").tolist() == [2.0, 6.0, 10.0]
    assert nb.vmap(f, in_axes={"shift": 0})(np.ones(2), 1.0, shift=np.arange(3.0)).tolist() == [2.0, 3.0, 4.0]
    nested = nb.vmap(lambda p, q: p["a"] * q, in_axes={"p": {"a": 0, "b": None}, "q": None})
    assert nested({"a": np.arange(3.0), "b": 1}, 2.0).tolist() == [0.0, 2.0, 4.0]
    var_keywords = nb.vmap(lambda **kw: kw["a"] * kw["b"], in_axes={"a": 0, "b": None})
    assert var_keywords(a=np.arange(3.0), b=2.0).tolist() == [0.0, 2.0, 4.0]


def test_keyword_arguments_are_mapped_over_axis_0_where_they_are_arrays():
    def f(x, *, y, scale=1.0, p=None, flag=False):
        assert flag
        return x * y * scale * p["w"].sum() * p["lr"]

    out = nb.vmap(f, in_axes=(1,))(np.ones((2, 3)), y=np.arange(3.0), scale=2.0, p={"w": np.ones((3, 4)), "lr": 0.5}, flag=True)
    assert out.shape == (3, 2)
    assert out[:, 0].tolist() == [0.0, 4.0, 8.0]


def test_the_axis_is_a_numpy_int_too():
    assert nb.vmap(lambda x: x.sum(), in_axes=np.int64(1))(ROWS).tolist() == [6.0, 9.0]
    assert nb.vmap(lambda x: x.sum(), in_axes=(np.int8(-1),), out_axes=np.int64(0))(ROWS).tolist() == [6.0, 9.0]


def test_defaults_and_variable_arguments():
    assert nb.vmap(lambda x, y=2.0: x * y)(np.arange(3.0)).tolist() == [0.0, 2.0, 4.0]
    assert nb.vmap(lambda x, y=2.0: x * y, in_axes={"x": 0, "y": None})(np.arange(3.0)).tolist() == [0.0, 2.0, 4.0]
    assert nb.vmap(lambda *xs: nb.stack(xs).sum(), in_axes=(0, None, 0))(np.ones(3), 2.0, np.arange(3.0)).tolist() == [
        3.0,
        4.0,
        5.0,
    ]


@pytest.mark.parametrize("in_axes", ["0", 1.0, True, {0, 1}, np.array([0, 0])])
def test_in_axes_of_the_wrong_type(in_axes):
    with pytest.raises(
        nb.ArgumentTypeError, match="vmap: in_axes must be an int, None, a tuple or list with an entry per argument"
    ):
        nb.vmap(nb.add, in_axes=in_axes)


def test_in_axes_that_do_not_fit_the_call():
    x = np.ones((3, 2))
    with pytest.raises(nb.ArgumentError, match="in_axes has 1 entries, but the function was called with 2 positional arguments"):
        nb.vmap(nb.add, in_axes=(0,))(x, x)
    with pytest.raises(nb.AxisError, match=r"in_axes gives axis 2 for args\[1\], which has shape \(3, 2\)"):
        nb.vmap(nb.add, in_axes=(0, 2))(x, x)
    with pytest.raises(nb.AxisError, match=r"in_axes gives axis -3 for args\[0\]\['a'\], which has shape \(3, 2\)"):
        nb.vmap(lambda p: p["a"], in_axes=-3)({"a": x})
    with pytest.raises(nb.AxisError, match=r"args\[1\] is a scalar, it has no axis 0 to map; give None for it in in_axes"):
        nb.vmap(nb.add)(x, 2.0)
    with pytest.raises(nb.AxisError, match=r"kwargs\['s'\] is a scalar.* give None for it in in_axes, a dict by parameter name"):
        nb.vmap(lambda x, s: x * s)(x, s=nb.array(2.0))
    with pytest.raises(nb.ArgumentTypeError, match=r"args\[1\]\[0\] is a str, which has no axis to map; give None for it"):
        nb.vmap(lambda x, names: x)(x, ["a"])
    with pytest.raises(nb.ArgumentTypeError, match=r"in_axes has 'first' for args\[0\]; an axis is an int, or None for none"):
        nb.vmap(nb.add, in_axes=("first", 0))(x, x)
    with pytest.raises(nb.ArgumentTypeError, match=r"in_axes has True for args\[0\]"):
        nb.vmap(nb.sin, in_axes=(True,))(x)
    with pytest.raises(nb.TreeError, match=r"in_axes has \(0, 0\) where args\[0\] is a leaf; give an int or None there"):
        nb.vmap(nb.sin, in_axes=((0, 0),))(x)
    with pytest.raises(nb.TreeError, match=r"in_axes has the keys \['b'\] where args\[0\] has \['a'\]"):
        nb.vmap(lambda p: p["a"], in_axes=({"b": 0},))({"a": x})
    with pytest.raises(nb.TreeError, match=r"in_axes has \[0, 0, 0\] where args\[0\]\['a'\] is a list with 2 children"):
        nb.vmap(lambda p: p["a"][0], in_axes=({"a": [0, 0, 0]},))({"a": [x, x]})
    with pytest.raises(nb.ArgumentError, match="in_axes names 'z', which is not among the parameters of the function: x, y"):
        nb.vmap(lambda x, y: x, in_axes={"x": 0, "z": 0})(x, x)
    for nameless in (lambda *xs: xs[0], max):
        with pytest.raises(nb.ArgumentError, match="in_axes by name needs a function whose positional parameters have names"):
            nb.vmap(nameless, in_axes={"x": 0})(x)
    assert nb.vmap(nb.add)(x, x).shape == (3, 2)


def test_sizes_that_differ_name_both_arguments():
    with pytest.raises(
        nb.ShapeError, match=r"the mapped axes differ in size: args\[0\] has 3, args\[1\]\['b'\] has 2 \(its axis 1\)"
    ):
        nb.vmap(lambda x, p: x, in_axes=(0, 1))(np.ones((3, 2)), {"b": np.ones((3, 2))})
    with pytest.raises(nb.ShapeError, match=r"args\[0\] has 3, kwargs\['y'\] has 2"):
        nb.vmap(lambda x, y: x)(np.ones(3), y=np.ones(2))


def test_out_axes_that_do_not_fit_the_output():
    x = np.ones((3, 2))
    with pytest.raises(
        nb.ArgumentError, match="out_axes is None for output, but it differs between the examples; give an axis for it"
    ):
        nb.vmap(nb.sin, out_axes=None)(x)
    with pytest.raises(nb.AxisError, match=r"out_axes gives axis 2 for output\[1\], which has shape \(2,\) for one example"):
        nb.vmap(lambda x: (x, x), out_axes=(0, 2))(x)
    with pytest.raises(nb.TreeError, match=r"out_axes has \(0, 0, 0\) where output is a tuple with 2 children"):
        nb.vmap(lambda x: (x, x), out_axes=(0, 0, 0))(x)
    with pytest.raises(nb.ArgumentTypeError, match="out_axes has 'first' for output; an axis is an int, or None for none"):
        nb.vmap(nb.sin, out_axes="first")(x)
    with pytest.raises(nb.TreeError, match=r"out_axes has \(0, 1\) where output is a Tensor; give an int or None there"):
        nb.vmap(nb.sin, out_axes=(0, 1))(x)
    with pytest.raises(nb.TreeError, match=r"out_axes has the keys \['c'\] where output has \['a'\]"):
        nb.vmap(lambda x: {"a": x}, out_axes={"c": 0})(x)


# ---- axis_size ------------------------------------------------------------------------------------------------


def test_axis_size_where_nothing_is_mapped():
    assert nb.vmap(lambda x: x * 2.0, in_axes=None, axis_size=3)(1.5).tolist() == [3.0, 3.0, 3.0]
    assert nb.vmap(lambda: 1.0, axis_size=2)().tolist() == [1.0, 1.0]
    assert nb.vmap(lambda x: x, in_axes=None, out_axes=None, axis_size=np.int64(3))(1.5).item() == 1.5
    assert nb.vmap(lambda: nb.ones(2), axis_size=0)().shape == (0, 2)


def test_axis_size_is_checked():
    assert nb.vmap(nb.sin, axis_size=3)(np.ones(3)).shape == (3,)
    with pytest.raises(nb.ShapeError, match=r"the mapped axes differ in size: axis_size has 4, args\[0\] has 3"):
        nb.vmap(nb.sin, axis_size=4)(np.ones(3))
    with pytest.raises(nb.ArgumentError, match="no argument is mapped, so the number of examples is not known; give axis_size="):
        nb.vmap(lambda x: x, in_axes=None)(np.ones(3))
    with pytest.raises(nb.ArgumentError, match="no argument is mapped"):
        nb.vmap(lambda: 1.0)()
    with pytest.raises(nb.ArgumentError, match="axis_size cannot be negative; got -1"):
        nb.vmap(nb.sin, axis_size=-1)
    for wrong in (2.0, "3", True):
        with pytest.raises(nb.ArgumentTypeError, match="axis_size must be an int or None; got "):
            nb.vmap(nb.sin, axis_size=wrong)


def test_no_examples_at_all():
    assert nb.vmap(lambda x: (x * 2.0).sum())(np.ones((0, 3))).shape == (0,)
    assert nb.vmap(lambda x, y: nb.outer(x, y), in_axes=(1, None))(np.ones((2, 0)), np.ones(3)).shape == (0, 2, 3)
    assert nb.vmap(nb.grad(lambda x: nb.max(x) * x[0]))(np.ones((0, 3))).shape == (0, 3)
    assert nb.vmap(nb.sin, chunk_size=2)(np.ones((0, 3))).shape == (0, 3)


# ---- chunk_size -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7, 8, np.int64(2)])
def test_chunks_give_the_same(chunk_size):
    x = np.arange(14.0).reshape(2, 7)
    f = lambda x, y: {"product": x * y, "sum": x.sum(), "same": y, "number": 1.0}
    options = {"in_axes": (1, None), "out_axes": {"product": 1, "sum": 0, "same": None, "number": 0}}
    chunked = nb.vmap(f, chunk_size=chunk_size, **options)(x, 2.0)
    for name, value in nb.vmap(f, **options)(x, 2.0).items():
        assert chunked[name].tolist() == value.tolist()


def test_chunks_bound_the_memory():
    x = nb.ones((64, 1000))
    peaks = {}
    for size in (None, 2):
        tracemalloc.start()
        nb.vmap(lambda x: nb.exp(nb.outer(x, x)).sum(), chunk_size=size)(x[:, :300])
        peaks[size] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[None] > 64 * 300 * 300 * 8
    assert peaks[2] < peaks[None] / 5


def test_chunks_can_be_differentiated():
    x = np.linspace(0.1, 1.0, 5)
    f = lambda x, **options: (nb.vmap(lambda x: nb.sin(x) * x, **options)(x) ** 2).sum()
    close(nb.grad(lambda x: f(x, chunk_size=2))(x), nb.grad(f)(x), rtol=1e-14)


def test_chunk_size_is_a_positive_int():
    with pytest.raises(nb.ArgumentError, match="vmap: chunk_size must be at least 1; got 0"):
        nb.vmap(nb.sin, chunk_size=0)
    with pytest.raises(nb.ArgumentTypeError, match="vmap: chunk_size must be a positive int or None; got 'all'"):
        nb.vmap(nb.sin, chunk_size="all")
    with pytest.raises(
        nb.ArgumentError, match="chunk_size cuts the axis, so that collectives over axis_name would not see all of it"
    ):
        nb.vmap(nb.sin, chunk_size=2, axis_name="i")


# ---- nesting --------------------------------------------------------------------------------------------------


def test_vmap_of_vmap():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(4.0)
    table = nb.vmap(nb.vmap(lambda x, y: x * y, in_axes=(None, 0)), in_axes=(0, None))(a[0], b)
    close(table, np.outer(a[0], b))
    out = nb.vmap(nb.vmap(lambda x, y: (x * y).sum(), in_axes=(1, None)), in_axes=(0, None), out_axes=1)(
        np.arange(24.0).reshape(2, 3, 4), np.ones(3)
    )
    close(out, np.arange(24.0).reshape(2, 3, 4).sum(axis=1).T)


def test_lanes_that_close_over_outer_lanes():
    f = nb.vmap(lambda x: nb.vmap(lambda y: nb.vmap(lambda z: x * y + z)(nb.stack([x, y])))(nb.stack([x, 2.0 * x])))
    found = f(np.array([1.0, 3.0]))
    assert found.shape == (2, 2, 2)
    assert found[1].tolist() == [[12.0, 12.0], [21.0, 24.0]]


@pytest.mark.parametrize("order", ["grad of vmap", "vmap of grad", "vmap of jacrev", "jacfwd of vmap", "vmap of jvp"])
def test_with_derivatives(order):
    x = np.array([0.3, 0.7, 1.9])
    first = np.cos(x) * x + np.sin(x)
    f = lambda x: nb.sin(x) * x
    if order == "grad of vmap":
        close(nb.grad(lambda x: nb.vmap(f)(x).sum())(x), first, rtol=1e-14)
    elif order == "vmap of grad":
        close(nb.vmap(nb.grad(f))(x), first, rtol=1e-14)
    elif order == "vmap of jacrev":
        close(nb.vmap(nb.jacrev(lambda x: nb.stack([f(x), x])))(x)[:, 0], first, rtol=1e-14)
    elif order == "jacfwd of vmap":
        close(nb.jacfwd(nb.vmap(f))(x), np.diag(first), rtol=1e-14)
    else:
        close(nb.vmap(lambda x: nb.jvp(f, (x,), (1.0,))[1])(x), first, rtol=1e-14)


def test_per_example_gradients_of_a_model():
    rng = np.random.default_rng(1)
    w, x, y = rng.standard_normal((3, 2)), rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    loss = lambda w, x, y: ((nb.tanh(nb.matmul(x, w)) - y) ** 2).sum()
    each = nb.vmap(nb.grad(loss), in_axes=(None, 0, 0))(w, x, y)
    assert each.shape == (5, 3, 2)
    for i in range(5):
        close(each[i], nb.grad(loss)(w, x[i], y[i]), rtol=1e-12)
    close(each.sum(axis=0), nb.grad(lambda w: nb.vmap(loss, in_axes=(None, 0, 0))(w, x, y).sum())(w), rtol=1e-12)


@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_what_is_cut_inside_stays_cut_for_an_outer_derivative(mode):
    x = np.array([1.0, 2.0])

    def gradient(f):
        return nb.grad(lambda x: nb.vmap(f)(x).sum(), mode=mode)(x).tolist()

    def with_no_grad(v):
        with nb.no_grad():
            y = v * v
        return y * v

    assert gradient(with_no_grad) == [1.0, 4.0]
    assert gradient(lambda v: nb.detach(v * v) * v) == [1.0, 4.0]
    assert gradient(nb.grad(lambda v: v**3, create_graph=False)) == [0.0, 0.0]
    assert gradient(lambda v: nb.value_and_grad(lambda w: w**3, create_graph=False)(v)[0]) == [3.0, 12.0]
    assert gradient(lambda v: nb.jvp(lambda w: w**3 * v, (v,), (1.0,), create_graph=False)[1]) == [0.0, 0.0]
    assert gradient(lambda v: nb.vjp(lambda w: w**3 * v, v, create_graph=False)[1](1.0)[0]) == [0.0, 0.0]
    deeper = lambda v: nb.vmap(lambda u: nb.grad(lambda w: w**3 * v, create_graph=False)(u) * v)(nb.stack([v, v])).sum()
    assert gradient(deeper) == [6.0, 48.0]  # 6 v^3 times v


# ---- writing --------------------------------------------------------------------------------------------------


def test_a_tensor_made_inside_takes_mapped_values():
    def f(v):
        x = nb.zeros(3)
        x[1] = v
        x[2] += 2.0 * v
        return x

    assert nb.vmap(f)(np.array([1.0, 2.0])).tolist() == [[0.0, 1.0, 2.0], [0.0, 2.0, 4.0]]
    assert nb.vmap(nb.grad(lambda v: (f(v) ** 2).sum()))(np.array([1.0, 2.0])).tolist() == [10.0, 20.0]
    assert nb.jacfwd(nb.vmap(f))(np.array([1.0, 2.0]))[1].tolist() == [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]]


def test_an_unmapped_argument_takes_mapped_values_and_is_unchanged_outside():
    def f(buffer, v):
        buffer[0] = v
        return buffer

    buffer = nb.zeros(2)
    assert nb.vmap(f, in_axes=(None, 0))(buffer, np.array([1.0, 2.0])).tolist() == [[1.0, 0.0], [2.0, 0.0]]
    assert buffer.tolist() == [0.0, 0.0]
    out = nb.vmap(lambda v: nb.grad(lambda w, b: (f(b, v * w)).sum())(2.0, buffer))(np.array([1.0, 3.0]))
    assert out.tolist() == [1.0, 3.0]


def test_results_of_inner_transforms_take_mapped_values():
    constant = nb.array([1.0, 2.0])

    def f(v):
        inner = nb.vmap(lambda x: x)(constant)
        gradient = nb.grad(lambda x: (x * constant).sum())(constant)
        out, _ = nb.vjp(lambda x: constant, 1.0)
        for made in (inner, gradient, out):
            made[0] = v
        return nb.stack([inner, gradient, out])

    assert nb.vmap(f)(np.array([7.0, 8.0])).tolist() == [[[7.0, 2.0]] * 3, [[8.0, 2.0]] * 3]
    assert constant.tolist() == [1.0, 2.0]


def test_a_tensor_from_outside_does_not_take_mapped_values():
    outside = nb.zeros(2)

    def f(v):
        outside[0] = v
        return v

    with pytest.raises(
        nb.TracedValueError, match=r"differs between the lanes of vmap \(at .*test_vmap.py:\d+\) was written at .*test_vmap.py:\d+"
    ):
        nb.vmap(f)(np.array([1.0, 2.0]))
    assert outside.tolist() == [0.0, 0.0]


def test_mapped_arguments_are_unchanged_outside():
    x = nb.array([[1.0, 2.0], [3.0, 4.0]])

    def f(row):
        row *= 10.0
        return row.sum()

    assert nb.vmap(f)(x).tolist() == [30.0, 70.0]
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]


# ---- functions that raise or return nothing -------------------------------------------------------------------


def test_a_function_that_raises_leaves_nothing_behind():
    class Own(Exception):
        pass

    def f(x):
        nb.sin(x)
        raise Own("inside")

    with pytest.raises(Own, match="inside"):
        nb.vmap(f, axis_name="i")(np.ones(3))
    with pytest.raises(nb.AxisError, match=r"psum: no enclosing vmap has an axis named 'i' \(named axes here: none\)"):
        nb.psum(1.0, "i")
    assert nb.vmap(lambda x: x * 2.0)(np.ones(2)).tolist() == [2.0, 2.0]


def test_what_the_function_must_return():
    with pytest.raises(nb.ArgumentTypeError, match=r"vmap: the function returned None; is a return statement missing?"):
        nb.vmap(lambda x: None)(np.ones(2))
    with pytest.raises(
        nb.ArgumentTypeError, match=r"vmap: the function returned a str at output\[1\]; it must return numbers, arrays"
    ):
        nb.vmap(lambda x: (x, "text"))(np.ones(2))


def test_vmap_wants_a_function():
    with pytest.raises(nb.ArgumentTypeError, match=r"vmap takes a function; got Tensor. Write nb.vmap\(f\)\(x\)"):
        nb.vmap(nb.ones(2))
